"""About: the version, what the program stands on, and every licence, read from the files that ship."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtGui import QTextBlockFormat, QTextCharFormat, QTextCursor, QTextFormat, QTextOption
from PySide6.QtWidgets import QPlainTextEdit, QTabWidget, QTextBrowser, QWidget

import studio
from studio.app.dialogs import Dialog
from studio.base import paths
from studio.widgets.parts import label
from studio.widgets.tokens import Theme


def legal_text(name: str) -> str:
    """LICENSE or THIRD_PARTY.md, from a checkout or from the installed package's licence folder; "" when absent."""
    package = Path(studio.__file__).resolve().parent
    for folder in (package.parent, package / "_shipped", package):
        file = folder / name
        if file.is_file():
            return file.read_text(encoding="utf-8")
    from importlib import metadata

    try:
        files = metadata.files("latent-studio") or []
    except metadata.PackageNotFoundError:
        return ""
    for entry in files:
        if entry.name == name:
            return entry.read_text(encoding="utf-8")
    return ""


def versions() -> list[tuple[str, str]]:
    """What the program stands on and its versions, without importing any of it."""
    from importlib import metadata

    found = [("Latent Studio", studio.__version__)]
    for name in ("PySide6-Essentials", "torch", "numpy", "pillow", "safetensors", "msgspec"):
        try:
            found.append((name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            continue
    return found


def _calm_headings(view: QTextBrowser) -> None:
    """Markdown's headings are as large as a poster; here they are as large as a section's title."""
    cursor = QTextCursor(view.document())
    while True:
        if cursor.blockFormat().headingLevel():
            cursor.select(QTextCursor.SelectionType.BlockUnderCursor)
            look = QTextCharFormat()
            look.setProperty(QTextFormat.Property.FontSizeAdjustment, 0)
            look.setProperty(QTextFormat.Property.FontPixelSize, Theme.TEXT + 1)
            cursor.mergeCharFormat(look)
            cursor.clearSelection()
            space = QTextBlockFormat()
            space.setTopMargin(14)
            space.setBottomMargin(4)
            cursor.mergeBlockFormat(space)
        if not cursor.movePosition(QTextCursor.MoveOperation.NextBlock):
            return


class AboutDialog(Dialog):
    """Version and licences."""

    def __init__(self, parent: QWidget | None) -> None:
        super().__init__(
            parent,
            paths.APP_NAME,
            self.tr("Explore, mix and keep the pictures of generative networks. Everything stays on this computer."),
            width=640,
        )
        self.setMinimumHeight(480)
        self.body.addWidget(label(" · ".join(f"{name} {version}" for name, version in versions()), "dim", wrap=True))
        self.tabs = QTabWidget()
        self.body.addWidget(self.tabs, 1)
        third = legal_text("THIRD_PARTY.md")
        if third:
            view = QTextBrowser()
            view.setMarkdown(third)
            _calm_headings(view)
            view.setOpenExternalLinks(True)
            self.tabs.addTab(view, self.tr("What it stands on"))
        licence = legal_text("LICENSE")
        if licence:
            text = QPlainTextEdit(licence)
            text.setReadOnly(True)
            text.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
            self.tabs.addTab(text, self.tr("Licence"))
        self.add_close()
