"""The two pictures of the mixing board: where a layer acts, and everyone with everyone."""

from __future__ import annotations

import numpy as np
import pytest
from explore_tiny import TinyContext, ZOnly, collect, previews, stylegan2
from msgspec.structs import replace

from studio.base.errors import StudioError
from studio.base.steps import run
from studio.engine.mix.weights import cell
from studio.engine.registry import start
from studio.project.latents import Look, Noise, Seed
from studio.project.requests import Influence, Matrix, Render


@pytest.fixture(scope="module")
def ctx() -> TinyContext:
    return TinyContext(plain=stylegan2(), zonly=ZOnly())


def test_influence_is_a_map_that_refines(ctx: TinyContext) -> None:
    request = Influence(model="plain", latent=Seed(seed=1), layer=4, samples=3)
    events, result = collect(start(ctx, request))
    heat = result.values
    assert heat.shape == (32, 32) and heat.dtype == np.float32 and heat.min() >= 0 and heat.max() == 1
    assert [p.index for p in previews(events)] == [0, 1, 2] and previews(events)[-1].image.shape == (32, 32, 3)
    assert np.array_equal(previews(events)[-1].image[..., 0], np.rint(heat * 255).astype(np.uint8))
    assert np.array_equal(run(start(ctx, request)).values, heat)
    assert result.info["strength"] > 0
    assert run(start(ctx, replace(request, size=8))).values.shape == (8, 8), "a map may be smaller than its layer"
    for layer in (-1, 8):
        with pytest.raises(StudioError, match="no layer"):
            run(start(ctx, replace(request, layer=layer)))
    assert run(start(ctx, Influence(model="zonly", latent=Seed(seed=1), layer=0))).values.shape == (8, 8)


def test_influence_is_where_the_picture_changes() -> None:
    """A network whose layer 3 can only reach the upper half of the picture."""
    net = stylegan2()
    block = net.synthesis.b16
    original = block.conv0.forward

    def upper_half(x, w, *args, **kwargs):  # type: ignore[no-untyped-def]
        y, neutral = original(x, w, *args, **kwargs), original(x, w * 0, *args, **kwargs)
        y[:, :, 8:] = neutral[:, :, 8:]
        return y

    block.conv0.forward = upper_half  # type: ignore[method-assign]
    block.torgb.affine.weight.zero_()
    net.synthesis.b8.torgb.affine.weight.zero_()  # takes the same w as conv0 of the next block
    heat = run(start(TinyContext(net=net), Influence(model="net", latent=Seed(seed=1), layer=3))).values
    assert heat[:12].mean() > 5 * heat[22:].mean()


def test_the_matrix_fills_row_by_row_and_cells_can_be_adopted(ctx: TinyContext) -> None:
    sources = tuple(Seed(seed=s) for s in (1, 2, 3))
    request = Matrix(model="plain", sources=sources, first=2, last=4, tile=16, look=Look(noise=Noise(mode="none")))
    events, result = collect(start(ctx, request))
    assert [p.index for p in previews(events)] == list(range(9)) and len(result.images) == 9
    for row in range(3):
        for column in range(3):
            adopted = Render(
                model="plain", latent=cell(sources[row], sources[column], 2, 4, 8), look=request.look, size=16
            )
            image = run(start(ctx, adopted)).image
            assert np.abs(image.astype(int) - result.images[row * 3 + column]).max() <= 1
    assert cell(sources[1], sources[1], 2, 4, 8) == sources[1]
    assert not np.array_equal(result.images[1], result.images[0])
    with pytest.raises(StudioError, match="empty"):
        run(start(ctx, replace(request, sources=())))
