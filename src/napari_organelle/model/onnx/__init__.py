"""Models as ONNX files: written, described by a JSON file beside them, and read from anywhere."""
