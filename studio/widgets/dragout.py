"""Dragging a picture out of the window: the file is made only when somebody takes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QByteArray, QMetaType, QMimeData, QPoint, QSize, Qt, QUrl
from PySide6.QtGui import QDrag, QImage, QPixmap
from PySide6.QtWidgets import QWidget

FileSource = Callable[[], Path | None]
"""Writes the picture (recipe included) to a file that lasts as long as the program, or says None."""

_URLS, _IMAGE = "text/uri-list", "application/x-qt-image"


class LazyFile(QMimeData):
    """A file that ``source`` writes when it is asked for, and the picture itself for programs that take pictures."""

    def __init__(self, source: FileSource, image: QImage | None = None, extra: dict[str, bytes] | None = None) -> None:
        super().__init__()
        self._source, self._image, self._extra = source, image, dict(extra or {})
        self._path: Path | None = None
        self._asked = False

    def formats(self) -> list[str]:
        found = [*self._extra, _URLS]
        return [*found, _IMAGE] if self._image is not None else found

    def hasFormat(self, mimetype: str) -> bool:
        return mimetype in self.formats()

    def retrieveData(self, mimetype: str, preferred: QMetaType | QMetaType.Type) -> Any:
        if mimetype in self._extra:
            return QByteArray(self._extra[mimetype])
        if mimetype == _IMAGE:
            return self._image
        if mimetype == _URLS:
            if not self._asked:
                self._asked, self._path = True, self._source()
            return [QUrl.fromLocalFile(str(self._path))] if self._path is not None else None
        return None


def start_drag(
    widget: QWidget, source: FileSource, image: QImage | None, *, extra: dict[str, bytes] | None = None
) -> Qt.DropAction:
    """Drag a picture from ``widget``; returns when it is dropped.  ``extra`` are formats that this program reads."""
    drag = QDrag(widget)
    drag.setMimeData(LazyFile(source, image, extra))
    if image is not None:
        small = image.scaled(
            QSize(96, 96), Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
        )
        drag.setPixmap(QPixmap.fromImage(small))
        drag.setHotSpot(QPoint(small.width() // 2, small.height() // 2))
    return drag.exec(Qt.DropAction.CopyAction)
