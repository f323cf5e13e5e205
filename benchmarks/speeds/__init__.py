"""What `speed.py` measures: one function yields the rows of one subject."""
