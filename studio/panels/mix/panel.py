"""The Mix panel: the board, its presets, where a layer acts, and the matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QHBoxLayout, QInputDialog, QSplitter, QVBoxLayout, QWidget

from studio.engine.mix import weights as board_weights
from studio.panels.base import Action, Studio
from studio.panels.mix.looking import InfluenceRole, MatrixRole
from studio.panels.mix.matrix import MatrixSection
from studio.panels.mix.sourcing import Sourcing
from studio.panels.parts.generator import GeneratorPanel
from studio.panels.parts.models import layers_of
from studio.panels.parts.sources import with_source, without_source
from studio.project.latents import Mixed, Seed
from studio.project.names import describe
from studio.project.requests import Render
from studio.project.session import Bookmark, MixState, Session
from studio.widgets.board import BoardColumn, BoardRow
from studio.widgets.chips import ChipRow
from studio.widgets.layerboard import LayerBoard
from studio.widgets.parts import label, text_button
from studio.widgets.section import Inspector, Section

FIRST_SEEDS = (12, 905)
"""What a new board begins with, beside what Explore shows."""


class MixPanel(GeneratorPanel):
    """Sources as columns, layers as rows, a weight in every cell."""

    name = "mix"
    state_field = "mix"

    def __init__(self, studio: Studio, parent: QObject | None = None) -> None:
        super().__init__(studio, parent)
        self.canvas.set_placeholder(self.tr("Add a source to begin"))
        self.board = LayerBoard()
        self._shape: tuple[tuple[str, ...], str] | None = None
        self.sourcing = Sourcing(self)
        self.stage = self._build_stage()

        inspector = Inspector(self.title, self.description)
        self.inspector = inspector
        self.presets = Section(self.tr("Presets"), self.tr("for the last source"))
        self.chips = ChipRow(
            [
                ("coarse", self.tr("Coarse")),
                ("middle", self.tr("Middle")),
                ("fine", self.tr("Fine")),
                ("crossover", self.tr("Crossover…")),
                ("even", self.tr("Even")),
            ],
            optional=True,
            name=self.tr("Presets"),
        )
        self.chips.setToolTip(self.tr("Give these layers to the last source; locked sources and bands stay"))
        self.presets.add(self.chips)
        where = Section(self.tr("Where a layer acts"), self.tr("hover a row"))
        self.influence = InfluenceRole(self, where)
        self.matrix = MatrixRole(self, MatrixSection())
        self.roles = [self.sourcing, self.influence, self.matrix]
        for part in (self.models, self.presets, where, self.matrix.section, self.labels, self.look):
            inspector.add(part)

        self.chips.changed.connect(self._chip)
        self.board.weight_changed.connect(self._weight)
        self.board.column_renamed.connect(self._rename)
        self.board.add_asked.connect(lambda _: self.sourcing.menu())
        self.board.dropped.connect(self.studio.take)
        self.board.column_action.connect(self._column_action)
        self.board.band_action.connect(self._band_action)
        self.board.row_hovered.connect(self.influence.hover)
        self._show(self.state)

    def _build_stage(self) -> QWidget:
        side = QWidget()
        side.setMinimumWidth(320)
        box = QVBoxLayout(side)
        box.setContentsMargins(16, 12, 16, 12)
        box.setSpacing(8)
        head = QHBoxLayout()
        head.setSpacing(12)
        head.addWidget(label(self.tr("Mixing board"), "title"))
        head.addWidget(label(self.tr("drag a cell · Alt-click gives it the whole layer"), "dim"), 1)
        tip = self.tr("A seed, a bookmark, or what Explore shows")
        head.addWidget(text_button(self.tr("+ source"), self.sourcing.menu, tip=tip))
        box.addLayout(head)
        box.addWidget(self.board, 1)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setChildrenCollapsible(False)
        split.addWidget(self.canvas)
        split.addWidget(side)
        split.setStretchFactor(0, 5)
        split.setStretchFactor(1, 6)
        split.setSizes([500, 600])
        return split

    # What the window asks ------------------------------------------------------------------------------------

    @property
    def title(self) -> str:
        return self.tr("Mix")

    @property
    def description(self) -> str:
        return self.tr("Borrow shape from one picture, colour from another.")

    def activate(self) -> None:
        super().activate()
        if not self.state.columns and self.card is not None:
            self._begin()
        self._show(self.state)
        self._ask()

    def deactivate(self) -> None:
        super().deactivate()
        self.influence.hover(-1)

    def session_changed(self, before: Session, after: Session) -> None:
        if before.mix != after.mix:
            self._show(after.mix)
            self._ask()

    def actions(self) -> Sequence[Action]:
        return (
            Action("mix.seed", self.tr("Add a seed as a source"), self.sourcing.add_seed, "A", "dice"),
            Action("mix.current", self.tr("Add what Explore shows"), self.sourcing.add_explored, "", "explore"),
            Action("mix.coarse", self.tr("Preset: coarse layers"), lambda: self._preset("coarse")),
            Action("mix.middle", self.tr("Preset: middle layers"), lambda: self._preset("middle")),
            Action("mix.fine", self.tr("Preset: fine layers"), lambda: self._preset("fine")),
            Action("mix.crossover", self.tr("Preset: crossover…"), lambda: self._preset("crossover")),
            Action("mix.bookmark", self.tr("Bookmark this mix"), self._bookmark, "B", "bookmark"),
            Action("mix.explore", self.tr("Explore from this mix"), self._to_explore, "E", "explore"),
        )

    def accept_ingredient(self, request: msgspec.Struct, title: str) -> bool:
        if not isinstance(request, Render):
            return False
        return self.sourcing.add_finished(request.latent, request.look, request.model, title)

    def accept_request(self, request: msgspec.Struct) -> bool:
        if not isinstance(request, Render) or not isinstance(request.latent, Mixed):
            return False
        state = MixState(model=request.model, look=request.look)
        for latent in request.latent.sources:
            state = with_source(state, latent, describe(latent, self.tr))
        restored = {field: getattr(state, field) for field in ("model", "look", "columns")}
        self.change(
            self.tr("Recall"),
            **restored,
            weights=request.latent.weights,
            band_solo=(),
            band_mute=(),
            band_locked=(),
        )
        return True

    def accept_bookmark(self, bookmark: Bookmark) -> bool:
        return self.sourcing.add_finished(bookmark.latent, bookmark.look, bookmark.model, bookmark.name)

    # Session to controls to request --------------------------------------------------------------------------

    def request(self) -> Render | None:
        state: MixState = self.state
        if self.card is None or not state.columns:
            return None
        latent = board_weights.effective(state, self.layers)
        return Render(model=self.sha, precision=self.precision, latent=latent, look=state.look)

    def caption(self) -> str:
        count = len(self.state.columns)
        return self.tr("one source") if count == 1 else self.tr("mix of %1 sources").replace("%1", str(count))

    def show_board(self) -> None:
        """Bring the board to the session, silently."""
        state: MixState = self.state
        columns = [
            BoardColumn(
                id=column.id,
                name=column.name,
                image=self.sourcing.thumbnail(column.latent),
                colour=column.colour,
                solo=column.solo,
                mute=column.mute,
                locked=column.locked,
                tooltip=describe(column.latent, self.tr),
            )
            for column in state.columns
        ]
        rows = [BoardRow(f"{layer['resolution']} px", str(layer["band"])) for layer in self.layers]
        weights = board_weights.table(state.weights, len(rows), len(columns)) if columns else ()
        shape = (tuple(column.id for column in state.columns), self.sha)
        if shape != self._shape:
            self._shape = shape
            self.board.set_board(columns, rows, np.reshape(weights, (len(rows), len(columns))))
        else:
            self.board.set_columns(columns)
            self.board.set_weights(weights)
        self.board.set_bands(state.band_solo, state.band_mute, state.band_locked)

    def _show(self, state: MixState) -> None:
        self.show_model(state.model)
        self.show_board()
        self.look.set_look(state.look)
        self.labels.set_look(state.look, None)
        self.matrix.section.show_range(state.matrix_first, state.matrix_last, len(self.layers))
        self.matrix.section.set_sources([column.name for column in state.columns])
        self.chips.setEnabled(len(state.columns) >= 2)

    def _ask(self) -> None:
        self.ask_picture()
        self.sourcing.ask_thumbnails()
        self.matrix.ask()

    # Editing -------------------------------------------------------------------------------------------------

    def _weight(self, row: int, column: int, value: float, final: bool) -> None:
        weights = board_weights.with_cell(self.state, self.layers, row, column, value)
        self.edit(self.tr("Weight"), "cell", final, weights=weights)

    def _chip(self, name: str) -> None:
        self.chips.set_current(None)
        if name:
            self._preset(name)

    def _preset(self, name: str) -> None:
        columns = len(self.state.columns)
        if columns < 2:
            self.studio.notify(self.tr("Presets need two sources. Add another source first."))
            return
        if name == "crossover":
            top = len(self.layers)
            question = self.tr("The last source takes over from layer")
            at, fine = QInputDialog.getInt(self.inspector, self.tr("Crossover"), question, top // 2, 0, top)
            if not fine:
                return
            name = f"crossover:{at}"
        weights = board_weights.apply_preset(self.state, self.layers, name, base=0, other=columns - 1)
        self.change(self.tr("Preset"), weights=weights)

    def adopt_cell(self, row: int, column: int) -> None:
        """A cell of the matrix becomes the board: ``row`` gives the picture, ``column`` the layers of the range."""
        state: MixState = self.state
        last = state.matrix_last if state.matrix_last >= 0 else len(self.layers) - 1
        weights = tuple(
            tuple(
                1.0 if i == (column if state.matrix_first <= layer <= last else row) else 0.0
                for i in range(len(state.columns))
            )
            for layer in range(len(self.layers))
        )
        self.change(self.tr("Adopt a cell"), weights=weights)

    def _column_action(self, column: str, what: str) -> None:
        state: MixState = self.state
        found = next((c for c in state.columns if c.id == column), None)
        if found is None:
            return
        if what == "remove":
            left = without_source(state, column)
            self.change(self.tr("Remove source"), columns=left.columns, weights=left.weights)
            return
        field = {"solo": "solo", "mute": "mute", "lock": "locked"}.get(what)
        if field is not None:
            changed = msgspec.structs.replace(found, **{field: not getattr(found, field)})
            self.change(self._verb(what), columns=tuple(changed if c.id == column else c for c in state.columns))

    def _rename(self, column: str, name: str) -> None:
        columns = tuple(
            msgspec.structs.replace(c, name=name.strip() or c.name) if c.id == column else c for c in self.state.columns
        )
        self.change(self.tr("Rename"), columns=columns)

    def _band_action(self, band: str, what: str) -> None:
        field = {"solo": "band_solo", "mute": "band_mute", "lock": "band_locked"}[what]
        now = set(getattr(self.state, field)) ^ {band}
        bands: dict[str, Any] = {field: tuple(b for b in board_weights.BANDS if b in now)}
        self.change(self._verb(what), **bands)

    def _verb(self, what: str) -> str:
        return {"solo": self.tr("Solo"), "mute": self.tr("Mute"), "lock": self.tr("Lock")}[what]

    # Elsewhere -----------------------------------------------------------------------------------------------

    def _first_board(self, sha: str) -> dict[str, Any]:
        """Columns and weights of a new board: never empty, so that a first drag already does something."""
        session = self.studio.document.session
        explored = session.explore
        card = self.studio.card(sha)
        same = card is not None and card == self.studio.card(explored.model)
        latents = [explored.latent if same else Seed(seed=1), *(Seed(seed=s) for s in FIRST_SEEDS)]
        state = MixState(model=sha)
        for latent in latents:
            state = with_source(state, latent, describe(latent, self.tr))
        layers = layers_of(card)
        weights = board_weights.apply_preset(state, layers, f"crossover:{len(layers) // 2}") if layers else ()
        return {"columns": state.columns, "weights": weights or state.weights}

    def _begin(self) -> None:
        session = self.studio.document.session
        begun = msgspec.structs.replace(session.mix, **self._first_board(session.mix.model))
        self.studio.document.begin(msgspec.structs.replace(session, mix=begun))

    def use_model(self, sha: str) -> None:
        look = msgspec.structs.replace(self.state.look, labels=(), cutoff=None)
        board = self._first_board(sha)
        self.change(self.tr("Choose model"), model=sha, look=look, matrix_first=0, matrix_last=-1, **board)

    def _bookmark(self) -> None:
        request = self.request()
        if request is not None:
            image = self.picture[0] if self.picture else None
            self.studio.add_bookmark(request.latent, request.look, self.sha, self.caption(), image)

    def _to_explore(self) -> None:
        request = self.request()
        if request is None:
            return
        session = self.studio.document.session
        explore = msgspec.structs.replace(
            session.explore, model=self.state.model, latent=request.latent, look=request.look
        )
        self.studio.document.edit(msgspec.structs.replace(session, explore=explore), self.tr("Explore from this mix"))
        self.studio.show_panel("explore")
