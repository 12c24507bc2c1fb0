"""A contact sheet of settings: small pictures of what other settings would make, to be adopted with a click."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from studio.base.steps import Preview
from studio.panels.style.part import Part
from studio.panels.style.values import audible, rows_from, sheet_looks, shown_look, weights_of
from studio.project.session import StyleState
from studio.project.style import PRESETS, StyleLook, StyleSheet
from studio.widgets.chips import ChipRow
from studio.widgets.parts import label, text_button
from studio.widgets.section import Section
from studio.widgets.tilegrid import TileGrid

if TYPE_CHECKING:
    from studio.panels.style.panel import StylePanel


class Sheet(Part):
    """The section Contact sheet."""

    keys = frozenset({"sheet"})

    def __init__(self, panel: StylePanel) -> None:
        super().__init__(panel)
        tr = self.tr
        self.section = Section(tr("Contact sheet"), tr("click to adopt"), opened=False)
        self.vary = ChipRow(
            [
                ("presets", tr("Presets")),
                ("strength", tr("Smoothness")),
                ("scale", tr("Stroke size")),
            ],
            name=tr("What varies"),
        )
        self.vary.setToolTip(tr("Against how strongly the style paints"))
        self.vary.set_current("presets")
        self.draw = text_button(tr("Draw the sheet"), self.toggle, icon_name="grid")
        self.note = label("", "dim", wrap=True)
        self.grid = TileGrid(5, 3, most=128, name=tr("Contact sheet"))
        self.grid.hide()
        for part in (self.vary, self.draw, self.note, self.grid):
            self.section.add(part)
        self._job = -1
        self._looks: tuple[StyleLook, ...] = ()
        self._columns = 3
        self._say()
        self.vary.changed.connect(lambda _: self._stale())
        self.grid.clicked.connect(self.adopt)

    def show(self, state: StyleState) -> None:
        self.section.setVisible(self.panel.uses_look())
        ready = bool(state.run.content) and bool(shown_look(state.run).styles)
        self.draw.setEnabled(ready)

    def toggle(self) -> None:
        """Draw it, or stop drawing."""
        if self.panel.owns(self._job):
            self.panel.cancel("sheet")
        else:
            self.ask()

    def ask(self) -> None:
        """Draw the variations of the settings as they are now."""
        run = self.panel.request()
        if run is None:
            return
        state: StyleState = self.panel.state
        names = self.panel.layers
        look = shown_look(state.run)
        look = msgspec.structs.replace(look, layers=rows_from(weights_of(look, names), names))
        self._looks, self._columns = sheet_looks(look, names, self.vary.current())
        # A preset speaks with all its voices; own settings with those that solo and mute leave.
        acting = self._looks
        if self.vary.current() != "presets":
            rows = rows_from(audible(weights_of(look, names), state.solo, state.mute), names)
            acting = tuple(msgspec.structs.replace(one, layers=rows) for one in acting)
        run = msgspec.structs.replace(run, changes=(), resume=None, stop=0)
        self.grid.set_shape(len(acting) // self._columns, self._columns)
        self.grid.clear()
        self.grid.set_selected(None)
        self.grid.show()
        self.panel.work_begins()
        request = StyleSheet(model=run.model, precision=run.precision, run=run, looks=acting)
        self._job = self.panel.long(request, self.tr("Drawing the contact sheet"), "sheet")
        self.draw.setText(self.tr("Stop drawing"))

    def adopt(self, row: int, column: int) -> None:
        """The settings of a cell become the settings."""
        at = row * self._columns + column
        if at >= len(self._looks):
            return
        state: StyleState = self.panel.state
        adopted = self._looks[at]
        look = msgspec.structs.replace(adopted, styles=_with_scales(shown_look(state.run), adopted))
        run = msgspec.structs.replace(state.run, look=look, changes=(), stop=0)
        solo = () if self.vary.current() == "presets" else state.solo
        mute = () if self.vary.current() == "presets" else state.mute
        self.panel.change(self.tr("Adopt from the sheet"), run=run, solo=solo, mute=mute)
        self.grid.set_selected((row, column))

    def _say(self) -> None:
        """What the rows and columns are."""
        said = {
            "presets": self.tr(
                "Rows: balanced, fine texture, bold shapes, Gatys, neural-style. Columns: the style at a third, as it"
                " is, three times as strong."
            ),
            "strength": self.tr(
                "Rows: no smoothness, some, much. Columns: the style at a quarter, a half, as it is, twice as strong."
            ),
            "scale": self.tr(
                "Rows: strokes of half the size to half as large again. Columns: the style at a third, as it is, three"
                " times as strong."
            ),
        }
        self.note.setText(said[self.vary.current()])

    def _stale(self) -> None:
        self._say()
        self.grid.set_stale()

    def _tip(self, index: int) -> str:
        look = self._looks[index]
        parts = [f"β {look.beta:g}", f"TV {look.tv:g}"]
        kind = self.vary.current()
        if kind == "presets":
            parts.insert(0, list(PRESETS)[index // self._columns])
        if kind == "scale" and look.styles:
            parts.insert(0, self.tr("strokes × {0}").format(f"{look.styles[0].scale:g}"))
        return " · ".join(parts)

    def preview(self, key: str, job: int, preview: Preview) -> None:
        self._put(preview.index, preview.image)

    def _put(self, index: int, image: Any) -> None:
        if 0 <= index < len(self._looks):
            self.grid.set_tile(*divmod(index, self._columns), image, self._tip(index))

    def result(self, key: str, job: int, request: Any, result: Any) -> None:
        for index, image in enumerate(result.images):
            self._put(index, image)
        self.ended(key, job)

    def ended(self, key: str, job: int) -> None:
        self.draw.setText(self.tr("Draw the sheet"))
        self.panel.work_ends()


def _with_scales(look: StyleLook, adopted: StyleLook) -> tuple[Any, ...]:
    """The styles as they are now, with the stroke sizes of the adopted look where they are the same pictures."""
    if len(adopted.styles) != len(look.styles):
        return look.styles
    return tuple(
        msgspec.structs.replace(now, scale=then.scale) if now.picture == then.picture else now
        for now, then in zip(look.styles, adopted.styles, strict=True)
    )
