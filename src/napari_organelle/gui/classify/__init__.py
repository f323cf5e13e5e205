"""The widget that classifies."""
