"""Beyond the post: your own handwriting, read by the second network."""
