"""DeepYeast lists, plates and their download."""
