"""The jobs that are running or waiting: phase, step, time left, preview, pause, cancel.  It never blocks anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from PySide6.QtCore import QCoreApplication, QElapsedTimer, QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QFont, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from studio.base.steps import UInt8Image
from studio.widgets.icons import icon, icon_pixmap
from studio.widgets.parts import icon_button, label
from studio.widgets.pictures import draw_rounded, thumbnail
from studio.widgets.tokens import Theme

_ROW = 48
_THUMB = 36


class JobLike(Protocol):
    """What the strip reads of a job; the worker's own view has these fields and more."""

    @property
    def id(self) -> int: ...
    @property
    def title(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def phase(self) -> str: ...
    @property
    def done(self) -> int: ...
    @property
    def total(self) -> int: ...
    @property
    def eta_s(self) -> float | None: ...
    @property
    def behind(self) -> int: ...
    @property
    def note(self) -> str: ...


_LIVING = ("waiting", "running", "paused")


def time_left(seconds: float | None) -> str:
    """ "0:41 left", "1:02:10 left", "a moment left", or nothing when it is not known."""
    if seconds is None or seconds < 0:
        return ""
    if seconds < 1.5:
        return QCoreApplication.translate("JobStrip", "a moment left")
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    clock = f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
    return QCoreApplication.translate("JobStrip", "{0} left").format(clock)


class _JobRow(QWidget):
    """One job."""

    pause = Signal(int, bool)
    cancel = Signal(int)

    def __init__(self, job: JobLike) -> None:
        super().__init__()
        self._job = job
        self._pixmap: QPixmap | None = None
        self._shows_paused = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 8, 0)
        row.setSpacing(2)
        row.addStretch(1)
        self._pause = icon_button("pause", self.tr("Pause"), size=14)
        self._cancel = icon_button("close", self.tr("Cancel"), size=14)
        self._pause.clicked.connect(lambda: self.pause.emit(self._job.id, self._job.state != "paused"))
        self._cancel.clicked.connect(lambda: self.cancel.emit(self._job.id))
        row.addWidget(self._pause)
        row.addWidget(self._cancel)
        self.show_job(job)

    def sizeHint(self) -> QSize:
        return QSize(360, _ROW)

    def show_job(self, job: JobLike) -> None:
        """The job has come further."""
        self._job = job
        paused = job.state == "paused"
        if paused != self._shows_paused:
            self._shows_paused = paused
            self._pause.setIcon(icon("play" if paused else "pause"))
            text = self.tr("Go on") if paused else self.tr("Pause")
            self._pause.setToolTip(text)
            self._pause.setAccessibleName(text)
        self._pause.setVisible(job.state in ("running", "paused"))
        self.setAccessibleName(job.title)
        self.setAccessibleDescription(f"{self._left_text()} {self._right_text()}".strip())
        self.setToolTip(job.note)
        self.update()

    def set_preview(self, image: UInt8Image) -> None:
        """What it looks like so far."""
        self._pixmap = thumbnail(image, QSize(_THUMB, _THUMB), self.devicePixelRatioF())
        self.update()

    def _left_text(self) -> str:
        job = self._job
        if job.state == "waiting":
            return self.tr("waits behind {0}").format(job.behind) if job.behind else self.tr("waits")
        parts = [job.phase] if job.phase else []
        if job.total:
            parts.append(self.tr("{0} of {1}").format(job.done, job.total))
        if job.note:
            parts.append(job.note)
        return " · ".join(parts)

    def _right_text(self) -> str:
        if self._job.state == "paused":
            return self.tr("paused")
        return time_left(self._job.eta_s) if self._job.state == "running" else ""

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        place = QRectF(8, (self.height() - _THUMB) / 2, _THUMB, _THUMB)
        if self._pixmap is not None:
            draw_rounded(painter, place, self._pixmap, 4)
        else:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(Theme.RAISED))
            painter.drawRoundedRect(place, 4, 4)
            name = "clock" if self._job.state == "waiting" else "chip"
            mark = icon_pixmap(name, 18, Theme.DIM, self.devicePixelRatioF())
            painter.drawPixmap(place.center() - QPointF(9, 9), mark)
        buttons = 70 if self._pause.isVisibleTo(self) else 40
        room = QRectF(place.right() + 10, 5, self.width() - place.right() - 14 - buttons, 18)
        middle = Qt.AlignmentFlag.AlignVCenter
        metrics = painter.fontMetrics()
        right = self._right_text()
        taken = metrics.horizontalAdvance(right) + (12 if right else 0)
        font = self.font()
        font.setWeight(QFont.Weight.Medium)
        painter.setFont(font)
        painter.setPen(QColor(Theme.INK))
        elide = Qt.TextElideMode.ElideRight
        title = painter.fontMetrics().elidedText(self._job.title, elide, int(room.width() - taken))
        painter.drawText(room, int(middle), title)
        font = self.font()
        font.setPixelSize(Theme.SMALL)
        painter.setFont(font)
        painter.setPen(QColor(Theme.ACCENT if self._job.state == "paused" else Theme.DIM))
        painter.drawText(room, int(middle | Qt.AlignmentFlag.AlignRight), right)
        painter.setPen(QColor(Theme.DIM))
        below = room.translated(0, 16)
        text = painter.fontMetrics().elidedText(self._left_text(), elide, int(room.width()))
        painter.drawText(below, int(middle), text)
        self._draw_bar(painter, QRectF(room.left(), 41, room.width(), 3))

    def _draw_bar(self, painter: QPainter, bar: QRectF) -> None:
        job = self._job
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(Theme.RAISED))
        painter.drawRoundedRect(bar, 1.5, 1.5)
        if job.total > 0 and job.done > 0:
            done = QRectF(bar)
            done.setWidth(max(3.0, bar.width() * min(1.0, job.done / job.total)))
            painter.setBrush(QColor(Theme.DIM if job.state == "paused" else Theme.ACCENT))
            painter.drawRoundedRect(done, 1.5, 1.5)


class JobStrip(QWidget):
    """Rows of living jobs, fed with :meth:`set_jobs`; hidden while there is nothing to tell.

    A job appears when it has lived for ``patience_ms``, so that short ones do not flicker.
    """

    pause_asked = Signal(int)
    resume_asked = Signal(int)
    cancel_asked = Signal(int)

    def __init__(self, parent: QWidget | None = None, *, patience_ms: int = 600, most: int = 3) -> None:
        super().__init__(parent)
        self._patience, self._most = patience_ms, most
        self._rows: dict[int, _JobRow] = {}
        self._seen: dict[int, QElapsedTimer] = {}
        self._jobs: list[JobLike] = []
        self._previews: dict[int, UInt8Image] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 4, 0, 4)
        self._column.setSpacing(0)
        self._more = label("", "hint")
        self._more.setContentsMargins(54, 0, 8, 2)
        self._column.addWidget(self._more)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._arrange)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)
        self.setAccessibleName(self.tr("Jobs"))
        self.hide()

    def set_jobs(self, jobs: Sequence[JobLike]) -> None:
        """All long jobs as they are now; those that have ended may be among them and are left out."""
        self._jobs = [job for job in jobs if job.state in _LIVING]
        ids = {job.id for job in self._jobs}
        for job in self._jobs:
            if job.id not in self._seen:
                self._seen[job.id] = QElapsedTimer()
                self._seen[job.id].start()
        for store in (self._seen, self._previews):
            for gone in store.keys() - ids:
                del store[gone]
        self._arrange()

    def set_preview(self, job: int, image: UInt8Image) -> None:
        """A picture of how far a job is."""
        if job in self._seen:
            self._previews[job] = image
            if job in self._rows:
                self._rows[job].set_preview(image)

    def shown(self) -> tuple[int, ...]:
        """The ids of the jobs that have a row."""
        return tuple(self._rows)

    def _arrange(self) -> None:
        ready = [job for job in self._jobs if self._seen[job.id].elapsed() >= self._patience]
        wanted = ready[: self._most]
        ids = {job.id for job in wanted}
        for gone in self._rows.keys() - ids:
            row = self._rows.pop(gone)
            self._column.removeWidget(row)
            row.hide()
            row.deleteLater()
        for at, job in enumerate(wanted):
            if job.id in self._rows:
                self._rows[job.id].show_job(job)
            else:
                self._add_row(at, job)
        left_out = len(self._jobs) - len(wanted)
        self._more.setText(self.tr("and {0} more").format(left_out) if wanted and left_out else "")
        self._more.setVisible(bool(wanted and left_out))
        self.setVisible(bool(wanted))
        if len(ready) < len(self._jobs):
            oldest = max(self._seen[job.id].elapsed() for job in self._jobs if job not in ready)
            self._later.start(max(1, int(self._patience - oldest)))

    def _add_row(self, at: int, job: JobLike) -> None:
        row = _JobRow(job)
        row.pause.connect(lambda number, on: (self.pause_asked if on else self.resume_asked).emit(number))
        row.cancel.connect(self.cancel_asked)
        if job.id in self._previews:
            row.set_preview(self._previews[job.id])
        self._rows[job.id] = row
        self._column.insertWidget(at, row)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(Theme.PANEL))
        painter.fillRect(QRectF(0, 0, self.width(), 1), QColor(Theme.LINE))
