"""Small random networks as model files in a library, and pictures as assets."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from studio.base.steps import Steps, UInt8Image, run
from studio.checkpoints.library import Library
from studio.engine.context import Context
from studio.nets.resnet_generator import ResNetGenerator
from studio.nets.srresnet import MSRResNet
from studio.nets.stargan import StarGAN
from studio.nets.unet_generator import UNetGenerator


def lively(net: torch.nn.Module, seed: int = 0, gain: float = 1.0) -> Any:
    """Random weights, and stored statistics as if it had learned."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in net.state_dict().items():
        if name.endswith("running_var"):
            tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
        elif name.endswith("running_mean"):
            tensor.copy_(torch.randn(tensor.shape, generator=generator) * 0.3)
        elif tensor.is_floating_point() and tensor.ndim == 4:
            fan = tensor[0].numel()
            tensor.copy_(torch.randn(tensor.shape, generator=generator) * gain * (1.5 / fan) ** 0.5)
        elif name.endswith("bias"):
            tensor.copy_(torch.randn(tensor.shape, generator=generator) * 0.1)
    return net.eval().requires_grad_(False)


def unet(seed: int = 0, channels: int = 3, dropout: bool = True) -> UNetGenerator:
    """pix2pix with stored statistics, and dropout."""
    return lively(UNetGenerator(channels, 3, (8, 8, 8, 8, 8, 8), norm="batch", dropout=dropout), seed)  # type: ignore[no-any-return]


def resnet(seed: int = 0, channels: int = 3) -> ResNetGenerator:
    """CycleGAN with instance normalisation."""
    return lively(ResNetGenerator(channels, 3, 4, 2, norm="instance"), seed)  # type: ignore[no-any-return]


def stargan(c_dim: int = 5, seed: int = 0) -> StarGAN:
    """Many domains."""
    return lively(StarGAN(3, c_dim, 8, 2), seed)  # type: ignore[no-any-return]


def enlarger(seed: int = 0, scale: int = 2, channels: int = 3) -> MSRResNet:
    """An upscaler whose picture stays near a bilinear enlargement."""
    return lively(MSRResNet(channels, channels, 8, 2, (2,) if scale == 2 else (2, 2)), seed, 0.4)  # type: ignore[no-any-return]


class Shelf:
    """A context with a library of its own, and the sha256 of what is put into it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.library = Library(folder / "weights", folder / "models")
        self.ctx = Context(library=self.library, device="cpu", precision="exact")

    def put(self, net: torch.nn.Module, name: str = "net", **card: Any) -> str:
        """A network as a file in the library, with facts on its card."""
        path = self.folder / f"{name}.safetensors"
        save_file({k: t.contiguous() for k, t in net.state_dict().items()}, path)
        made = run(self.library.import_file(path))
        if card:
            beside = self.library.find(made.sha256)
            assert beside is not None
            hyper = {**made.hyper, **card.pop("hyper", {})}
            beside.with_suffix(".json").write_text(made.changed(hyper=hyper, **card).to_json(), encoding="utf-8")
        return made.sha256

    def image(self, pixels: UInt8Image) -> str:
        """A picture as an asset."""
        return self.ctx.assets.put_image(pixels)

    def file(self, image: Image.Image, kind: str = "PNG", **how: Any) -> str:
        """A picture file as an asset, whatever it holds."""
        data = io.BytesIO()
        image.save(data, kind, **how)
        return self.ctx.assets.put(data.getvalue(), kind.lower())


def photograph(height: int = 64, width: int = 64, seed: int = 0, channels: int = 3) -> UInt8Image:
    """Soft shapes with some grain."""
    rng = np.random.RandomState(seed)
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    waves = [np.sin(6 * (x * rng.randn() + y * rng.randn()) + rng.rand() * 6) for _ in range(channels)]
    picture = np.stack(waves, axis=-1) * 0.3 + 0.5 + 0.05 * rng.randn(height, width, channels)
    return np.asarray(np.clip(picture, 0, 1) * 255, dtype=np.uint8)


def signed(pixels: Any) -> torch.Tensor:
    """``[H, W, 3]`` uint8 as translators take it."""
    return torch.from_numpy(np.array(pixels)).permute(2, 0, 1)[None].float() / 255.0 * 2.0 - 1.0


def eight_bits(y: torch.Tensor) -> UInt8Image:
    """What a translator made, as pixels."""
    made: UInt8Image = (((y[0] + 1) / 2).clamp(0, 1) * 255 + 0.5).to(torch.uint8).permute(1, 2, 0).numpy()
    return made


def events(steps: Steps[Any]) -> tuple[list[Any], Any]:
    """All events, and the result."""
    found = []
    try:
        while True:
            found.append(next(steps))
    except StopIteration as stop:
        return found, stop.value
