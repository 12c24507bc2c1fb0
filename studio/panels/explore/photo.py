"""An own photograph into the latent space."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from studio.base.steps import UInt8Image
from studio.widgets.chips import ChipRow
from studio.widgets.parts import label, text_button
from studio.widgets.picture import PictureView
from studio.widgets.plot import LossPlot
from studio.widgets.section import Section
from studio.widgets.slider import NumberSlider


class PhotoSection(Section):
    """Drop a picture, choose how far it may leave the known space, watch it being found."""

    start = Signal()
    cancel = Signal()
    wanted = Signal()
    """Choose a file."""
    dropped = Signal(object)
    """A list of paths."""
    editability_changed = Signal(float, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(self.tr("Own photo"), self.tr("find it in this model"), opened=False, parent=parent)
        self.area = PictureView(hint=self.tr("Drop a picture, or click to choose one"), aspect=2.4, takes_drops=True)
        self.space = ChipRow([("w", "W"), ("w+", "W+")], name=self.tr("Space"))
        self.space.set_current("w+")
        self.space.setToolTip(
            self.tr("W: one code for all layers, easy to edit. W+: one for each layer, closer to the picture.")
        )
        self.editability = NumberSlider(
            self.tr("Editability"),
            0.0,
            1.0,
            0.5,
            tip=self.tr("0: as faithful as possible. 1: stays where the model is at home, so that edits look right."),
        )
        self.steps = NumberSlider(self.tr("Steps"), 20, 2000, 300, 10, 0)
        self.run = text_button(self.tr("Find this picture"), self._start_or_stop, kind="primary")
        self.run.setEnabled(False)
        self.plot = LossPlot()
        self.plot.setFixedHeight(96)
        self.plot.hide()
        self.note = label("", "dim", wrap=True)
        self.note.hide()
        self.running = False
        self.add(self.area)
        self.add_row(self.space, self.run, stretch=1)
        self.add(self.editability)
        self.add(self.steps)
        self.add(self.plot)
        self.add(self.note)
        self.area.clicked.connect(self.wanted)
        self.area.dropped.connect(self.dropped)
        self.editability.value_changed.connect(self.editability_changed)
        self.space.changed.connect(lambda s: self.editability.setEnabled(s == "w+"))

    def set_picture(self, pixels: UInt8Image, title: str) -> None:
        """The picture that is to be found."""
        self.area.set_image(pixels)
        self.area.setToolTip(title)
        self.run.setEnabled(True)
        self.set_open(True)

    def set_running(self, running: bool) -> None:
        """Switch between start and stop."""
        self.running = running
        self.run.setText(self.tr("Stop here") if running else self.tr("Find this picture"))
        if running:
            self.plot.clear()
            self.plot.show()
            self.note.hide()

    def set_note(self, text: str) -> None:
        """What came out, in a sentence."""
        self.note.setText(text)
        self.note.setVisible(bool(text))

    def _start_or_stop(self) -> None:
        (self.cancel if self.running else self.start).emit()
