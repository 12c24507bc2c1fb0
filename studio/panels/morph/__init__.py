"""Morph: every point between pictures is a picture."""

from studio.panels.morph.panel import MorphPanel

__all__ = ["MorphPanel"]
