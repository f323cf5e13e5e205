"""Results by gene, protein, well or field: a table with bars, and plates."""
