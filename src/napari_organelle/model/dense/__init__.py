"""Overlapping tiles that share their convolutions."""
