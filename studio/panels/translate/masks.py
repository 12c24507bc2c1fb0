"""Where the translation is strong, and where the picture keeps its colours: brushes over the picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from studio.base.steps import UInt8Image
from studio.panels.parts.masking import Masked, MaskEditor
from studio.project.session import TranslateState
from studio.widgets.parts import label, text_button
from studio.widgets.section import Section
from studio.widgets.tokens import Theme

if TYPE_CHECKING:
    from studio.panels.translate.panel import TranslatePanel

FIELDS = ("strength", "keep_colours")
TINTS = (Theme.ACCENT, Theme.VIOLET)


class Masking(MaskEditor):
    """The section Where: it is there while a brush is out or something was painted."""

    panel: TranslatePanel

    def __init__(self, panel: TranslatePanel) -> None:
        super().__init__(panel, Section(""))
        tr = self.tr
        self._index = 0
        self.section.set_title(tr("Where"))
        self.done = text_button(tr("Done painting"), self.leave, icon_name="check")
        self.add_does(
            (tr("From the picture's alpha"), self.from_picture, tr("Where the picture is opaque")),
            (tr("Remove"), self.remove, tr("Without a mask it acts everywhere")),
        )
        self.note = label("", "dim", wrap=True)
        for part in (self.brush, self.size, self.feather, self.does, self.done, self.note):
            self.section.add(part)

    @property
    def index(self) -> int:
        return self._index

    def targets(self) -> Sequence[Masked]:
        look = self.panel.state.look
        amounts = (look.strength, look.keep_colours)
        return [Masked(amount.mask, amount.feather, TINTS[i]) for i, amount in enumerate(amounts)]

    def base(self) -> UInt8Image | None:
        return self.panel.bank.get(self.panel.state.picture)

    def wear(self, index: int, text: str, drag: str, final: bool, **changes: Any) -> None:
        field = FIELDS[index]
        amount = msgspec.structs.replace(getattr(self.panel.state.look, field), **changes)
        if amount.mask and field == "keep_colours" and amount.value == 0.0:
            amount = msgspec.structs.replace(amount, value=1.0)  # nothing would be seen of the brush
        self.panel.edit(text, drag, final, look=self.panel.with_look(**{field: amount}))

    def may_begin(self) -> str:
        state: TranslateState = self.panel.state
        if state.mode != "picture" or self.base() is None:
            return self.tr("A brush for where needs a picture. Drop one first.")
        return ""

    def take(self, index: int) -> None:
        """The brush for one of the two; the same again puts it away."""
        if self.painting and index == self._index:
            self.leave()
            return
        self._index = index
        if self.painting:
            self.show(self.panel.state)
            self.panel.how.show(self.panel.state)
        else:
            self.begin()

    def brush_moved(self) -> None:
        self.panel.how.show(self.panel.state)

    def from_picture(self) -> None:
        """Where the picture is opaque."""
        self.from_alpha(self.tr("This picture has no alpha: it is opaque everywhere."))

    def show(self, state: TranslateState) -> None:
        if state.mode != "picture" or not state.picture:
            self.section.setVisible(False)
            self.show_none()
            return
        masked = [bool(target.mask) for target in self.targets()]
        if not self.painting and any(masked) and not masked[self._index]:
            self._index = masked.index(True)
        self.section.setVisible(self.painting or any(masked))
        names = (self.tr("where it is strong"), self.tr("where colours are kept"))
        self.section.set_hint(names[self._index])
        self.done.setVisible(self.painting)
        here = self.show_tools()
        self.note.setText(
            self.tr("A mask of this project is missing; it acts everywhere.")
            if not here
            else self.tr("Drag on the canvas. Space moves the picture, [ and ] change the brush, X erases.")
            if self.painting
            else ""
        )
        self.note.setVisible(bool(self.note.text()))
