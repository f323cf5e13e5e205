"""The widget to label by hand."""
