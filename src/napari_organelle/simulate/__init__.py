"""Made-up cells whose organelle is known: sample data, and training data for the bundled yeast model."""
