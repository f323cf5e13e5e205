"""Large runs in parts: one after the other, or on the workers of dask.distributed; each part is a file."""
