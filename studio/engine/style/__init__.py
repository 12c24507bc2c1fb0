"""Neural style transfer: the run, its costs, colours, tiles, and painting in one pass."""
