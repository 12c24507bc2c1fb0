"""One concern of the Style panel: a section, and the jobs that it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject

from studio.base.errors import StudioError
from studio.base.steps import Loss, Preview
from studio.project.session import StyleState

if TYPE_CHECKING:
    from studio.panels.style.panel import StylePanel
    from studio.worker.bridge import JobView


class Part(QObject):
    """``keys`` names the jobs whose events the panel hands on to it."""

    keys: frozenset[str] = frozenset()

    def __init__(self, panel: StylePanel) -> None:
        super().__init__(panel)
        self.panel = panel
        self.studio = panel.studio

    def show(self, state: StyleState) -> None:
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
