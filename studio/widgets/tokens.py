"""The design tokens: plain strings and numbers, so that anything may use them without a running application."""

from __future__ import annotations

from typing import Final

from PySide6.QtGui import QColor


class Theme:
    """Colours as ``#rrggbb`` and sizes in logical pixels."""

    WINDOW: Final = "#17181c"
    PANEL: Final = "#1e2026"
    RAISED: Final = "#262932"
    HOVER: Final = "#2d313c"
    LINE: Final = "#31343e"
    CANVAS: Final = "#101114"
    INK: Final = "#e8e9ed"
    DIM: Final = "#9a9eab"
    FAINT: Final = "#6b6f7c"
    OFF: Final = "#4a4e5a"
    """Icons and marks of what is disabled."""

    ACCENT: Final = "#f2a65a"
    ACCENT_HOVER: Final = "#f6b676"
    ACCENT_DOWN: Final = "#dd9249"
    ON_ACCENT: Final = "#1d1509"
    SECOND: Final = "#6fb1fc"
    GOOD: Final = "#7bc98f"
    BAD: Final = "#e5707a"
    VIOLET: Final = "#b48cf2"
    REST: Final = "#3a4252"
    """The fill of a control that stands at its default."""

    PAPER: Final = "#ffffff"
    """What is drawn on; the next five are the colours of everything on and around it."""
    DESK: Final = "#eeeeea"
    PAPER_LINE: Final = "#d5d5ce"
    PAPER_INK: Final = "#25262a"
    PAPER_DIM: Final = "#67686c"
    PAPER_OFF: Final = "#b9b9b4"

    SOURCES: Final = ("#f2a65a", "#6fb1fc", "#b48cf2", "#7bc98f", "#e5707a", "#5fc9c4", "#e6d06a", "#e58fc6")
    """Colours of columns and curves, in order; beyond the last they repeat."""

    TEXT: Final = 12
    SMALL: Final = 11
    TITLE: Final = 15
    GRID: Final = 8
    RADIUS: Final = 6
    ROW: Final = 26
    ROW_TALL: Final = 31
    INSPECTOR: Final = 324

    @staticmethod
    def source(index: int) -> str:
        """The colour of source ``index`` (repeats)."""
        return Theme.SOURCES[index % len(Theme.SOURCES)]

    @staticmethod
    def colour(name: str, alpha: float = 1.0) -> QColor:
        """A token as a :class:`QColor` with ``alpha`` in [0, 1]."""
        made = QColor(name)
        made.setAlphaF(alpha)
        return made

    @staticmethod
    def blend(name: str, over: str, alpha: float) -> QColor:
        """``name`` at ``alpha`` over the opaque ``over``, as an opaque colour."""
        a, b = QColor(name), QColor(over)
        return QColor.fromRgbF(
            a.redF() * alpha + b.redF() * (1 - alpha),
            a.greenF() * alpha + b.greenF() * (1 - alpha),
            a.blueF() * alpha + b.blueF() * (1 - alpha),
        )
