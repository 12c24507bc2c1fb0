"""A tiny embedded generator on disk, and the command line called in this process."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "engine" / "explore"))


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights folder with one conditional 32 px StyleGAN2 and its card."""
    from explore_tiny import GROUPS, stylegan2
    from safetensors.torch import save_file

    from studio.checkpoints import inspect

    folder = tmp_path_factory.mktemp("weights")
    file = folder / "tiny.safetensors"
    save_file({k: v.contiguous().clone() for k, v in stylegan2(c_dim=3, seed=1).state_dict().items()}, file)
    card = inspect(file).changed(
        name="tiny", title="Tiny faces", label_names=("glasses", "bald", "curly"), label_groups=GROUPS
    )
    file.with_suffix(".json").write_text(card.to_json())
    return folder


@pytest.fixture
def embedded(tiny_weights: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The embedded models of the program are the tiny one."""
    monkeypatch.setattr("studio.base.paths.weights", lambda: tiny_weights)
    return tiny_weights


@dataclass
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def studio(embedded: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """``studio("explore", ...)`` in this process."""
    from studio.cli import main

    def call(*words: object) -> Ran:
        capsys.readouterr()
        code = main([str(word) for word in words])
        told = capsys.readouterr()
        return Ran(code, told.out, told.err)

    return call
