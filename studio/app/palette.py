"""The command palette (Ctrl+K): one field that finds actions, models, bookmarks and pictures by a few letters."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QIcon, QKeyEvent, QPainter, QPixmap, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QGraphicsDropShadowEffect,
    QLabel,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from studio.widgets.theme import Theme, font

ROW = 36
SHOWN = 11
_SYLLABLES, _LAST, _PER_INITIAL = 0xAC00, 0xD7A3, 588
_INITIALS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """``kind`` is a translated word at the right ("Model"), ``hint`` a shortcut; ``key`` is for "used lately"."""

    text: str
    run: Callable[[], object]
    kind: str = ""
    hint: str = ""
    icon: QIcon | None = None
    picture: QPixmap | None = None
    key: str = ""
    words: str = ""
    """More words that find it (the English name, an architecture)."""


def initials(text: str) -> str:
    """Korean syllables as their first consonants; everything else as it is."""
    return "".join(
        _INITIALS[(ord(c) - _SYLLABLES) // _PER_INITIAL] if _SYLLABLES <= ord(c) <= _LAST else c for c in text
    )


def score(query: str, text: str) -> float | None:
    """How well ``query`` finds ``text``: higher is better, None when it does not.

    Every word of the query must be found: at the start of a word (best), inside one, or as letters in order.
    Korean is also found by first consonants.
    """
    text = text.casefold()
    total = 0.0
    for word in query.casefold().split():
        found = _word_score(word, text)
        if found is None and any(c in _INITIALS for c in word):
            found = _word_score(word, initials(text))
        if found is None:
            return None
        total += found
    return total - 0.01 * len(text)


def _word_score(word: str, text: str) -> float | None:
    at = text.find(word)
    if at == 0:
        return 12.0
    starts = [i for i in range(1, len(text)) if not text[i - 1].isalnum() and text[i].isalnum()]
    if any(text.startswith(word, i) for i in starts):
        return 10.0
    if at > 0:
        return 6.0
    # Letters in order; each gap costs, letters at word starts pay.
    position, points, gaps = 0, 0.0, 0
    for letter in word:
        found = text.find(letter, position)
        if found < 0:
            return None
        gaps += found - position
        if found == 0 or found in starts:
            points += 1.0
        position = found + 1
    result = 2.0 + points - 0.2 * gaps
    return result if result > 0 else None


def ranked(query: str, entries: Iterable[Entry], lately: Iterable[str] = ()) -> list[Entry]:
    """Entries that the query finds, best first; with an empty query those used lately, then all in order."""
    order = {key: place for place, key in enumerate(lately)}
    everything = list(entries)
    if not query.strip():
        return sorted(everything, key=lambda e: order.get(e.key, len(order)) if e.key else len(order))
    found: list[tuple[float, int, Entry]] = []
    for place, entry in enumerate(everything):
        best = score(query, entry.text)
        more = score(query, f"{entry.text} {entry.words} {entry.kind}")
        if more is not None and (best is None or more - 2.0 > best):
            best = more - 2.0
        if best is not None:
            if entry.key in order:
                best += 0.5
            found.append((-best, place, entry))
    return [entry for _, _, entry in sorted(found, key=lambda f: f[:2])]


class _Rows(QStyledItemDelegate):
    """Icon or thumbnail, text, kind and shortcut in one row."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(200, ROW)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        entry: Entry = index.data(Qt.ItemDataRole.UserRole)
        rect: QRect = option.rect  # type: ignore[attr-defined]
        state: QStyle.StateFlag = option.state  # type: ignore[attr-defined]
        selected = bool(state & QStyle.StateFlag.State_Selected)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if selected:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(Theme.colour(Theme.HOVER))
            painter.drawRoundedRect(rect.adjusted(4, 1, -4, -1), Theme.RADIUS, Theme.RADIUS)
        box = QRect(rect.left() + 14, rect.center().y() - 12, 24, 24)
        if entry.picture is not None:
            painter.drawPixmap(box, entry.picture)
        elif entry.icon is not None:
            mode = QIcon.Mode.Active if selected else QIcon.Mode.Normal
            entry.icon.paint(painter, box.adjusted(3, 3, -3, -3), Qt.AlignmentFlag.AlignCenter, mode)
        right = "   ".join(part for part in (entry.kind, entry.hint) if part)
        painter.setFont(font(Theme.SMALL))
        width = painter.fontMetrics().horizontalAdvance(right)
        painter.setPen(Theme.colour(Theme.DIM if selected else Theme.FAINT))
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(rect.adjusted(0, 0, -16, 0), middle | Qt.AlignmentFlag.AlignRight, right)
        painter.setFont(font())
        painter.setPen(Theme.colour(Theme.INK))
        place = rect.adjusted(48, 0, -(width + 28), 0)
        text = painter.fontMetrics().elidedText(entry.text, Qt.TextElideMode.ElideRight, place.width())
        painter.drawText(place, middle | Qt.AlignmentFlag.AlignLeft, text)
        painter.restore()


class Palette(QFrame):
    """Floats over the window.  ``open(entries)`` shows it; Enter runs the row, Escape or a click outside closes."""

    used = Signal(str)
    """The ``key`` of an entry that was run."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("palette")
        self.setStyleSheet(
            f"#palette {{ background: {Theme.PANEL}; border: 1px solid {Theme.LINE}; border-radius: 10px; }}"
            f"#palette QLineEdit {{ background: transparent; border: none; border-bottom: 1px solid {Theme.LINE};"
            f" border-radius: 0; padding: 12px 16px; font-size: 14px; }}"
            "#palette QListView { background: transparent; border: none; outline: none; }"
            f"#palette QLabel {{ color: {Theme.FAINT}; padding: 12px 16px; }}"
        )
        shadow = QGraphicsDropShadowEffect(self)
        shadow.setBlurRadius(40)
        shadow.setOffset(0, 12)
        shadow.setColor(Theme.colour("#000000", 0.6))
        self.setGraphicsEffect(shadow)
        self.field = QLineEdit(self)
        self.field.setPlaceholderText(self.tr("Search actions, models, pictures …"))
        self.field.setAccessibleName(self.tr("Search everything"))
        self.field.installEventFilter(self)
        self.field.textChanged.connect(self._refill)
        self.model = QStandardItemModel(self)
        self.list = QListView(self)
        self.list.setModel(self.model)
        self.list.setItemDelegate(_Rows(self.list))
        self.list.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setUniformItemSizes(True)
        self.list.setMouseTracking(True)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setAccessibleName(self.tr("What was found"))
        self.list.entered.connect(self.list.setCurrentIndex)
        self.list.clicked.connect(self._run)
        self.nothing = QLabel(self.tr("Nothing by that name. Try fewer letters."), self)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 6)
        box.setSpacing(6)
        for widget in (self.field, self.list, self.nothing):
            box.addWidget(widget)
        self._entries: list[Entry] = []
        self._lately: list[str] = []
        self._before: QWidget | None = None
        self.hide()

    def open(self, entries: Iterable[Entry], lately: Iterable[str] = ()) -> None:
        """Show ``entries`` under an empty field, those whose keys are in ``lately`` first."""
        self._entries, self._lately = list(entries), list(lately)
        self._before = self.window().focusWidget()
        self.field.clear()
        self._refill()
        self.place()
        self.show()
        self.raise_()
        self.field.setFocus(Qt.FocusReason.PopupFocusReason)

    def place(self) -> None:
        """Center it over the parent, where the search field of the header is, as high as its rows need."""
        parent = self.parentWidget()
        assert parent is not None
        width = min(620, parent.width() - 48)
        rows = min(SHOWN, max(1, self.model.rowCount()))
        height = 46 + rows * ROW + 16
        self.setGeometry((parent.width() - width) // 2, 4, width, min(height, parent.height() - 24))

    def dismiss(self) -> None:
        """Close and give the focus back."""
        self.hide()
        if self._before is not None:
            self._before.setFocus(Qt.FocusReason.PopupFocusReason)
            self._before = None

    def found(self) -> list[Entry]:
        """What is listed now, best first."""
        return [self.model.item(row).data(Qt.ItemDataRole.UserRole) for row in range(self.model.rowCount())]

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.field:
            if isinstance(event, QKeyEvent) and event.type() in (QEvent.Type.KeyPress, QEvent.Type.ShortcutOverride):
                return self._key(event)
            if isinstance(event, QFocusEvent) and event.type() == QEvent.Type.FocusOut and self.isVisible():
                self.hide()
        return super().eventFilter(watched, event)

    def _key(self, event: QKeyEvent) -> bool:
        key = event.key()
        steps = {
            Qt.Key.Key_Down: 1,
            Qt.Key.Key_Up: -1,
            Qt.Key.Key_PageDown: SHOWN - 1,
            Qt.Key.Key_PageUp: 1 - SHOWN,
        }
        if key not in (*steps, Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape):
            return False
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()  # or Escape would cancel a job behind the palette
            return True
        if key == Qt.Key.Key_Escape:
            self.dismiss()
        elif key in steps:
            self._move(steps[Qt.Key(key)])
        else:
            self._run(self.list.currentIndex())
        return True

    def _move(self, step: int) -> None:
        count = self.model.rowCount()
        if count:
            row = self.list.currentIndex().row() + step
            row = row % count if abs(step) == 1 else max(0, min(count - 1, row))
            self.list.setCurrentIndex(self.model.index(row, 0))

    def _refill(self) -> None:
        self.model.clear()
        for entry in ranked(self.field.text(), self._entries, self._lately)[:200]:
            item = QStandardItem(entry.text)
            item.setData(entry, Qt.ItemDataRole.UserRole)
            item.setAccessibleText(" ".join(part for part in (entry.text, entry.kind, entry.hint) if part))
            self.model.appendRow(item)
        found = self.model.rowCount() > 0
        self.list.setVisible(found)
        self.nothing.setVisible(not found)
        if found:
            self.list.setCurrentIndex(self.model.index(0, 0))
            self.list.scrollToTop()
        self.place()

    def _run(self, index: QModelIndex) -> None:
        if not index.isValid():
            return
        entry: Entry = index.data(Qt.ItemDataRole.UserRole)
        self.dismiss()
        if entry.key:
            self.used.emit(entry.key)
        entry.run()
