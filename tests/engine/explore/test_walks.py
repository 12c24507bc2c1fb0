"""Walks as arithmetic: keys are hit, loops close, speed is continuous, weights sum to one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.base.errors import StudioError
from studio.engine.explore.walks import (
    at,
    duration,
    ease,
    frame_count,
    key_frames,
    noise_angle,
    steps_of,
    with_frames,
)
from studio.project.latents import Key, Seed, Walk

POINTS = np.random.RandomState(3).randn(9, 5)

walks = st.builds(
    Walk,
    keys=st.lists(
        st.builds(
            Key,
            latent=st.builds(Seed, seed=st.integers(0, 99)),
            seconds=st.floats(0.0, 3.0),
            easing=st.sampled_from(["linear", "smooth", "in", "out"]),
        ),
        min_size=1,
        max_size=9,
    ).map(tuple),
    curve=st.sampled_from(["linear", "slerp", "cubic"]),
    loop=st.booleans(),
    fps=st.integers(1, 60),
)


def position(walk: Walk, frame: float) -> np.ndarray:
    mix = at(walk, frame)
    return sum(weight * POINTS[key] for key, weight in zip(mix.keys, mix.weights, strict=True))


@given(walks)
def test_keys_are_hit_exactly_and_weights_sum_to_one(walk: Walk) -> None:
    frames = key_frames(walk)
    assert len(frames) == len(walk.keys)
    for key, frame in enumerate(frames):
        assert at(walk, frame).keys == (key,) and at(walk, frame).weights == (1.0,)
    total = frame_count(walk)
    for frame in np.linspace(-3, total + 3, 23):
        assert np.isclose(sum(at(walk, frame).weights), 1.0)
    assert frames[-1] <= total - 1


@given(walks)
def test_the_length_of_a_film_is_the_sum_of_its_keys(walk: Walk) -> None:
    steps = steps_of(walk)
    wanted = sum(walk.keys[s.start].seconds for s in steps) * walk.fps
    assert steps[-1].first + steps[-1].frames <= wanted + len(steps) + 0.5
    if all(walk.keys[s.start].seconds * walk.fps >= 2 for s in steps):
        assert abs(steps[-1].first + steps[-1].frames - wanted) <= 0.5
    assert duration(walk) * walk.fps == pytest.approx(frame_count(walk))


@given(walks, st.integers(1, 200))
def test_a_walk_can_be_fitted_to_any_number_of_frames(walk: Walk, frames: int) -> None:
    n = len(walk.keys)
    if frames - (0 if walk.loop or n == 1 else 1) < (n if walk.loop or n == 1 else n - 1):
        with pytest.raises(StudioError):
            with_frames(walk, frames)
    else:
        assert frame_count(with_frames(walk, frames)) == frames


@pytest.mark.parametrize("curve", ["linear", "cubic"])
def test_loops_close_without_showing_the_first_key_twice(curve: str) -> None:
    walk = Walk(keys=tuple(Key(latent=Seed(seed=i), seconds=0.5) for i in range(4)), curve=curve, loop=True, fps=24)
    n = frame_count(walk)
    assert n == 48
    assert np.array_equal(position(walk, n), position(walk, 0)) and not np.allclose(position(walk, n - 1), POINTS[0])
    assert at(walk, n + 5) == at(walk, 5)


def test_cubic_loops_have_continuous_speed_at_keys_and_seam_even_with_unequal_times() -> None:
    keys = tuple(Key(latent=Seed(seed=i), seconds=s) for i, s in enumerate((0.5, 2.0, 1.0, 0.25)))
    walk = Walk(keys=keys, curve="cubic", loop=True, fps=24)
    h = 1e-5
    for frame in key_frames(walk):
        before = (position(walk, frame) - position(walk, frame - h)) / h
        after = (position(walk, frame + h) - position(walk, frame)) / h
        assert np.allclose(before, after, atol=1e-3), f"the speed jumps at frame {frame}"
        assert np.abs(after).max() > 1e-3, "a smooth loop does not stop at its keys"


def test_linear_halfway_and_easing() -> None:
    keys = (Key(latent=Seed(seed=1), seconds=1, easing="linear"), Key(latent=Seed(seed=2)))
    walk = Walk(keys=keys, curve="linear", loop=False, fps=10)
    assert frame_count(walk) == 11
    assert at(walk, 5).weights == (0.5, 0.5)
    assert at(walk, -4).keys == (0,) and at(walk, 99).keys == (1,)
    slerp = Walk(keys=keys, curve="slerp", loop=False, fps=10)
    assert at(slerp, 5).curved and not at(walk, 5).curved
    for kind in ("linear", "smooth", "in", "out"):
        values = [ease(kind, u) for u in np.linspace(0, 1, 11)]
        assert values[0] == 0 and values[-1] == 1 and np.all(np.diff(values) > 0)
    assert ease("in", 0.5) < 0.5 < ease("out", 0.5)


def test_open_cubic_walk_stays_between_straight_neighbours() -> None:
    walk = Walk(keys=tuple(Key(latent=Seed(seed=i), seconds=1) for i in range(3)), curve="cubic", loop=False, fps=8)
    line = np.arange(3.0)
    values = [sum(w * line[k] for k, w in zip(at(walk, f).keys, at(walk, f).weights, strict=True)) for f in range(17)]
    assert np.allclose(values, np.linspace(0, 2, 17)), "points on a line, evenly timed, stay on it at even speed"


def test_noise_goes_once_around_a_loop() -> None:
    walk = Walk(keys=(Key(latent=Seed(seed=1), seconds=1),), fps=12)
    assert frame_count(walk) == 12 and at(walk, 7).keys == (0,)
    assert noise_angle(walk, 0) == 0 and noise_angle(walk, 12) == pytest.approx(2 * np.pi)


def test_an_empty_walk_is_told() -> None:
    with pytest.raises(StudioError, match="no keys"):
        frame_count(Walk())
