"""Upscalers of other people's architectures (ESRGAN, Real-ESRGAN, SwinIR, DAT ...) through the library ``spandrel``.

The library is imported when the first such file is opened.  It gets tensors, never a file: reading files is the
business of :mod:`studio.checkpoints`, which executes nothing.
"""

from __future__ import annotations

import importlib
import sys
import threading
import types
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from studio.base.errors import ModelError
from studio.nets.translator_ops import reflect_to

ASSUMED: dict[str, Any] = {"colors": "rgb"}
"""What no file says."""
SEEN = 32
"""Pixels of overlap for networks that see much further than matters."""
FURTHEST = 48
"""The most pixels of overlap for which tiles that fit exactly are worth their time."""
_LOCAL = ("ESRGAN", "Compact")
"""Architectures of nothing but convolutions: how far they see can be counted."""
_PLAIN = (*_LOCAL, "RCAN", "IPT", "SwiftSRGAN", "SPAN", "RealCUGAN", "PLKSR", "MoSR", "SAFMN")
"""Architectures that compute no tables while they are built."""
SMALL = 1 << 14
"""Tensors with at most so many numbers are real in a plan: the library looks for settings in some."""
_DRAWS = frozenset(("uniform_", "normal_", "trunc_normal_", "erfinv_"))
_WRITES = _DRAWS | {"mul_", "add_", "sub_", "div_", "clamp_", "fill_", "zero_"}
_lock = threading.Lock()


def _library() -> Any:
    """``spandrel`` without torchvision, which only two of its networks use, none of them here (LaMa, RestoreFormer).

    A torchvision that does not fit the installed torch raises on import, and takes a second where it fits.
    """
    with _lock, _stand_ins():
        try:
            return importlib.import_module("spandrel")
        except ImportError as exc:
            raise ModelError(
                "This kind of upscaler needs the library spandrel, which cannot be loaded.",
                f"{exc}.",
                "Install it with “pip install spandrel”, then open the file again.",
            ) from exc


@contextmanager
def _stand_ins() -> Iterator[None]:
    names = ("torchvision", "torchvision.transforms", "torchvision.transforms.functional")
    added = {} if "torchvision" in sys.modules or "spandrel" in sys.modules else {n: types.ModuleType(n) for n in names}
    for module in added.values():
        module.__dict__.update(InterpolationMode=object, rotate=None, normalize=None)
    sys.modules.update(added)
    try:
        yield
    finally:
        for name in added:
            sys.modules.pop(name, None)


def available() -> bool:
    """Whether the library is there and can be imported (which takes a tenth of a second)."""
    try:
        _library()
    except ModelError:
        return False
    return True


def architecture_of(names: Mapping[str, object]) -> str | None:
    """The library's name for the architecture with tensors of these names, ``None`` if it knows none."""
    for support in _library().MAIN_REGISTRY.architectures("detection"):
        if support.detect(names):
            return str(support.architecture.id)
    return None


class _Unfilled(TorchFunctionMode):
    """Networks are built with whatever numbers are in memory: all of them come from the file afterwards."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Skip or pass on one call."""
        name = getattr(func, "__name__", "")
        if args and isinstance(args[0], Tensor) and name in self.skipped(args[0]):
            return args[0]
        return func(*args, **(kwargs or {}))

    def skipped(self, target: Tensor) -> frozenset[str]:
        """What need not be done to ``target``: random numbers, which cost most of the time."""
        return _DRAWS


class _Planned(_Unfilled):
    """On the meta device: short rows of numbers that constructors look into stay real, and nothing is written."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Skip, change or pass on one call."""
        if func is torch.linspace:
            return func(*args, **{"device": "cpu", **(kwargs or {})})
        return super().__torch_function__(func, types, args, kwargs)

    def skipped(self, target: Tensor) -> frozenset[str]:
        """Nothing is written where there is nothing."""
        return _WRITES if target.is_meta else _DRAWS


def plan(architecture: str, tensors: Mapping[str, Tensor], hollow: Callable[[], Any]) -> SpandrelUpscaler:
    """The network without numbers: proof that names and shapes fit, at the price of no memory.

    ``tensors`` are on the meta device or over one number, small ones real; ``hollow`` makes the context in which
    networks are built without numbers.  Raises whatever the library raises for shapes that do not fit.
    """
    if architecture in _PLAIN:
        with hollow():
            return build(architecture, tensors)
    with torch.device("meta"), _Planned():
        return build(architecture, {n: t.to("meta") if t.numel() > SMALL else t for n, t in tensors.items()})


def build(architecture: str, tensors: Mapping[str, Tensor], **assumptions: Any) -> SpandrelUpscaler:
    """The network of ``tensors`` (names as in its file), in float32 and evaluation mode.

    Raises :class:`ModelError` for networks that do not enlarge, and whatever the library raises for what does not fit.
    """
    support = _library().MAIN_REGISTRY[architecture]
    # What is drawn nevertheless must not change anybody else's draws.
    with torch.random.fork_rng(devices=[]), _Unfilled(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = support.architecture.load(dict(tensors))
    name = str(support.architecture.name)
    if found.purpose != "SR":
        does = {
            "FaceSR": "mends faces",
            "Inpainting": "fills holes in pictures",
            "Restoration": "mends pictures (noise, blur) and does not enlarge them",
        }.get(str(found.purpose), "does not enlarge pictures")
        raise ModelError(f"This is a {name} network, which {does}.", "", "Latent Studio uses those that enlarge.")
    net = SpandrelUpscaler(found, **{k: assumptions.get(k, v) for k, v in ASSUMED.items()})
    net.eval().requires_grad_(False)
    return net


class SpandrelUpscaler(nn.Module):
    """A network of the library, in the role :class:`studio.nets.roles.Upscaler`.

    ``multiple``: tiles that begin at its multiples fall into the same windows as the whole picture.  ``exact_tiles``
    says whether tiles that overlap by ``margin`` fit exactly, or only nearly: most of these networks see further than
    anybody can afford, and what is far away matters little.
    """

    def __init__(self, descriptor: Any, colors: str = "rgb") -> None:
        super().__init__()
        if colors not in ("rgb", "bgr"):
            raise ValueError("the order of colours is unknown")
        self.upscaler: nn.Module = descriptor.model
        self._call: Callable[[nn.Module, Tensor], Tensor] = descriptor._call_fn
        self.architecture = str(descriptor.architecture.id)
        self.tags = [str(tag) for tag in descriptor.tags]
        self.in_channels, self.out_channels = int(descriptor.input_channels), int(descriptor.output_channels)
        self.scale, self.colors = int(descriptor.scale), colors
        if not 2 <= self.scale <= 16 or not all(1 <= n <= 4 for n in (self.in_channels, self.out_channels)):
            raise ModelError(
                "This upscaler is of a kind that cannot be used.",
                f"It takes {self.in_channels} and makes {self.out_channels} channels, {self.scale} times as large.",
            )
        sizes = descriptor.size_requirements
        self.fits, self.least, self.square = int(sizes.multiple_of), int(sizes.minimum), bool(sizes.square)
        window = _window(self.upscaler)
        self.multiple = max(self.fits, window)
        seen = _sees(self.upscaler) * self._shrinks() if self.architecture in _LOCAL else FURTHEST + 1
        self.exact_tiles = seen <= FURTHEST
        self.margin = seen if self.exact_tiles else max(SEEN, -(-SEEN // self.multiple) * self.multiple, 2 * window)

    @property
    def hyper(self) -> dict[str, Any]:
        """What the card says of it."""
        return {
            "architecture": self.architecture.lower(),
            "tags": self.tags,
            "colors": self.colors,
            "least": self.least,
        }

    def _shrinks(self) -> int:
        """How much smaller the picture is made before the first convolution."""
        return self.fits if self.architecture == "ESRGAN" else 1

    def upscale(self, x: Tensor) -> Tensor:
        """``[N, C, H, W]`` in [0, 1] to ``[N, C, scale * H, scale * W]``, float32, clipped to [0, 1]."""
        if x.ndim != 4 or x.shape[1] != self.in_channels or 0 in x.shape:
            raise ValueError(f"pictures are [N, {self.in_channels}, H, W] here, not {list(x.shape)}")
        h, w = x.shape[-2:]
        least = max(self.least, h, w) if self.square else self.least
        y = self.forward(reflect_to(self._colors(x.to(self._kind())), self.fits, least))
        return self._colors(y[:, :, : h * self.scale, : w * self.scale]).float().clamp(0, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, C, H, W]`` in [0, 1] of a fitting size to the enlarged picture, not clipped."""
        # The library promises one picture at a time, and some of its networks write into what they are given.
        return torch.cat([self._call(self.upscaler, one.clone()) for one in x.split(1)])

    def _kind(self) -> torch.dtype:
        return next(self.parameters()).dtype

    def _colors(self, x: Tensor) -> Tensor:
        return x.flip(1) if self.colors == "bgr" and x.shape[1] == 3 else x


def _sees(net: nn.Module) -> int:
    """Pixels that a chain of convolutions sees to each side, at most: the sum over all of them."""
    reach = 0
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            reach += max((k - 1) // 2 * d for k, d in zip(module.kernel_size, module.dilation, strict=True))
    return reach


def _window(net: nn.Module) -> int:
    """The side of the windows in which a transformer looks at the picture (1: it has none)."""
    sides = [1]
    for module in net.modules():
        for name in ("window_size", "split_size", "split_size_0", "H_sp", "W_sp"):
            value = getattr(module, name, None)
            listed = value if isinstance(value, list | tuple) else [value]
            sides += [int(n) for n in listed if isinstance(n, int) and not isinstance(n, bool) and 1 < n <= 64]
    return max(sides)
