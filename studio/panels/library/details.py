"""What the inspector shows of the thing that is chosen in the library."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QComboBox, QFormLayout, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from studio.base.steps import UInt8Image
from studio.panels.parts.models import architecture_name, picture_words, role_name
from studio.project.session import Bookmark, GalleryItem
from studio.widgets.parts import label, text_button
from studio.widgets.picture import PictureView
from studio.widgets.section import Section
from studio.widgets.tilegrid import TileGrid

if TYPE_CHECKING:
    from studio.checkpoints.card import ModelCard
    from studio.checkpoints.catalogue import CatalogueEntry

SAMPLES = (2, 4)
"""Rows and columns of sample pictures."""


def size_words(size: int) -> str:
    """Bytes as people say them: "8.7 MB"."""
    value = float(size)
    for unit in ("B", "KB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if value >= 100 or unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.2f} GB"


class Details(QWidget):
    """A column of sections."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.setSpacing(8)

    def section(self, title: str, hint: str = "", *, opened: bool = True) -> Section:
        """Add a section."""
        made = Section(title, hint, opened=opened)
        self.column.addWidget(made)
        return made

    def buttons(self, *entries: tuple[str, Callable[[], object], str, str]) -> None:
        """A row of (words, slot, kind, icon)."""
        row = QHBoxLayout()
        row.setSpacing(6)
        for words, slot, kind, icon_name in entries:
            made = text_button(words, kind=kind, icon_name=icon_name)
            made.clicked.connect(lambda _=False, slot=slot: slot())
            row.addWidget(made)
        row.addStretch(1)
        self.column.addLayout(row)

    def facts(self, section: Section, rows: Iterable[tuple[str, Any]]) -> None:
        """Name and value lines; empty values are left out."""
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        form.setVerticalSpacing(4)
        for name, value in rows:
            if value in ("", None, (), 0):
                continue
            shown = label(str(value), wrap=True)
            shown.setTextInteractionFlags(shown.textInteractionFlags().TextSelectableByMouse)
            form.addRow(label(name, "dim"), shown)
        section.body.addLayout(form)


def _sides(card: ModelCard) -> str:
    size = card.hyper.get("resolution")
    own = picture_words(card)
    return f"{size} × {size} px" if size and own == f"{size} px" else own


class ModelDetails(Details):
    """A model card: samples, what it is, what was assumed, where it comes from."""

    use = Signal()
    remove = Signal()
    assumed = Signal(str, object)
    """``(name, value)``: the person knows better."""

    def __init__(self, card: ModelCard, parent: QWidget | None = None, *, usable: bool = True) -> None:
        super().__init__(parent)
        self.card = card
        self.assumption_boxes: dict[str, QComboBox] = {}
        actions: list[tuple[str, Callable[[], object], str, str]] = []
        if usable:
            actions.append((self.tr("Use"), self.use.emit, "primary", "play"))
        if not card.embedded:
            actions.append((self.tr("Remove"), self.remove.emit, "danger", ""))
        self.buttons(*actions)
        self.samples = TileGrid(*SAMPLES, name=self.tr("Samples"))
        if card.usable and card.role == "generator":
            self.section(self.tr("Samples"), self.tr("seeds 1 to 8")).add(self.samples)

        hyper = card.hyper
        what = self.section(self.tr("The model"))
        self.facts(
            what,
            (
                (self.tr("Kind"), f"{architecture_name(card)} · {role_name(card)}"),
                (self.tr("Picture"), _sides(card)),
                (self.tr("Layers"), hyper.get("num_ws", 0) if hyper.get("num_ws", 0) > 1 else ""),
                (self.tr("Attributes"), len(card.label_names)),
                (self.tr("File"), size_words(card.size) if card.size else ""),
                (self.tr("Stored as"), card.precision),
            ),
        )
        if card.assumptions:
            part = self.section(self.tr("Assumed"), self.tr("the file does not say"))
            for assumption in card.assumptions:
                self._assumption(part, assumption)
        origin = self.section(self.tr("Where it comes from"))
        self.facts(
            origin,
            (
                (self.tr("Data"), card.data),
                (self.tr("Credit"), card.credit),
                (self.tr("Licence"), card.licence or self.tr("not known")),
                (self.tr("From"), card.source),
                (self.tr("Fingerprint"), card.sha256[:16]),
            ),
        )
        if card.training:
            self.facts(self.section(self.tr("Training"), opened=False), _words(card.training))
        if card.scores:
            self.facts(self.section(self.tr("Measured"), opened=False), _words(card.scores))
        if card.notes:
            notes = self.section(self.tr("Notes"), opened=False)
            for note in card.notes:
                notes.add(label(note, "dim", wrap=True))

    def _assumption(self, section: Section, assumption: Any) -> None:
        name = assumption.name.replace("_", " ")
        section.add(label(name[:1].upper() + name[1:], wrap=True))
        if len(assumption.choices) > 1 and not self.card.embedded:
            box = QComboBox()
            for choice in assumption.choices:
                box.addItem(_word(choice), choice)
            box.setCurrentIndex(max(0, box.findData(assumption.value)))
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(6)
            box.setAccessibleName(assumption.name)
            box.setToolTip(assumption.why)
            box.activated.connect(lambda at: self.assumed.emit(assumption.name, box.itemData(at)))
            self.assumption_boxes[assumption.name] = box
            section.add(box)
        else:
            section.add(label(_word(assumption.value), "dim", wrap=True))
        if assumption.why:
            section.add(label(assumption.why, "hint", wrap=True))


class BookmarkDetails(Details):
    """A bookmark: its picture, its name, use and remove."""

    use = Signal()
    remove = Signal()
    renamed = Signal(str)

    def __init__(self, mark: Bookmark, picture: UInt8Image | None, model: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        view = PictureView()
        view.set_image(picture)
        view.clicked.connect(self.use)
        self.column.addWidget(view)
        self.name = QLineEdit(mark.name)
        self.name.setAccessibleName(self.tr("Name of the bookmark"))
        self.name.editingFinished.connect(self._rename)
        self._known = mark.name
        self.column.addWidget(self.name)
        self.buttons(
            (self.tr("Use"), self.use.emit, "primary", "play"),
            (self.tr("Remove"), self.remove.emit, "danger", ""),
        )
        self.facts(
            self.section(self.tr("The place")),
            ((self.tr("Model"), model), (self.tr("Truncation ψ"), f"{mark.look.psi:.2f}")),
        )

    def _rename(self) -> None:
        name = self.name.text().strip()
        if name and name != self._known:
            self._known = name
            self.renamed.emit(name)


class PictureDetails(Details):
    """A kept picture: recall, export, recipe, take out."""

    recall = Signal()
    export = Signal()
    recipe = Signal()
    remove = Signal()

    def __init__(
        self, item: GalleryItem, picture: UInt8Image | None, model: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.view = PictureView()
        self.view.set_image(picture)
        self.view.clicked.connect(self.recall)
        self.column.addWidget(self.view)
        self.buttons(
            (self.tr("Bring back"), self.recall.emit, "primary", "undo"),
            (self.tr("Export …"), self.export.emit, "normal", "export"),
        )
        self.buttons(
            (self.tr("Recipe"), self.recipe.emit, "quiet", "info"),
            (self.tr("Take out"), self.remove.emit, "danger", ""),
        )
        self.facts(self.section(self.tr("The picture")), ((self.tr("Name"), item.title), (self.tr("Model"), model)))


class CatalogueDetails(Details):
    """A model that can be downloaded elsewhere; this program never goes online by itself."""

    def __init__(self, entry: CatalogueEntry, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        address = QUrl(entry.page or entry.url)
        self.buttons((self.tr("Open the page"), lambda: QDesktopServices.openUrl(address), "primary", "link"))
        self.column.addWidget(
            label(self.tr("Download the file in your browser, then drop it on this window."), "dim", wrap=True)
        )
        if entry.note:
            self.column.addWidget(label(entry.note, "dim", wrap=True))
        self.facts(
            self.section(self.tr("The model")),
            (
                (self.tr("Kind"), entry.architecture),
                (self.tr("Picture"), f"{entry.resolution} × {entry.resolution} px" if entry.resolution else ""),
                (self.tr("File"), size_words(entry.size)),
                (self.tr("Licence"), entry.licence),
                (self.tr("Credit"), entry.credit),
                (self.tr("Address"), entry.url),
                (self.tr("Fingerprint"), entry.sha256[:16]),
            ),
        )


def _words(table: dict[str, Any]) -> list[tuple[str, str]]:
    return [(key.replace("_", " "), _word(value)) for key, value in table.items()]


def _word(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_word(inner)}" for key, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_word(inner) for inner in value)
    return str(value)
