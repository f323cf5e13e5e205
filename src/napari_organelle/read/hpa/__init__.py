"""Human Protein Atlas sets."""
