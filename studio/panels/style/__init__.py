"""Style: keep what is there, change the hand that painted it."""

from studio.panels.style.panel import StylePanel

__all__ = ["StylePanel"]
