"""A Translate panel over a studio of paper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from studio.panels.translate import TranslatePanel
from studio.panels.translate import examples as example_room
from tests.panels.translate.paper import TranslateStudio


@pytest.fixture
def studio(qapp: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TranslateStudio]:
    # The pictures that ship are another test's matter.
    monkeypatch.setattr(example_room, "home", lambda: tmp_path / "examples")
    example_room.examples.cache_clear()
    made = TranslateStudio(tmp_path)
    yield made
    made.assets.close()
    example_room.examples.cache_clear()


@pytest.fixture
def panel(studio: TranslateStudio) -> Iterator[TranslatePanel]:
    made = TranslatePanel(studio)  # type: ignore[arg-type]  # made of paper
    made.stage.resize(900, 600)
    made.inspector.resize(320, 900)
    made.stage.show()
    made.activate()
    yield made
    made.deactivate()
    for widget in (made.stage, made.inspector):
        widget.close()
        widget.deleteLater()
