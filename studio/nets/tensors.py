"""Tensors of a file into a network: every key must fit, and what does not is named."""

from __future__ import annotations

from collections.abc import Callable, Mapping

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
