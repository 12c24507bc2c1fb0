"""Notices in the bottom right corner: what happened, why, what to do.  They never stand in the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from PySide6.QtCore import QEvent, QObject, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QEnterEvent, QGuiApplication, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QSizePolicy, QVBoxLayout, QWidget

from studio.base.errors import StudioError
from studio.widgets.icons import icon_pixmap
from studio.widgets.parts import icon_button, label, text_button
from studio.widgets.tokens import Theme

Kind = Literal["info", "good", "warning", "error"]

_LOOKS: dict[str, tuple[str, str]] = {
    "info": ("info", Theme.SECOND),
    "good": ("check", Theme.GOOD),
    "warning": ("warning", Theme.ACCENT),
    "error": ("error", Theme.BAD),
}
_WIDTH = 372
_MOST = 4


class Notice(QWidget):
    """One card.  ``lifetime_ms`` 0: it stays until it is closed; under the pointer time stands still."""

    closed = Signal()

    def __init__(
        self,
        kind: Kind,
        what: str,
        more: str = "",
        detail: str = "",
        actions: Sequence[tuple[str, Callable[[], Any]]] = (),
        lifetime_ms: int = 0,
    ) -> None:
        super().__init__()
        self.key = (kind, what, more)
        self._tint = _LOOKS[kind][1]
        self._detail = detail
        self.setFixedWidth(_WIDTH)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Minimum)
        self.setAccessibleName(what)
        self.setAccessibleDescription(more)
        outer = QHBoxLayout(self)
        outer.setContentsMargins(14, 10, 8, 12)
        outer.setSpacing(10)
        mark = label("")
        mark.setPixmap(icon_pixmap(_LOOKS[kind][0], 18, self._tint, 2.0))
        outer.addWidget(mark, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout()
        column.setSpacing(4)
        outer.addLayout(column, 1)
        close = icon_button("close", self.tr("Close"), self.close_notice, size=12)
        outer.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        column.addWidget(label(what, "heading" if more or detail else "", wrap=True))
        if more:
            column.addWidget(label(more, "dim", wrap=True))
        self._column = column
        self._fold: QPlainTextEdit | None = None
        if detail or actions:
            row = QHBoxLayout()
            row.setContentsMargins(0, 4, 0, 0)
            row.setSpacing(6)
            for text, slot in actions:
                button = text_button(text, slot)
                button.clicked.connect(self.close_notice)
                row.addWidget(button)
            if detail:
                self._unfold = text_button(self.tr("Details"), self._toggle_detail, kind="link")
                row.addWidget(self._unfold)
                row.addWidget(text_button(self.tr("Copy"), self._copy, kind="link"))
            row.addStretch(1)
            column.addLayout(row)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.close_notice)
        self._lifetime = lifetime_ms
        self.restart()

    def restart(self) -> None:
        """Live the whole time again (the same thing happened once more)."""
        if self._lifetime:
            self._timer.start(self._lifetime)

    def close_notice(self) -> None:
        """Go away."""
        self._timer.stop()
        self.closed.emit()

    def _toggle_detail(self) -> None:
        if self._fold is None:
            self._fold = QPlainTextEdit(self._detail)
            self._fold.setReadOnly(True)
            self._fold.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
            self._fold.setFixedHeight(150)
            self._fold.setAccessibleName(self.tr("Details"))
            self._fold.hide()
            self._column.addWidget(self._fold)
        shown = self._fold.isHidden()
        self._fold.setVisible(shown)
        self._unfold.setText(self.tr("Hide details") if shown else self.tr("Details"))
        self._timer.stop()
        self._lifetime = 0
        self.updateGeometry()
        parent = self.parentWidget()
        if isinstance(parent, Notices):
            parent.place()

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText("\n".join(part for part in (*self.key[1:], self._detail) if part))

    def enterEvent(self, event: QEnterEvent) -> None:
        self._timer.stop()

    def leaveEvent(self, event: QEvent) -> None:
        self.restart()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close_notice()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(QPen(QColor("#3c404c"), 1))
        painter.setBrush(QColor(Theme.RAISED))
        painter.drawRoundedRect(rect, 8, 8)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self._tint))
        painter.drawRoundedRect(QRectF(1, 10, 3, rect.height() - 20), 1.5, 1.5)


class Notices(QWidget):
    """The stack of notices in the bottom right corner of ``over``; as large as they are and no larger."""

    def __init__(self, over: QWidget, *, bottom: int = 40, right: int = 16) -> None:
        super().__init__(over)
        self._over, self._bottom, self._right = over, bottom, right
        self._notices: list[Notice] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(8)
        over.installEventFilter(self)
        self.hide()

    def tell(
        self,
        text: str,
        kind: Kind = "info",
        more: str = "",
        *,
        detail: str = "",
        actions: Sequence[tuple[str, Callable[[], Any]]] = (),
        seconds: float = 6.0,
    ) -> Notice:
        """Show a notice for ``seconds`` (0: until it is closed); the same one again only lives on."""
        for notice in self._notices:
            if notice.key == (kind, text, more):
                notice.restart()
                return notice
        made = Notice(kind, text, more, detail, actions, round(seconds * 1000))
        made.setParent(self)
        made.closed.connect(lambda: self._remove(made))
        self._notices.append(made)
        self._column.addWidget(made)
        made.show()
        while len(self._notices) > _MOST:
            self._remove(self._notices[0])
        self.show()
        self.raise_()
        self.place()
        return made

    def tell_error(self, error: StudioError, actions: Sequence[tuple[str, Callable[[], Any]]] = ()) -> Notice:
        """What happened, why and what to do; the traceback is folded away.  It stays until it is closed."""
        kind: Kind = "warning" if error.kind in ("user", "resource") else "error"
        more = " ".join(part for part in (error.why, error.todo) if part)
        return self.tell(error.what, kind, more, detail=error.detail, actions=actions, seconds=0)

    def notices(self) -> tuple[Notice, ...]:
        """Those that are shown, oldest first."""
        return tuple(self._notices)

    def clear(self) -> None:
        """Close all."""
        for notice in list(self._notices):
            self._remove(notice)

    def _remove(self, notice: Notice) -> None:
        if notice in self._notices:
            self._notices.remove(notice)
            self._column.removeWidget(notice)
            notice.hide()
            notice.deleteLater()
            self.setVisible(bool(self._notices))
            self.place()

    def place(self) -> None:
        """Move to the corner."""
        self._column.invalidate()
        height = self._column.heightForWidth(_WIDTH) if self._column.hasHeightForWidth() else self.sizeHint().height()
        height = min(max(height, 0), max(60, self._over.height() - self._bottom - 8))
        self.setGeometry(
            self._over.width() - _WIDTH - self._right, self._over.height() - height - self._bottom, _WIDTH, height
        )

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._over and event.type() == QEvent.Type.Resize and self._notices:
            self.place()
        return super().eventFilter(watched, event)
