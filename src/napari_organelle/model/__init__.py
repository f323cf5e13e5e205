"""Network input to a Prediction."""
