"""Folders whose names say what is in them."""
