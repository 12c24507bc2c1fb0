"""Where each style goes: a mask painted over the content, or taken from a file or from a picture's alpha."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import Qt, QTimer

from studio.base.errors import StudioError
from studio.base.steps import UInt8Image
from studio.panels.style.part import Part
from studio.panels.style.pictures import PICTURE_FILES
from studio.panels.style.values import shown_look, with_style
from studio.project.session import StyleState
from studio.widgets.chips import ChipRow
from studio.widgets.flow import FlowBox
from studio.widgets.maskcanvas import LEAST_BRUSH, MASK_SIDE, MOST_BRUSH, Mask, feathered, mask_shape
from studio.widgets.parts import label, text_button
from studio.widgets.section import Section
from studio.widgets.slider import NumberSlider
from studio.widgets.tokens import Theme

if TYPE_CHECKING:
    from studio.panels.style.panel import StylePanel

TINTS = (Theme.ACCENT, Theme.VIOLET, Theme.BAD, Theme.GOOD, "#e58fc6", "#e6d06a")
"""Colours of masks over the picture; blue would drown in skies and water."""
AT_HAND = 60
"""Masks of undo steps that need not be read again."""


def tint_of(index: int) -> str:
    """The colour of a style's mask."""
    return TINTS[index % len(TINTS)]


def as_mask(pixels: UInt8Image, *, alpha: bool = False) -> Mask:
    """A mask from a picture: its alpha where it has one that says something (or is asked for), else how light it is."""
    if pixels.shape[2] == 4 and (alpha or int(pixels[..., 3].min()) < 255):
        return np.ascontiguousarray(pixels[..., 3])
    light = pixels[..., :3].astype(np.float32) @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    made: Mask = np.clip(light + 0.5, 0, 255).astype(np.uint8)
    return made


def fitted(mask: Mask, shape: tuple[int, int]) -> Mask:
    """The mask at another size (beside the window: large ones take long)."""
    if mask.shape == shape:
        return mask
    from PIL import Image

    made = Image.fromarray(mask).resize((shape[1], shape[0]), Image.Resampling.BOX)
    return np.asarray(made)


class Masking(Part):
    """The section Masks, and the painting on the canvas."""

    keys = frozenset({"mask", "stroke"})

    def __init__(self, panel: StylePanel) -> None:
        super().__init__(panel)
        tr = self.tr
        canvas = panel.canvas
        self.section = Section(tr("Masks"), tr("where a style goes"), opened=False)
        self.paint = text_button(
            tr("Paint where this style goes"), self._toggle, icon_name="hand", checkable=True, tip=tr("On the canvas")
        )
        self.brush = ChipRow([("brush", tr("Brush")), ("eraser", tr("Eraser"))], name=tr("Tool"))
        self.brush.set_current("brush")
        self.brush.setToolTip(tr("X changes between them"))
        self.size = NumberSlider(
            tr("Brush size"), LEAST_BRUSH, MOST_BRUSH, canvas.brush()[0], 1, 0, "px", tip=tr("[ and ] change it")
        )
        self.feather = NumberSlider(
            tr("Feather"), 0, 128, 12, 1, 0, "px", tip=tr("How softly the edge goes over, at 512 px.")
        )
        self.alpha = NumberSlider(
            tr("Content α here"), 0.0, 4.0, 1.0, 0.05, 2, tip=tr("Multiplies the run's own there.")
        )
        self.beta = NumberSlider(tr("Style β here"), 0.0, 4.0, 1.0, 0.05, 2, tip=tr("Multiplies the run's own there."))
        self.does = FlowBox()
        for text, slot, tip in (
            (tr("Fill"), lambda: self._whole(255), tr("Everywhere")),
            (tr("Empty"), lambda: self._whole(0), tr("Nowhere")),
            (tr("Invert"), self.invert, tr("There instead of here")),
            (tr("Load…"), self.load, tr("A black and white picture, or the alpha of one")),
            (tr("From the content's alpha"), self.from_content, tr("Where the content is opaque")),
            (tr("Remove"), self.remove, tr("Without a mask this style goes everywhere")),
        ):
            self.does.add_part(text_button(text, slot, tip=tip))
        self.note = label(tr("Without a mask a style goes everywhere."), "dim", wrap=True)
        self.section.add(self.paint)
        for part in (self.brush, self.size, self.feather, self.alpha, self.beta, self.does, self.note):
            self.section.add(part)
        self._at_hand: OrderedDict[str, Mask] = OrderedDict()
        self._reading: dict[int, str] = {}
        self._missing: set[str] = set()
        self._strokes: dict[int, tuple[int, str, Mask]] = {}
        self._shown_for: tuple[Any, ...] = ()
        self._reveal = QTimer(self)  # the section has its place when the layout has run
        self._reveal.setSingleShot(True)
        self._reveal.setInterval(0)
        self._reveal.timeout.connect(lambda: panel.inspector.show_widget(self.section))
        canvas.stroked.connect(lambda mask: self._keep(mask, self.tr("Brush stroke")))
        canvas.brush_changed.connect(self._brush_by_key)
        canvas.painting_left.connect(self.leave)
        self.brush.changed.connect(lambda tool: canvas.set_brush(self.size.value(), tool == "eraser"))
        self.size.value_changed.connect(lambda v, _final: canvas.set_brush(v, self.brush.current() == "eraser"))
        for slider, field in ((self.feather, "feather"), (self.alpha, "alpha"), (self.beta, "beta")):
            slider.value_changed.connect(lambda v, final, f=field, s=slider: self._edit(s.name(), f, final, v))

    @property
    def index(self) -> int:
        """The style whose mask is in hand."""
        return self.panel.pictures.selected

    @property
    def painting(self) -> bool:
        """Whether the brush is out."""
        return self.panel.canvas.is_painting()

    # Showing -------------------------------------------------------------------------------------------------

    def show(self, state: StyleState) -> None:
        styles = shown_look(state.run).styles
        usable = bool(styles) and bool(state.run.content) and self.panel.uses_look()
        self.section.setVisible(self.panel.uses_look())
        self.section.setEnabled(usable)
        if not usable or self.index >= len(styles):
            self.leave()
            self._shown_for = ()
            self.panel.canvas.set_masks([])
            self.panel.canvas.set_painted(None, Theme.ACCENT)
            return
        source = styles[self.index]
        masks = sum(1 for s in styles if s.mask)
        self.section.set_hint(self.tr("{0} painted").format(masks) if masks else self.tr("where a style goes"))
        name = source.name if len(styles) > 1 else ""
        self.paint.setText(
            self.tr("Paint where “{0}” goes").format(name[:24]) if name else self.tr("Paint where this style goes")
        )
        self.feather.set_value(source.feather)
        self.alpha.set_value(source.alpha)
        self.beta.set_value(source.beta)
        for part in (self.brush, self.size):
            part.setVisible(self.painting)
        for part in (self.feather, self.alpha, self.beta):
            part.setEnabled(bool(source.mask))
        for each in styles:
            self._mask(each.mask)  # asked for now, so that a missing one is told
        missing = any(s.mask in self._missing for s in styles)
        self.note.setText(
            self.tr("A mask of this project is missing; its style goes everywhere.")
            if missing
            else self.tr("Drag on the canvas. Space moves the picture, [ and ] change the brush, X erases.")
            if self.painting
            else self.tr("Without a mask a style goes everywhere.")
        )
        self._show_masks(state)

    def _show_masks(self, state: StyleState) -> None:
        """The overlay: all masks while one is painted, none otherwise."""
        canvas = self.panel.canvas
        styles = shown_look(state.run).styles
        seen = self.painting
        if self._strokes:
            return  # what is painted is ahead of the session
        source = styles[self.index]
        shown_for = (seen, self.painting, self.index, tuple((s.mask, s.feather) for s in styles), len(self._at_hand))
        if shown_for == self._shown_for:
            return
        self._shown_for = shown_for
        if not seen:
            canvas.set_masks([])
            canvas.set_painted(None, Theme.ACCENT)
            return
        masks = [(i, self._mask(s.mask), s.feather) for i, s in enumerate(styles)]
        others = [
            (feathered(m, f * max(m.shape) / MASK_SIDE), tint_of(i))
            for i, m, f in masks
            if m is not None and i != self.index
        ]
        canvas.set_masks(others)
        canvas.set_painted(self._mask(source.mask), tint_of(self.index), source.feather)

    def _mask(self, sha: str) -> Mask | None:
        if not sha or sha in self._missing:
            return None
        if sha in self._at_hand:
            self._at_hand.move_to_end(sha)
            return self._at_hand[sha]
        if sha not in self._reading.values():
            job = self.panel.call(_mask_reader(sha), self.tr("Opening the mask"), "mask", "io")
            self._reading[job] = sha
        return None

    def _remember(self, sha: str, mask: Mask) -> None:
        self._missing.discard(sha)
        self._at_hand[sha] = mask
        self._at_hand.move_to_end(sha)
        while len(self._at_hand) > AT_HAND:
            self._at_hand.popitem(last=False)

    # Painting ------------------------------------------------------------------------------------------------

    def _toggle(self) -> None:
        if self.paint.isChecked():
            self.begin()
        else:
            self.leave()

    def begin(self) -> None:
        """Take the brush in hand: the mask lies over the content, or over the picture that grows."""
        state: StyleState = self.panel.state
        if self.painting:
            return
        if not state.run.content or not shown_look(state.run).styles:
            self.paint.setChecked(False)
            self.studio.notify(self.tr("A mask needs a content and a style. Drop two pictures first."))
            return
        self.section.set_open(True)
        self._reveal.start()
        self.paint.setChecked(True)
        self.panel.canvas.set_painting(True)
        self.panel.show_canvas()
        self.show(state)
        self.panel.canvas.setFocus(Qt.FocusReason.MouseFocusReason)  # the brush shows where the hand is

    def leave(self) -> None:
        """Put the brush away."""
        if self.paint.isChecked() or self.painting:
            self.paint.setChecked(False)
            self.panel.canvas.set_painting(False)
            self.panel.show_canvas()
            self.show(self.panel.state)

    def _brush_by_key(self, size: float, erase: bool) -> None:
        self.size.set_value(size)
        self.brush.set_current("eraser" if erase else "brush")

    def _shape(self) -> tuple[int, int]:
        content = self.panel.bank.get(self.panel.state.run.content)
        return mask_shape(content.shape[1], content.shape[0]) if content is not None else (MASK_SIDE, MASK_SIDE)

    def _current(self) -> Mask:
        """The mask in hand; a style without one goes everywhere."""
        painted = self.panel.canvas.painted() if self._strokes else None
        if painted is None:
            styles = shown_look(self.panel.state.run).styles
            painted = self._mask(styles[self.index].mask)
        return painted if painted is not None else np.full(self._shape(), 255, np.uint8)

    def _whole(self, shade: int) -> None:
        self.begin()
        self._keep(
            np.full(self._shape(), shade, np.uint8), self.tr("Fill the mask") if shade else self.tr("Empty the mask")
        )

    def invert(self) -> None:
        """There instead of here."""
        self.begin()
        self._keep(255 - self._current(), self.tr("Invert the mask"))

    def remove(self) -> None:
        """Everywhere again."""
        self._edit(self.tr("Remove the mask"), "mask", True, "")

    def load(self) -> None:
        """A mask from a file."""
        patterns = " ".join(f"*{suffix}" for suffix in sorted(PICTURE_FILES))
        files = self.studio.choose_files("mask", self.tr("Choose a mask"), f"{self.tr('Pictures')} ({patterns})")
        for path in files[:1]:
            self._bring(_file_reader(path, self._shape()))

    def from_content(self) -> None:
        """Where the content is opaque."""
        content = self.panel.bank.get(self.panel.state.run.content)
        if content is None or content.shape[2] != 4:
            self.studio.notify(self.tr("The content has no alpha: it is opaque everywhere."))
            return
        mask, shape = as_mask(content, alpha=True), self._shape()
        self._bring(lambda _ctx: fitted(mask, shape))

    def _bring(self, read: Callable[[Any], Mask]) -> None:
        """A mask that is read beside the window."""
        self.begin()
        index, text = self.index, self.tr("Load a mask")

        def keep(ctx: Any) -> tuple[str, Mask]:
            mask = read(ctx)
            return _put(ctx, mask), mask

        job = self.panel.call(keep, self.tr("Reading the mask"), "stroke", "io")
        self._strokes[job] = (index, text, np.zeros((1, 1), np.uint8))

    def _keep(self, mask: Mask, text: str) -> None:
        """One undo step; the mask goes into the project beside the window."""
        index = self.index
        if text != self.tr("Brush stroke"):
            source = shown_look(self.panel.state.run).styles[index]
            self.panel.canvas.set_painted(mask, tint_of(index), source.feather)
        job = self.panel.call(lambda ctx: (_put(ctx, mask), mask), self.tr("Keeping the mask"), "stroke", "io")
        self._strokes[job] = (index, text, mask)

    def _edit(self, text: str, field: str, final: bool, value: Any) -> None:
        state: StyleState = self.panel.state
        if self.index < len(shown_look(state.run).styles):
            run = with_style(state.run, self.index, **{field: value})
            self.panel.change(text, drag=f"mask{self.index}.{field}", final=final, run=run)

    # Jobs ----------------------------------------------------------------------------------------------------

    def result(self, key: str, job: int, request: Any, result: Any) -> None:
        if key == "mask":
            self._remember(self._reading.pop(job, ""), result)
            self.show(self.panel.state)
            return
        index, text, _ = self._strokes.pop(job)
        sha, mask = result
        self._remember(sha, mask)
        self._shown_for = ()
        state: StyleState = self.panel.state
        if index < len(shown_look(state.run).styles):
            self.panel.change(text, run=with_style(state.run, index, mask=sha))

    def failed(self, key: str, job: int, error: StudioError) -> bool:
        if key == "mask":
            self._missing.add(self._reading.get(job, ""))
            return True
        return False

    def ended(self, key: str, job: int) -> None:
        self._reading.pop(job, None)
        self._strokes.pop(job, None)
        self._shown_for = ()
        self.show(self.panel.state)


def _put(ctx: Any, mask: Mask) -> str:
    return str(ctx.assets.put_image(np.repeat(mask[..., None], 3, axis=2)))


def _mask_reader(sha: str) -> Callable[[Any], Mask]:
    def read(ctx: Any) -> Mask:
        mask = as_mask(ctx.assets.image(sha))
        # One from elsewhere may be huge; here it is painted on and softened while somebody watches.
        return fitted(mask, mask_shape(mask.shape[1], mask.shape[0])) if max(mask.shape) > MASK_SIDE else mask

    return read


def _file_reader(path: Path, shape: tuple[int, int]) -> Callable[[Any], Mask]:
    def read(_ctx: Any) -> Mask:
        from studio.media.images import load_image

        return fitted(as_mask(load_image(path).pixels), shape)

    return read
