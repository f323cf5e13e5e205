"""Parts of the recipe of `hpa-28`."""
