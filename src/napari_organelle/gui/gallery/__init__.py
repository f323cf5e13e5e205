"""The widget that shows the regions of a class side by side, to look through and to correct."""
