"""Whole folders and plates: the job of the command line, in the window."""
