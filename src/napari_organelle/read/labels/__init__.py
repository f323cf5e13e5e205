"""Objects that are given: label images, outlines of Fiji and QuPath, folders of them beside images."""
