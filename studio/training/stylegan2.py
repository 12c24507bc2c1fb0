"""The StyleGAN2 training: adversarial, anchored to labels, or both; stops within a time limit and resumes.

One step is one batch.  ``train`` is a :data:`studio.base.steps.Steps` generator, so a worker can pause or cancel it
between two batches; a cancelled training keeps its last snapshot.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from studio.base.steps import Loss, Preview, Progress, Steps
from studio.training.anchored import warm_up_mapping
from studio.training.config import TrainConfig, keep_memory
from studio.training.data import Pictures
from studio.training.sheets import save_sheet, sheet
from studio.training.snapshot import load_snapshot, save_snapshot
from studio.training.trainer import Trainer


@dataclass(frozen=True)
class Trained:
    """What a training leaves: where its snapshot is, pictures seen, minutes spent (all sessions)."""

    snapshot: Path
    seen: int
    minutes: float
    finished: bool


def train(
    cfg: TrainConfig,
    data: Pictures,
    folder: Path,
    *,
    device: str = "cpu",
    minutes: float = 0.0,
    resume: bool = False,
    save_minutes: float = 4.0,
    stop: Callable[[], bool] = lambda: False,
) -> Steps[Trained]:
    """Train into ``folder`` (``snapshot.pt``, ``log.jsonl``, ``samples_*.png``) for at most ``minutes`` (0: no limit).

    ``stop`` is asked before every batch; when it says yes, the training saves and ends as at its time limit.
    Yields :class:`Progress` for every batch, :class:`Loss` every tenth, :class:`Preview` with every snapshot.
    """
    dev = torch.device(device)
    if dev.type == "cpu":
        keep_memory()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "snapshot.pt"
    t = Trainer(cfg, data, dev)
    if resume and path.exists():
        t.load(load_snapshot(path))
    start, before = time.monotonic(), t.minutes
    log = (folder / "log.jsonl").open("a", encoding="utf-8", buffering=1)
    with contextlib.ExitStack() as stack:
        stack.enter_context(log)

        def note(values: dict[str, float]) -> None:
            clock = round(t.minutes, 3)
            log.write(
                json.dumps({"seen": t.seen, "minutes": clock, **{k: round(v, 5) for k, v in values.items()}}) + "\n"
            )

        def elapsed() -> float:
            return (time.monotonic() - start) / 60

        if cfg.anchor and t.spec is not None and not t.warm:
            right = warm_up_mapping(
                t.g,
                t.spec,
                t.factors,
                t.gen,
                steps=cfg.warm_steps,
                report=lambda step, loss, right: note({"mapping_step": step, "mapping_loss": loss, "readable": right}),
            )
            t.ema.net.load_state_dict(t.g.state_dict())
            t.warm = True
            note({"readable": right})
        saved = elapsed()
        tally: dict[str, float] = {}
        count = 0
        while True:
            t.minutes = before + elapsed()
            limit = stop() or (bool(minutes) and elapsed() >= minutes)
            done = bool(cfg.images) and t.seen >= cfg.images
            if limit or done or elapsed() - saved >= save_minutes:
                save_snapshot(path, t.state())
                images = t.samples()
                save_sheet(folder / f"samples_{t.seen:07d}.png", images, 8)
                if cfg.anchor:
                    note({"held_out_error": t.held_out_error()})
                saved = elapsed()
                yield Preview(sheet(images, 8), f"{t.seen} pictures")
            if limit or done:
                return Trained(path, t.seen, t.minutes, done or not cfg.images)
            part = max(t.seen / cfg.images if cfg.images else 0.0, elapsed() / minutes if minutes else 0.0)
            for k, v in t.step(part).items():
                tally[k] = tally.get(k, 0.0) + v
            count += 1
            if count == 10:
                mean = {k: v / count for k, v in tally.items()}
                note(mean)
                yield Loss(t.seen, mean)
                tally, count = {}, 0
            yield Progress(t.seen, cfg.images, "Training")
