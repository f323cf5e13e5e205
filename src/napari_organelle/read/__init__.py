"""Files to an ImageSet."""
