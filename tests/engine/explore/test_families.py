"""Every operation on every family of networks, as loaded from files, in both precisions where there are two."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from explore_tiny import TinyContext, collect

from studio.base.steps import run
from studio.checkpoints import load_model
from studio.engine.explore.codes import Codes, open_model
from studio.engine.explore.directions import factors, style_weights
from studio.engine.registry import start
from studio.nets.dcgan import DCGAN
from studio.nets.stylegan2_fast import FastStyleGAN2
from studio.project.latents import Blend, Direct, Direction, Key, Look, MapPoint, Mixed, Noise, Part, Push, Seed, Walk
from studio.project.requests import (
    Compare,
    FilmStrip,
    FindDirections,
    Influence,
    Matrix,
    ReadWs,
    Render,
    Sheet,
    Tiles,
    WalkFrames,
)

FILES = (
    "stylegan2_cond_32px",
    "stylegan2_uncond_32px",
    "stylegan2_resnet_32px",
    "stylegan3_t_64px",
    "stylegan3_r_64px",
)


def dcgan(mode: str, c_dim: int) -> DCGAN:
    torch.manual_seed(0)
    width = {"none": 12, "concat": 12 + c_dim, "embed_multiply": 12}[mode]
    blocks = [
        {"n_in": width, "n_out": 8, "kernel": 4},
        {"n_in": 8, "n_out": 3, "kernel": 4, "stride": 2, "padding": 1, "norm": False, "active": False},
    ]
    hyper = {"z_dim": 12, "c_dim": c_dim, "label_mode": mode, "label_width": 12, "blocks": blocks}
    return DCGAN.from_hyper(hyper).eval().requires_grad_(False)


@pytest.fixture(scope="module", params=[*FILES, "fast", "dcgan", "dcgan_concat", "dcgan_embed"])
def net(request: pytest.FixtureRequest) -> Any:
    folder = Path(__file__).parents[2] / "fixtures"
    if request.param == "dcgan":
        return dcgan("none", 0)
    if request.param == "dcgan_concat":
        return dcgan("concat", 3)
    if request.param == "dcgan_embed":
        return dcgan("embed_multiply", 3)
    if request.param == "fast":
        return FastStyleGAN2(load_model(folder / "stylegan2_uncond_32px.safetensors").network)  # type: ignore[arg-type]
    return load_model(folder / f"{request.param}.safetensors").network


def test_every_operation_works(net: Any) -> None:
    ctx = TinyContext(net=net)
    push = Push(direction=Direction(kind="principal", index=1), amount=1.0)
    look = Look(psi=0.8, noise=Noise(mode="seed", seed=2, layers=(0.5,)), pushes=(push,))
    a, b = Seed(seed=1), MapPoint(x=0.5, y=0.25)
    blend = Blend(parts=(Part(latent=a), Part(latent=b), Part(latent=Direct())))
    mixed = Mixed(sources=(a, b), weights=((1.0, 0.0), (0.5, 0.5)))
    walk = Walk(keys=(Key(latent=a, seconds=0.2), Key(latent=mixed, seconds=0.2)), fps=10, noise_loop=True)
    common: dict[str, Any] = {"model": "net", "look": look}
    requests: list[Any] = [
        Render(latent=blend, **common),
        Render(latent=mixed, size=8, **common),
        Sheet(latents=(a, b), tile=8, **common),
        Tiles(model="net", latents=(a, b, blend, mixed), looks=(look,), tile=8),
        WalkFrames(walk=walk, **common),
        Compare(latent_a=a, latent_b=b, **common),
        FindDirections(model="net", method="principal", count=3, samples=300),
        FindDirections(model="net", method="factor", count=3, samples=300, first=0, last=0),
        FilmStrip(latent=a, direction=Direction(kind="factor"), tile=8, count=3, **common),
        Influence(latent=a, layer=net.num_ws - 1, samples=2, **common),
        Matrix(sources=(a, b), first=0, last=2, tile=8, **common),
        ReadWs(latent=mixed, **common),
    ]
    for request in requests:
        _, result = collect(start(ctx, request))
        assert result is not None, request
    heat = run(start(ctx, requests[9])).values
    assert np.isfinite(heat).all() and heat.max() <= 1.0


def test_the_network_and_the_studio_agree_on_truncation(net: Any) -> None:
    """A class must not fade when z is pulled to the mean."""
    ctx = TinyContext(net=net)
    codes = Codes(open_model(ctx, "net"), Look(psi=0.5, cutoff=2))
    point = codes.point(Seed(seed=3))
    assert point is not None
    labels = None if point.labels is None else point.labels[None]
    assert torch.equal(codes.ws(Seed(seed=3)), net.map(point.z[None], labels, psi=0.5, cutoff=2)[0])


def test_style_weights_have_the_width_of_w(net: Any) -> None:
    for layer in range(net.num_ws):
        rows = style_weights(net, layer)
        assert rows.shape[1] == net.w_dim and len(rows) >= 3 and np.isfinite(rows).all()
    vectors, _ = factors(net, 0, -1)
    assert np.allclose(vectors @ vectors.T, np.eye(net.w_dim), atol=1e-7)
