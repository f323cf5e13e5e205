"""Tables of labels and annotations."""
