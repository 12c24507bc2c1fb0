"""Even speed: the picture changes by the same amount from frame to frame, and nothing that was exact is lost."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from explore_tiny import LightFeatures, TinyContext, collect, previews, stylegan2

from studio.base.steps import Progress
from studio.engine.explore.codes import Codes, open_model
from studio.engine.explore.draw import synthesize
from studio.engine.explore.pace import share_frames, timed
from studio.engine.explore.walks import Step, frame_count
from studio.engine.registry import start
from studio.project.latents import Direction, Key, Look, Push, Seed, Walk
from studio.project.requests import WalkFrames


def uneven(curve: str, loop: bool, speed: str = "even") -> Walk:
    """Keys at very different distances, with an easing that stops at each."""
    keys = (
        Key(latent=Seed(seed=1), seconds=1.0),
        Key(latent=Seed(seed=2), seconds=3.0),
        Key(latent=Seed(seed=8), seconds=0.5, easing="in"),
    )
    return Walk(keys=keys, curve=curve, loop=loop, fps=16, speed=speed)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def ctx() -> TinyContext:
    return TinyContext(gan=stylegan2(resolution=16))


def variation(ctx: TinyContext, walk: Walk, look: Look) -> float:
    """Standard deviation over mean of the perceptual steps from frame to frame."""
    model = open_model(ctx, "gan")
    way = collect(timed(model, Codes(model, look), walk, lambda ws: ws))[1]
    count = frame_count(walk) + (1 if walk.loop else 0)
    pictures = torch.cat([synthesize(model.net, way.ws(f)[None]) for f in range(count)])
    steps = LightFeatures().perceptual_distance(pictures[1:], pictures[:-1]).sqrt().numpy()
    return float(steps.std() / steps.mean())


@pytest.mark.parametrize("curve", ["linear", "slerp", "cubic"])
@pytest.mark.parametrize("loop", [True, False])
@pytest.mark.parametrize("space", ["w", "z"])
def test_the_variation_of_the_steps_falls_to_a_quarter(ctx: TinyContext, curve: str, loop: bool, space: str) -> None:
    look = Look(space=space)  # type: ignore[arg-type]
    before = variation(ctx, uneven(curve, loop, "keys"), look)
    after = variation(ctx, uneven(curve, loop), look)
    assert before > 0.4 and after < before / 4 and after < 0.2


@pytest.mark.parametrize("curve", ["linear", "slerp", "cubic"])
@pytest.mark.parametrize("loop", [True, False])
def test_keys_ends_and_seams_stay_exact(ctx: TinyContext, curve: str, loop: bool) -> None:
    walk = uneven(curve, loop)
    model = open_model(ctx, "gan")
    codes = Codes(model, Look())
    way = collect(timed(model, codes, walk, lambda ws: ws))[1]
    assert len(way.keys) == 3 and way.keys[0] == 0
    for key, frame in zip(walk.keys, way.keys, strict=True):
        assert torch.equal(way.ws(frame), codes.ws(key.latent))
    total = frame_count(walk)
    if loop:
        assert torch.equal(way.ws(total), way.ws(0)) and torch.equal(way.ws(total + 3), way.ws(3))
    else:
        assert way.keys[-1] == total - 1 and torch.equal(way.ws(total + 9), way.ws(total - 1))


def test_a_frame_alone_is_the_frame_of_the_film_and_looks_are_kept(ctx: TinyContext) -> None:
    push = Push(direction=Direction(kind="factor"), amount=1.0)
    request = WalkFrames(model="gan", walk=uneven("linear", True), look=Look(pushes=(push,)), size=8)
    events, result = collect(start(ctx, request))
    assert any(isinstance(e, Progress) and e.phase == "Finding an even speed" for e in events)
    frames = previews(events)
    alone = TinyContext(gan=stylegan2(resolution=16))
    part = WalkFrames(model="gan", walk=request.walk, look=request.look, size=8, first=20, count=2)
    again = previews(collect(start(alone, part))[0])
    assert [p.index for p in again] == [20, 21]
    assert all(np.array_equal(a.image, frames[20 + i].image) for i, a in enumerate(again))
    events, same = collect(start(ctx, part))
    assert not any(isinstance(e, Progress) and e.phase == "Finding an even speed" for e in events)
    assert same.info["keys"] == result.info["keys"] and len(result.info["keys"]) == 3


def test_a_walk_that_goes_nowhere_keeps_its_times(ctx: TinyContext) -> None:
    keys: Any = tuple(Key(latent=Seed(seed=4), seconds=s) for s in (1.0, 2.0))
    _, result = collect(start(ctx, WalkFrames(model="gan", walk=Walk(keys=keys, fps=4, speed="even"), size=8)))
    assert result.info["keys"] == (0, 4)
    single = Walk(keys=keys[:1], fps=4, speed="even")
    assert collect(start(ctx, WalkFrames(model="gan", walk=single, size=8)))[1].values["frames"] == 4


def test_every_stretch_keeps_a_frame() -> None:
    steps = tuple(Step(i, i + 1, i, 1) for i in range(4))
    for lengths in ([1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0], [0.0, 1.0, 0.0, 0.0], [0.0] * 4):
        assert share_frames(lengths, steps) == (0, 1, 2, 3)
    longer = tuple(Step(i, i + 1, 10 * i, 10) for i in range(3))
    assert share_frames([1.0, 3.0, 2.0], longer) == (0, 5, 20)
