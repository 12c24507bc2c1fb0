"""One concern of a panel, and a panel that is made of such concerns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject

from studio.base.errors import StudioError
from studio.base.steps import Loss, Preview
from studio.panels.base import Panel

if TYPE_CHECKING:
    from studio.worker.bridge import JobView


class Part(QObject):
    """A section and the jobs that it starts.

    ``keys`` names the jobs whose events the panel hands on to it; ``show(state)`` brings its controls to the session.
    """

    keys: frozenset[str] = frozenset()
    panel: Any

    def __init__(self, panel: Panel) -> None:
        super().__init__(panel)
        self.panel = panel
        self.studio = panel.studio

    def show(self, state: Any) -> None:
        """Bring controls to the session, silently."""

    def progress(self, key: str, job: int, view: JobView) -> None:
        """A job moved on."""

    def preview(self, key: str, job: int, preview: Preview) -> None:
        """A picture on the way."""

    def loss(self, key: str, job: int, loss: Loss) -> None:
        """Loss values on the way."""

    def result(self, key: str, job: int, request: Any, result: Any) -> None:
        """A job is done."""

    def failed(self, key: str, job: int, error: StudioError) -> bool:
        """A job failed; True when that needs no notice."""
        return False

    def ended(self, key: str, job: int) -> None:
        """A job failed or was cancelled."""


class PartsPanel(Panel):
    """Hands the events of its jobs on to the one of ``parts`` that named their key."""

    parts: tuple[Part, ...] = ()

    def _part(self, job: int) -> tuple[Part | None, str]:
        key = self.key_of(job)
        return next((part for part in self.parts if key in part.keys), None), key

    def progress(self, job: int, view: JobView) -> None:
        part, key = self._part(job)
        if part is not None:
            part.progress(key, job, view)

    def preview(self, job: int, preview: Preview) -> None:
        part, key = self._part(job)
        if part is not None:
            part.preview(key, job, preview)

    def loss(self, job: int, loss: Loss) -> None:
        part, key = self._part(job)
        if part is not None:
            part.loss(key, job, loss)

    def result(self, job: int, request: Any, result: Any) -> None:
        part, key = self._part(job)
        if part is not None:
            part.result(key, job, request, result)

    def failed(self, job: int, request: Any, error: StudioError) -> None:
        part, key = self._part(job)
        quiet = part.failed(key, job, error) if part is not None else False
        if part is not None:
            part.ended(key, job)
        if not quiet:
            super().failed(job, request, error)

    def stopped(self, job: int) -> None:
        part, key = self._part(job)
        if part is not None:
            part.ended(key, job)
