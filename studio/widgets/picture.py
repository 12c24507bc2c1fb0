"""A small picture in a panel: a source, a reference, what a layer does."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.base.steps import UInt8Image
from studio.widgets.droptarget import DropTarget
from studio.widgets.icons import icon_pixmap
from studio.widgets.pictures import draw_rounded, heat_image, rounded_path, thumbnail
from studio.widgets.tokens import Theme


class PictureView(DropTarget):
    """A picture with round corners that fills its width (``aspect`` is width / height) and a caption below it.

    Click or Enter says ``clicked``; what is dropped on it is told when ``takes_drops``.
    """

    clicked = Signal()

    def __init__(
        self,
        caption: str = "",
        *,
        aspect: float = 1.0,
        hint: str = "",
        takes_drops: bool = False,
        most: int = 240,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._caption, self._hint, self._aspect, self._most = caption, hint, aspect, most
        self._tint = Theme.DIM
        self._image: UInt8Image | None = None
        self._pixmap: QPixmap | None = None
        self._heat: QImage | None = None
        self.setAcceptDrops(takes_drops)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setAccessibleName(caption or hint or self.tr("Picture"))

    def set_image(self, image: UInt8Image | None) -> None:
        """Show another picture (its middle, cut to the aspect)."""
        self._image, self._pixmap = image, None
        self.update()

    def set_overlay(self, values: npt.NDArray[Any] | None) -> None:
        """A heat map ``[h, w]`` of floats in [0, 1] over it."""
        self._heat = None if values is None else heat_image(values)
        self.update()

    def set_caption(self, caption: str, tint: str = Theme.DIM) -> None:
        """The words below, in a colour."""
        self._caption, self._tint = caption, tint
        self.setAccessibleName(caption or self._hint)
        self.updateGeometry()
        self.update()

    def _foot(self) -> int:
        return 20 if self._caption else 0

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return round(min(width, self._most) / self._aspect) + self._foot()

    def sizeHint(self) -> QSize:
        width = min(self._most, self.width() if self.width() > 40 else 140)
        return QSize(140, self.heightForWidth(width))

    def minimumSizeHint(self) -> QSize:
        return QSize(40, 40)

    def _place(self) -> QRectF:
        width = float(min(self.width(), self._most))
        return QRectF(0, 0, width, min(width / self._aspect, self.height() - self._foot()))

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._pixmap = None
        if event.size().width() != event.oldSize().width():
            self.updateGeometry()
        super().resizeEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.clicked.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.clicked.emit()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        place = self._place()
        if self._image is not None:
            if self._pixmap is None:
                self._pixmap = thumbnail(self._image, place.size().toSize(), self.devicePixelRatioF())
            draw_rounded(painter, place, self._pixmap, 5)
        else:
            painter.setPen(QPen(QColor(Theme.LINE), 1))
            painter.setBrush(QColor(Theme.RAISED))
            painter.drawRoundedRect(place.adjusted(0.5, 0.5, -0.5, -0.5), 5, 5)
            lift = 14 if self._hint else 0
            mark = icon_pixmap("picture", 20, Theme.FAINT, self.devicePixelRatioF())
            painter.drawPixmap(place.center() - QPointF(10, 10 + lift), mark)
            if self._hint:
                painter.setPen(QColor(Theme.FAINT))
                below = QRectF(place.left() + 6, place.center().y() + 2, place.width() - 12, place.height() / 2 - 4)
                flags = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap
                painter.drawText(below, int(flags), self._hint)
        if self._heat is not None:
            painter.save()
            painter.setClipPath(rounded_path(place, 5))
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(place, self._heat)
            painter.restore()
        if self.drop_hint:
            painter.setPen(QPen(QColor(Theme.ACCENT), 2))
            painter.setBrush(Theme.colour(Theme.ACCENT, 0.12))
            painter.drawRoundedRect(place.adjusted(1, 1, -1, -1), 5, 5)
        if self._caption:
            font = self.font()
            font.setPixelSize(Theme.SMALL)
            painter.setFont(font)
            painter.setPen(QColor(self._tint))
            room = QRectF(0, place.bottom() + 3, self.width(), 16)
            text = painter.fontMetrics().elidedText(self._caption, Qt.TextElideMode.ElideRight, int(room.width()))
            painter.drawText(room, int(Qt.AlignmentFlag.AlignVCenter), text)
        self.draw_ring(painter, place, 5)
