"""Who asks, and how it is proven: on both databases."""
