"""The widget that shows why a region is called so."""
