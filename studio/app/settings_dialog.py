"""The settings window.  Every change acts at once, except the language, which says that it waits for the next start."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QFormLayout, QLabel, QSpinBox, QTabWidget, QVBoxLayout, QWidget

from studio.app import language
from studio.app.dialogs import Dialog
from studio.app.settings import TABLE, Settings
from studio.base import paths
from studio.widgets.parts import label, text_button


class SettingsDialog(Dialog):
    """``devices`` are (key, words) that this machine has, "auto" first."""

    def __init__(self, parent: QWidget | None, settings: Settings, devices: Iterable[tuple[str, str]]) -> None:
        super().__init__(parent, self.tr("Settings"), width=560)
        self._settings = settings
        self.tabs = QTabWidget()
        self.body.addWidget(self.tabs)
        self.widgets: dict[str, QWidget] = {}

        general = self._page(self.tr("General"))
        tongues = [(language.SYSTEM, self.tr("As on this computer")), *language.available().items()]
        self._choice(general, "language", self.tr("Language"), tongues, self.tr("Shows at the next start."))
        sizes = [(percent, f"{percent} %") for percent in (80, 90, 100, 110, 125, 150, 175, 200)]
        self._choice(
            general,
            "interface_percent",
            self.tr("Size of the interface"),
            sizes,
            self.tr("Smaller shows more at once. Shows at the next start."),
        )
        self._number(
            general,
            "autosave_seconds",
            self.tr("Autosave after"),
            self.tr(" s"),
            self.tr("How long a pause in editing is before a safety copy is written."),
        )
        self._number(
            general,
            "history_mb",
            self.tr("History may use"),
            " MB",
            self.tr("Memory for pictures of the history strip. Older ones keep their recipe only."),
        )

        pictures = self._page(self.tr("Making pictures"))
        self._choice(
            pictures, "device", self.tr("Device"), devices, self.tr("Automatic takes a graphics card if one is usable.")
        )
        self._choice(
            pictures,
            "precision",
            self.tr("Precision"),
            (("fast", self.tr("Fast")), ("exact", self.tr("Exact (float32)"))),
            self.tr("Fast differs from exact by less than the eye sees. A recipe remembers which one it was."),
        )
        self._number(
            pictures,
            "memory_mb",
            self.tr("Models may use"),
            " MB",
            self.tr("Loaded models beyond this leave memory. 0 lets the program decide."),
            special=self.tr("Automatic"),
        )

        folders = self._page(self.tr("Folders"))
        for words, folder in (
            (self.tr("Imported models"), paths.models_dir()),
            (self.tr("Safety copies"), paths.autosave_dir()),
            (self.tr("Log"), paths.log_dir()),
            (self.tr("Cache"), paths.cache_dir()),
        ):
            place = label(str(folder), "dim", wrap=True)
            folders.addRow(words, place)
            folders.addRow("", text_button(self.tr("Open"), _opener(str(folder)), kind="link", icon_name="folder"))
        self.add_close()

    def _page(self, title: str) -> QFormLayout:
        page = QWidget()
        form = QFormLayout(page)
        form.setContentsMargins(4, 16, 4, 8)
        form.setHorizontalSpacing(24)
        form.setVerticalSpacing(14)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        form.setFormAlignment(Qt.AlignmentFlag.AlignTop)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.tabs.addTab(page, title)
        return form

    def _row(self, form: QFormLayout, key: str, words: str, widget: QWidget, hint: str) -> None:
        widget.setAccessibleName(words)
        widget.setToolTip(hint)
        self.widgets[key] = widget
        name = QLabel(words)
        name.setBuddy(widget)
        name.setFixedHeight(26)
        field = QVBoxLayout()
        field.setSpacing(4)
        field.addWidget(widget)
        if hint:
            field.addWidget(label(hint, "hint", wrap=True))
        form.addRow(name, field)

    def _choice(
        self, form: QFormLayout, key: str, words: str, options: Iterable[tuple[object, str]], hint: str = ""
    ) -> None:
        box = QComboBox()
        for value, text in options:
            box.addItem(text, value)
        now = self._settings.get(key)
        if box.findData(now) < 0:  # a graphics card that is not in the machine today
            box.addItem(self.tr("{name} (not here now)").format(name=now), now)
        box.setCurrentIndex(box.findData(now))
        box.currentIndexChanged.connect(lambda _: self._settings.set(key, box.currentData()))
        self._row(form, key, words, box, hint)

    def _number(self, form: QFormLayout, key: str, words: str, unit: str, hint: str = "", *, special: str = "") -> None:
        setting = TABLE[key]
        box: QSpinBox | QDoubleSpinBox
        if isinstance(setting.default, float):
            box = QDoubleSpinBox()
            box.setDecimals(1)
            box.setRange(setting.low or 0.0, setting.high or 1e6)
        else:
            box = QSpinBox()
            box.setRange(int(setting.low or 0), int(setting.high or 1_000_000))
            box.setSingleStep(64)
        box.setSuffix(unit)
        box.setSpecialValueText(special)
        box.setValue(self._settings.get(key))
        box.setKeyboardTracking(False)
        box.valueChanged.connect(lambda value: self._settings.set(key, value))
        self._row(form, key, words, box, hint)


def _opener(folder: str) -> Callable[[], bool]:
    return lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(folder))
