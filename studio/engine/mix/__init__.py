"""Mix: several sources, layer by layer.  ``weights`` (no torch) is the board's arithmetic, shared with panel and CLI."""
