"""Labelled images to a trained model, and a model to its scores."""
