"""``studio doctor``: is this installation well?  Exit code 1 when something is not."""

from __future__ import annotations

import argparse
import hashlib
import platform
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import studio
from studio.base import paths
from studio.base.errors import StudioError, as_studio_error
from studio.cli.headless import tell

PACKAGES = (
    "PySide6-Essentials",
    "torch",
    "numpy",
    "pillow",
    "safetensors",
    "msgspec",
    "platformdirs",
    "psutil",
    "imageio-ffmpeg",
    "spandrel",
    "torchvision",
)
UNUSED = frozenset({"torchvision"})
"""Asked for by packages that we use, never imported here: the studio is whole without them."""


def doctor(args: argparse.Namespace) -> int:
    """Every check, each with its own verdict."""
    checks: list[dict[str, Any]] = []

    def check(name: str, look: Callable[[], Any]) -> None:
        started = time.perf_counter()
        try:
            value, problem = look(), ""
        except Exception as exc:
            value, problem = None, as_studio_error(exc, doing=name).sentence()
        took = round((time.perf_counter() - started) * 1000)
        checks.append({"name": name, "ok": not problem, "value": value, "problem": problem, "ms": took})

    check("studio", lambda: studio.__version__)
    check("python", platform.python_version)
    check("system", lambda: f"{platform.system()} {platform.release()} {platform.machine()}")
    check("packages", _packages)
    check("devices", _devices)
    check("precision", _precision)
    check("memory", _memory)
    check("data folder", lambda: _writable(paths.data_dir()))
    check("models folder", lambda: _writable(paths.models_dir()))
    check("cache folder", lambda: _writable(paths.cache_dir()))
    check("autosave folder", lambda: _writable(paths.autosave_dir()))
    check("resources", _resources)
    check("encoders", _encoders)
    check("embedded models", _embedded)
    check("display", _display)
    well = all(item["ok"] for item in checks)
    lines = [
        f"{'ok ' if item['ok'] else 'BAD'} {item['name']:<16} {item['problem'] or _text(item['value'])}"
        for item in checks
    ]
    lines.append("Everything is well." if well else "Something needs attention (see BAD above).")
    tell(args, "\n".join(lines), {"ok": well, "checks": checks})
    return 0 if well else 1


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {v}" for k, v in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _packages() -> dict[str, str]:
    found, missing = {}, []
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            if name not in UNUSED:
                missing.append(name)
    if missing and not getattr(sys, "frozen", False):  # a frozen program carries code without package records
        raise StudioError(f"Missing: {', '.join(missing)}.", "", "Install the studio again.")
    return found


def _devices() -> list[str]:
    from studio.engine.devices import available_devices

    return [f"{d.id} ({d.name}, {d.memory >> 30} GB)" for d in available_devices()]


def _precision() -> str:
    from studio.engine.devices import choose
    from studio.nets.stylegan2_fast_probe import probe_dtype

    device = choose("auto")
    return f"{str(probe_dtype(device)).removeprefix('torch.')} is fastest on {device}"


def _memory() -> dict[str, str]:
    import psutil

    memory = psutil.virtual_memory()
    return {"free": f"{memory.available / 2**30:.1f} GB", "of": f"{memory.total / 2**30:.1f} GB"}


def _writable(folder: Path) -> str:
    from studio.base.files import write_atomic

    probe = folder / ".doctor"
    write_atomic(probe, b"well")
    probe.unlink()
    return str(folder)


def _resources() -> str:
    if not (paths.resources() / "icons").is_dir():
        raise StudioError("The icons are missing.", f"They were looked for in {paths.resources()}.", "Install again.")
    return str(paths.resources())


def _encoders() -> dict[str, str]:
    from studio.media.video import encoders

    return {name: "yes" if there else "no" for name, there in encoders().items()}


def _embedded() -> list[str]:
    from studio.checkpoints.card import ModelCard

    good = []
    for card_file in sorted(paths.weights().glob("*.json")):
        if card_file.stem == "catalog":
            continue
        card = ModelCard.from_json(card_file.read_text(encoding="utf-8"))
        file = card_file.with_suffix(".safetensors")
        if not file.is_file():
            raise StudioError(f"The embedded model “{card.name}” has lost its file.", "", "Install again.")
        found = hashlib.sha256(file.read_bytes()).hexdigest()
        if card.sha256 and found != (card.stored_sha256 or card.sha256):
            raise StudioError(f"The embedded model “{card.name}” is damaged.", f"Its sha256 is {found[:16]}….")
        good.append(f"{card.name} ({found[:12]})")
    if not good:
        raise StudioError("No embedded model is here.", f"They were looked for in {paths.weights()}.", "Install again.")
    return good


def _display() -> str:
    from studio.cli.window import has_display

    return "yes" if has_display() else "none (headless commands work)"
