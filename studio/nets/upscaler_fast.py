"""The prepared form of upscalers: channels last, half precision where this machine is faster in it.

Used only when it is measured to make the same picture; otherwise the network is used as it is.
"""

from __future__ import annotations

import copy
import logging
import math
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn

from studio.nets.srresnet import MSRResNet, PictureUpscaler
from studio.nets.stylegan2_fast_probe import probe_dtype
from studio.nets.translator_fast import first_faithful, fold, forget, trial_pictures
from studio.nets.translator_ops import Norm

log = logging.getLogger(__name__)

TRIED = 48


class FastUpscaler(nn.Module):
    """``exact`` in ``dtype`` and channels last, in the role :class:`studio.nets.roles.Upscaler`.

    Where float16 overflows, ``exact`` takes over for good.  Only ``exact`` has numbers of its own: a mixture of two
    of these is a mixture of the plain networks.
    """

    def __init__(self, exact: Any, dtype: torch.dtype) -> None:
        super().__init__()
        self.exact, self.dtype = exact, dtype
        self.in_channels, self.out_channels = int(exact.in_channels), int(exact.out_channels)
        self.scale, self.margin = int(exact.scale), int(exact.margin)
        self.multiple = int(getattr(exact, "multiple", 1))
        self.exact_tiles = bool(getattr(exact, "exact_tiles", True))
        self.overflowed = False
        self._copy: list[Any] = []
        self.register_load_state_dict_post_hook(forget)

    @property
    def hyper(self) -> dict[str, Any]:
        """As the plain network."""
        return cast("dict[str, Any]", self.exact.hyper)

    def clear_cache(self) -> None:
        """Forget the prepared weights; they are made again when they are asked for."""
        self._copy.clear()

    def upscale(self, x: Tensor) -> Tensor:
        """As the plain network, nearly."""
        if self.overflowed:
            return cast(Tensor, self.exact.upscale(x))
        if not self._copy:
            self._copy.append(swift(self.exact, self.dtype))
        net = self._copy[0]
        given = x.to(self.dtype).contiguous(memory_format=torch.channels_last)
        if isinstance(self.exact, MSRResNet):
            # What is already there is added in float32: half precision has steps that even skies show.
            exact = self.exact
            details = net.details(net._colors(given)).float()
            plain = exact.enlarged(exact._picture(x))
            y = exact._colors(plain.add_(details)).clamp_(0, 1)
        else:
            y = net.upscale(given)
        if self.dtype is torch.float16 and not bool(torch.isfinite(y).all()):
            log.info("%s overflows in %s and works in float32 from now on", type(self.exact).__name__, self.dtype)
            self.overflowed = True
            self.clear_cache()
            return cast(Tensor, self.exact.upscale(x))
        return y.contiguous()


def swift(net: Any, dtype: torch.dtype) -> Any:
    """A copy in ``dtype`` and channels last; normalisations go into the convolutions before them."""
    made = copy.deepcopy(net).eval().requires_grad_(False)
    for block in list(made.modules()):
        # The two halves of a block, and sequences of a convolution and its normalisation.
        pairs = [("conv1", "bn1"), ("conv2", "bn2")]
        if isinstance(block, nn.Sequential):
            names = list(block._modules)
            pairs = list(pairwise(names))
        for conv, norm in pairs:
            first, second = block._modules.get(conv), block._modules.get(norm)
            if isinstance(first, nn.Conv2d) and isinstance(second, Norm) and second.stored:
                fold(first, second)
                block._modules[norm] = nn.Identity()
    return made.to(dtype=dtype, memory_format=torch.channels_last)


def prepared(net: Any) -> Any:
    """The fast form of an upscaler, or the network itself where nothing is gained or the picture would differ."""
    dtype = probe_dtype(next(net.parameters()).device)
    kinds = {torch.float16: [torch.float16, torch.bfloat16], torch.bfloat16: [torch.bfloat16]}.get(dtype, [])
    return first_faithful(net, kinds, FastUpscaler, agreement)


def agreement(net: Any, fast: FastUpscaler) -> float:
    """PSNR in dB of ``fast`` against ``net`` on a drawing and on something colourful, the lower (-inf: no numbers)."""
    device = next(net.parameters()).device
    side = TRIED if isinstance(net, PictureUpscaler) else max(TRIED, 2 * fast.multiple)
    lowest = math.inf
    with torch.no_grad():
        for x in trial_pictures(side, fast.in_channels):
            x = (x.to(device) + 1) / 2
            plain, other = net.upscale(x), fast.upscale(x)
            if not bool(torch.isfinite(other).all()):
                return -math.inf
            error = float((plain - other).double().square().mean())
            lowest = min(lowest, 10 * math.log10(1 / max(1e-30, error)))
    return lowest
