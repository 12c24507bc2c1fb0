"""The registry: every request type has its operation; steps pass through; leaks of torch modes are caught."""

from __future__ import annotations

import subprocess
import sys
import typing
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from studio.base.errors import StudioError
from studio.base.steps import Progress, Steps, run
from studio.engine import registry
from studio.engine.context import Context
from studio.engine.registry import operation, start
from studio.project import requests


class Wish(msgspec.Struct, frozen=True):
    """A request of this test."""

    number: int = 0


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    registry._import_rooms()  # once for the program; what a test adds goes away with it
    monkeypatch.setattr(registry, "_operations", dict(registry._operations))


@pytest.fixture
def ctx() -> Context:
    return Context(device="cpu", budget_bytes=1 << 20)


def test_every_request_has_an_operation() -> None:
    for request_type in typing.get_args(requests.Request):
        assert request_type in registry._operations, request_type.__name__


def test_asking_a_fresh_program_finds_them_too() -> None:
    code = "from studio.project.requests import Matrix; from studio.engine import registry; registry.is_long(Matrix(model='', sources=(), first=0, last=0))"  # noqa: E501
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


def test_an_unknown_request_is_a_sentence(ctx: Context) -> None:
    with pytest.raises(StudioError, match="does not know “Wish”") as caught:
        run(start(ctx, Wish()))
    assert caught.value.kind == "user"


def test_steps_updates_and_result_pass_through_within_a_scope(ctx: Context) -> None:
    seen: list[Any] = []

    @operation(Wish, long=True, parts=True, doing="Wishing")
    def wish(scope: Context, request: Wish) -> Steps[str]:
        seen.append(scope._owner)
        sent = yield Progress(1, 2)
        seen.append(sent)
        return f"{request.number} then {sent.number}"

    steps = start(ctx, Wish(1))
    assert next(steps) == Progress(1, 2)
    with pytest.raises(StopIteration) as stop:
        steps.send(Wish(2))
    assert stop.value.value == "1 then 2"
    assert seen[0] is not None and ctx._owner is None and seen[1] == Wish(2)
    assert registry.is_long(Wish()) and registry.find(Wish()).parts and registry.find(Wish()).doing == "Wishing"


def test_closing_closes_the_operation_and_lets_its_models_go(ctx: Context) -> None:
    closed: list[bool] = []

    @operation(Wish)
    def wish(scope: Context, request: Wish) -> Steps[None]:
        scope.models.get("model", lambda: bytes(8), owner=scope._owner)
        try:
            yield Progress(1, 2)
        finally:
            closed.append(True)

    steps = start(ctx, Wish())
    next(steps)
    assert ctx.models.free() == 0
    steps.close()
    assert closed == [True] and ctx.models.free() == 8


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, lambda: torch.autocast("cpu", torch.bfloat16)])
def test_a_yield_within_a_torch_mode_is_told_and_does_not_leak(ctx: Context, mode: Any) -> None:
    @operation(Wish)
    def wish(scope: Context, request: Wish) -> Steps[None]:
        with mode():
            yield Progress(1, 2)

    with pytest.raises(RuntimeError, match="close it before"):
        run(start(ctx, Wish()))
    assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
    assert not torch.is_autocast_enabled("cpu")


def test_only_generator_functions_and_only_one_for_each_type() -> None:
    with pytest.raises(TypeError, match="generator"):
        operation(Wish)(lambda ctx, request: None)

    def other(ctx: Context, request: Any) -> Steps[None]:
        yield Progress(0, 0)

    with pytest.raises(TypeError, match="already answered"):
        operation(requests.Render)(other)


def test_a_model_that_is_not_loaded_is_announced(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    class Asks(msgspec.Struct, frozen=True):
        model: str = "a"
        precision: str = "fast"

    @operation(Asks)
    def ask(scope: Context, request: Asks) -> Steps[str]:
        return "done"
        yield

    loaded = [False]
    monkeypatch.setattr(Context, "is_loaded", lambda self, sha, precision=None: loaded[0])
    assert next(start(ctx, Asks())).phase == "Opening the model"  # type: ignore[union-attr]
    loaded[0] = True
    with pytest.raises(StopIteration):
        next(start(ctx, Asks()))
