"""Settings survive the program, and a damaged file harms nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from studio.app.settings import TABLE, Settings


@pytest.fixture
def settings(qtbot: QtBot, tmp_path: Path) -> Settings:
    return Settings(tmp_path / "settings.ini")


def test_every_default_is_within_its_own_bounds() -> None:
    for setting in TABLE.values():
        assert setting.read(setting.default) == setting.default


def test_values_and_types_come_back(settings: Settings) -> None:
    settings.set("precision", "exact")
    settings.set("autosave_seconds", 7.5)
    settings.set("export_smooth", False)
    settings.set("history_mb", 512)
    settings.sync()
    again = Settings(settings.file)
    assert again.get("precision") == "exact"
    assert again.get("autosave_seconds") == 7.5
    assert again.get("export_smooth") is False
    assert again.get("history_mb") == 512


def test_changed_is_told_only_for_real_changes(settings: Settings) -> None:
    seen: list[str] = []
    settings.changed.connect(seen.append)
    settings.set("precision", "exact")
    settings.set("precision", "exact")
    assert seen == ["precision"]


@pytest.mark.parametrize(
    ("key", "raw", "value"),
    [
        ("precision", "sloppy", "fast"),
        ("history_mb", "many", 256),
        ("history_mb", "-5", 16),
        ("autosave_seconds", "1e9", 600.0),
        ("export_smooth", "perhaps", False),
        ("export_format", "exe", "png"),
    ],
)
def test_nonsense_in_the_file_becomes_something_sensible(settings: Settings, key: str, raw: str, value: object) -> None:
    settings.store.setValue(key, raw)
    assert settings.get(key) == value


def test_recent_projects_newest_first_without_those_that_are_gone(settings: Settings, tmp_path: Path) -> None:
    files = [tmp_path / f"{n}.studio" for n in range(12)]
    for file in files:
        file.touch()
        settings.add_recent(file)
    settings.add_recent(files[3])
    files[11].unlink()
    recent = settings.recent()
    assert recent[0] == files[3].resolve() and files[11] not in recent and len(recent) == 9
    assert Settings(settings.file).recent() == recent
    settings.clear_recent()
    assert settings.recent() == []


def test_folders_are_remembered_while_they_exist(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    settings.remember_folder("export", folder / "a.png")
    assert settings.folder("export") == str(folder)
    folder.rmdir()
    assert settings.folder("export") == ""
