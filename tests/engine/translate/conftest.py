"""Fixtures of the translate room."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.translate.parts import Shelf


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """A context with a library of its own."""
    return Shelf(tmp_path)
