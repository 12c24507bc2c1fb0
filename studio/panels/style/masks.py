"""Where each style goes: a mask painted over the content, or taken from a file or from a picture's alpha."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from studio.base.steps import UInt8Image
from studio.panels.parts.masking import Masked, MaskEditor
from studio.panels.style.values import shown_look, with_style
from studio.project.session import StyleState
from studio.widgets.parts import label, text_button
from studio.widgets.section import Section
from studio.widgets.slider import NumberSlider
from studio.widgets.tokens import Theme

if TYPE_CHECKING:
    from studio.panels.style.panel import StylePanel

TINTS = (Theme.ACCENT, Theme.VIOLET, Theme.BAD, Theme.GOOD, "#e58fc6", "#e6d06a")
"""Colours of masks over the picture; blue would drown in skies and water."""


def tint_of(index: int) -> str:
    """The colour of a style's mask."""
    return TINTS[index % len(TINTS)]


class Masking(MaskEditor):
    """The section Masks, and the painting on the canvas."""

    panel: StylePanel

    def __init__(self, panel: StylePanel) -> None:
        super().__init__(panel, Section("", opened=False))
        tr = self.tr
        self.section.set_title(tr("Masks"))
        self.section.set_hint(tr("where a style goes"))
        self.paint = text_button(
            tr("Paint where this style goes"), self._toggle, icon_name="hand", checkable=True, tip=tr("On the canvas")
        )
        self.alpha = NumberSlider(
            tr("Content α here"), 0.0, 4.0, 1.0, 0.05, 2, tip=tr("Multiplies the run's own there.")
        )
        self.beta = NumberSlider(tr("Style β here"), 0.0, 4.0, 1.0, 0.05, 2, tip=tr("Multiplies the run's own there."))
        self.add_does(
            (tr("From the content's alpha"), self.from_content, tr("Where the content is opaque")),
            (tr("Remove"), self.remove, tr("Without a mask this style goes everywhere")),
        )
        self.note = label(tr("Without a mask a style goes everywhere."), "dim", wrap=True)
        for part in (
            self.paint,
            self.brush,
            self.size,
            self.feather,
            self.alpha,
            self.beta,
            self.does,
            self.note,
        ):
            self.section.add(part)
        for slider, field in ((self.alpha, "alpha"), (self.beta, "beta")):
            slider.value_changed.connect(lambda v, final, f=field, s=slider: self._edit(s.name(), f, final, v))

    @property
    def index(self) -> int:
        """The style whose mask is in hand."""
        return self.panel.pictures.selected

    def targets(self) -> Sequence[Masked]:
        styles = shown_look(self.panel.state.run).styles
        return [Masked(s.mask, s.feather, tint_of(i)) for i, s in enumerate(styles)]

    def base(self) -> UInt8Image | None:
        return self.panel.bank.get(self.panel.state.run.content)

    def wear(self, index: int, text: str, drag: str, final: bool, **changes: Any) -> None:
        run = with_style(self.panel.state.run, index, **changes)
        self.panel.change(text, drag=drag or None, final=final, run=run)

    def may_begin(self) -> str:
        state: StyleState = self.panel.state
        if not state.run.content or not shown_look(state.run).styles:
            return self.tr("A mask needs a content and a style. Drop two pictures first.")
        return ""

    def brush_moved(self) -> None:
        self.paint.setChecked(self.painting)

    def _toggle(self) -> None:
        if self.paint.isChecked():
            self.begin()
        else:
            self.leave()

    def from_content(self) -> None:
        """Where the content is opaque."""
        self.from_alpha(self.tr("The content has no alpha: it is opaque everywhere."))

    def show(self, state: StyleState) -> None:
        styles = shown_look(state.run).styles
        usable = bool(styles) and bool(state.run.content) and self.panel.uses_look()
        self.section.setVisible(self.panel.uses_look())
        self.section.setEnabled(usable)
        if not usable or self.index >= len(styles):
            self.show_none()
            return
        source = styles[self.index]
        masks = sum(1 for s in styles if s.mask)
        self.section.set_hint(self.tr("{0} painted").format(masks) if masks else self.tr("where a style goes"))
        name = source.name if len(styles) > 1 else ""
        self.paint.setText(
            self.tr("Paint where “{0}” goes").format(name[:24]) if name else self.tr("Paint where this style goes")
        )
        self.alpha.set_value(source.alpha)
        self.beta.set_value(source.beta)
        for part in (self.alpha, self.beta):
            part.setEnabled(bool(source.mask))
        here = self.show_tools()
        self.note.setText(
            self.tr("A mask of this project is missing; its style goes everywhere.")
            if not here
            else self.tr("Drag on the canvas. Space moves the picture, [ and ] change the brush, X erases.")
            if self.painting
            else self.tr("Without a mask a style goes everywhere.")
        )
