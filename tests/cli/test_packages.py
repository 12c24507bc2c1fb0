"""The doctor asks for exactly what the project declares."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from studio.cli.doctor import PACKAGES


def test_the_doctor_knows_the_declared_packages() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    declared = {re.split(r"[<>=!~; \[]", line, maxsplit=1)[0] for line in project["project"]["dependencies"]}
    assert set(PACKAGES) == declared
