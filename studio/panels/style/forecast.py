"""Before Start: how much memory and time a run takes, in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QTimer, Signal

from studio.base.errors import StudioError
from studio.panels.style.part import Part
from studio.panels.style.values import for_forecast
from studio.project.style import Forecast

if TYPE_CHECKING:
    from studio.panels.style.panel import StylePanel

PATIENCE_MS = 350


def size_text(size: float) -> str:
    """Bytes in the unit that people read: "640 MB", "1.8 GB"."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{max(1, round(size / 1e6))} MB"


def clock_text(seconds: float) -> str:
    """ "0:48", "1:02:10"."""
    whole = max(1, round(seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


class Forecasting(Part):
    """``changed`` when there is another sentence."""

    keys = frozenset({"forecast"})
    changed = Signal()

    def __init__(self, panel: StylePanel) -> None:
        super().__init__(panel)
        self.text = ""
        self.warning = False
        self._asked: Forecast | None = None
        self._wanted: Forecast | None = None
        self._job: int | None = None
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(PATIENCE_MS)
        self._later.timeout.connect(self._ask)

    def want(self) -> None:
        """Ask soon, when the settings have come to rest."""
        run = self.panel.request()
        run = for_forecast(run) if run is not None else None
        self._wanted = Forecast(model=run.model, precision=run.precision, run=run) if run is not None else None
        if self._wanted is None:
            self._say("", False)
        elif self._wanted != self._asked:
            self._later.start()

    def stop(self) -> None:
        """A run begins: what it takes is seen soon enough."""
        self._later.stop()
        if self._job is not None and self.panel.owns(self._job):
            self.panel.cancel("forecast")
            self._asked = None

    def _ask(self) -> None:
        if self._wanted is not None and self._wanted != self._asked:
            self._asked = self._wanted
            self._job = self.panel.live(self._wanted, "forecast")

    def _say(self, text: str, warning: bool) -> None:
        if (text, warning) != (self.text, self.warning):
            self.text, self.warning = text, warning
            self.changed.emit()

    def sentence(self, values: Mapping[str, float]) -> tuple[str, bool]:
        """The line for the figures of a forecast, and whether it warns."""
        peak, room = values.get("peak", 0.0), values.get("available", 0.0)
        seconds, tile = values.get("seconds", 0.0), int(values.get("tile", 0))
        parts = []
        if seconds > 0:
            parts.append(self.tr("about {0}").format(clock_text(seconds)))
        if peak > 0 and room > 0:
            parts.append(self.tr("{0} of {1}").format(size_text(peak), size_text(room)))
        elif peak > 0:
            parts.append(size_text(peak))
        if peak > room > 0:
            parts.append(self.tr("will not fit into memory; choose a smaller size"))
            return " · ".join(parts), True
        if tile:
            parts.append(self.tr("in tiles of {0} px, for memory").format(tile))
        return " · ".join(parts), False

    def result(self, key: str, job: int, request: Any, result: Any) -> None:
        if request == self._wanted:
            self._say(*self.sentence(result.values))

    def failed(self, key: str, job: int, error: StudioError) -> bool:
        # Start tells what is wrong, in full.
        self._say(self.tr("Time and memory are not known."), False)
        return True
