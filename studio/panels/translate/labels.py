"""Many domains: what the picture has, read from it, and what it is to have instead, continuously."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from studio.base.errors import StudioError
from studio.engine.translate.labels import card_labels
from studio.panels.parts.labels import Choice, said
from studio.panels.translate.part import Part
from studio.panels.translate.values import source_of, with_label, work_size
from studio.project.session import TranslateState
from studio.project.translate import ReadLabels
from studio.widgets.parts import label, text_button
from studio.widgets.section import Section
from studio.widgets.slider import NumberSlider

if TYPE_CHECKING:
    from studio.checkpoints.card import ModelCard
    from studio.panels.translate.panel import TranslatePanel

AT_HAND = 200
LEAST, MOST = -0.5, 1.5


class Labelling(Part):
    """The section Attributes; only for many-domain models."""

    keys = frozenset({"labels"})

    def __init__(self, panel: TranslatePanel) -> None:
        super().__init__(panel)
        tr = self.tr
        self.section = Section(tr("Attributes"), tr("read from the picture"))
        self.reset = self.section.add_action(tr("reset"), self._reset, tr("As they were read from the picture"))
        self.again = text_button(tr("Read from the picture"), self.read_again, icon_name="eye")
        self.again.setToolTip(tr("Finds out what the picture has already; what you changed goes back."))
        self.note = label("", "dim", wrap=True)
        self._toggles: dict[int, NumberSlider] = {}
        self._choices: list[Choice] = []
        self._built: tuple[Any, ...] = ()
        self._read: OrderedDict[ReadLabels, tuple[float, ...]] = OrderedDict()
        self._failed: set[ReadLabels] = set()
        self._jobs: dict[int, ReadLabels] = {}

    # What is known -------------------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """How many labels the model has; 0: it is not of this kind."""
        card = self.panel.card
        return int(card.hyper.get("c_dim") or 0) if card is not None else 0

    def request(self) -> ReadLabels | None:
        """What reads the labels of the picture in hand."""
        state: TranslateState = self.panel.state
        card, picture = self.panel.card, source_of(state)
        if card is None or not self.count or not picture:
            return None
        size = work_size(state, card, self.panel.own_size())
        return ReadLabels(model=card.sha256, precision=self.panel.precision, picture=picture, size=size)

    def read(self) -> tuple[float, ...]:
        """The labels that the picture seems to have; () while nobody knows."""
        request = self.request()
        return self._read.get(request, ()) if request is not None else ()

    def values(self) -> tuple[float, ...]:
        """The labels that act now."""
        labels: tuple[float, ...] = self.panel.state.look.labels
        if len(labels) == self.count:
            return labels
        return self.read() or self._card_labels(self.panel.card)

    def changes(self) -> dict[int, float]:
        """What was changed by hand, against what was read."""
        labels: tuple[float, ...] = self.panel.state.look.labels
        if len(labels) != self.count:
            return {}
        read = self.read() or self._card_labels(self.panel.card)
        return {i: value for i, value in enumerate(labels) if value != read[i]}

    def _card_labels(self, card: ModelCard | None) -> tuple[float, ...]:
        return card_labels(card.label_groups, self.count) if card is not None else ()

    def waiting(self) -> bool:
        """Whether the picture is being read, so that its translation would be a wrong one."""
        if not self.count or self.panel.state.mode == "enlarge" or self.panel.state.look.labels:
            return False
        request = self.request()
        return (
            request is not None
            and request not in self._read
            and any(asked == request and self.panel.owns(job) for job, asked in self._jobs.items())
        )

    def forget(self) -> None:
        """A model may be understood otherwise now: what it read before is no answer."""
        self._read.clear()
        self._failed.clear()

    # Asking --------------------------------------------------------------------------------------------------

    def ask(self) -> None:
        """Read the picture in hand, unless that is known or failed."""
        request = self.request()
        if request is None or self.panel.state.mode == "enlarge" or not self.panel.active:
            return
        if request in self._read or request in self._failed:
            return
        if any(asked == request and self.panel.owns(job) for job, asked in self._jobs.items()):
            return
        self._jobs = {at: asked for at, asked in self._jobs.items() if self.panel.owns(at)}
        self._jobs[self.panel.live(request, "labels")] = request

    def read_again(self) -> None:
        """Asked for by hand: also what was set goes back."""
        request = self.request()
        if request is not None:
            self._failed.discard(request)
            self._read.pop(request, None)
        self._reset()
        self.ask()
        self.show(self.panel.state)

    # Showing -------------------------------------------------------------------------------------------------

    def show(self, state: TranslateState) -> None:
        on = self.count > 0 and state.mode != "enlarge"
        self.section.setVisible(on)
        if not on:
            return
        if state.mode == "picture":
            self.ask()
        self._build()
        values, read = self.values(), self.read()
        for index, slider in self._toggles.items():
            slider.set_default(read[index] if read else 0.0)
            slider.set_value(values[index])
        for choice in self._choices:
            mine = {i: values[i] for i in choice.indices}
            changed = bool(state.look.labels) and (not read or any(mine[i] != read[i] for i in choice.indices))
            choice.show_values({i: v for i, v in mine.items() if v} if changed else {}, read or values)
        self.reset.setVisible(bool(state.look.labels))
        self.again.setEnabled(bool(source_of(state)))
        request = self.request()
        reading = self.waiting()
        self.note.setText(
            self.tr("Reading the picture …")
            if reading
            else self.tr("The picture could not be read; the sliders begin with what the model knows best.")
            if request in self._failed
            else ""
        )
        self.note.setVisible(bool(self.note.text()))

    def _build(self) -> None:
        card = self.panel.card
        assert card is not None
        key = (card.sha256, self.count)
        if key == self._built:
            return
        self._built = key
        while self.section.body.count():
            item = self.section.body.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None and widget not in (self.again, self.note):
                widget.setParent(None)
                widget.deleteLater()
        self._toggles, self._choices = {}, []
        names = [*card.label_names, *(str(i) for i in range(len(card.label_names), self.count))]
        named = {int(i) for group in card.label_groups for i in group.get("indices", ())}
        free = [i for i in range(self.count) if i not in named]
        groups = [*card.label_groups, *([{"kind": "toggle", "indices": free}] if free else [])]
        for group in groups:
            if group.get("kind") == "toggle":
                shown = list(group.get("names") or [])
                for at, index in enumerate(group["indices"]):
                    self._add_toggle(int(index), str(shown[at]) if at < len(shown) else names[int(index)])
            else:
                choice = Choice(group, names, free_tip=self.tr("As it was read from the picture"))
                choice.set_weights.connect(self._chosen)
                self.section.add(choice)
                self._choices.append(choice)
        self.section.add(self.again)
        self.section.add(self.note)

    def _add_toggle(self, index: int, name: str) -> None:
        name = said(name)
        slider = NumberSlider(
            name[:1].upper() + name[1:],
            LEAST,
            MOST,
            0.0,
            0.02,
            2,
            center=0.0,
            tip=self.tr("0: without. 1: with. Beyond: more than the model ever saw. Double-click: as it was read."),
        )
        slider.value_changed.connect(lambda v, final: self._set({index: v}, f"label{index}", final))
        self._toggles[index] = slider
        self.section.add(slider)

    # Doing ---------------------------------------------------------------------------------------------------

    def _chosen(self, weights: dict[int, float | None], drag: str, final: bool) -> None:
        values, read = self.values(), self.read() or self._card_labels(self.panel.card)
        if all(weight is None for weight in weights.values()):
            changes = {i: read[i] for i in weights}
        else:
            changes = {i: weight or 0.0 for i, weight in weights.items()}
        self._set(changes, drag, final, values)

    def _set(self, changes: dict[int, float], drag: str, final: bool, values: tuple[float, ...] | None = None) -> None:
        made = with_label(self.values() if values is None else values, changes)
        labels = () if made == self.read() else made
        self.panel.edit(self.tr("Attributes"), drag, final, look=self.panel.with_look(labels=labels))

    def _reset(self) -> None:
        if self.panel.state.look.labels:
            self.panel.edit(self.tr("Attributes"), "", True, look=self.panel.with_look(labels=()))

    # Jobs ----------------------------------------------------------------------------------------------------

    def result(self, key: str, job: int, request: Any, result: Any) -> None:
        asked = self._jobs.pop(job, request)
        self._read[asked] = tuple(result.values)
        while len(self._read) > AT_HAND:
            self._read.popitem(last=False)
        self.show(self.panel.state)
        self.panel.doing.ask()

    def failed(self, key: str, job: int, error: StudioError) -> bool:
        asked = self._jobs.get(job)
        if asked is not None:
            self._failed.add(asked)
        return True

    def ended(self, key: str, job: int) -> None:
        self._jobs.pop(job, None)
        self.show(self.panel.state)
        self.panel.doing.ask()
