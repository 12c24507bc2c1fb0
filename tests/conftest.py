"""Shared by all tests: no display, personal folders in a temporary place, no leaked threads."""

from __future__ import annotations

import importlib.util
import os
import tempfile
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("STUDIO_DATA", tempfile.mkdtemp(prefix="studio-tests-"))

import pytest

if importlib.util.find_spec("PySide6"):
    import studio.widgets  # noqa: F401 - PySide6 6.12.0 needs its guard on Python 3.11 (see widgets/singletons.py)

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture
def shared() -> Path:
    """The team's shared folder of real files; the test is skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("the shared folder with real files is not here")
    return SHARED


@pytest.fixture
def fixtures() -> Path:
    """Exact numeric references that travel with the tests."""
    return Path(__file__).parent / "fixtures"


@pytest.fixture(autouse=True)
def personal_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test has data folders of its own."""
    monkeypatch.setenv("STUDIO_DATA", str(tmp_path / "data"))
    return tmp_path / "data"
