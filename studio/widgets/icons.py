"""Icons from ``resources/icons/NAME.svg`` in any colour, sharp on any screen, rendered once."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from studio.base import paths
from studio.widgets.tokens import Theme

_SIZES = (16, 20)


@lru_cache(maxsize=1)
def icon_names() -> tuple[str, ...]:
    """The names of all icons that are there, sorted."""
    return tuple(sorted(file.stem for file in (paths.resources() / "icons").glob("*.svg")))


@lru_cache(maxsize=256)
def _renderer(name: str) -> QSvgRenderer:
    source = (paths.resources() / "icons" / f"{name}.svg").read_bytes().replace(b"currentColor", b"#000000")
    renderer = QSvgRenderer(QByteArray(source))
    if not renderer.isValid():
        raise ValueError(f"the icon {name} is not a readable SVG")
    return renderer


@lru_cache(maxsize=1024)
def _shape(name: str, side: int) -> QPixmap:
    """The icon in black at ``side`` device pixels: what every colour of it is cut from."""
    renderer = _renderer(name)  # first: an error while a painter is open would crash Qt
    pixmap = QPixmap(side, side)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    renderer.render(painter, QRectF(0, 0, side, side))
    painter.end()
    return pixmap


@lru_cache(maxsize=2048)
def icon_pixmap(name: str, size: int = 20, colour: str = Theme.INK, ratio: float = 1.0) -> QPixmap:
    """The icon as a pixmap of ``size`` logical pixels at device pixel ``ratio``.

    Raises FileNotFoundError for a name that is not in ``resources/icons``.
    """
    pixmap = QPixmap(_shape(name, max(1, round(size * ratio))))
    painter = QPainter(pixmap)
    painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceIn)
    painter.fillRect(pixmap.rect(), QColor(colour))
    painter.end()
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


def _sharpest() -> float:
    return max((screen.devicePixelRatio() for screen in QGuiApplication.screens()), default=1.0)


@lru_cache(maxsize=256)
def icon(name: str, colour: str = Theme.DIM, checked: str = Theme.ACCENT) -> QIcon:
    """The icon for buttons and menus: dim, bright under the pointer, ``checked`` when on, faint when disabled."""
    made = QIcon()
    looks = (
        (QIcon.Mode.Normal, QIcon.State.Off, colour),
        (QIcon.Mode.Active, QIcon.State.Off, Theme.INK if colour == Theme.DIM else colour),
        (QIcon.Mode.Normal, QIcon.State.On, checked),
        (QIcon.Mode.Active, QIcon.State.On, checked),
        (QIcon.Mode.Disabled, QIcon.State.Off, Theme.OFF),
        (QIcon.Mode.Disabled, QIcon.State.On, Theme.OFF),
    )
    # As sharp as the sharpest screen there is; drawing all sizes for all screens would be felt at start.
    ratio = max(1.0, _sharpest())
    for mode, state, tint in looks:
        for size in _SIZES:
            made.addPixmap(icon_pixmap(name, size, tint, ratio), mode, state)
    return made
