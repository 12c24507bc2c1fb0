"""The training of an autoencoder: variational, plain or adversarial; stops within a time limit and resumes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from studio.base.steps import Loss, Progress, Steps
from studio.training.data import Pictures
from studio.training.driver import drive, opened
from studio.training.stylegan2 import Trained
from studio.training.vae_config import VaeConfig
from studio.training.vae_trainer import VaeTrainer


def train_vae(
    cfg: VaeConfig,
    data: Pictures,
    folder: Path,
    *,
    device: str = "cpu",
    minutes: float = 0.0,
    resume: bool = False,
    save_minutes: float = 4.0,
    stop: Callable[[], bool] = lambda: False,
) -> Steps[Trained]:
    """Train into ``folder`` for at most ``minutes`` (0: no limit), as :func:`studio.training.driver.drive` does.

    With ``resume`` the network's shape is the snapshot's, everything else is ``cfg``'s: a last part with other weights
    is a resumed training.  With every snapshot, ``kl.jsonl`` gets the KL of each dimension on held-out pictures.  The
    phase of :class:`Progress` is a warning in a sentence while the latent is found to have collapsed.
    """
    t = opened(lambda settings, dev: VaeTrainer(settings, data, dev), cfg, folder, device=device, resume=resume)
    yield Progress(t.seen, cfg.images, "Preparing")
    t.fit_guide()
    steps = drive(t, folder, cfg.images, minutes=minutes, save_minutes=save_minutes, stop=stop)
    while True:
        try:
            event = next(steps)
        except StopIteration as end:
            trained: Trained = end.value
            return trained
        if isinstance(event, Loss) and "active_units" in event.values:
            with (folder / "kl.jsonl").open("a", encoding="utf-8") as log:
                log.write(json.dumps({"seen": t.seen, "kl": t.kl_dimensions, "warning": t.warning}) + "\n")
        if isinstance(event, Progress) and t.warning:
            event = Progress(event.done, event.total, t.warning)
        yield event
