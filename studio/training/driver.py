"""The clock of a training: steps, snapshots, log and previews, until it is done, out of time or told to stop."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch
from PIL import Image

from studio.base.steps import Loss, Preview, Progress, Steps, UInt8Image
from studio.training.config import keep_memory
from studio.training.snapshot import load_snapshot, save_snapshot
from studio.training.stylegan2 import Trained

SHOWN = 10
"""Steps whose losses are averaged into one line of the log."""


class Trainable(Protocol):
    """A training that does one batch at a time and can put all of itself into plain data."""

    seen: int
    """Pictures so far, of all sessions."""
    minutes: float

    def step(self, part: float) -> dict[str, float]:
        """One batch, when ``part`` (0..1) of the training is over; returns named losses."""

    def measure(self) -> dict[str, float]:
        """What is known of the network by now on pictures that it was not trained on."""

    def preview(self) -> UInt8Image | None:
        """Something to look at, if there is.

        A trainer may have an attribute ``says``: sentences of the coach on its last preview.
        """

    def state(self) -> dict[str, Any]:
        """All that another session needs to continue as if there had been no break."""

    def load(self, state: dict[str, Any]) -> None:
        """Continue from what :meth:`state` gave."""


class Resumable(Protocol):
    """Settings of a training."""

    def resumed(self, saved: dict[str, Any]) -> Any:
        """These settings for a training whose snapshot was made with ``saved``."""


T = TypeVar("T", bound=Trainable)


def opened(
    make: Callable[[Any, torch.device], T], cfg: Resumable, folder: Path, *, device: str = "cpu", resume: bool = False
) -> T:
    """The training in ``folder``, ``make(settings, device)``: begun anew, or with ``resume`` where its snapshot was."""
    dev = torch.device(device)
    if dev.type == "cpu":
        keep_memory()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "snapshot.pt"
    state = load_snapshot(path) if resume and path.exists() else None
    t = make(cfg.resumed(state["config"]) if state is not None else cfg, dev)
    if state is not None:
        t.load(state)
    return t


def drive(
    t: Trainable,
    folder: Path,
    images: int,
    *,
    minutes: float = 0.0,
    save_minutes: float = 4.0,
    stop: Callable[[], bool] = lambda: False,
) -> Steps[Trained]:
    """Run ``t`` until ``images`` pictures were seen (0: no end), ``minutes`` are over (0: no limit) or ``stop``.

    Writes ``snapshot.pt``, ``log.jsonl`` and ``samples_*.png`` into ``folder``.  Yields :class:`Progress` for every
    batch, :class:`Loss` every tenth, and :class:`Loss` and :class:`Preview` with every snapshot.  How far the training
    is (for its schedules) goes by pictures when ``images`` is set, and by this session's time else: so a training of a
    given length continues exactly.
    """
    path = folder / "snapshot.pt"
    start, before = time.monotonic(), t.minutes
    saved, tally, count = 0.0, dict[str, float](), 0
    with (folder / "log.jsonl").open("a", encoding="utf-8", buffering=1) as log:

        def note(values: dict[str, float]) -> None:
            shown = {k: round(v, 5) for k, v in values.items()}
            log.write(json.dumps({"seen": t.seen, "minutes": round(t.minutes, 3), **shown}) + "\n")

        while True:
            now = (time.monotonic() - start) / 60
            t.minutes = before + now
            done = bool(images) and t.seen >= images
            ends = done or stop() or (bool(minutes) and now >= minutes)
            if ends or now - saved >= save_minutes:
                save_snapshot(path, t.state())
                found = t.measure()
                if found:
                    note(found)
                    yield Loss(t.seen, found)
                picture = t.preview()
                if picture is not None:
                    Image.fromarray(picture).save(folder / f"samples_{t.seen:07d}.png")
                    says = [str(sentence) for sentence in getattr(t, "says", ())]
                    if says:
                        log.write(json.dumps({"seen": t.seen, "says": says}, ensure_ascii=False) + "\n")
                    yield Preview(picture, ". ".join([f"{t.seen} pictures", *says]))
                saved = (time.monotonic() - start) / 60
            if ends:
                return Trained(path, t.seen, t.minutes, done or not images)
            for k, v in t.step(t.seen / images if images else now / minutes if minutes else 0.0).items():
                tally[k] = tally.get(k, 0.0) + v
            count += 1
            if count == SHOWN:
                mean = {k: v / count for k, v in tally.items()}
                note(mean)
                yield Loss(t.seen, mean)
                tally, count = {}, 0
            yield Progress(t.seen, images, "Training")
