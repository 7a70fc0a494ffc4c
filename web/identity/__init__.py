"""Who asks, how that is proven, and what it may do."""
