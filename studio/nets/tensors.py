"""What several networks share: filling them from a file, and truncation."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from studio.base.errors import ModelError

SHOWN = 4
"""Keys named in the sentence; the detail has all."""


def fill(net: nn.Module, sd: Mapping[str, Tensor], what: str, *, optional: Callable[[str], bool] | None = None) -> None:
    """Copy the tensors of ``sd`` into ``net`` (in the network's own types).

    ``what`` names the network in the sentence ("StyleGAN3 generator"); keys for which ``optional`` is true may be
    missing and keep the network's own values.  Raises :class:`ModelError` that names missing, unexpected and
    wrongly shaped keys.
    """
    own = net.state_dict()
    told = [f"missing: {k}" for k in own if k not in sd and not (optional is not None and optional(k))]
    told += [f"unexpected: {k}" for k in sd if k not in own]
    told += [
        f"wrong shape: {k} {list(sd[k].shape)} instead of {list(own[k].shape)}"
        for k in own
        if k in sd and sd[k].shape != own[k].shape
    ]
    if told:
        more = f"; and {len(told) - SHOWN} more" if len(told) > SHOWN else ""
        raise ModelError(
            f"The tensors of this file do not fit a {what}.",
            "; ".join(told[:SHOWN]) + more + ".",
            detail="\n".join(told),
        )
    net.load_state_dict({k: sd[k].to(own[k].dtype) for k in own if k in sd}, strict=False)


def truncate(ws: Tensor, w_avg: Tensor, psi: float, cutoff: int | None) -> Tensor:
    """ws ``[..., num_ws, w_dim]`` towards ``w_avg`` by ``psi`` in the layers below ``cutoff`` (``None``: all)."""
    if psi == 1.0:
        return ws
    end = ws.shape[-2] if cutoff is None else min(max(cutoff, 0), ws.shape[-2])
    return torch.cat((w_avg.lerp(ws[..., :end, :], psi), ws[..., end:, :]), dim=-2)
