"""Prefix reuse: the same request gives the same bits whatever came before, and computes only what it must."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch

from studio.nets.roles import Noise, NoiseCircle
from studio.nets.stylegan2 import Architecture, StyleGAN2
from studio.nets.stylegan2_fast import FastStyleGAN2
from studio.nets.stylegan2_fast_prepare import ConvPlan
from tests.nets.test_fast import prefix, small, wish

DTYPES = [torch.float32, torch.bfloat16]


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[int]]:
    """Which layers were computed since it was last asked."""
    from studio.nets.stylegan2_fast_cpu import CpuExecutor

    seen: list[int] = []
    original = CpuExecutor.conv

    def conv(self: CpuExecutor, plan: ConvPlan, *rest: object) -> torch.Tensor:
        seen.append(plan.index)
        return original(self, plan, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(CpuExecutor, "conv", conv)

    def take() -> list[int]:
        got = seen[:]
        seen.clear()
        return got

    return take


def ws_of(g: StyleGAN2, n: int = 1) -> torch.Tensor:
    return torch.randn(n, g.num_ws, g.w_dim)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("architecture", ["skip", "resnet", "orig"])
@pytest.mark.parametrize("cache", [None, 30_000])
def test_history_changes_nothing(architecture: Architecture, dtype: torch.dtype, cache: int | None) -> None:
    """A long random life of edits; after each, a network with no memory must give the same bits."""
    g = small(architecture)
    worn = FastStyleGAN2(g, dtype=dtype) if cache is None else FastStyleGAN2(g, dtype=dtype, cache_bytes=cache)
    fresh = FastStyleGAN2(g, dtype=dtype, cache_bytes=0)
    rng = random.Random(1)
    ws = ws_of(g)
    noise: Noise = "const"
    strength = torch.ones(g.num_ws)
    sizes: list[int | None] = [None, None, *g.low_resolutions]
    for _ in range(30):
        act = rng.randrange(6)
        if act <= 2:
            ws = ws.clone()
            ws[:, rng.randrange(g.num_ws)] += 0.5 * torch.randn(g.w_dim)
        elif act == 3:
            noise = rng.choice(["const", "none", 1, 2, NoiseCircle(1, 0.3)])
        elif act == 4:
            strength = strength.clone()
            strength[rng.randrange(g.num_ws)] = rng.choice([0.0, 0.5, 1.0])
        else:
            ws = ws_of(g)
        size = rng.choice(sizes)
        got = worn.synthesize(ws, noise, strength=strength, size=size)
        fresh.clear_cache()
        assert torch.equal(got, fresh.synthesize(ws, noise, strength=strength, size=size))


def test_history_changes_nothing_on_a_device() -> None:
    """The batched executor of graphics cards, run on the CPU, keeps the same promise for a batch of a fixed size."""
    g = small()
    worn, fresh = prefix(g, "device"), prefix(g, "device", cache=0)
    ws = ws_of(g, 2)
    for k in (0, 5, 9, 3, 7, 7, 0):
        ws = ws.clone()
        ws[1, k] += 1.0
        fresh.clear()
        assert torch.equal(worn.pictures(wish(ws), 64), fresh.pictures(wish(ws), 64))


def test_only_later_layers_are_computed(computed: Callable[[], list[int]]) -> None:
    g = small()
    fast = FastStyleGAN2(g, dtype=torch.float32)
    ws = ws_of(g)
    fast.synthesize(ws)
    assert computed() == list(range(9))
    ws = ws.clone()
    ws[:, 6:] += 1.0
    fast.synthesize(ws)
    assert computed() == [6, 7, 8]
    fast.synthesize(ws)
    assert computed() == []
    ws = ws.clone()
    ws[:, 9] += 1.0  # the last row only colours
    fast.synthesize(ws)
    assert computed() == []
    strength = torch.ones(g.num_ws)
    strength[7] = 0.0
    fast.synthesize(ws, strength=strength)
    assert computed() == [7, 8]
    strength[3] = 0.0
    fast.synthesize(ws, "none", strength=strength)
    assert computed() == list(range(9))
    fast.synthesize(ws, 5, strength=torch.zeros(g.num_ws))  # silent noise of any kind is no noise
    assert computed() == []


def test_silent_layers_do_not_care_about_noise(computed: Callable[[], list[int]]) -> None:
    g = small()
    for i, r in enumerate((4, 8, 16, 32)):
        g.synthesis.block(r).conv1.noise_strength.fill_(0.0)
        if i:
            g.synthesis.block(r).conv0.noise_strength.fill_(0.0)
    fast = FastStyleGAN2(g, dtype=torch.float32)
    ws = ws_of(g)
    fast.synthesize(ws, 1)
    computed()
    fast.synthesize(ws, 2)
    assert computed() == [7, 8]


def test_preview_grows_into_the_picture(computed: Callable[[], list[int]]) -> None:
    g = small()
    fast = FastStyleGAN2(g, dtype=torch.float32)
    ws = ws_of(g)
    whole = fast.synthesize(ws)
    fast.clear_cache()
    computed()
    small_one = fast.synthesize(ws, size=16)
    assert computed() == [0, 1, 2, 3, 4]
    assert torch.equal(fast.synthesize(ws), whole)
    assert computed() == [5, 6, 7, 8]
    assert torch.equal(fast.synthesize(ws, size=16), small_one)
    assert computed() == []


def test_steps_are_the_low_resolutions() -> None:
    g = small()
    fast = FastStyleGAN2(g, dtype=torch.float32)
    ws = ws_of(g)
    grown = list(fast.synthesize_steps(ws, 3))
    assert [x.shape[-1] for x in grown] == [4, 8, 16, 32, 64]
    for x in grown:
        assert torch.equal(x, fast.synthesize(ws, 3, size=x.shape[-1]))
    assert [x.shape[-1] for x in fast.synthesize_steps(ws, size=16)] == [4, 8, 16]
    other = FastStyleGAN2(small("resnet"), dtype=torch.float32)
    (only,) = other.synthesize_steps(ws)
    assert torch.equal(only, other.synthesize(ws))


def test_steps_can_be_interrupted_and_interleaved() -> None:
    """A live picture between two steps of another one, or a step never taken: nothing mixes."""
    g = small()
    fast = FastStyleGAN2(g, dtype=torch.float32)
    a, b = ws_of(g), ws_of(g)
    want_a, want_b = fast.synthesize(a), fast.synthesize(b)
    fast.clear_cache()
    left, right = fast.synthesize_steps(a), fast.synthesize_steps(b)
    last = {}
    for _ in range(5):
        last["a"] = next(left)
        last["b"] = next(right)
    assert torch.equal(last["a"], want_a)
    assert torch.equal(last["b"], want_b)
    next(fast.synthesize_steps(a)).fill_(9.0)
    assert torch.equal(fast.synthesize(b), want_b)
    assert torch.equal(fast.synthesize(a), want_a)


def test_callers_may_change_what_they_got_and_gave() -> None:
    g = small()
    fast = FastStyleGAN2(g, dtype=torch.float32)
    ws = ws_of(g)
    want = fast.synthesize(ws)
    low = fast.synthesize(ws, size=16)
    keep = low.clone()
    low.fill_(7.0)
    fast.synthesize(ws).zero_()
    assert torch.equal(fast.synthesize(ws, size=16), keep)
    assert torch.equal(fast.synthesize(ws), want)
    given = ws.clone()
    fast.synthesize(given)
    given[:, 8] += 1.0  # the same memory with other values is another request
    assert not torch.equal(fast.synthesize(given), want)
    strength = torch.ones(g.num_ws)
    fast.synthesize(ws, strength=strength)
    strength[2] = 0.0
    near_none = fast.synthesize(ws, strength=strength)
    assert not torch.equal(near_none, want)


@pytest.mark.parametrize("dtype", DTYPES)
def test_company_changes_nothing(dtype: torch.dtype) -> None:
    """On the CPU a picture is the same bits in every batch."""
    g = small()
    fast = FastStyleGAN2(g, dtype=dtype)
    ws = ws_of(g, 4)
    together = fast.synthesize(ws, 7)
    for i in (3, 1, 0, 2):
        assert torch.equal(fast.synthesize(ws[i : i + 1], 7)[0], together[i])


def test_batches_share_prefixes(computed: Callable[[], list[int]]) -> None:
    """A strip of pictures that differ in fine layers computes the coarse ones once."""
    g = small()
    fast = FastStyleGAN2(g, dtype=torch.float32)
    ws = ws_of(g).repeat(3, 1, 1)
    ws[:, 7] += torch.randn(3, g.w_dim)
    fast.synthesize(ws)
    assert computed() == [*range(9), 7, 8, 7, 8]


def test_memory_is_bounded(computed: Callable[[], list[int]]) -> None:
    g = small()
    ws = ws_of(g)
    full = FastStyleGAN2(g, dtype=torch.float32)
    tight = FastStyleGAN2(g, dtype=torch.float32, cache_bytes=30_000)
    none = FastStyleGAN2(g, dtype=torch.float32, cache_bytes=0)
    held = [fast.synthesize(ws) is not None and fast.cache_nbytes for fast in (full, tight, none)]
    assert all(a > b for a, b in pairwise(held))
    computed()
    ws = ws.clone()
    ws[:, 8] += 1.0
    tight.synthesize(ws)
    # The finest layers are not kept: the work begins at the last one that is.
    assert computed()[-1] == 8
    assert tight._prefix is not None
    kept = sum(tight._prefix._memory[i].nbytes for i in tight._prefix._memory)
    assert 0 < kept <= 30_000
    full.clear_cache()
    assert full.cache_nbytes == 0


def test_a_failure_in_the_middle_leaves_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Out of memory in one layer: what was kept stays true, and the next picture is right."""
    from studio.nets.stylegan2_fast_cpu import CpuExecutor

    g = small()
    fast = FastStyleGAN2(g, dtype=torch.float32)
    ws, other = ws_of(g), ws_of(g)
    want = fast.synthesize(ws)
    original = CpuExecutor.conv

    def conv(self: CpuExecutor, plan: ConvPlan, src: torch.Tensor, dst: torch.Tensor, *rest: object) -> torch.Tensor:
        if plan.index == 5:
            dst[1:-1].fill_(99.0)
            raise MemoryError
        return original(self, plan, src, dst, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(CpuExecutor, "conv", conv)
    with pytest.raises(MemoryError):
        fast.synthesize(other)
    monkeypatch.setattr(CpuExecutor, "conv", original)
    assert torch.equal(fast.synthesize(ws), want)
