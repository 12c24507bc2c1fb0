"""Which model goes there, which one back, and which way is taken; what had to be assumed about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QCoreApplication, QSignalBlocker
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QVBoxLayout, QWidget

from studio.panels.parts.labels import said
from studio.panels.parts.models import ModelChooser
from studio.panels.translate.part import Part
from studio.panels.translate.values import Models, choosable, has, partner_of, sharper_of, takes_ink, worlds
from studio.project.session import TranslateState
from studio.widgets.chips import ChipRow
from studio.widgets.parts import label
from studio.widgets.section import Section

if TYPE_CHECKING:
    from studio.checkpoints.card import Assumption, ModelCard
    from studio.panels.translate.panel import TranslatePanel


def assumption_words(value: Any) -> str:
    """A value that was assumed, as a person says it."""
    tr = QCoreApplication.translate
    if value is True or value is False:
        return tr("Translate", "yes") if value else tr("Translate", "no")
    return said(str(value))


class Modelling(Part):
    """The section Model.  ``models`` are those that the state means."""

    def __init__(self, panel: TranslatePanel) -> None:
        super().__init__(panel)
        tr = self.tr
        self.models = Models()
        self._found: tuple[Any, ...] = ()
        self._assumed: tuple[Any, ...] = ()
        self.section = Section(tr("Model"))
        self.chooser = ModelChooser()
        self.chooser.box.setToolTip(tr("The model that translates. Drop a model file on the window to add one."))
        self.way = ChipRow([("there", "A → B"), ("back", "B → A"), ("cycle", "A → B → A")], name=tr("Which way"))
        self.return_row = QWidget()
        row = QHBoxLayout(self.return_row)
        row.setContentsMargins(0, 2, 0, 0)
        row.setSpacing(8)
        row.addWidget(label(tr("Way back"), "dim"))
        self.back = QComboBox()
        self.back.setAccessibleName(tr("Way back"))
        self.back.setToolTip(tr("Another model that leads back: then there is a way back, and a round trip to judge."))
        self.back.setMinimumContentsLength(10)
        self.back.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        row.addWidget(self.back, 1)
        self.said = label("", "dim", wrap=True)
        self.assumed = Section(tr("Assumed"), tr("the file does not say"), opened=False)
        for part in (self.chooser, self.said, self.way, self.return_row, self.assumed):
            self.section.add(part)
        self.chooser.chosen.connect(self.use)
        self.chooser.wanted.connect(self.studio.open_model_dialog)
        self.way.changed.connect(lambda way: panel.change(self.tr("Which way"), way=way))
        self.back.activated.connect(self._use_back)

    # Finding -------------------------------------------------------------------------------------------------

    def find(self, state: TranslateState) -> None:
        """Look the models of a state up (before the other parts are shown: they depend on them)."""
        key = (state.model, state.back, state.upscaler)
        if key == self._found:
            return  # looking through the library takes milliseconds
        self._found = key
        translators = self.studio.of_role("translator")
        there = self._card(state.model, "translator")
        if not state.model:  # a newcomer draws first
            there = next((card for card in translators if takes_ink(card)), there)
        back = self._card(state.back, "translator") if state.back else None
        if there is not None and not state.back:
            back = partner_of(there, translators)
        upscaler = self._card(state.upscaler, "upscaler")
        sharper = sharper_of(upscaler, self.studio.of_role("upscaler")) if upscaler is not None else None
        self.models = Models(there, back, upscaler, sharper)

    def _card(self, sha: str, role: Any) -> ModelCard | None:
        card = self.studio.card(sha, role)
        return card if card is not None and card.role == role else None

    def forget(self) -> None:
        """Models came or went: look again."""
        self._found = ()
        self._assumed = ()

    @property
    def card(self) -> ModelCard | None:
        """The model that the state's requests begin with."""
        return self.models.acting(self.panel.state)

    def has_partner(self) -> bool:
        """Whether the library itself knows the way back."""
        there = self.models.there
        return there is not None and partner_of(there, self.studio.of_role("translator")) is not None

    # Showing -------------------------------------------------------------------------------------------------

    def show(self, state: TranslateState) -> None:
        enlarging = state.mode == "enlarge"
        self.section.set_hint(self.kind())
        chosen, sha = (self.models.upscaler, state.upscaler) if enlarging else (self.models.there, state.model)
        cards = choosable(self.studio.of_role("upscaler")) if enlarging else self.studio.of_role("translator")
        if enlarging and chosen is not None and all(card.sha256 != chosen.sha256 for card in cards):
            cards = [*cards, chosen]
        self.chooser.set_models(
            cards, chosen.sha256 if chosen is not None else sha, self._name(sha) if chosen is None and sha else ""
        )
        self.said.setText(self.sentence())
        self.said.setVisible(bool(self.said.text()))
        self._show_ways(state, enlarging)
        self._show_assumed(self.card)

    def _show_ways(self, state: TranslateState, enlarging: bool) -> None:
        models = self.models
        # One that stands elsewhere than there must find its way to it, even when the other model is gone.
        possible = not enlarging and models.there is not None and (models.back is not None or state.way != "there")
        self.way.setVisible(possible)
        if possible:
            a, b = (said(word) for word in worlds(models.there))
            names = {"there": f"{a} → {b}", "back": f"{b} → {a}", "cycle": self.tr("There and back")}
            for key, text in names.items():
                chip = self.way.chip(key)
                if chip.text() != text:
                    chip.setText(text)
                    chip.setAccessibleName(text)
                    chip.updateGeometry()
            self.way.chip("cycle").setToolTip(
                self.tr("Shows what comes back, and what was lost on the way") + f" ({a} → {b} → {a})"
            )
            self.way.set_current(state.way)
        others = [] if enlarging or models.there is None else self._others(models.there)
        self.return_row.setVisible(bool(others))
        if others:
            with QSignalBlocker(self.back):
                self.back.clear()
                self.back.addItem(self.tr("none"), "")
                for card in others:
                    self.back.addItem(card.title or card.name, card.sha256)
                self.back.setCurrentIndex(max(0, self.back.findData(state.back)))

    def _others(self, there: ModelCard) -> list[ModelCard]:
        """What may lead back, for a model of one's own: it takes what the first makes, and makes what that takes."""
        if there.embedded or has(there, "c_dim") or self.has_partner():
            return []
        ends = (there.hyper.get("in_channels"), there.hyper.get("out_channels"))
        return [
            card
            for card in self.studio.of_role("translator")
            if card.sha256 != there.sha256
            and not card.hyper.get("c_dim")
            and (card.hyper.get("out_channels"), card.hyper.get("in_channels")) == ends
        ]

    def _show_assumed(self, card: ModelCard | None) -> None:
        rows: Sequence[Assumption] = () if card is None or card.embedded else card.assumptions
        rows = [row for row in rows if len(row.choices) > 1]
        key = (card.sha256 if card is not None else "", tuple((row.name, str(row.value)) for row in rows))
        self.assumed.setVisible(bool(rows))
        if key == self._assumed:
            return
        self._assumed = key
        while self.assumed.body.count():
            item = self.assumed.body.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.setParent(None)
                widget.deleteLater()
        for row in rows:
            self.assumed.add(_AssumptionRow(self, row))

    def assume(self, name: str, value: object) -> None:
        """The person knows better than the file."""
        if self.card is not None:
            self.studio.models.assume(self.card, name, value)

    def _name(self, sha: str) -> str:
        refs = self.studio.document.session.models
        return next((ref.name for ref in refs if ref.sha256 == sha), self.tr("Model"))

    def kind(self) -> str:
        """What kind of model it is, in plain words."""
        card = self.card
        if card is None:
            return ""
        if card.role == "upscaler":
            return self.tr("{0} times larger").format(card.hyper.get("scale", 1))
        if has(card, "c_dim"):
            return self.tr("many-domain")
        if card.hyper.get("partner"):
            return self.tr("unpaired")
        if card.architecture == "pix2pix-unet" or takes_ink(card):
            return self.tr("paired")
        return self.tr("unpaired") if card.architecture in ("cyclegan-resnet", "cut-resnet") else ""

    def sentence(self) -> str:
        """What stands below the chooser: what is missing, or what the model wants."""
        state: TranslateState = self.panel.state
        card = self.card
        if state.mode == "enlarge":
            if card is None and state.upscaler:
                return self.tr("This model is not on this computer. Choose another, or add its file.")
            return self.tr("No enlarging model is here yet. Add one by its file.") if card is None else ""
        if self.models.there is None and state.model:
            return self.tr("This model is not on this computer. Choose another, or add its file.")
        if self.models.there is None:
            return self.tr("No translating model is here yet. Add one by its file.")
        if card is None or (state.way == "cycle" and self.models.back is None):
            return self.tr("The way back is missing. Choose a model for it.")
        if state.mode == "picture" and takes_ink(card):
            return self.tr("This model wants a drawing: black lines on white paper.")
        if state.mode == "draw" and not takes_ink(card):
            a, _ = (said(word) for word in worlds(self.models.there))
            return self.tr("This model was not made for pen drawings. Paint in colour: {0}.").format(a)
        return ""

    # Doing ---------------------------------------------------------------------------------------------------

    def use(self, sha: str) -> None:
        """Another model."""
        state: TranslateState = self.panel.state
        if state.mode == "enlarge":
            if sha and sha != state.upscaler:
                self.panel.change(self.tr("Choose a model"), upscaler=sha)
        elif sha and (self.models.there is None or sha != self.models.there.sha256):
            self.panel.change(self.tr("Choose a model"), **self.fields_of(sha))

    def fields_of(self, sha: str) -> dict[str, Any]:
        """What changes in the state with another translator: labels and the way belong to the old one."""
        state: TranslateState = self.panel.state
        look = self.panel.with_look(labels=(), statistics=None)
        card = self._card(sha, "translator")
        pair = card is not None and partner_of(card, self.studio.of_role("translator")) is not None
        fields = {"model": sha, "back": "", "way": state.way if pair and state.way == "cycle" else "there"}
        return {**fields, "look": look, "size": 0}

    def _use_back(self, index: int) -> None:
        sha = str(self.back.itemData(index) or "")
        state: TranslateState = self.panel.state
        if sha != state.back:
            self.panel.change(self.tr("Choose the way back"), back=sha, way=state.way if sha else "there")


class _AssumptionRow(QWidget):
    """One thing that the file does not say, and a choice."""

    def __init__(self, part: Modelling, assumption: Assumption) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        row = QHBoxLayout()
        row.setSpacing(8)
        name = said(assumption.name.replace("_", " "))
        row.addWidget(label(name[:1].upper() + name[1:], "dim"))
        self.box = QComboBox()
        for choice in assumption.choices:
            self.box.addItem(assumption_words(choice), choice)
        self.box.setCurrentIndex(max(0, self.box.findData(assumption.value)))
        self.box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.box.setMinimumContentsLength(6)
        self.box.setAccessibleName(name)
        self.box.setToolTip(assumption.why)
        self.box.activated.connect(lambda at: part.assume(assumption.name, self.box.itemData(at)))
        row.addWidget(self.box, 1)
        column.addLayout(row)
        if assumption.why:
            column.addWidget(label(assumption.why, "hint", wrap=True))
