"""A run between two iterations: kept as bytes, taken up again exactly."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from studio.base.errors import StudioError
from studio.engine.context import Context
from studio.engine.style.optimisers import LBFGS, Adam, Optimiser
from studio.project.style import Stylize

VERSION = 1


@dataclass
class State:
    """The iterate ``x`` and the mean of iterates ``mean``, both ``[1, 3, H, W]``, and what the optimiser remembers.

    ``at``: the iteration that comes next, over the whole run.  There is no random state: whatever is random is seeded
    by the run's seed and the iteration.
    """

    x: Tensor
    mean: Tensor
    optimiser: Optimiser
    at: int = 0
    losses: dict[str, list[float]] = field(default_factory=dict)

    def nbytes(self) -> int:
        """Bytes of :meth:`pack`, about."""
        return self.x.nbytes + self.mean.nbytes + sum(a.nbytes for a in self.optimiser.state().values())

    def pack(self, run: Stylize) -> bytes:
        """All of it as bytes (an uncompressed npz without pickles)."""
        note = {"version": VERSION, "at": self.at, "optimiser": run.optimiser, "losses": self.losses}
        arrays: dict[str, Any] = dict(self.optimiser.state())
        arrays["x"], arrays["mean"] = self.x.cpu().numpy(), self.mean.cpu().numpy()
        arrays["note"] = np.frombuffer(json.dumps(note).encode(), dtype=np.uint8)
        into = io.BytesIO()
        np.savez(into, **arrays)
        return into.getvalue()


def new_optimiser(run: Stylize) -> Optimiser:
    """The optimiser that the run asks for, knowing nothing yet."""
    return LBFGS() if run.optimiser == "lbfgs" else Adam()


def unpack(data: bytes, run: Stylize, device: torch.device) -> State:
    """The other way of :meth:`State.pack`; StudioError when it is not a state, or of another optimiser."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        note = json.loads(bytes(arrays.pop("note")).decode())
        if note["version"] != VERSION:
            raise _unusable("It was kept by another version of the program.")
        if note["optimiser"] != run.optimiser:
            raise _unusable("It was made with another optimiser.")
        x, mean = (torch.from_numpy(arrays.pop(n)).to(device) for n in ("x", "mean"))
        if x.shape != mean.shape or x.dim() != 4 or x.shape[:2] != (1, 3) or not bool(torch.isfinite(x).all()):
            raise _unusable("It does not hold a picture.")
        optimiser = new_optimiser(run)
        optimiser.restore(arrays, device)
        losses = {str(k): [float(v) for v in curve] for k, curve in note["losses"].items()}
        return State(x.float(), mean.float(), optimiser, int(note["at"]), losses)
    except StudioError:
        raise
    except (ValueError, KeyError, OSError, EOFError, TypeError, AttributeError, IndexError) as error:
        raise _unusable("The kept state is damaged.", str(error)) from error


def load(ctx: Context, run: Stylize) -> State | None:
    """The state that the run is to be taken up from, or ``None``."""
    if run.resume is None:
        return None
    state = unpack(ctx.assets.get(run.resume.start), run, torch.device(ctx.device))
    if state.at != run.resume.at:
        raise _unusable("It belongs to another iteration.")
    return state


def _unusable(why: str, detail: str = "") -> StudioError:
    return StudioError(
        "The run cannot be taken up from this iterate.", why, "Start it from the beginning.", detail=detail
    )
