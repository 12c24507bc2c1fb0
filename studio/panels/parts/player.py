"""Plays a walk: asks for its frames, keeps them, shows each when its time has come."""

from __future__ import annotations

from collections import OrderedDict

from PySide6.QtCore import QElapsedTimer, QObject, QTimer, Signal

from studio.base.steps import UInt8Image
from studio.engine.explore.walks import frame_count
from studio.project.requests import WalkFrames

BUDGET = 512 << 20
"""Bytes of frames kept; a longer film is drawn again where it was let go."""


class WalkPlayer(QObject):
    """Frames come in any order through :meth:`put`; :attr:`shown` says which frame to draw now.

    While frames are missing the clock waits at the last one that is there, so that the film is never jerky and
    never skips: it runs slower until the frames have come.
    """

    shown = Signal(int, object)
    """``(frame, picture)``."""
    playing_changed = Signal(bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.request: WalkFrames | None = None
        self.job = -1
        self._frames: OrderedDict[int, UInt8Image] = OrderedDict()
        self._bytes = 0
        self._at = 0.0
        self._clock = QElapsedTimer()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._tick)

    @property
    def playing(self) -> bool:
        """Whether it plays."""
        return self._timer.isActive()

    @property
    def total(self) -> int:
        """Frames of the whole walk."""
        return frame_count(self.request.walk) if self.request is not None else 0

    def load(self, request: WalkFrames) -> bool:
        """Get ready for a walk; True when its frames must be asked for (it is another one, or some are missing)."""
        if request != self.request:
            self.stop()
            self.request = request
            self._frames.clear()
            self._bytes = 0
            self._at = 0.0
            return True
        return len(self._frames) < self.total

    def put(self, frame: int, image: UInt8Image) -> None:
        """A frame has come."""
        old = self._frames.pop(frame, None)
        self._bytes += image.nbytes - (old.nbytes if old is not None else 0)
        self._frames[frame] = image
        while self._bytes > BUDGET and len(self._frames) > 1:
            _, gone = self._frames.popitem(last=False)
            self._bytes -= gone.nbytes

    def play(self) -> None:
        """Go on from where it stands."""
        if self.request is None or self.playing:
            return
        self._clock.start()
        self._timer.start(max(5, round(1000 / self.request.walk.fps)))
        self.playing_changed.emit(True)

    def stop(self) -> None:
        """Stand still."""
        if self.playing:
            self._timer.stop()
            self.playing_changed.emit(False)

    def seek(self, frame: int) -> UInt8Image | None:
        """Stand at a frame; its picture if it is there."""
        self._at = float(max(0, min(frame, max(0, self.total - 1))))
        return self._frames.get(int(self._at))

    @property
    def frame(self) -> int:
        """The frame it stands at."""
        return int(self._at)

    def _tick(self) -> None:
        if self.request is None:
            return
        passed = self._clock.restart() / 1000.0
        total = max(1, self.total)
        ahead = self._at + min(passed, 0.25) * self.request.walk.fps
        if ahead >= total and not self.request.walk.loop:
            self._at = float(total - 1)
            self.stop()
            return
        wanted = int(ahead) % total
        if wanted not in self._frames:
            return
        moved = wanted != int(self._at)
        self._at = ahead % total
        if moved:
            self.shown.emit(wanted, self._frames[wanted])
