"""Tables of results as other programs read them: AnnData, GeoJSON of QuPath, columns of CellProfiler."""
