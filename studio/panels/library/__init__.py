"""Library: the models, bookmarks and kept pictures, and where to find more."""

from studio.panels.library.panel import LibraryPanel

__all__ = ["LibraryPanel"]
