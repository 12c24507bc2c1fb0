"""A Style panel over a studio of paper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from studio.panels.style import StylePanel
from studio.panels.style import examples as example_room
from tests.panels.style.paper import StyleStudio


@pytest.fixture
def studio(qapp: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StyleStudio]:
    # The pictures that ship are another test's matter.
    monkeypatch.setattr(example_room, "home", lambda: tmp_path / "examples")
    example_room.examples.cache_clear()
    made = StyleStudio(tmp_path)
    yield made
    made.assets.close()
    example_room.examples.cache_clear()


@pytest.fixture
def panel(studio: StyleStudio) -> Iterator[StylePanel]:
    made = StylePanel(studio)  # type: ignore[arg-type]  # made of paper
    made.stage.resize(900, 600)
    made.inspector.resize(320, 900)
    made.activate()
    yield made
    made.deactivate()
    for part in made.parts:
        for timer in ("_later",):
            if hasattr(part, timer):
                getattr(part, timer).stop()
    for widget in (made.stage, made.inspector):
        widget.close()
        widget.deleteLater()
