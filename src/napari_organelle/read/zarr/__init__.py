"""OME-Zarr images, plates and labels."""
