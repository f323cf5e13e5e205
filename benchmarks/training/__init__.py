"""What the recipes of the yeast models share: real cells, light and pose at random, and the loop."""
