"""The pad: two to four pictures at the corners of a square, and every picture between them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from PySide6.QtCore import QPoint, Signal
from PySide6.QtGui import QCursor
from PySide6.QtWidgets import QHBoxLayout, QMenu, QVBoxLayout, QWidget

from studio.base.steps import Preview
from studio.panels.parts.blending import analogy, between, pad_latent
from studio.panels.parts.generator import TILE, Role
from studio.project.latents import Key, Latent, Look
from studio.project.names import describe
from studio.project.requests import Sheet, Tiles
from studio.project.session import Pad
from studio.widgets.chips import ChipRow
from studio.widgets.dropitems import Resolver
from studio.widgets.parts import icon_button, text_button
from studio.widgets.xypad import XYPad

if TYPE_CHECKING:
    from studio.panels.parts.latent import LatentPanel

SIDE = 7
"""Tiles along a side."""
MARKS = 16
"""Bookmarks that the menu of a corner lists, the latest."""
STRIP = 9
"""Pictures of an exported strip."""
ROUND = (0, 1, 3, 2)
"""The corners of the square one after another: A, B, D, C."""


class PadBoard(QWidget):
    """The pad (``pad``) and what can be done with it (``tools``); a panel puts both where it likes.

    ``stacked``: the tools in two rows, for a narrow column.
    """

    analogy_asked = Signal()
    round_asked = Signal()
    more_asked = Signal()

    def __init__(self, *, stacked: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.pad = XYPad(0, SIDE, SIDE, grows=True)
        self.pad.setToolTip(self.tr("Drag the point to blend; drop pictures on the corners; right-click a corner"))
        self.curve = ChipRow([("linear", self.tr("Straight")), ("slerp", self.tr("Arc"))], name=self.tr("Blend"))
        self.curve.setToolTip(
            self.tr("Straight: through the middle, calm. Arc: around the middle, keeps the strength of the pictures.")
        )
        self.analogy = text_button(
            "D = B + C − A",
            self.analogy_asked.emit,
            tip=self.tr("What C becomes when it changes as A does to B, in the fourth corner"),
        )
        self.round = text_button(
            self.tr("→ walk"), self.round_asked.emit, tip=self.tr("A closed walk around the corners")
        )
        self.more = icon_button("more", self.tr("Export a strip or a sheet, clear the pad"), self.more_asked.emit)
        self.tools = QWidget()
        row = QHBoxLayout() if stacked else QHBoxLayout(self.tools)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        if stacked:
            column = QVBoxLayout(self.tools)
            column.setContentsMargins(0, 0, 0, 0)
            column.setSpacing(6)
            column.addWidget(self.curve)
            column.addLayout(row)
        else:
            row.addWidget(self.curve)
        row.addWidget(self.analogy)
        row.addWidget(self.round)
        if stacked:
            row.addStretch(1)
        row.addWidget(self.more)

    def set_resolver(self, resolver: Resolver) -> None:
        """What knows the thumbnails that are dragged here."""
        self.pad.set_resolver(resolver)


class Padding(Role):
    """The pad of a panel."""

    keys = frozenset({"pad", "sheet"})

    panel: LatentPanel

    def __init__(self, panel: LatentPanel, board: PadBoard) -> None:
        super().__init__(panel)
        self.board = board
        self.pad = board.pad
        self._drawn: tuple[Any, ...] | None = None
        self._cells: dict[int, list[tuple[int, int]]] = {}
        self.needed: Callable[[], bool] = lambda: True
        """Whether the pad is to be seen; its tiles are not asked for otherwise."""
        board.set_resolver(panel.resolve)
        board.curve.changed.connect(self._curve)
        board.analogy_asked.connect(self.add_analogy)
        board.round_asked.connect(self.walk_around)
        board.more_asked.connect(lambda: self._menu(QCursor.pos()))
        self.pad.moved.connect(self._moved)
        self.pad.corner_clicked.connect(self._clicked)
        self.pad.corner_menu.connect(self._corner_menu)
        self.pad.corner_dropped.connect(
            lambda corner, things: panel.keeping.take(things, lambda latent: self.put(corner, latent))
        )

    @property
    def value(self) -> Pad:
        """The session's pad."""
        pad: Pad = self.panel.state.pad
        return pad

    def possible(self) -> bool:
        """Whether there is anything between corners."""
        return len(self.value.corners) >= 2 and self.panel.card is not None

    def can_analogy(self) -> bool:
        """Whether A, B and C are there."""
        return len(self.value.corners) >= 3

    # Session to pad ------------------------------------------------------------------------------------------

    def show(self) -> None:
        """Bring the pad to the session, silently, and ask for its tiles when they are not true any more."""
        pad = self.value
        self.pad.set_corners(len(pad.corners))
        self.pad.set_point(pad.x, pad.y)
        if len(pad.corners) == 2:
            self.pad.set_placeholder(self.tr("Drag the point from A to B. A third and a fourth picture make a plane."))
        else:
            self.pad.set_placeholder(
                self.tr("Drag pictures onto the corners, or click + for the one on the canvas. Two are enough.")
            )
        self.board.curve.set_current(pad.curve)
        self.board.curve.setEnabled(len(pad.corners) >= 2)
        self.board.analogy.setEnabled(self.can_analogy())
        self.board.round.setEnabled(self.possible())
        self.ask()

    def _side(self) -> int:
        card = self.panel.card
        return 3 if card is not None and (card.hyper.get("spatial") or self.panel.resolution > 512) else SIDE

    def ask(self) -> None:
        """The pictures of the pad, unless they are there or on their way."""
        pad, panel = self.value, self.panel
        if panel.card is None or not panel.active:
            return
        look = panel.look_now()
        wanted = (panel.sha, panel.precision, pad.corners, pad.curve, look)
        if wanted == self._drawn or not self.needed():
            return
        if self._drawn is None or self._drawn[0] != panel.sha or len(self._drawn[2]) != len(pad.corners):
            self.pad.clear()
        self._drawn = wanted
        self.pad.set_shape(self._side(), self._side())
        cells = [
            (row, column)
            for row in range(self._side())
            for column in range(self._side())
            if self.pad.is_used(row, column)
        ]
        if not cells:
            return
        self.pad.set_stale()
        job = panel.live(self._tiles(cells, look), "pad")
        self._cells = {at: kept for at, kept in self._cells.items() if panel.owns(at)}
        self._cells[job] = cells

    def _at(self, row: int, column: int) -> Latent:
        x, y = self.pad.tile_point(row, column)
        found = pad_latent(msgspec.structs.replace(self.value, x=x, y=y))
        assert found is not None
        return found

    def _tiles(self, cells: list[tuple[int, int]], look: Look) -> Tiles:
        latents = tuple(self._at(row, column) for row, column in cells)
        return Tiles(model=self.panel.sha, precision=self.panel.precision, latents=latents, looks=(look,), tile=TILE)

    def preview(self, key: str, job: int, preview: Preview) -> None:
        cells = self._cells.get(job, [])
        if preview.index < len(cells):
            self.pad.set_tile(*cells[preview.index], preview.image)

    def result(self, key: str, job: int, request: Any, result: Any) -> None:
        if key == "sheet":
            title = self.tr("strip") if request.columns == len(request.latents) else self.tr("contact sheet")
            self.studio.export_picture(result.image, request, title)
            return
        cells = self._cells.pop(job, [])
        for cell, image in zip(cells, result.images, strict=False):
            self.pad.set_tile(*cell, image)
        self.pad.set_stale(False)

    def ended(self, key: str, job: int) -> None:
        if key == "pad":
            self._cells.pop(job, None)
            self.pad.set_stale(False)

    # What the hand does --------------------------------------------------------------------------------------

    def _change(self, text: str, pad: Pad, drag: str = "", final: bool = True) -> None:
        latent = pad_latent(pad)
        more = {"latent": latent} if latent is not None else {}
        self.panel.edit(text, drag, final, pad=pad, **more)

    def _moved(self, x: float, y: float, final: bool) -> None:
        self._change(self.tr("Move on the pad"), msgspec.structs.replace(self.value, x=x, y=y), "pad", final)

    def _curve(self, curve: str) -> None:
        pad = msgspec.structs.replace(self.value, curve="slerp" if curve == "slerp" else "linear")
        self._change(self.tr("Curve of the pad"), pad)

    def put(self, corner: int, latent: Latent) -> None:
        """Put a latent at a corner (or at the next one)."""
        corners = list(self.value.corners)
        if corner < len(corners):
            corners[corner] = latent
        elif len(corners) < 4:
            corners.append(latent)
        else:
            corners[3] = latent
        pad = self._fresh(corners)
        self._change(self.tr("Picture on the pad"), pad)

    def _fresh(self, corners: list[Latent]) -> Pad:
        """The pad with these corners; its point in the middle when it has another number of them."""
        pad = msgspec.structs.replace(self.value, corners=tuple(corners))
        if len(corners) == len(self.value.corners):
            return pad
        middle = {2: (0.5, 0.0), 3: (1 / 3, 1 / 3), 4: (0.5, 0.5)}.get(len(corners), (0.0, 0.0))
        return msgspec.structs.replace(pad, x=middle[0], y=middle[1])

    def add_current(self) -> None:
        """The picture on the canvas takes the next corner (the last one when all are taken)."""
        latent = self.panel.shown()
        if latent is not None:
            self.put(len(self.value.corners), latent)

    def add_analogy(self) -> None:
        """D becomes B + C - A."""
        if self.can_analogy():
            a, b, c = self.value.corners[:3]
            pad = msgspec.structs.replace(self._fresh([a, b, c, analogy(a, b, c)]), x=1.0, y=1.0)
            self._change(self.tr("Analogy"), pad)

    def remove(self, corner: int) -> None:
        """Take a corner's picture away."""
        corners = [latent for i, latent in enumerate(self.value.corners) if i != corner]
        self._change(self.tr("Take from the pad"), self._fresh(corners))

    def clear(self) -> None:
        """Take all pictures away."""
        self.panel.change(self.tr("Clear the pad"), pad=Pad(curve=self.value.curve))

    def walk_around(self) -> None:
        """The corners, one after another, become a closed walk."""
        if not self.possible():
            return
        corners = self.value.corners
        order = ROUND if len(corners) == 4 else range(len(corners))
        old = self.panel.state.walk
        model = old.keys[0] if old.keys else Key(latent=corners[0])
        keys = tuple(msgspec.structs.replace(model, latent=corners[i], name="") for i in order)
        self.panel.change(self.tr("Walk around the pad"), walk=msgspec.structs.replace(old, keys=keys, loop=True))

    def _clicked(self, corner: int) -> None:
        if corner >= len(self.value.corners):
            self.add_current()
        else:
            x, y = (float(corner % 2), float(corner // 2))
            self._change(self.tr("Go to the corner"), msgspec.structs.replace(self.value, x=x, y=y))

    def _corner_menu(self, corner: int, at: QPoint) -> None:
        menu = QMenu(self.board)
        letter = "ABCD"[corner]
        menu.addAction(
            self.tr("Put the picture on the canvas at %1").replace("%1", letter),
            lambda: self.put(corner, self.panel.state.latent),
        )
        marks = [mark for mark in self.studio.document.session.bookmarks if mark.model == self.panel.sha]
        if marks:
            inner = menu.addMenu(self.tr("A bookmark at %1").replace("%1", letter))
            for mark in marks[-MARKS:]:
                inner.addAction(mark.name, partial(self.put, corner, mark.latent))
        menu.addAction(
            self.tr("Something random at %1").replace("%1", letter),
            lambda: self.put(corner, self.panel.random_latent()),
        )
        if corner < len(self.value.corners):
            name = describe(self.value.corners[corner], self.tr)
            menu.addAction(self.tr("Remove %1").replace("%1", name), lambda: self.remove(corner))
        menu.addSeparator()
        self._fill(menu)
        self._popup(menu, at)

    def _menu(self, at: QPoint) -> None:
        menu = QMenu(self.board)
        self._fill(menu)
        self._popup(menu, at)

    def _fill(self, menu: QMenu) -> None:
        for text, slot, usable in (
            (self.tr("Add the picture on the canvas"), self.add_current, True),
            (self.tr("Analogy: D = B + C − A"), self.add_analogy, self.can_analogy()),
            (self.tr("Walk around the corners"), self.walk_around, self.possible()),
            (self.tr("Export a strip from A to B…"), self.export_strip, self.possible()),
            (self.tr("Export a contact sheet…"), self.export_sheet, self.possible()),
            (self.tr("Clear the pad"), self.clear, bool(self.value.corners)),
        ):
            menu.addAction(text, slot).setEnabled(usable)

    def _popup(self, menu: QMenu, at: QPoint) -> None:
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(at)

    # Export --------------------------------------------------------------------------------------------------

    def strip_request(self) -> Sheet:
        """From A to B in one row, at full size."""
        a, b = self.value.corners[:2]
        latents = tuple(between(a, b, i / (STRIP - 1), self.value.curve) for i in range(STRIP))
        return Sheet(
            model=self.panel.sha,
            precision=self.panel.precision,
            latents=latents,
            look=self.panel.look_now(),
            columns=STRIP,
        )

    def export_strip(self) -> None:
        """Draw the strip and ask where to write it."""
        if self.possible():
            self.panel.long(self.strip_request(), self.tr("Drawing the strip"), "sheet")

    def export_sheet(self) -> None:
        """Draw the whole pad and ask where to write it."""
        if not self.possible():
            return
        if len(self.value.corners) == 2:
            self.export_strip()
            return
        side = self._side()
        latents = tuple(
            self._at(row, column) for row in range(side) for column in range(side) if self.pad.is_used(row, column)
        )
        request = Sheet(
            model=self.panel.sha,
            precision=self.panel.precision,
            latents=latents,
            look=self.panel.look_now(),
            columns=side if len(self.value.corners) == 4 else 0,
        )
        self.panel.long(request, self.tr("Drawing the contact sheet"), "sheet")
