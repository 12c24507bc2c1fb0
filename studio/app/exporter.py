"""The export dialog, export without asking, the clipboard, and files for dragging out."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QObject
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QComboBox, QFormLayout, QSpinBox, QWidget

from studio.app import export
from studio.app.calls import Lane
from studio.app.dialogs import Dialog
from studio.app.export import FORMATS, LOSSY, ExportOptions
from studio.app.settings import Settings
from studio.base.steps import UInt8Image
from studio.widgets.parts import label
from studio.widgets.pictures import to_qimage

if TYPE_CHECKING:
    from studio.app.window import MainWindow
    from studio.engine.results import Picture


class Exporter(QObject):
    """Works on the picture of the workspace in front."""

    def __init__(self, window: MainWindow, lane: Lane) -> None:
        super().__init__(window)
        self._window, self._lane = window, lane
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def options(self) -> ExportOptions:
        """As last chosen."""
        get = self._window.app_settings.get
        return ExportOptions(
            format=get("export_format"),
            scale=get("export_scale"),
            smooth=get("export_smooth"),
            quality=get("export_quality"),
        )

    def show_dialog(self) -> None:
        """Choose format and size, then a place."""
        picture = self._window.current_picture()
        if picture is not None:
            ExportDialog(self._window, self._window.app_settings, picture[0], self.export, self.copy).open()

    def export(self) -> None:
        """Ask for a place and write the picture in front there."""
        picture = self._window.current_picture()
        if picture is not None:
            self.export_picture(picture[0], picture[1], self._window.picture_title())

    def export_picture(self, pixels: UInt8Image, request: msgspec.Struct, title: str) -> None:
        """Ask for a place and write any picture there, with the last options."""
        options = self.options()
        name = export.file_name(title, options.format)
        path = self._window.files.target(
            "export", self.tr("Export the picture"), f"{FORMATS[options.format]} (*.{options.format})", name
        )
        if path is not None:
            self._write(path, (pixels, request), options)

    def export_again(self) -> None:
        """Write into the last folder with the last options, under a name that is free."""
        picture = self._window.current_picture()
        folder = self._window.app_settings.folder("export")
        if picture is None:
            return
        if not folder:
            self.show_dialog()
            return
        options = self.options()
        name = export.file_name(self._window.picture_title(), options.format)
        self._write(export.free_path(Path(folder), name), picture, options)

    def copy(self) -> None:
        """The picture onto the clipboard."""
        picture = self._window.current_picture()
        if picture is not None:
            QGuiApplication.clipboard().setImage(to_qimage(picture[0]))
            self._window.notify(self.tr("The picture is on the clipboard."), good=True)

    def drag_file(self, pixels: UInt8Image, request: msgspec.Struct, title: str) -> Path:
        """A PNG with its recipe in a folder that lasts as long as the program (for dragging out)."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="studio-drag-", ignore_cleanup_errors=True)
        path = export.free_path(Path(self._folder.name), export.file_name(title, "png"))
        document = self._window.document
        result = self._result_of(pixels)
        return export.write(path, pixels, request, document.session, document.assets, ExportOptions(), result)

    def drag_current(self) -> Path | None:
        """:meth:`drag_file` of the picture in front."""
        picture = self._window.current_picture()
        return None if picture is None else self.drag_file(picture[0], picture[1], self._window.picture_title())

    def _result_of(self, pixels: UInt8Image) -> Picture | None:
        """The result that these pixels belong to, when the workspace in front or the history has it still."""
        panel = self._window.panel
        result = panel.current_result() if panel is not None else None
        return result if result is not None and result.image is pixels else self._window.history.whole(pixels)

    def close(self) -> None:
        """Remove the dragged files."""
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _write(self, path: Path, picture: tuple[UInt8Image, msgspec.Struct], options: ExportOptions) -> None:
        document = self._window.document
        session, assets = document.session, document.assets
        result = self._result_of(picture[0])
        self._lane.submit(
            lambda: export.write(path, picture[0], picture[1], session, assets, options, result),
            lambda written: self._window.notify(
                self.tr("Exported as “{name}”.").format(name=written.name), good=True, reveal=written
            ),
            doing=self.tr("Exporting the picture"),
        )


class ExportDialog(Dialog):
    """Format, enlargement, quality; remembers all of it."""

    def __init__(
        self,
        parent: QWidget,
        settings: Settings,
        pixels: UInt8Image,
        export_now: object,
        copy_now: object,
    ) -> None:
        super().__init__(parent, self.tr("Export the picture"), width=420)
        self._settings = settings
        self._size = (pixels.shape[1], pixels.shape[0])
        form = QFormLayout()
        form.setHorizontalSpacing(24)
        form.setVerticalSpacing(10)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.body.addLayout(form)

        self.format = QComboBox()
        for key, words in FORMATS.items():
            self.format.addItem(words, key)
        self.format.setCurrentIndex(self.format.findData(settings.get("export_format")))
        form.addRow(self.tr("Format"), self.format)

        self.scale = QComboBox()
        for scale in export.allowed_scales(self._size):
            width, height = (side * scale for side in self._size)
            self.scale.addItem(f"{scale} ×   {width} × {height} px", scale)
        self.scale.setCurrentIndex(max(0, self.scale.findData(settings.get("export_scale"))))
        form.addRow(self.tr("Size"), self.scale)

        self.smooth = QComboBox()
        self.smooth.addItem(self.tr("Smooth"), True)
        self.smooth.addItem(self.tr("Sharp squares"), False)
        self.smooth.setCurrentIndex(self.smooth.findData(settings.get("export_smooth")))
        form.addRow(self.tr("Enlarging"), self.smooth)

        self.quality = QSpinBox()
        self.quality.setRange(1, 100)
        self.quality.setValue(settings.get("export_quality"))
        form.addRow(self.tr("Quality"), self.quality)

        self.note = label("", "hint", wrap=True)
        self.body.addWidget(self.note)
        for name, widget in (
            (self.tr("Format"), self.format),
            (self.tr("Size"), self.scale),
            (self.tr("Enlarging"), self.smooth),
            (self.tr("Quality"), self.quality),
        ):
            widget.setAccessibleName(name)
        self.format.currentIndexChanged.connect(self._follow)
        self.scale.currentIndexChanged.connect(self._follow)
        self.smooth.currentIndexChanged.connect(self._follow)
        self.quality.valueChanged.connect(self._follow)

        self.add_button(self.tr("Copy"), lambda: self._finish(copy_now), left=True)
        self.add_close(self.tr("Cancel"))
        self.add_button(self.tr("Export …"), lambda: self._finish(export_now), kind="primary")
        self._follow()

    def _follow(self) -> None:
        self._settings.set("export_format", self.format.currentData())
        self._settings.set("export_scale", self.scale.currentData())
        self._settings.set("export_smooth", self.smooth.currentData())
        self._settings.set("export_quality", self.quality.value())
        self.quality.setEnabled(self.format.currentData() in LOSSY)
        self.smooth.setEnabled(self.scale.currentData() > 1)
        png = self.format.currentData() == "png"
        self.note.setText(
            self.tr("The recipe travels inside: drop the file here and everything comes back.")
            if png
            else self.tr("Only PNG carries the recipe that brings everything back.")
        )

    def _finish(self, then: object) -> None:
        self.accept()
        if callable(then):
            then()
