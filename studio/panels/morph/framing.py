"""The picture in hand: its frame, what the model sees and makes of it, and how sure it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QColorDialog, QWidget

from studio.base.steps import UInt8Image
from studio.project.latents import Frame
from studio.project.session import TrayItem
from studio.widgets.chips import ChipRow
from studio.widgets.cropbox import Box, CropBox
from studio.widgets.parts import label, text_button
from studio.widgets.picture import PictureView
from studio.widgets.section import Section

if TYPE_CHECKING:
    from studio.engine.results import Encoding

FACE = 0.9
"""Share of the shorter side that head and shoulders usually take in a portrait."""
FACE_AT = 0.46
"""How far down its middle usually is."""
SURE, FAIRLY = 0.15, 0.4
"""Mean sigma below which an encoder is very, or fairly, sure."""


def square(width: int, height: int) -> Box:
    """The largest centred square of a picture, in shares."""
    side = min(width, height)
    dx, dy = (1 - side / width) / 2, (1 - side / height) / 2
    return dx, dy, 1 - dx, 1 - dy


def whole(width: int, height: int) -> Box:
    """The smallest square around the whole picture, in shares: it reaches outside."""
    side = max(width, height)
    dx, dy = (1 - side / width) / 2, (1 - side / height) / 2
    return dx, dy, 1 - dx, 1 - dy


def face(width: int, height: int) -> Box:
    """A square of a face's size where a portrait has it, in shares; the hand does the rest."""
    side = FACE * min(width, height)
    middle = min(max(FACE_AT * height, side / 2), height - side / 2)
    wide, high = side / width / 2, side / height / 2
    return 0.5 - wide, middle / height - high, 0.5 + wide, middle / height + high


class FrameSection(Section):
    """The frame with its presets and fill, and the three pictures: seen, made of it, where they differ."""

    framed = Signal(object, bool)
    """(:class:`Frame`, final)."""
    whole_asked = Signal()
    """Reconstruct at the picture's own size."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(self.tr("Picture"), self.tr("align it with what the model knows"), parent=parent)
        self._frame = Frame()
        self._size = (1, 1)
        self.crop = CropBox()
        self.presets = ChipRow(
            [("square", self.tr("Square")), ("face", self.tr("Face-sized")), ("whole", self.tr("Whole"))],
            optional=True,
            name=self.tr("Frame"),
        )
        self.presets.setToolTip(
            self.tr(
                "Face-sized: a frame of a face's size, with an oval to align to. Whole: everything, the rest is filled."
            )
        )
        self.fill = ChipRow([("edge", self.tr("Edge")), ("colour", self.tr("Colour"))], name=self.tr("Fill outside"))
        self.fill.setToolTip(self.tr("What stands where the frame reaches outside of the picture"))
        self.colour = text_button("", self._choose_colour, tip=self.tr("The colour that fills"))
        self.colour.setFixedWidth(34)
        self.seen = PictureView(self.tr("seen"), most=86)
        self.made = PictureView(self.tr("reconstruction"), most=86)
        self.error = PictureView(self.tr("difference"), most=86)
        self.words = label("", "dim", wrap=True)
        self.large = text_button(
            self.tr("Reconstruct at full size"),
            self.whole_asked.emit,
            tip=self.tr("The whole picture through the model at its own size, in tiles; lands in the history"),
        )
        self.add(self.crop)
        self.add(self.presets)
        self.add_row(label(self.tr("Outside"), "dim"), self.fill, self.colour, stretch=1)
        row = self.add_row(self.seen, self.made, self.error, stretch=-1)
        row.setSpacing(8)
        self.add(self.words)
        self.add(self.large)
        self.crop.framed.connect(self._dragged)
        self.presets.changed.connect(self._preset)
        self.fill.changed.connect(lambda kind: self._edit(True, fill="colour" if kind == "colour" else "edge"))

    def show_item(self, item: TrayItem, pixels: UInt8Image | None, seen: Encoding | None) -> None:
        """Show an item (silently); ``pixels`` the whole picture, ``seen`` what the model makes of it."""
        self.set_hint(item.name)
        if pixels is not None:
            self._size = (int(pixels.shape[1]), int(pixels.shape[0]))
        self.crop.set_image(pixels)
        box = square(*self._size)
        self._frame = item.frame or Frame(left=box[0], top=box[1], right=box[2], bottom=box[3])
        frame = self._frame
        self.crop.set_box((frame.left, frame.top, frame.right, frame.bottom))
        self.fill.set_current(frame.fill)
        self.colour.setVisible(frame.fill == "colour")
        self.colour.setStyleSheet(f"background: {frame.colour};")
        known = {"square": square, "face": face, "whole": whole}
        here = (frame.left, frame.top, frame.right, frame.bottom)
        on = next((name for name, make in known.items() if _close(make(*self._size), here)), "")
        self.presets.set_current(on)
        for view, image in (
            (self.seen, seen.image if seen else None),
            (self.made, seen.reconstruction if seen else None),
            (self.error, seen.image if seen else None),
        ):
            view.set_image(image)
        self.error.set_overlay(seen.error / max(0.05, float(seen.error.max())) if seen else None)
        self.words.setText(self.sure_words(seen) if seen is not None else self.tr("Looking at the picture …"))

    def sure_words(self, seen: Encoding) -> str:
        """How sure the encoder is and how close it comes, as one would say it."""
        if seen.sigma <= 0:
            sure = self.tr("This model does not say how sure it is.")
        elif seen.sigma < SURE:
            sure = self.tr("The model is very sure what it sees (σ %1).")
        elif seen.sigma < FAIRLY:
            sure = self.tr("The model is fairly sure what it sees (σ %1).")
        else:
            sure = self.tr(
                "The model is unsure what it sees (σ %1): it learnt from other pictures, or another frame helps."
            )
        close = self.tr("Its reconstruction is %1 dB from the picture.").replace("%1", f"{seen.psnr:.1f}")
        return sure.replace("%1", f"{seen.sigma:.2f}") + " " + close

    def _dragged(self, left: float, top: float, right: float, bottom: float, final: bool) -> None:
        self._edit(final, left=left, top=top, right=right, bottom=bottom)

    def _preset(self, name: str) -> None:
        make = {"square": square, "face": face, "whole": whole}.get(name)
        self.crop.set_guide(name == "face")
        if make is None:
            return
        left, top, right, bottom = make(*self._size)
        self._edit(True, left=left, top=top, right=right, bottom=bottom)

    def _choose_colour(self) -> None:
        chosen = QColorDialog.getColor(QColor(self._frame.colour), self, self.tr("Fill outside"))
        if chosen.isValid():
            self._edit(True, colour=chosen.name())

    def _edit(self, final: bool, **changes: object) -> None:
        self._frame = msgspec.structs.replace(self._frame, **changes)
        self.framed.emit(self._frame, final)


def _close(a: Box, b: Box) -> bool:
    return all(abs(x - y) < 1e-3 for x, y in zip(a, b, strict=True))
