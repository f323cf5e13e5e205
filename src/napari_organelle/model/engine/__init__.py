"""Devices, and networks ready to answer on them."""
