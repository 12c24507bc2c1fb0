"""Out of memory: recognised by type, climbed rung by rung, told at the end."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import torch

from studio.base.errors import OutOfMemory, ResourceError
from studio.base.steps import Progress, Steps
from studio.engine import memory, registry
from studio.engine.context import Context


class Sheets(msgspec.Struct, frozen=True):
    """A request that can be done in parts."""

    precision: str | None = "exact"


class Whole(msgspec.Struct, frozen=True):
    """A request that cannot."""

    precision: str = "fast"


@pytest.fixture(autouse=True)
def operations(monkeypatch: pytest.MonkeyPatch) -> None:
    registry._import_rooms()  # once for the program; what a test adds goes away with it
    monkeypatch.setattr(registry, "_operations", dict(registry._operations))

    @registry.operation(Sheets, parts=True)
    def sheets(ctx: Context, request: Sheets) -> Steps[None]:
        yield Progress(0, 0)

    @registry.operation(Whole)
    def whole(ctx: Context, request: Whole) -> Steps[None]:
        yield Progress(0, 0)


@pytest.fixture
def ctx() -> Context:
    return Context(device="cpu", budget_bytes=1 << 20)


def climbed(ctx: Context, request: Any) -> tuple[list[str], Context]:
    climb = memory.Climb()
    while (step := climb.up(ctx, request)) is not None:
        ctx, sentence = step
        assert sentence.startswith("Memory ran short")
    return climb.taken, ctx


def test_the_whole_ladder(ctx: Context) -> None:
    ctx.cache.put("x", bytes(100))
    taken, end = climbed(ctx, Sheets())
    assert taken == ["free", "parts", "small parts", "precision"]
    assert end.parts == 16 and end.frugal and end.share(64) == 4
    assert len(ctx.cache) == 0 and ctx.parts == 1 and not ctx.frugal


def test_rungs_of_no_use_are_passed_over(ctx: Context) -> None:
    assert climbed(ctx, Whole())[0] == ["free"]
    assert climbed(ctx, Sheets(precision=None))[0] == ["free", "parts", "small parts"]
    assert climbed(ctx, object())[0] == ["free"]  # an unknown request has no parts


def test_the_end_is_told_and_offers_the_processor_only_on_a_card(ctx: Context) -> None:
    end = memory.Climb().failure(ctx, "“Sheet”", "trace")
    assert isinstance(end, ResourceError) and end.offer == "" and end.detail == "trace"
    ctx._device = "cuda:0"
    end = memory.Climb().failure(ctx, "“Sheet”")
    assert end.offer == "cpu" and "processor" in end.todo


def test_recognised_by_type_never_by_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_machine_is_short", lambda: False)
    assert memory.is_out_of_memory(MemoryError())
    assert memory.is_out_of_memory(OutOfMemory("x"))
    assert memory.is_out_of_memory(torch.OutOfMemoryError("CUDA"))
    assert not memory.is_out_of_memory(RuntimeError("CUDA out of memory. Tried to allocate 20 GiB"))
    assert not memory.is_out_of_memory(ValueError("out of memory"))
    monkeypatch.setattr(memory, "_machine_is_short", lambda: True)
    assert memory.is_out_of_memory(RuntimeError("anything"))  # the processor's allocator has no type of its own
    assert not memory.is_out_of_memory(NotImplementedError("x"))
    assert not memory.is_out_of_memory(torch.AcceleratorError("x"))


def test_a_real_failed_allocation_is_recognised() -> None:
    import numpy as np

    with pytest.raises(MemoryError) as caught:
        np.empty(1 << 50, np.uint8)
    assert memory.is_out_of_memory(caught.value)


def test_a_lost_card_is_a_sentence() -> None:
    lost = memory.explain(torch.AcceleratorError("unspecified launch failure"), "“Render”")
    assert lost.kind == "resource" and "graphics card" in lost.what and "launch failure" in lost.detail
    assert memory.explain(ValueError("x"), "“Render”").kind == "internal"


def test_when_the_machine_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    from functools import partial
    from types import SimpleNamespace

    for available, total, short in (
        (100 << 20, 8 << 30, True),
        (2 << 30, 8 << 30, False),
        (600 << 20, 64 << 30, False),
    ):
        monkeypatch.setattr("psutil.virtual_memory", partial(SimpleNamespace, available=available, total=total))
        assert memory._machine_is_short() is short


def test_without_a_worker_the_ladder_is_climbed_too(ctx: Context) -> None:
    tried: list[int] = []

    @registry.operation(Whole, parts=True, doing="Drawing it")
    def whole(ctx: Context, request: Whole) -> Steps[int]:
        yield Progress(0, 1)
        tried.append(ctx.parts)
        if ctx.parts < 16 or request.precision == "exact":
            raise MemoryError
        return ctx.parts

    registry._operations[Whole] = registry.Operation(whole, False, True, "Drawing it")
    told, steps = [], memory.climbing(ctx, Whole())
    try:
        while True:
            told.append(next(steps))
    except StopIteration as stop:
        assert stop.value == 16
    assert tried == [1, 1, 4, 16] and "very small parts" in [e.phase for e in told][-2]
    with pytest.raises(memory.NotEnoughMemory, match="Drawing it stopped"):
        for _ in memory.climbing(ctx, Whole(precision="exact")):
            pass
    with pytest.raises(ZeroDivisionError):
        registry._operations[Sheets] = registry.Operation(lambda *_: iter([1 // 0]), False, True, "")
        for _ in memory.climbing(ctx, Sheets()):
            pass
