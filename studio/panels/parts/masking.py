"""Masks of any panel: painted over its canvas, taken from a file or from a picture's alpha, one undo step a stroke."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import Qt, QTimer

from studio.base.errors import StudioError
from studio.base.steps import UInt8Image
from studio.panels.base import Panel
from studio.panels.parts.bank import PICTURE_FILES
from studio.panels.parts.part import Part
from studio.widgets.chips import ChipRow
from studio.widgets.flow import FlowBox
from studio.widgets.maskcanvas import LEAST_BRUSH, MASK_SIDE, MOST_BRUSH, Mask, feathered, mask_shape
from studio.widgets.parts import text_button
from studio.widgets.section import Section
from studio.widgets.slider import NumberSlider
from studio.widgets.tokens import Theme

_COMING: Mask = np.zeros((1, 1), np.uint8)
"""In the place of a mask that is still being read."""
AT_HAND = 60
"""Masks of undo steps that need not be read again."""


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


@dataclass(frozen=True, slots=True)
class Masked:
    """Something that goes only where its mask says: asset ("": everywhere), softness in px at 512 px, colour."""

    mask: str
    feather: float
    tint: str


class MaskEditor(Part):
    """A section with the tools, and the painting on the panel's canvas (a MaskCanvas).

    Subclasses say what is masked (:meth:`targets`, :attr:`index`), over which picture (:meth:`base`), and write a
    change into the session (:meth:`wear`); they put ``tools`` and whatever else they need into ``section``.
    """

    keys = frozenset({"mask", "stroke"})

    def __init__(self, panel: Panel, section: Section) -> None:
        super().__init__(panel)
        tr = self.tr
        canvas = self.panel.canvas
        self.section = section
        self.brush = ChipRow([("brush", tr("Brush")), ("eraser", tr("Eraser"))], name=tr("Tool"))
        self.brush.set_current("brush")
        self.brush.setToolTip(tr("X changes between them"))
        self.size = NumberSlider(
            tr("Brush size"), LEAST_BRUSH, MOST_BRUSH, canvas.brush()[0], 1, 0, "px", tip=tr("[ and ] change it")
        )
        self.feather = NumberSlider(
            tr("Feather"), 0, 128, 12, 1, 0, "px", tip=tr("How softly the edge goes over, at 512 px.")
        )
        self.does = FlowBox()
        self._at_hand: OrderedDict[str, Mask] = OrderedDict()
        self._reading: dict[int, str] = {}
        self._missing: set[str] = set()
        self._strokes: dict[int, tuple[int, str, Mask]] = {}
        self._shown_for: tuple[Any, ...] = ()
        self._reveal = QTimer(self)  # the section has its place when the layout has run
        self._reveal.setSingleShot(True)
        self._reveal.setInterval(0)
        self._reveal.timeout.connect(lambda: self.panel.inspector.show_widget(self.section))
        canvas.stroked.connect(lambda mask: self._keep(mask, self.tr("Brush stroke")))
        canvas.brush_changed.connect(self._brush_by_key)
        canvas.painting_left.connect(self.leave)
        self.brush.changed.connect(lambda tool: canvas.set_brush(self.size.value(), tool == "eraser"))
        self.size.value_changed.connect(lambda v, _final: canvas.set_brush(v, self.brush.current() == "eraser"))
        self.feather.value_changed.connect(lambda v, final: self._edit(self.feather.name(), "feather", final, v))

    def add_does(self, *more: tuple[str, Callable[[], object], str]) -> FlowBox:
        """The small buttons: fill, empty, invert, load, and (words, slot, tip) of the panel's own."""
        tr = self.tr
        for text, slot, tip in (
            (tr("Fill"), lambda: self._whole(255), tr("Everywhere")),
            (tr("Empty"), lambda: self._whole(0), tr("Nowhere")),
            (tr("Invert"), self.invert, tr("There instead of here")),
            (tr("Load…"), self.load, tr("A black and white picture, or the alpha of one")),
            *more,
        ):
            self.does.add_part(text_button(text, slot, tip=tip))
        return self.does

    # For subclasses to answer --------------------------------------------------------------------------------

    @property
    def index(self) -> int:
        """Whose mask is in hand."""
        raise NotImplementedError

    def targets(self) -> Sequence[Masked]:
        """All that may have a mask now."""
        raise NotImplementedError

    def base(self) -> UInt8Image | None:
        """The picture that masks lie over."""
        raise NotImplementedError

    def wear(self, index: int, text: str, drag: str, final: bool, **changes: Any) -> None:
        """Write ``mask`` or ``feather`` of a target into the session."""
        raise NotImplementedError

    def may_begin(self) -> str:
        """Why the brush cannot be taken in hand now, in a sentence; "" when it can."""
        return ""

    def brush_moved(self) -> None:
        """The brush was taken in hand or put away."""

    # Showing -------------------------------------------------------------------------------------------------

    @property
    def painting(self) -> bool:
        """Whether the brush is out."""
        return bool(self.panel.canvas.is_painting())

    def show_none(self) -> None:
        """Nothing can be masked now."""
        self.leave()
        self._shown_for = ()
        self.panel.canvas.set_masks([])
        self.panel.canvas.set_painted(None, Theme.ACCENT)

    def show_tools(self) -> bool:
        """Tools and overlay for the target in hand; False: one of the masks is missing."""
        targets = self.targets()
        self.feather.set_value(targets[self.index].feather)
        self.feather.setEnabled(bool(targets[self.index].mask))
        for part in (self.brush, self.size):
            part.setVisible(self.painting)
        for each in targets:
            self._mask(each.mask)  # asked for now, so that a missing one is told
        self._show_masks(targets)
        return not any(each.mask in self._missing for each in targets)

    def _show_masks(self, targets: Sequence[Masked]) -> None:
        """The overlay: all masks while one is painted, none otherwise."""
        canvas = self.panel.canvas
        seen = self.painting
        if self._strokes:
            return  # what is painted is ahead of the session
        shown_for = (seen, self.index, tuple((s.mask, s.feather) for s in targets), len(self._at_hand))
        if shown_for == self._shown_for:
            return
        self._shown_for = shown_for
        if not seen:
            canvas.set_masks([])
            canvas.set_painted(None, Theme.ACCENT)
            return
        masks = [(i, self._mask(s.mask), s.feather) for i, s in enumerate(targets)]
        canvas.set_masks(
            [
                (feathered(m, f * max(m.shape) / MASK_SIDE), targets[i].tint)
                for i, m, f in masks
                if m is not None and i != self.index
            ]
        )
        target = targets[self.index]
        canvas.set_painted(self._mask(target.mask), target.tint, target.feather)

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

    def begin(self) -> None:
        """Take the brush in hand."""
        if self.painting:
            return
        sentence = self.may_begin()
        if sentence:
            self.brush_moved()
            self.studio.notify(sentence)
            return
        self.section.set_open(True)
        self._reveal.start()
        self.panel.canvas.set_painting(True)
        self.brush_moved()
        self.panel.show_canvas()
        self.show(self.panel.state)
        self.panel.canvas.setFocus(Qt.FocusReason.MouseFocusReason)  # the brush shows where the hand is

    def leave(self) -> None:
        """Put the brush away."""
        if self.painting:
            self.panel.canvas.set_painting(False)
            self.brush_moved()
            self.panel.show_canvas()
            self.show(self.panel.state)

    def _brush_by_key(self, size: float, erase: bool) -> None:
        self.size.set_value(size)
        self.brush.set_current("eraser" if erase else "brush")

    def _shape(self) -> tuple[int, int]:
        base = self.base()
        return mask_shape(base.shape[1], base.shape[0]) if base is not None else (MASK_SIDE, MASK_SIDE)

    def _current(self) -> Mask:
        """The mask in hand; without one it is everywhere."""
        painted = self.panel.canvas.painted() if self._strokes else None
        if painted is None:
            painted = self._mask(self.targets()[self.index].mask)
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

    def from_alpha(self, opaque: str) -> None:
        """Where the picture below is opaque; ``opaque`` is said of one without alpha."""
        base = self.base()
        if base is None or base.shape[2] != 4:
            self.studio.notify(opaque)
            return
        mask, shape = as_mask(base, alpha=True), self._shape()
        self._bring(lambda _ctx: fitted(mask, shape))

    def _bring(self, read: Callable[[Any], Mask]) -> None:
        """A mask that is read beside the window."""
        self.begin()
        index, text = self.index, self.tr("Load a mask")

        def keep(ctx: Any) -> tuple[str, Mask]:
            mask = read(ctx)
            return _put(ctx, mask), mask

        job = self.panel.call(keep, self.tr("Reading the mask"), "stroke", "io")
        self._strokes[job] = (index, text, _COMING)

    def _keep(self, mask: Mask, text: str) -> None:
        """One undo step; the mask goes into the project beside the window."""
        index = self.index
        if text != self.tr("Brush stroke"):
            target = self.targets()[index]
            self.panel.canvas.set_painted(mask, target.tint, target.feather)
        job = self.panel.call(lambda ctx: (_put(ctx, mask), mask), self.tr("Keeping the mask"), "stroke", "io")
        self._strokes[job] = (index, text, mask)

    def _edit(self, text: str, field: str, final: bool, value: Any) -> None:
        if self.index < len(self.targets()):
            self.wear(self.index, text, f"mask{self.index}.{field}", final, **{field: value})

    def settle(self) -> None:
        """What was painted is in the session when this returns: the value is about to be saved or stepped back."""
        for job, (_, _, mask) in list(self._strokes.items()):
            if mask is not _COMING:
                self._stroke(job, _put(self.studio, mask), mask)

    # Jobs ----------------------------------------------------------------------------------------------------

    def result(self, key: str, job: int, request: Any, result: Any) -> None:
        if key == "mask":
            self._remember(self._reading.pop(job, ""), result)
            self.show(self.panel.state)
            return
        if job in self._strokes:  # else it was not waited for
            self._stroke(job, *result)

    def _stroke(self, job: int, sha: str, mask: Mask) -> None:
        index, text, _ = self._strokes.pop(job)
        self._remember(sha, mask)
        self._shown_for = ()
        if index < len(self.targets()):
            self.wear(index, text, "", True, mask=sha)

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
