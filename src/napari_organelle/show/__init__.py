"""Prediction to plain layer data, tables and figures; no napari here."""
