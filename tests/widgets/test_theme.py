"""The theme: fonts, palette, style sheet; every icon there is can be drawn, every one asked for is there."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtGui import QFontInfo, QPalette
from PySide6.QtWidgets import QApplication, QPushButton

from studio.base import paths
from studio.widgets import theme
from studio.widgets.icons import icon, icon_names, icon_pixmap
from studio.widgets.pictures import from_qimage
from studio.widgets.singletons import keep_singletons
from studio.widgets.stylesheet import style_sheet
from studio.widgets.tokens import Theme

ROOT = Path(__file__).resolve().parents[2]
REQUIRED = {
    "explore",
    "mix",
    "style",
    "morph",
    "translate",
    "train",
    "library",
    "undo",
    "redo",
    "dice",
    "star",
    "star-filled",
    "close",
    "plus",
    "minus",
    "play",
    "pause",
    "stop",
    "loop",
    "lock",
    "unlock",
    "eye",
    "eye-off",
    "solo",
    "mute",
    "fit",
    "actual-size",
    "wipe",
    "side-by-side",
    "compare",
    "export",
    "save",
    "open",
    "folder",
    "search",
    "settings",
    "info",
    "warning",
    "error",
    "check",
    "chevron-down",
    "chevron-right",
    "trash",
    "copy",
    "link",
    "picture",
    "film",
    "camera",
    "grid",
    "more",
    "drag-handle",
    "bookmark",
    "reset",
    "keyboard",
    "log",
    "model",
}


@pytest.mark.parametrize("name", icon_names())
def test_every_icon_draws_something_in_the_asked_colour(themed: QApplication, name: str) -> None:
    pixels = from_qimage(icon_pixmap(name, 24, "#ff0000", 2.0).toImage())
    assert pixels.shape == (48, 48, 4)
    inked = pixels[..., 3] > 128
    assert 20 < inked.sum() < 0.6 * inked.size, "an icon is some ink on much paper"
    assert (pixels[inked][:, 0] > 200).all() and (pixels[inked][:, 2] < 60).all(), "currentColor is the only colour"
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    assert (border[:, 3] < 128).all(), "drawn beyond its grid"


def test_all_required_icons_are_there() -> None:
    assert not REQUIRED - set(icon_names())


def test_every_icon_the_program_asks_for_is_there() -> None:
    asked: dict[str, str] = {}
    call = re.compile(
        r"\b(?:icon|icon_button|icon_pixmap|EmptyState)\(\s*\"([a-z0-9-]+)\"|icon(?:_name)?=\"([a-z0-9-]+)\""
    )
    for file in (ROOT / "studio").rglob("*.py"):
        for match in call.finditer(file.read_text(encoding="utf-8")):
            asked[match.group(1) or match.group(2)] = file.name
    assert len(asked) > 15, "the search finds nothing any more"
    missing = {name: file for name, file in asked.items() if name not in icon_names()}
    assert not missing, missing


def test_a_missing_icon_is_an_error_and_not_an_empty_square(themed: QApplication) -> None:
    with pytest.raises(FileNotFoundError):
        icon_pixmap("no-such-icon")


def test_icons_are_made_once(themed: QApplication) -> None:
    assert icon("undo") is icon("undo")
    assert icon_pixmap("undo", 20) is icon_pixmap("undo", 20)


def test_style_sheet_is_filled_and_its_marks_exist(themed: QApplication) -> None:
    sheet = style_sheet()
    assert sheet.count("{") == sheet.count("}")
    assert not re.search(r"\{[a-z_]+\}", sheet)
    marks = re.findall(r'url\("([^"]+)"\)', sheet)
    assert marks
    for mark in marks:
        assert Path(mark).is_file(), mark
    assert themed.styleSheet() == sheet


def test_the_typeface_is_the_shipped_one(themed: QApplication) -> None:
    assert QFontInfo(theme.font()).family().startswith("Inter")
    assert theme.font().families()[0] == "Inter"
    folder = paths.resources() / "fonts"
    assert (folder / "OFL.txt").is_file()
    assert sum(file.stat().st_size for file in folder.glob("*.otf")) < 1_000_000


def test_palette_is_explicit_in_every_group(themed: QApplication) -> None:
    made = theme.palette()
    for group in (QPalette.ColorGroup.Active, QPalette.ColorGroup.Inactive):
        assert made.color(group, QPalette.ColorRole.Window).name() == Theme.WINDOW
        assert made.color(group, QPalette.ColorRole.Highlight).name() == Theme.ACCENT
    assert made.color(QPalette.ColorGroup.Disabled, QPalette.ColorRole.Text).name() == Theme.FAINT


def test_text_on_every_ground_can_be_read() -> None:
    def light(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def contrast(a: str, b: str) -> float:
        high, low = sorted((light(a), light(b)), reverse=True)
        return (high + 0.05) / (low + 0.05)

    for ground in (Theme.WINDOW, Theme.PANEL, Theme.RAISED, Theme.CANVAS):
        assert contrast(Theme.INK, ground) > 11
        assert contrast(Theme.DIM, ground) > 5
        assert contrast(Theme.ACCENT, ground) > 6
    assert contrast(Theme.ON_ACCENT, Theme.ACCENT) > 7


def test_a_primary_button_is_amber(shown) -> None:  # type: ignore[no-untyped-def]
    button = QPushButton("Export")
    button.setProperty("kind", "primary")
    shown(button, 120, 30)
    pixel = button.grab().toImage().pixelColor(12, 15)
    assert pixel.name() == Theme.ACCENT


def test_singletons_survive_a_program_that_paints() -> None:
    before = sys.getrefcount(None)
    keep_singletons()
    button = QPushButton()
    for _ in range(200):
        button.setObjectName("x")
    assert sys.getrefcount(None) > 1000, "None would be gone after some seconds of painting"
    assert before > 0
