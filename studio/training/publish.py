"""From a training's snapshot to an embedded model: look at it, score it, write weights and card."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from studio.base.errors import StudioError
from studio.nets.stylegan2 import StyleGAN2
from studio.training.anchor import AnchorSpec
from studio.training.anchored import warm_up_mapping
from studio.training.attributes import judge_accuracy, toggle_agreement, train_judge
from studio.training.config import TrainConfig
from studio.training.data import Pictures, load_pictures, to_float
from studio.training.export import export_model
from studio.training.frechet import compare
from studio.training.sheets import save_sheet
from studio.training.snapshot import load_snapshot
from studio.training.trainer import half_precision_pays

JUDGE_SIZE = 64
"""The judge of labels looks at pictures averaged down to this size."""


def seed_z(seeds: Iterator[int] | range, z_dim: int) -> Tensor:
    """z of shared seeds: ``numpy.random.RandomState(seed).randn(z_dim)``, ``[N, z_dim]`` float32."""
    return torch.from_numpy(np.stack([np.random.RandomState(s).randn(z_dim) for s in seeds])).float()


def network_of(state: dict[str, Any]) -> StyleGAN2:
    """The averaged generator of a snapshot."""
    return StyleGAN2.from_state_dict(state["ema"], conv_clamp=None)


def prior_labels(spec: AnchorSpec, factors: Tensor, count: int, seed: int) -> Tensor:
    """Labels as frequent as in the data; every second one leaves the colours to the seed."""
    gen = torch.Generator().manual_seed(seed)
    c = spec.labels(factors[torch.randint(len(factors), (count,), generator=gen)])
    c[1::2, len(spec.toggles) :] = 0
    return c


@torch.no_grad()
def draw(net: StyleGAN2, z: Tensor, c: Tensor | None, psi: float = 1.0, batch: int = 32) -> Tensor:
    """Pictures with constant noise, in the arithmetic of the training (bfloat16 where it pays)."""
    net.train()
    net.compute_dtype = torch.bfloat16 if half_precision_pays(z.device) else torch.float32
    try:
        parts = []
        for i in range(0, len(z), batch):
            ws = net.map(z[i : i + batch], None if c is None else c[i : i + batch], psi=psi)
            parts.append(net.synthesize(ws))
        return torch.cat(parts)
    finally:
        net.eval()
        net.compute_dtype = torch.float32


@torch.no_grad()
def look(net: StyleGAN2, spec: AnchorSpec | None, factors: Tensor | None, folder: Path, zoom: int = 1) -> None:
    """Sheets for the eye: samples at psi 1 and 0.7, blends in w, toggles, mixes of layers."""
    z = seed_z(range(64), net.z_dim)
    c = prior_labels(spec, factors, 64, 3) if spec is not None and factors is not None else None
    save_sheet(folder / "look_psi1.png", draw(net, z, c), 8, zoom=zoom)
    save_sheet(folder / "look_psi07.png", draw(net, z, c, 0.7), 8, zoom=zoom)
    ws = net.map(z[:16], None if c is None else c[:16])
    strips = [torch.lerp(ws[2 * i], ws[2 * i + 1], t) for i in range(8) for t in torch.linspace(0, 1, 8)]
    save_sheet(folder / "look_blend.png", net.synthesize(torch.stack(strips)), 8, zoom=zoom)
    cells = []
    for i in range(2):
        for cut in (3, 7):
            cells += [ws[i], *(torch.cat((ws[i, :cut], ws[j, cut:])) for j in range(8, 15))]
    heads = [torch.zeros_like(ws[0]) + net.w_avg, *ws[8:15]]
    save_sheet(folder / "look_mix.png", net.synthesize(torch.stack(heads + cells)), 8, zoom=zoom)
    if spec is not None:
        rows = []
        for i in range(6):
            for t in range(-1, len(spec.toggles)):
                label = torch.zeros(1, spec.c_dim)
                if t >= 0:
                    label[0, t] = 1
                rows.append(net.synthesize(net.map(z[i : i + 1], label)))
        save_sheet(folder / "look_toggles.png", torch.cat(rows), len(spec.toggles) + 1, zoom=zoom)


def score(net: StyleGAN2, spec: AnchorSpec | None, data: Pictures, *, judge_steps: int) -> dict[str, Any]:
    """Figures for the card, on the held-out tenth of the pictures."""
    train, held = data.split()
    real, seen = to_float(held.images), to_float(train.images[: len(held)])
    z = torch.randn(len(held), net.z_dim, generator=torch.Generator().manual_seed(11))
    factors = spec.table(train.rows) if spec is not None else None
    c = prior_labels(spec, factors, len(held), 12) if spec is not None and factors is not None else None
    fakes = iter(draw(net, z, c).split(100))
    out: dict[str, Any] = {"frechet": compare(real, seen, lambda n: next(fakes)[:n])}
    if spec is not None and factors is not None:
        gen = torch.Generator().manual_seed(13)
        truth = spec.table(held.rows)
        codes = spec.codes(truth, gen)
        made = draw(net, codes.z, codes.c)
        out["held_out_mean_absolute_error_0_255"] = round(float((made.clamp(-1, 1) - real).abs().mean() * 127.5), 3)
        if judge_steps:
            k = max(1, real.shape[-1] // JUDGE_SIZE)

            def small(x: Tensor) -> Tensor:
                return x if k == 1 else F.avg_pool2d(x, k)

            reduced = small(train.images.float()).round().to(torch.uint8)
            judge = train_judge(spec, replace(train, images=reduced), steps=judge_steps)
            out["judge_on_real_held_out"] = judge_accuracy(spec, judge, small(real), truth)
            out["judge_on_pictures_made_from_their_labels"] = judge_accuracy(spec, judge, small(made), truth)
            out["labels_obeyed"] = toggle_agreement(spec, judge, lambda zz, cc: small(draw(net, zz, cc)))
            out["judge"] = (
                "a small classifier trained on the true labels of the training pictures; shares of held-out pictures, "
                "and of seeds (each label on and off, or every colour in turn) that it finds as labelled"
            )
    return out


def publish(
    run: Path,
    data_path: Path,
    weights: Path,
    name: str,
    *,
    title: str,
    about: dict[str, Any],
    judge_steps: int = 1200,
    mapping_steps: int = 0,
) -> dict[str, Any]:
    """Write ``weights/NAME.safetensors`` and ``.json`` from the snapshot in ``run``; sheets go into ``run``.

    ``mapping_steps``: anchored models only, so many steps for the mapping alone first, at a falling rate, which makes
    fewer seeds fall between two values.
    """
    state = load_snapshot(run / "snapshot.pt")
    cfg = TrainConfig.from_dict(state["config"])
    net = network_of(state)
    data = load_pictures(data_path, cfg.size)
    if cfg.anchor and not data.rows:
        raise StudioError("The label table is missing.", "The model was trained with labels.csv.")
    spec = AnchorSpec(data.rows) if data.rows else None
    factors = spec.table(data.split()[0].rows) if spec is not None else None
    if cfg.anchor and mapping_steps and spec is not None and factors is not None:
        net.requires_grad_(True)
        warm_up_mapping(net, spec, factors, torch.Generator().manual_seed(6), steps=mapping_steps, rate=0.5)
        net.requires_grad_(False)
    look(net, spec, factors, run)
    scores = score(net, spec, data, judge_steps=judge_steps)
    training = {
        "steps": state["steps"],
        "images": state["seen"],
        "minutes": round(state["minutes"], 1),
        "size": cfg.size,
        "last_settings": cfg.to_dict(),
    }
    about = dict(about)
    names = about.pop("value_names", {})
    merged = {**about, "training": {**training, **about.get("training", {})}, "scores": scores}
    groups = [] if spec is None or factors is None else spec.label_groups(factors)
    for group in groups:
        if group["kind"] == "choice" and spec is not None:
            shade_choices(group, spec, data, names)
    return export_model(net, weights, name, title=title, spec=spec, groups=groups, about=merged)


def shade_choices(group: dict[str, Any], spec: AnchorSpec, data: Pictures, names: Mapping[str, str]) -> None:
    """Plain names (``names`` by "column:value") for the choices of a group, and the colours of backgrounds.

    The colour of a background is that of the upper left corner of the pictures that have it.
    """
    factor = next(x for x in spec.factors if x.label_start == group["indices"][0])
    group["names"] = [names.get(f"{factor.name}:{v}", v) for v in factor.values]
    if factor.name == "background":
        colours = []
        for v in factor.values:
            index = [i for i, row in enumerate(data.rows) if row["background"] == v]
            corner = data.images[index, :, 0, 0].float().median(dim=0).values.int().tolist()
            colours.append("#{:02x}{:02x}{:02x}".format(*corner))
        group["colors"] = colours
