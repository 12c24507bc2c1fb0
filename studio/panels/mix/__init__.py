"""Mix: borrow shape from one picture and colour from another, layer by layer."""

from studio.panels.mix.panel import MixPanel

__all__ = ["MixPanel"]
