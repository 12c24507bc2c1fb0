"""A folder of pictures goes through, one after the other; what failed can be tried again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from studio.panels.translate.part import Part
from studio.project.session import TranslateState
from studio.widgets.section import Section

if TYPE_CHECKING:
    from studio.panels.translate.panel import TranslatePanel


class Folder(Part):
    """The section Folder."""

    keys = frozenset({"batch"})

    def __init__(self, panel: TranslatePanel) -> None:
        super().__init__(panel)
        self.section = Section(self.tr("Folder"), self.tr("nothing is written over"), opened=False)

    def show(self, state: TranslateState) -> None:
        pass

    def choose(self) -> None:
        pass

    def result(self, key: str, job: int, request: Any, result: Any) -> None:
        pass
