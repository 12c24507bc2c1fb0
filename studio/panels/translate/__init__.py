"""Translate: say it in one world, see it in another."""

from studio.panels.translate.panel import TranslatePanel

__all__ = ["TranslatePanel"]
