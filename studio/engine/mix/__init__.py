"""Mix: several sources, layer by layer.  ``weights`` (no torch) is the arithmetic of the board, for panel and CLI."""
