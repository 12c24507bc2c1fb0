"""The paper: strokes become drawings of the project, and frames for the live picture while the hand moves.

One frame is on its way at a time: while it is, later movements only leave a note that there is more.  The drawing
that the session keeps is the finer sheet, written beside the window after every stroke.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter

from studio.base.errors import StudioError
from studio.base.steps import UInt8Image
from studio.panels.parts.labels import said
from studio.panels.translate.part import Part
from studio.panels.translate.values import HOME, OWN, home_size, palette_of, worlds
from studio.project.session import TranslateState
from studio.widgets.drawing.drawcanvas import DrawCanvas
from studio.widgets.pictures import from_qimage, to_qimage

if TYPE_CHECKING:
    from studio.panels.translate.panel import TranslatePanel
    from studio.project.assets import AssetStore

AT_ONCE = 256
"""Side up to which a frame is packed between two movements of the hand; larger ones are packed beside the window."""
LEAST, MOST = 64, 1024
"""Sides of the paper in picture pixels."""


def laid(pixels: UInt8Image, side: int, paper: str = "#ffffff") -> UInt8Image:
    """A picture in the middle of a square paper, as large as it fits: ``[side, side, 3]``."""
    image = QImage(side, side, QImage.Format.Format_RGB32)
    image.fill(QColor(paper))
    height, width = pixels.shape[:2]
    scale = side / max(width, height)
    box = QRectF((side - width * scale) / 2, (side - height * scale) / 2, width * scale, height * scale)
    source = to_qimage(pixels)
    # Twice or more smaller at once would skip pixels.
    source = source.scaled(
        max(1, round(box.width())),
        max(1, round(box.height())),
        Qt.AspectRatioMode.IgnoreAspectRatio,
        Qt.TransformationMode.SmoothTransformation,
    )
    painter = QPainter(image)
    painter.drawImage(box.topLeft(), source)
    painter.end()
    return from_qimage(image)


def joined(drawing: UInt8Image, below: UInt8Image, paper: str = "#ffffff") -> UInt8Image:
    """A drawing over something that lies under the paper: what is drawn hides it, bare paper shows it."""
    bare = QColor(paper)
    blank = (drawing[..., :3] == np.array((bare.red(), bare.green(), bare.blue()), np.uint8)).all(axis=2)
    return np.where(blank[..., None], below[..., :3], np.minimum(drawing[..., :3], below[..., :3])).astype(np.uint8)


class Paper(Part):
    """The canvas that is drawn on, held together with ``TranslateState.drawing``."""

    keys = frozenset({"sheet", "frame"})

    def __init__(self, panel: TranslatePanel) -> None:
        super().__init__(panel)
        self.canvas = DrawCanvas(own_undo=False)
        self.canvas.changed.connect(self._changed)
        self.canvas.stroke_finished.connect(self._stroke)
        self.canvas.undo_asked.connect(lambda: self.studio.run_action("edit.undo"))
        self.canvas.redo_asked.connect(lambda: self.studio.run_action("edit.redo"))
        self.canvas.dropped.connect(self.studio.take)
        self._showing = False
        self._hand = False
        self._inked = False
        self._more = False
        self._frame: str | None = None
        """What is on the paper while the session does not have it yet; "": nothing; None: the session has it."""
        self._frames: set[str] = set()
        self._kept: set[str] = set()
        self._packing = -1
        self._commits: dict[int, tuple[str, dict[str, Any], UInt8Image | None, AssetStore]] = {}
        self._shown: str | None = None
        self._palette: list[tuple[str, str]] = []
        self._next: tuple[str, dict[str, Any]] | None = None

    # What is on the paper --------------------------------------------------------------------------------------

    @property
    def colour(self) -> str:
        """The colour of nothing drawn."""
        return self._palette[0][1] if self._palette else "#ffffff"

    @property
    def side(self) -> int:
        """Of the square in picture pixels."""
        state: TranslateState = self.panel.state
        wanted = 0 if state.size == OWN else state.size
        return min(MOST, max(LEAST, wanted or home_size(self.panel.card) or HOME))

    def busy(self) -> bool:
        """Whether the hand is ahead of the session."""
        return self._hand or bool(self._commits)

    def source(self) -> str | None:
        """The asset to be translated in the place of the session's drawing; "": nothing; None: the session's own."""
        if self._frame is not None:
            return self._frame
        if self.panel.tracing.below() is not None:
            return ""  # until its first frame
        return None

    def is_blank(self) -> bool:
        """Whether there is nothing to be translated."""
        return self.canvas.is_blank() and self.panel.tracing.below() is None

    def sheet(self) -> UInt8Image:
        """All that is on the paper, with what is traced below it."""
        drawing, below = self.canvas.sheet(), self.panel.tracing.below()
        if below is None:
            return drawing
        return joined(drawing, laid(below, drawing.shape[0], self.colour), self.colour)

    def _picture(self) -> UInt8Image:
        if self.panel.tracing.below() is None:
            return self.canvas.picture()
        sheet, side = self.sheet(), self.side
        step = sheet.shape[0] // side
        if step <= 1:
            return sheet
        whole = sheet[: side * step, : side * step].reshape(side, step, side, step, 3)
        made: UInt8Image = whole.mean(axis=(1, 3)).round().astype(np.uint8)
        return made

    # Showing -------------------------------------------------------------------------------------------------

    def show(self, state: TranslateState) -> None:
        if state.mode != "draw":
            return
        if not self.busy() and self.panel.tracing.below() is None:
            self._frame = None
        self._showing = True
        try:
            self._fit()
            self._bring(state)
        finally:
            self._showing = False
        self.canvas.set_undo_state(*self.studio.document.undo_state())
        self.canvas.set_caption(self.words(state))

    def _fit(self) -> None:
        if self._hand:
            return  # it would end the stroke
        palette = [(said(name), colour) for name, colour in palette_of(self.panel.card)]
        if palette != self._palette:
            self._palette = palette
            self.canvas.set_palette(palette)
            self._shown = None
        size = self.canvas.picture_size()
        self.canvas.set_size(self.side, self.side)
        if size != self.canvas.picture_size():
            self._shown = None  # the drawing as it was kept, or small and large again would leave it blurred

    def _bring(self, state: TranslateState) -> None:
        """What the session says is on the paper, unless the hand is ahead of it."""
        if self.busy() or state.drawing == self._shown:
            return
        if not state.drawing or self.panel.bank.is_missing(state.drawing):
            bare = QColor(self.colour)
            sheet = self.canvas.sheet()
            sheet[...] = (bare.red(), bare.green(), bare.blue())
        else:
            kept = self.panel.bank.get(state.drawing)
            if kept is None:
                return  # it comes
            sheet = kept if kept.shape[0] == kept.shape[1] else laid(kept, max(kept.shape[:2]), self.colour)
        if self.canvas.set_picture(sheet, undoable=False):
            self._shown = None if self.panel.bank.is_missing(state.drawing) else state.drawing
            self._frame = None
            self.panel.tracing.paper_changed()

    def words(self, state: TranslateState) -> str:
        """The dim words over the paper."""
        if self.panel.bank.is_missing(state.drawing):
            return self.tr("The drawing of this project is missing.")
        if not self.is_blank():
            return self.tr("draw here")
        source, _ = (said(word) for word in worlds(self.panel.card))
        if home_size(self.panel.card) and source not in ("A", "B"):
            return self.tr("draw here") + f" · {source}"
        return self.tr("draw here")

    def show_onion(self, outcome: UInt8Image | None) -> None:
        """What shines through: the tracing, or the outcome."""
        below = self.panel.tracing.below()
        if below is not None:
            self.canvas.set_onion(laid(below, self.canvas.sheet().shape[0], self.colour), 0.75)
        else:
            self.canvas.set_onion(outcome, float(self.panel.state.onion), over=True)

    # The hand --------------------------------------------------------------------------------------------------

    def _changed(self, final: bool) -> None:
        if self._showing:
            return
        self._hand = not final
        if self.busy() or self.panel.tracing.below() is not None:
            self.push()
        elif self.panel.state.mode == "draw":
            # A stroke that left nothing, or was taken back: the session has what is on the paper.
            self._frame, self._more = None, False
            self.panel.doing.ask()
            self.panel.show_canvas()

    def push(self) -> None:
        """The paper changed: a frame for the live picture, or a note that there is more."""
        if not self.panel.active or self.panel.state.mode != "draw":
            return
        if not (self._hand and self._inked):  # looking at all of the sheet takes a while; a stroke empties it rarely
            self._inked = not self.is_blank()
        if not self._inked:
            self._frame = ""
            self.panel.doing.ask()
            self.panel.show_canvas()
            return
        if self.panel.doing.in_flight() or self.panel.owns(self._packing):
            self._more = True
            return
        self._more = False
        pixels = self._picture()
        if pixels.shape[0] > AT_ONCE:
            self._packing = self.panel.call(
                lambda ctx: str(ctx.assets.put_image(pixels)), self.tr("Keeping the drawing"), "frame", "io"
            )
        else:
            self._send(self.studio.assets.put_image(pixels))

    def _send(self, sha: str) -> None:
        self._let_go(sha)
        self._frame = sha
        self.panel.doing.ask()
        if self.panel.doing.picture is None:
            self.panel.show_canvas()  # the invitation gives way

    def _let_go(self, sha: str) -> None:
        """Frames that were only on the way need not stay in memory."""
        self._frames.add(sha)
        self._tidy(sha)

    def _tidy(self, sha: str) -> None:
        if self._commits or self.panel.doing.in_flight():
            return  # one of them may be the very drawing that is being kept, or is still to be read
        state: TranslateState = self.panel.state
        for old in self._frames - {sha, state.drawing, state.picture} - self._kept:
            self.studio.assets.drop(old)
        self._frames &= {sha}

    def hold(self, sha: str) -> None:
        """A result was made of this: its recipe needs it for ever."""
        self._kept.add(sha)

    def frame_ended(self) -> None:
        """The frame on its way is there, or will never be."""
        if self._more and (self.busy() or self.panel.tracing.below() is not None):
            self.push()
        else:
            self._more = False  # what the session has needs no frame
            self._tidy(self._frame or "")

    def _stroke(self, _before: UInt8Image, after: UInt8Image) -> None:
        """A stroke is over: it goes into the project, as one step."""
        self._hand = False
        text, more = self._next or (self.tr("Draw"), {})
        self._next = None
        blank = self.canvas.is_blank()

        def keep(ctx: Any) -> str:
            return "" if blank else str(ctx.assets.put_image(after))

        job = self.panel.call(keep, self.tr("Keeping the drawing"), "sheet", "io")
        words, sheet = (self.tr("Fresh paper"), None) if blank else (text, after)
        self._commits[job] = (words, more, sheet, self.studio.assets)

    def settle(self) -> None:
        """What was drawn is in the session when this returns: the value is about to be saved or stepped back."""
        self.canvas.settle()
        for job, (_, _, sheet, _) in list(self._commits.items()):
            self._commit(job, "" if sheet is None else self.studio.assets.put_image(sheet))

    def put(self, sheet: UInt8Image, text: str, **more: Any) -> None:
        """Something else on the paper, as one step; ``more`` changes in the state with it."""
        self._next = (text, more)
        self.canvas.set_picture(sheet)
        if self._next is not None:  # the paper had it already
            self._next = None
            if more:
                self.panel.change(text, **more)

    def clear(self) -> None:
        """Fresh paper."""
        self._next = (self.tr("Fresh paper"), {})
        self.canvas.clear()
        self._next = None

    # Jobs ----------------------------------------------------------------------------------------------------

    def result(self, key: str, job: int, request: Any, result: Any) -> None:
        if key == "frame":
            self._packing = -1
            if self._inked and (self.busy() or self.panel.tracing.below() is not None):
                self._send(result)
            return
        if job in self._commits:  # else it was not waited for
            self._commit(job, result)

    def _commit(self, job: int, result: str) -> None:
        text, more, sheet, assets = self._commits.pop(job)
        if assets is not self.studio.assets:  # it was drawn in another project
            self._shown = None
            self.show(self.panel.state)
            return
        if sheet is not None:
            self._kept.add(result)
            self.panel.bank.put(result, sheet)
        self._shown = result
        if not self.busy():
            self._frame = None if self.panel.tracing.below() is None or more else self._frame
        state: TranslateState = self.panel.state
        if state.drawing != result or more:
            # No result yet: another stroke may follow.  What the hand rests on becomes one.
            self.panel.doing.drew()
            self.panel.change(text, drawing=result, **more)

    def failed(self, key: str, job: int, error: StudioError) -> bool:
        return False

    def ended(self, key: str, job: int) -> None:
        if key == "frame":
            self._packing = -1
            return
        if self._commits.pop(job, None) is not None:
            self._shown = None
            self.show(self.panel.state)
