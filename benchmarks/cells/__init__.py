"""Finding cells: scenes to learn from, the network's training, and how well cells are found."""
