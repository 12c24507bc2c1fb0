"""Explore: wander through every picture that a generator can make."""

from studio.panels.explore.panel import ExplorePanel

__all__ = ["ExplorePanel"]
