"""One look for the whole program: the colours, sizes and fonts, and :func:`apply_theme` which puts them on.

Every colour that is drawn anywhere comes from :class:`Theme`.  The palette is set explicitly because some
platforms (offscreen, remote displays) ignore colour schemes.
"""

from __future__ import annotations

import logging

from PySide6.QtGui import QColor, QFont, QFontDatabase, QPalette
from PySide6.QtWidgets import QApplication

from studio.base import paths
from studio.widgets.icons import icon, icon_names, icon_pixmap
from studio.widgets.tokens import Theme

__all__ = ["Theme", "apply_theme", "font", "icon", "icon_names", "icon_pixmap", "palette"]

_log = logging.getLogger(__name__)

_FAMILY = "Inter"
_COMPANIONS = (
    "Noto Sans CJK KR",
    "Noto Sans KR",
    "Pretendard",
    "Malgun Gothic",
    "Apple SD Gothic Neo",
    "NanumGothic",
    "Nanum Gothic",
    "Droid Sans Fallback",
)
_FALLBACKS = ("Segoe UI", "SF Pro Text", "Helvetica Neue", "Noto Sans", "DejaVu Sans")

_families: list[str] = []


def _load_fonts() -> list[str]:
    """Load the shipped typeface once and return the family list, Korean companion included where one is found."""
    if not _families:
        for file in sorted((paths.resources() / "fonts").glob("*.otf")):
            if QFontDatabase.addApplicationFont(str(file)) < 0:
                _log.warning("the typeface file %s could not be loaded", file.name)
        known = set(QFontDatabase.families())
        _families.extend(name for name in (_FAMILY, *_COMPANIONS, *_FALLBACKS) if name in known)
    return list(_families)


def font(size: int = Theme.TEXT, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
    """The interface typeface at ``size`` logical pixels (:attr:`Theme.TEXT`, ``SMALL``, ``TITLE``)."""
    made = QFont()
    made.setFamilies(_load_fonts() or [QFont().family()])
    made.setPixelSize(size)
    made.setWeight(weight)
    made.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    return made


def palette() -> QPalette:
    """Every role of every group, so that no platform default shines through."""
    made = QPalette()
    role = QPalette.ColorRole
    colours = {
        role.Window: Theme.WINDOW,
        role.WindowText: Theme.INK,
        role.Base: Theme.CANVAS,
        role.AlternateBase: Theme.PANEL,
        role.ToolTipBase: Theme.RAISED,
        role.ToolTipText: Theme.INK,
        role.PlaceholderText: Theme.FAINT,
        role.Text: Theme.INK,
        role.Button: Theme.RAISED,
        role.ButtonText: Theme.INK,
        role.BrightText: Theme.BAD,
        role.Highlight: Theme.ACCENT,
        role.HighlightedText: Theme.ON_ACCENT,
        role.Link: Theme.SECOND,
        role.LinkVisited: Theme.VIOLET,
        role.Light: Theme.LINE,
        role.Midlight: Theme.LINE,
        role.Mid: Theme.LINE,
        role.Dark: Theme.CANVAS,
        role.Shadow: Theme.CANVAS,
        role.Accent: Theme.ACCENT,
    }
    for name, colour in colours.items():
        made.setColor(name, QColor(colour))
    disabled = QPalette.ColorGroup.Disabled
    for name in (role.WindowText, role.Text, role.ButtonText, role.HighlightedText):
        made.setColor(disabled, name, QColor(Theme.FAINT))
    made.setColor(disabled, role.Highlight, QColor(Theme.LINE))
    return made


def apply_theme(app: QApplication) -> None:
    """Fusion, the palette, the typeface and the style sheet.  Call once, before the first window."""
    from studio.widgets.stylesheet import style_sheet

    app.setStyle("Fusion")
    app.setPalette(palette())
    app.setFont(font())
    app.setStyleSheet(style_sheet())
