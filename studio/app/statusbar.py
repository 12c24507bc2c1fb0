"""The status line: device and memory at the left, what is being done, the model at the right."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from studio.widgets.parts import ElidedLabel, label
from studio.widgets.tokens import Theme

if TYPE_CHECKING:
    from studio.worker.bridge import WorkerStatus

HEIGHT = 26
GB = 1 << 30


class StatusLine(QWidget):
    """Text only; every part has a tooltip that says what it means."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedHeight(HEIGHT)
        self.setAccessibleName(self.tr("Status"))
        self.device = label("", "dim")
        self.device.setToolTip(self.tr("Where pictures are made: the device and its precision"))
        self.memory = label("", "dim")
        self.memory.setToolTip(self.tr("Memory that this program uses, of all that the machine has"))
        self.queue = label("", "dim")
        self.queue.setToolTip(self.tr("What waits, and how long the last picture took"))
        self.model = ElidedLabel("", "dim")
        self.model.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.model.setToolTip(self.tr("The model of this workspace"))
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 0, 16, 0)
        row.setSpacing(40)
        row.addWidget(self.device)
        row.addWidget(self.memory)
        row.addWidget(self.queue)
        row.addWidget(self.model, 1)
        self.device.setText(self.tr("Starting …"))

    def show_status(self, status: WorkerStatus) -> None:
        """The worker's read-out."""
        if status.device:
            self.device.setText(device_line(status))
        if status.memory_total:
            used, total = status.memory_used / GB, status.memory_total / GB
            self.memory.setText(self.tr("memory {used:.1f} / {total:.0f} GB").format(used=used, total=total))
        parts = []
        if status.queue > 1:
            parts.append(self.tr("working, {count} waiting").format(count=status.queue - 1))
        elif status.queue:
            parts.append(self.tr("working"))
        else:
            parts.append(self.tr("idle"))
        if status.last_ms is not None:
            parts.append(self.tr("last picture {ms:.0f} ms").format(ms=status.last_ms))
        self.queue.setText(" · ".join(parts))

    def show_model(self, line: str) -> None:
        """The panel's model line."""
        self.model.setText(line)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), Theme.colour(Theme.PANEL))
        painter.fillRect(0, 0, self.width(), 1, Theme.colour(Theme.LINE))


def device_line(status: WorkerStatus) -> str:
    """ "CPU · 2 cores · fast", "NVIDIA H200 · fast"."""
    tr = QCoreApplication.translate
    kind = status.device.split(":")[0]
    parts = [{"cpu": "CPU", "mps": "Apple GPU"}.get(kind, status.device_name or status.device)]
    if kind == "cpu":
        parts.append(tr("StatusLine", "{count} cores").format(count=_cores()))
    parts.append(tr("StatusLine", "exact") if status.precision == "exact" else tr("StatusLine", "fast"))
    return " · ".join(parts)


def _cores() -> int:
    # What this process may use, not what the machine has.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
