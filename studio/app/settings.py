"""The one place of settings: an ini file in the person's data folder, with a typed table of what may be in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QByteArray, QObject, QSettings, Signal

from studio.base import paths


@dataclass(frozen=True, slots=True)
class Setting:
    """``default`` also gives the type; ``choices`` (if any) or ``low..high`` bound what is read from the file."""

    key: str
    default: str | int | float | bool
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None

    def read(self, raw: Any) -> Any:
        """The value of an ini entry, or the default where it is not usable."""
        kind = type(self.default)
        try:
            if kind is bool:
                value: Any = raw if isinstance(raw, bool) else str(raw).strip().lower() in {"true", "1", "yes"}
            else:
                value = kind(raw)
        except (TypeError, ValueError):
            return self.default
        if self.choices and value not in self.choices:
            return self.default
        if kind in (int, float):
            if self.low is not None:
                value = max(kind(self.low), value)
            if self.high is not None:
                value = min(kind(self.high), value)
        return value


TABLE = {
    setting.key: setting
    for setting in (
        Setting("language", "system"),
        Setting("device", "auto"),
        Setting("precision", "fast", choices=("fast", "exact")),
        Setting("memory_mb", 0, low=0, high=1_000_000),
        Setting("history_mb", 256, low=16, high=65_536),
        Setting("autosave_seconds", 2.0, low=0.5, high=600.0),
        Setting("interface_percent", 100, low=75, high=250),
        Setting("export_format", "png", choices=("png", "jpg", "webp", "tiff")),
        Setting("export_scale", 1, low=1, high=8),
        Setting("export_smooth", True),
        Setting("export_quality", 92, low=1, high=100),
    )
}
RECENT = 10


class Settings(QObject):
    """Typed settings, remembered folders and window state.  ``changed(key)`` after every real change."""

    changed = Signal(str)

    def __init__(self, file: Path | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.file = file or paths.data_dir() / "settings.ini"
        self.store = QSettings(str(self.file), QSettings.Format.IniFormat)

    def get(self, key: str) -> Any:
        """The value of a setting of :data:`TABLE`, within its bounds."""
        setting = TABLE[key]
        return setting.read(self.store.value(key, setting.default))

    def set(self, key: str, value: Any) -> None:
        """Remember ``value``; it is brought within the bounds of the table."""
        setting = TABLE[key]
        value = setting.read(value)
        if value != self.get(key):
            self.store.setValue(key, value)
            self.changed.emit(key)

    def folder(self, purpose: str) -> str:
        """The folder last used for ``purpose`` ("" when it is gone)."""
        found = str(self.store.value(f"folders/{purpose}", ""))
        return found if found and Path(found).is_dir() else ""

    def remember_folder(self, purpose: str, chosen: Path) -> None:
        """Remember the folder of a chosen file (or a chosen folder)."""
        self.store.setValue(f"folders/{purpose}", str(chosen if chosen.is_dir() else chosen.parent))

    def recent(self) -> list[Path]:
        """Projects opened last, newest first; those that are gone are left out."""
        return [path for path in self._recent() if path.is_file()]

    def add_recent(self, path: Path) -> None:
        """Put a project at the front of the recent ones."""
        path = path.resolve()
        rest = [other for other in self._recent() if other != path]
        self.store.setValue("recent", [str(item) for item in [path, *rest][:RECENT]])

    def clear_recent(self) -> None:
        """Forget the recent projects."""
        self.store.remove("recent")

    def _recent(self) -> list[Path]:
        raw = self.store.value("recent", [])
        items = raw if isinstance(raw, list) else [raw] if raw else []
        return [Path(str(item)) for item in items]

    def layout(self, name: str) -> QByteArray:
        """Saved geometry or dock state; empty when there is none."""
        value = self.store.value(f"layout/{name}")
        return value if isinstance(value, QByteArray) else QByteArray()

    def set_layout(self, name: str, state: QByteArray) -> None:
        """Remember geometry or dock state."""
        self.store.setValue(f"layout/{name}", state)

    def sync(self) -> None:
        """Write now (at the end of the program)."""
        self.store.sync()
