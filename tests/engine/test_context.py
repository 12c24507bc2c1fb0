"""The context: models by budget, never loaded twice, never evicted in use; caches; scopes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from studio.base.errors import ModelError
from studio.base.steps import run
from studio.checkpoints.library import Library
from studio.engine.caches import ByteCache, ModelCache, size_of
from studio.engine.context import Context
from studio.nets.stylegan2 import StyleGAN2
from studio.nets.stylegan2_fast import FastStyleGAN2

NAMES = ("stylegan2_uncond_32px", "stylegan2_cond_32px", "stylegan2_resnet_32px")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Three small generators."""
    folder = tmp_path_factory.mktemp("library")
    made = Library(folder / "weights", folder / "models")
    for name in NAMES:
        run(made.import_file(Path(__file__).parents[1] / "fixtures" / f"{name}.safetensors"))
    return made


@pytest.fixture
def shas(library: Library) -> list[str]:
    return [card.sha256 for card in library.entries()]


@pytest.fixture
def ctx(library: Library) -> Context:
    return Context(library=library, device="cpu", budget_bytes=1 << 30)


def test_importing_the_engines_ground_imports_no_torch() -> None:
    code = (
        "import sys, studio.engine.results, studio.engine.registry, studio.engine.context, studio.engine.devices,"
        " studio.engine.memory; c = studio.engine.context.Context(); c.for_files(); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


def test_fast_and_exact_forms_of_one_model_share_its_weights(ctx: Context, shas: list[str]) -> None:
    assert not ctx.is_loaded(shas[0])
    fast = ctx.generator(shas[0])
    assert isinstance(fast, FastStyleGAN2) and ctx.is_loaded(shas[0])
    exact = ctx.generator(shas[0], "exact")
    assert isinstance(exact, StyleGAN2) and exact is fast.exact
    assert ctx.generator(shas[0]) is fast
    assert not any(p.requires_grad for p in exact.parameters()) and not exact.training

    other = Context(library=ctx.library, device="cpu", budget_bytes=1 << 30)
    plain = other.generator(shas[0], "exact")
    assert other.generator(shas[0], "fast").exact is plain  # type: ignore[attr-defined]


def test_the_empty_name_is_the_default_generator(ctx: Context) -> None:
    assert ctx.generator("") is ctx.generator(ctx.card("").sha256)


def test_a_missing_model_is_a_sentence(ctx: Context) -> None:
    with pytest.raises(ModelError, match="not on this computer"):
        ctx.generator("0" * 64)
    with pytest.raises(ModelError, match="not on this computer"):
        Context(library=Library(Path("nowhere"), Path("nowhere")), device="cpu").generator("")


def test_a_loaded_model_outlives_its_file(library: Library, tmp_path: Path) -> None:
    own = Library(tmp_path / "w", tmp_path / "m")
    card = run(own.import_file(Path(__file__).parents[1] / "fixtures" / f"{NAMES[0]}.safetensors"))
    ctx = Context(library=own, device="cpu", budget_bytes=1 << 30)
    ctx.card(card.sha256)
    network = ctx.generator(card.sha256)
    next((tmp_path / "m").glob("*.safetensors")).unlink()
    assert ctx.generator(card.sha256) is network


def test_other_assumptions_are_another_network(ctx: Context, shas: list[str]) -> None:
    from studio.checkpoints.card import Assumption

    first = ctx.generator(shas[0])
    card = ctx.card(shas[0])
    changed = card.changed(assumptions=(*card.assumptions, Assumption("gain", 2, "a test")))
    ctx._cards[shas[0]] = (float("inf"), changed)
    assert ctx.generator(shas[0]) is not first


def test_label_prior_comes_from_the_card(ctx: Context, shas: list[str]) -> None:
    dims = {ctx.label_prior(sha).c_dim for sha in shas}
    assert 0 in dims and max(dims) > 0


def test_models_leave_by_budget_but_not_while_in_use(ctx: Context, shas: list[str]) -> None:
    ctx.models.budget = 1  # room for nothing
    with ctx.scope() as job:
        first = job.generator(shas[0])
        job.generator(shas[1])
        assert job.generator(shas[0]) is first and len(ctx.models) == 2
        ctx.free(keep_latest=False)
        assert len(ctx.models) == 2
    assert len(ctx.models) == 1  # the latest one stays ready
    ctx.free(keep_latest=False)
    assert len(ctx.models) == 0


def test_derived_contexts_share_models_and_differ_in_what_was_asked(ctx: Context, shas: list[str]) -> None:
    modest = ctx.derive(parts=4, frugal=True)
    assert modest.share(16) == 4 and modest.share(2) == 1 and ctx.share(16) == 16
    assert modest.generator(shas[0], "exact") is ctx.generator(shas[0], "fast")
    assert modest.derive(precision="exact").precision == "exact" and ctx.precision == "fast"
    assert ctx.derive(device="cpu").models is ctx.models


def test_a_file_job_cannot_reach_device_or_models(ctx: Context, shas: list[str]) -> None:
    files = ctx.for_files()
    assert files.library is ctx.library and files.assets is ctx.assets
    with pytest.raises(RuntimeError, match="where"):
        files.generator(shas[0])
    with pytest.raises(RuntimeError, match="where"):
        _ = files.device


def test_free_clears_kept_activations_and_caches(ctx: Context, shas: list[str]) -> None:
    network: Any = ctx.generator(shas[0])
    network.synthesize(torch.zeros(1, network.num_ws, network.w_dim))
    ctx.cache.put("x", np.zeros(10))
    assert network.cache_nbytes > 0
    ctx.free()
    assert len(ctx.cache) == 0 and ctx.generator(shas[0]) is network
    kept_scratch = network.cache_nbytes
    network.synthesize(torch.zeros(1, network.num_ws, network.w_dim))
    assert network.cache_nbytes > kept_scratch


def test_another_device_that_is_not_there_changes_nothing(ctx: Context) -> None:
    from studio.base.errors import ResourceError

    with pytest.raises(ResourceError, match="no device"):
        ctx.use_device("cuda:99")
    assert ctx.device == "cpu"
    ctx.use_device("cpu")
    ctx.use_budget(None)
    assert ctx.models.budget >= 1 << 30


def test_nothing_of_the_old_device_stays(ctx: Context) -> None:
    ctx._device = "cuda:0"  # as if it had been there
    ctx.cache.put("mixture", np.zeros(10))
    ctx.use_device("cpu")
    assert ctx.device == "cpu" and "mixture" not in ctx.cache


class TestModelCache:
    """Keys and byte counts stand for models."""

    def test_least_recently_used_leaves_first(self) -> None:
        cache = ModelCache(100)
        for key in "abc":
            cache.get(key, lambda: bytes(30))
        cache.get("a", lambda: pytest.fail("loaded twice"))
        cache.get("d", lambda: bytes(30))
        assert "b" not in cache and all(key in cache for key in "acd") and cache.used == 90

    def test_room_is_made_before_loading(self) -> None:
        cache = ModelCache(100)
        cache.get("a", lambda: bytes(80))

        def load() -> bytes:
            assert len(cache) == 0, "both at once at the peak"
            return bytes(80)

        cache.get("b", load, expected=80)

    def test_a_failed_load_is_not_kept_and_may_be_tried_again(self) -> None:
        cache = ModelCache(100)
        with pytest.raises(ModelError):
            cache.get("a", lambda: (_ for _ in ()).throw(ModelError("broken")))
        assert "a" not in cache and cache.used == 0
        assert cache.get("a", lambda: b"good") == b"good"

    def test_one_larger_than_the_budget_is_usable(self) -> None:
        cache = ModelCache(10)
        assert cache.get("big", lambda: bytes(50)) == bytes(50)
        assert "big" in cache
        cache.get("next", lambda: bytes(5))
        assert "big" not in cache

    def test_in_use_by_two_stays_until_both_end(self) -> None:
        cache = ModelCache(10)
        one, two = object(), object()
        cache.get("a", lambda: bytes(8), owner=one)
        assert cache.peek("a", two) == bytes(8) and cache.peek("b") is None
        cache.release(one)
        cache.get("b", lambda: bytes(8))
        assert "a" in cache
        cache.release(two)
        assert "a" not in cache and "b" in cache

    def test_a_smaller_budget_takes_effect_at_once(self) -> None:
        cache = ModelCache(100)
        for key in "abc":
            cache.get(key, lambda: bytes(30))
        cache.budget = 40
        assert len(cache) == 1 and "c" in cache
        assert cache.free(keep_latest=True) == 0 and cache.free() == 30


class TestByteCache:
    """Values within a budget."""

    def test_budget_and_order(self) -> None:
        cache = ByteCache(100)
        for key in "abc":
            cache.put(key, np.zeros(40, np.uint8))
        assert "a" not in cache and cache.used == 80
        assert cache.get("b") is not None
        cache.put("d", np.zeros(40, np.uint8))
        assert "c" not in cache and "b" in cache and cache.get("c", 7) == 7
        cache.put("e", bytes(200))
        assert "e" not in cache
        cache.put("b", b"x", nbytes=1)
        assert cache.used == 41 and len(cache) == 2
        cache.budget = 1
        assert cache.used <= 1
        cache.clear()
        assert cache.used == 0

    def test_make_keeps_no_failure(self) -> None:
        cache = ByteCache(100)
        with pytest.raises(ZeroDivisionError):
            cache.make("a", lambda: 1 / 0)
        assert "a" not in cache and cache.make("a", lambda: "made") == "made"
        assert cache.make("a", lambda: pytest.fail("made twice")) == "made"


def test_sizes() -> None:
    layer = torch.nn.Linear(10, 10)
    shared = torch.nn.ModuleList([layer, layer])
    assert size_of(layer) == 440 == size_of(shared)
    assert size_of({"a": np.zeros(4, np.float32), "b": (torch.zeros(4), b"abc", None)}) >= 35


def test_translators_and_upscalers_by_role(tmp_path: Path) -> None:
    """Both roles have a fast form over the exact network, and every role its own sentence."""
    from safetensors.torch import save_file

    from studio.nets.srresnet import MSRResNet
    from studio.nets.translator_fast import FastTranslator
    from studio.nets.unet_generator import UNetGenerator

    made = Library(tmp_path / "weights", tmp_path / "models")
    unet = run(made.import_file(Path(__file__).parents[1] / "fixtures" / "pix2pix_unet128_batch_dropout.safetensors"))
    save_file(MSRResNet(nf=8, num_block=2, steps=(2,)).state_dict(), str(tmp_path / "larger.safetensors"))
    larger = run(made.import_file(tmp_path / "larger.safetensors"))
    ctx = Context(library=made, device="cpu", budget_bytes=1 << 30)
    fast: Any = ctx.translator(unet.sha256, "fast")
    assert isinstance(fast, FastTranslator) and ctx.translator(unet.sha256, "exact") is fast.exact
    assert isinstance(fast.exact, UNetGenerator)
    assert ctx.upscaler(larger.sha256, "exact").scale == 2
    asked = [ctx.generator, ctx.autoencoder, ctx.features, ctx.stylizer, ctx.translator, ctx.upscaler]
    sentences = set()
    for ask in asked:
        with pytest.raises(ModelError, match="cannot be used here") as told:
            ask(larger.sha256 if ask == ctx.translator else unet.sha256)
        sentences.add(told.value.why)
    assert len(sentences) == len(asked)
