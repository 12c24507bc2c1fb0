"""Icons from ``resources/icons/NAME.svg`` in any colour, sharp on any screen, rendered once."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from studio.base import paths
from studio.widgets.tokens import Theme

_SIZES = (16, 20, 32, 40)


@lru_cache(maxsize=1)
def icon_names() -> tuple[str, ...]:
    """The names of all icons that are there, sorted."""
    return tuple(sorted(file.stem for file in (paths.resources() / "icons").glob("*.svg")))


@lru_cache(maxsize=256)
def _source(name: str) -> str:
    file = paths.resources() / "icons" / f"{name}.svg"
    return file.read_text(encoding="utf-8")


@lru_cache(maxsize=512)
def _renderer(name: str, colour: str) -> QSvgRenderer:
    renderer = QSvgRenderer(QByteArray(_source(name).replace("currentColor", colour).encode()))
    if not renderer.isValid():
        raise ValueError(f"the icon {name} is not a readable SVG")
    return renderer


@lru_cache(maxsize=1024)
def icon_pixmap(name: str, size: int = 20, colour: str = Theme.INK, ratio: float = 1.0) -> QPixmap:
    """The icon as a pixmap of ``size`` logical pixels at device pixel ``ratio``.

    Raises FileNotFoundError for a name that is not in ``resources/icons``.
    """
    renderer = _renderer(name, colour)  # first: an error while a painter is open would crash Qt
    side = max(1, round(size * ratio))
    pixmap = QPixmap(side, side)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    renderer.render(painter, QRectF(0, 0, side, side))
    painter.end()
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


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
    for mode, state, tint in looks:
        for size in _SIZES:
            made.addPixmap(icon_pixmap(name, size, tint), mode, state)
    return made
