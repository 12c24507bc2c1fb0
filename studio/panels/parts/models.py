"""Which model a panel works with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QCoreApplication, QSignalBlocker, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QWidget

from studio.checkpoints.facts import NAMES
from studio.widgets.parts import icon_button

if TYPE_CHECKING:
    from studio.checkpoints.card import ModelCard


def architecture_name(card: ModelCard) -> str:
    """The architecture as it is written in papers."""
    return NAMES.get(card.architecture, card.architecture)


def role_name(card: ModelCard) -> str:
    """What a model is for, in a word or two."""
    tr = QCoreApplication.translate
    return {
        "generator": tr("Models", "generator"),
        "autoencoder": tr("Models", "autoencoder"),
        "stylizer": tr("Models", "style network"),
        "features": tr("Models", "looks at pictures"),
        "translator": tr("Models", "translator"),
        "upscaler": tr("Models", "enlarger"),
        "directions": tr("Models", "directions"),
    }.get(card.role, card.role)


def picture_words(card: ModelCard) -> str:
    """The size of the pictures of a model: "256 px", "any size", or nothing when its card does not say."""
    if card.hyper.get("spatial") or card.role in ("stylizer", "features", "translator", "upscaler"):
        return QCoreApplication.translate("Models", "any size")
    return f"{card.hyper['resolution']} px" if card.hyper.get("resolution") else ""


def model_line(card: ModelCard | None) -> str:
    """The right end of the status bar: name, architecture, size, number of layers."""
    if card is None:
        return ""
    parts = [card.title or card.name, architecture_name(card)]
    if size := picture_words(card):
        parts.append(size)
    if card.hyper.get("num_ws", 1) > 1:
        parts.append(f"{card.hyper['num_ws']} w")
    return " · ".join(parts)


def layers_of(card: ModelCard | None) -> list[dict[str, Any]]:
    """The card's layer rows (index, name, resolution, band), empty without a model."""
    return list(card.hyper.get("layers", [])) if card is not None else []


class ModelChooser(QWidget):
    """A list of the models at hand and a button to bring in another."""

    chosen = Signal(str)
    """The sha256 of the model that was picked."""
    wanted = Signal()
    """The person wants to open a model file."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        self.box = QComboBox()
        self.box.setAccessibleName(self.tr("Model"))
        self.box.setToolTip(self.tr("The model that makes the pictures. Drop a model file on the window to add one."))
        self.box.setMinimumContentsLength(12)
        self.box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.box.activated.connect(self._picked)
        row.addWidget(self.box, 1)
        row.addWidget(icon_button("plus", self.tr("Open a model file"), self.wanted.emit, framed=True))

    def set_models(self, cards: Sequence[ModelCard], current: str, missing: str = "") -> None:
        """Show ``cards`` with ``current`` (sha256) picked; ``missing`` names a model that could not be found."""
        with QSignalBlocker(self.box):
            self.box.clear()
            for card in cards:
                self.box.addItem(f"{card.title or card.name}", card.sha256)
                words = " · ".join(filter(None, (architecture_name(card), picture_words(card))))
                self.box.setItemData(self.box.count() - 1, words, 3)  # 3: Qt.ToolTipRole
            at = self.box.findData(current)
            if at < 0 and missing:
                self.box.addItem(self.tr("%1 (missing)").replace("%1", missing), current)
                at = self.box.count() - 1
            self.box.setCurrentIndex(at)

    def _picked(self, index: int) -> None:
        sha = self.box.itemData(index)
        if sha:
            self.chosen.emit(str(sha))
