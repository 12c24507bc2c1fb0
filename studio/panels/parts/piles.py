"""A direction of one's own: pictures that show something on one pile, pictures that lack it on the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLineEdit, QWidget

from studio.base.steps import UInt8Image
from studio.panels.parts.generator import Role
from studio.project.latents import Direction, Latent, Push
from studio.project.morph import MakeAttribute
from studio.project.names import describe
from studio.project.session import Piles
from studio.widgets.parts import label, text_button
from studio.widgets.pile import PileView
from studio.widgets.section import Section

if TYPE_CHECKING:
    from studio.engine.results import Attribute
    from studio.panels.parts.latent import LatentPanel

Side = Literal["having", "lacking"]
LEAST = 2
"""Pictures that each pile must have."""
FEW = 0.35
"""Shrunk more than this: said in words."""


class PilesSection(Section):
    """Two piles, a name, a button, and what came of it in words."""

    added = Signal(str, object)
    """``("having" or "lacking", [things])``; None instead of a list: what is on the canvas."""
    removed = Signal(str, int)
    make_asked = Signal(str)
    """The name."""
    cleared = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(self.tr("Make a direction"), self.tr("from examples"), opened=False, parent=parent)
        self.clear = self.add_action(self.tr("clear"), self.cleared.emit, self.tr("Empty both piles"))
        self.having = PileView(self.tr("drop pictures that show it"), self.tr("Pictures that show it"))
        self.lacking = PileView(self.tr("drop pictures that lack it"), self.tr("Pictures that lack it"))
        self.name = QLineEdit()
        self.name.setPlaceholderText(self.tr("Name, such as “beard”"))
        self.name.setAccessibleName(self.tr("Name of the direction"))
        self.make = text_button(self.tr("Make"), self._make, kind="primary")
        self.words = label("", "dim", wrap=True)
        self.add(label(self.tr("With"), "dim"))
        self.add(self.having)
        self.add(label(self.tr("Without"), "dim"))
        self.add(self.lacking)
        self.add_row(self.name, self.make)
        self.add(self.words)
        self.name.returnPressed.connect(self._make)
        for side, pile in (("having", self.having), ("lacking", self.lacking)):
            pile.dropped.connect(lambda things, side=side: self.added.emit(side, things))
            pile.add_asked.connect(lambda side=side: self.added.emit(side, None))
            pile.remove_asked.connect(lambda at, side=side: self.removed.emit(side, at))

    def _make(self) -> None:
        if self.make.isEnabled():
            self.make_asked.emit(self.name.text().strip())

    def show_piles(self, piles: Piles, pictures: dict[Latent, UInt8Image | None], names: dict[Latent, str]) -> None:
        """Show the piles of the session (silently)."""
        for view, latents in ((self.having, piles.having), (self.lacking, piles.lacking)):
            view.set_pictures([pictures.get(x) for x in latents], [names.get(x, "") for x in latents])
        ready = min(len(piles.having), len(piles.lacking)) >= LEAST
        self.make.setEnabled(ready)
        self.clear.setEnabled(bool(piles.having or piles.lacking))
        few = self.tr("Put at least %1 pictures on each pile.").replace("%1", str(LEAST))
        if self.words.text() in ("", few):
            self.set_words("" if ready else few)

    def set_words(self, text: str) -> None:
        """The line at the end."""
        self.words.setText(text)
        self.words.setVisible(bool(text))


class Piling(Role):
    """The piles of a panel."""

    keys = frozenset({"attribute"})
    made = Signal(object)
    """An :class:`~studio.engine.results.Attribute` whose slider is there now."""

    panel: LatentPanel

    def __init__(self, panel: LatentPanel, section: PilesSection) -> None:
        super().__init__(panel)
        self.section = section
        section.having.set_resolver(panel.resolve)
        section.lacking.set_resolver(panel.resolve)
        section.added.connect(self._added)
        section.removed.connect(self.remove)
        section.make_asked.connect(self.make)
        section.cleared.connect(lambda: panel.change(self.tr("Clear the piles"), piles=Piles()))
        section.toggled.connect(lambda on: self.show() if on else None)

    @property
    def value(self) -> Piles:
        """The session's piles."""
        piles: Piles = self.panel.state.piles
        return piles

    def show(self) -> None:
        """Bring the section to the session, silently."""
        piles = self.value
        latents = (*piles.having, *piles.lacking)
        names = {latent: describe(latent, self.tr) for latent in latents}
        self.section.show_piles(piles, {latent: self.panel.thumbs.get(latent) for latent in latents}, names)

    def want(self) -> None:
        """Ask for the pictures of the piles."""
        self.panel.thumbs.want("piles", (*self.value.having, *self.value.lacking) if self.section.is_open() else ())

    def _added(self, side: str, things: list[Any] | None) -> None:
        pile: Side = "having" if side == "having" else "lacking"
        if things is None:
            self.add_current(pile)
        else:
            self.panel.keeping.take(things, lambda latent: self.add(pile, latent))

    def add_current(self, side: Side) -> None:
        """What is on the canvas goes on a pile."""
        latent = self.panel.shown()
        if latent is not None:
            self.add(side, latent)

    def add(self, side: Side, latent: Latent) -> None:
        """Put a latent on a pile (once), and take it from the other."""
        piles = self.value
        having = tuple(x for x in piles.having if x != latent)
        lacking = tuple(x for x in piles.lacking if x != latent)
        if side == "having":
            having = (*having, latent)
        else:
            lacking = (*lacking, latent)
        self.section.set_open(True)
        self.panel.change(
            self.tr("Add to the pile"), piles=msgspec.structs.replace(piles, having=having, lacking=lacking)
        )

    def remove(self, side: str, at: int) -> None:
        """Take a picture from a pile."""
        piles = self.value
        having = tuple(x for i, x in enumerate(piles.having) if side != "having" or i != at)
        lacking = tuple(x for i, x in enumerate(piles.lacking) if side != "lacking" or i != at)
        self.panel.change(
            self.tr("Take from the pile"), piles=msgspec.structs.replace(piles, having=having, lacking=lacking)
        )

    def make(self, name: str = "") -> None:
        """Ask for the direction of the piles."""
        self.ask(self.value.having, self.value.lacking, name)

    def ask(self, having: tuple[Latent, ...], lacking: tuple[Latent, ...], name: str) -> None:
        """Ask for a direction of any two piles."""
        known = sum(1 for push in self.panel.state.directions if push.direction.kind == "stored")
        request = MakeAttribute(
            model=self.panel.sha,
            precision=self.panel.precision,
            having=having,
            lacking=lacking,
            look=self.panel.bare_look(),
            name=name or self.tr("Own %1").replace("%1", str(known + 1)),
        )
        self.section.make.setEnabled(False)
        self.section.set_words(self.tr("Comparing the piles …"))
        self.panel.long(request, self.tr("Making “%1”").replace("%1", request.name), "attribute")

    def result(self, key: str, job: int, request: MakeAttribute, result: Attribute) -> None:
        push = Push(direction=Direction(kind="stored", asset=result.asset), name=result.name or request.name)
        self.panel.change(self.tr("Make a direction"), directions=(*self.panel.state.directions, push))
        self.show()
        self.section.name.clear()
        self.section.set_words(self.words(push.name, result, len(request.having), len(request.lacking)))
        self.made.emit(result)

    def ended(self, key: str, job: int) -> None:
        self.section.set_words("")
        self.show()

    def words(self, name: str, result: Attribute, having: int, lacking: int) -> str:
        """How good the direction is, as one would say it."""
        if result.separability >= 0.9:
            text = self.tr("“%1” is clear: it tells %2 of 100 pictures right that it was not shown.")
        elif result.separability >= 0.75:
            text = self.tr("“%1” works: it tells %2 of 100 pictures right that it was not shown. More examples help.")
        else:
            text = self.tr(
                "“%1” is vague: it tells only %2 of 100 pictures right that it was not shown. "
                "Add examples that differ in nothing else."
            )
        text = text.replace("%1", name).replace("%2", str(round(100 * result.separability)))
        if result.shrink >= FEW:
            few = self.tr("With %1 and %2 examples it stays close to the plain difference of the two piles.")
            text += " " + few.replace("%1", str(having)).replace("%2", str(lacking))
        return text
