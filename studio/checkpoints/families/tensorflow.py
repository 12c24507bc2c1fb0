"""The original TensorFlow releases of StyleGAN2 (and the sentences for their ancestors)."""

from __future__ import annotations

import re
from typing import Any

from studio.base.errors import ModelError
from studio.checkpoints.families.base import Recognised, Taking, is_clamp
from studio.checkpoints.families.stylegan2 import canonical
from studio.checkpoints.lazy import Lazy, made
from studio.checkpoints.limits import plain
from studio.checkpoints.unwrap import Candidate

_LAYOUT = "StyleGAN2, NVIDIA's TensorFlow layout"


def detect(c: Candidate) -> Recognised | None:
    """A TensorFlow network with ``synthesis/4x4/Const/const`` and modulated convolutions."""
    if c.tensorflow is None:
        return None
    names = set(c.tensors)
    if any("/StyleMod/" in n for n in names):
        raise ModelError(
            "This is a StyleGAN of the first generation.",
            "Its layers work in another way.",
            "StyleGAN2 and 3 are read.",
        )
    if "synthesis/4x4/Conv/mod_weight" not in names:
        if any("lod" in n for n in names):
            raise ModelError("This is a Progressive GAN or its critic.", "", "StyleGAN2 and 3 are read.")
        if any("FromRGB" in n for n in names):
            raise ModelError("This is a discriminator (the critic of a GAN).", "It makes no pictures.")
        return None
    kwargs = c.tensorflow
    _check(kwargs)
    take = Taking(c.tensors, f"{_LAYOUT}")
    take.put("mapping.w_avg", "dlatent_avg")
    if "mapping/LabelConcat/weight" in names:
        raise ModelError(
            "This StyleGAN2 takes its classes in a way of its own (LabelConcat).",
            "Only those of the ADA release are read.",
        )
    if "mapping/LabelEmbed/weight" in names:
        take.put("mapping.embed.weight", "mapping/LabelEmbed/weight", lambda t: t.permute(1, 0))
        take.put("mapping.embed.bias", "mapping/LabelEmbed/bias")
    for i in range(sum(1 for n in names if re.fullmatch(r"mapping/Dense\d+/weight", n))):
        take.put(f"mapping.fc{i}.weight", f"mapping/Dense{i}/weight", lambda t: t.permute(1, 0))
        take.put(f"mapping.fc{i}.bias", f"mapping/Dense{i}/bias")
    take.put("synthesis.b4.const", "synthesis/4x4/Const/const", lambda t: t.reshape(*t.shape[1:]))
    sizes = sorted({int(m.group(1)) for n in names if (m := re.match(r"synthesis/(\d+)x\1/", n))})
    for r in sizes:
        block, there = f"synthesis.b{r}", f"synthesis/{r}x{r}"
        log = r.bit_length() - 1
        if r == 4:
            _layer(take, f"{block}.conv1", f"{there}/Conv", "synthesis/noise0", r, up=False)
        else:
            _layer(take, f"{block}.conv0", f"{there}/Conv0_up", f"synthesis/noise{2 * log - 5}", r, up=True)
            _layer(take, f"{block}.conv1", f"{there}/Conv1", f"synthesis/noise{2 * log - 4}", r, up=False)
        if f"{there}/ToRGB/weight" in names:
            _styled(take, f"{block}.torgb", f"{there}/ToRGB", up=False)
        if f"{there}/Skip/weight" in names:
            take.put(f"{block}.skip.weight", f"{there}/Skip/weight", _up)
    take.drop("lod")
    clamp = kwargs.get("conv_clamp")
    tensors = take.done()
    tensors.update(_filters(tensors, kwargs.get("resample_kernel")))
    lr = kwargs.get("mapping_lrmul", 0.01)
    return canonical(c, tensors, _LAYOUT, clamp=float(clamp) if clamp and is_clamp(clamp) else None, lr=float(lr))


def _oihw(t: Lazy) -> Lazy:
    return t.permute(3, 2, 0, 1)


def _up(t: Lazy) -> Lazy:
    return t.flip(0, 1).permute(3, 2, 0, 1)


def _styled(take: Taking, target: str, source: str, *, up: bool) -> None:
    take.put(f"{target}.weight", f"{source}/weight", _up if up else _oihw)
    take.put(f"{target}.bias", f"{source}/bias")
    take.put(f"{target}.affine.weight", f"{source}/mod_weight", lambda t: t.permute(1, 0))
    take.put(f"{target}.affine.bias", f"{source}/mod_bias", lambda t: t.map(lambda v: v + 1))


def _layer(take: Taking, target: str, source: str, noise: str, r: int, *, up: bool) -> None:
    _styled(take, target, source, up=up)
    take.put(f"{target}.noise_strength", f"{source}/noise_strength", lambda t: t.reshape())
    take.put(f"{target}.noise_const", noise, lambda t: t.reshape(r, r))


def _check(kwargs: dict[str, Any]) -> None:
    for name in ("mapping_nonlinearity", "nonlinearity"):
        if kwargs.get(name, "lrelu") != "lrelu":
            raise ModelError("This StyleGAN2 uses another activation.", f"It is “{plain(kwargs[name], 20)}”.")
    lr = kwargs.get("mapping_lrmul", 0.01)
    if not isinstance(lr, int | float) or not 0 < lr < 100:
        raise ModelError("This StyleGAN2 has an unknown kind of mapping network.", "Its learning rate makes no sense.")


def _filters(tensors: dict[str, Lazy], taps: Any) -> dict[str, Lazy]:
    """The low-pass of a network that was built with another one than [1, 3, 3, 1]."""
    if taps is None or taps == [1, 3, 3, 1]:
        return {}
    if not isinstance(taps, list | tuple) or len(taps) != 4 or not all(isinstance(v, int | float) for v in taps):
        raise ModelError("This StyleGAN2 uses a low-pass of an unknown kind.", "Four taps were expected.")

    def fn() -> Any:
        import torch

        f = torch.tensor([float(v) for v in taps])
        k = torch.outer(f, f)
        return k / k.sum()

    kernel = made((4, 4), fn)
    out = {n.replace(".weight", ".resample_filter"): kernel for n in tensors if re.search(r"conv[01]\.weight$", n)}
    out.update({f"{n.rsplit('.', 2)[0]}.resample_filter": kernel for n in tensors if n.endswith("conv1.weight")})
    out.update({n.replace(".weight", ".resample_filter"): kernel for n in tensors if n.endswith("skip.weight")})
    return out
