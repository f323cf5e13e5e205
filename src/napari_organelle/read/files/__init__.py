"""Image files: decoding, headers, pixel sizes, masks."""
