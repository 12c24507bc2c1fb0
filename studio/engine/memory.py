"""Running out of memory: how it is recognised, and the ladder of more modest ways.

The ladder is data: a tuple of :class:`Rung`.  The worker's runner begins the failed operation again with the context
that the next rung gives; when no rung is left, :class:`NotEnoughMemory` says so and offers the processor if the
operation ran on a graphics card.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from studio.base.errors import OutOfMemory, ResourceError, StudioError, as_studio_error
from studio.base.steps import Progress, Steps

if TYPE_CHECKING:
    from studio.engine.context import Context


class NotEnoughMemory(OutOfMemory):
    """The end of the ladder.  ``offer`` is a device on which it may still work ("cpu"), or ""."""

    offer: str = ""


@dataclass(frozen=True, slots=True)
class Rung:
    """One more modest way.  ``apply(context, request)`` gives the context for the next try, ``None``: no use here."""

    name: str
    sentence: str
    apply: Callable[[Context, Any], Context | None]


def _free(ctx: Context, _request: Any) -> Context:
    ctx.free()
    return ctx


def _smaller(parts: int) -> Callable[[Context, Any], Context | None]:
    def apply(ctx: Context, request: Any) -> Context | None:
        from studio.engine import registry

        if ctx.parts >= parts or not registry.find(request).parts:
            return None
        ctx.free()
        return ctx.derive(parts=parts)

    return apply


def _frugal(ctx: Context, request: Any) -> Context | None:
    wanted = getattr(request, "precision", None) or ctx.precision
    if ctx.frugal or wanted == "fast":
        return None
    ctx.free(keep_latest=False)
    return ctx.derive(frugal=True)


LADDER: tuple[Rung, ...] = (
    Rung("free", "Memory ran short: trying again after freeing some.", _free),
    Rung("parts", "Memory ran short: working in smaller parts.", _smaller(4)),
    Rung("small parts", "Memory ran short: working in very small parts.", _smaller(16)),
    Rung("precision", "Memory ran short: working in fast precision.", _frugal),
)


class Climb:
    """The way of one job up the ladder; every rung is tried once."""

    def __init__(self, ladder: tuple[Rung, ...] = LADDER) -> None:
        self._left = list(ladder)
        self.taken: list[str] = []

    def up(self, context: Context, request: Any) -> tuple[Context, str] | None:
        """The context and the sentence of the next rung that is of use; ``None`` at the end."""
        while self._left:
            rung = self._left.pop(0)
            try:
                changed = rung.apply(context, request)
            except StudioError:
                continue
            if changed is not None:
                self.taken.append(rung.name)
                return changed, rung.sentence
        return None

    def failure(self, context: Context, doing: str, detail: str = "") -> NotEnoughMemory:
        """What to tell when nothing helped."""
        on_card = context.device != "cpu"
        error = NotEnoughMemory(
            f"{doing} stopped: there was not enough memory.",
            "Freeing memory and working in smaller parts did not help."
            if self.taken
            else "It needs more than is free now.",
            "Choose a smaller size, or let the processor do it: slower, with the machine's own memory."
            if on_card
            else "Choose a smaller size or close other programs, then try again.",
            detail=detail,
        )
        error.offer = "cpu" if on_card else ""
        return error


def climbing(ctx: Context, request: Any) -> Steps[Any]:
    """The operation for a request, begun again in more modest ways when memory runs out.

    For where no worker does it: on the command line, and for one of many pictures in a job.
    """
    from studio.engine import registry

    climb = Climb()
    while True:
        try:
            return (yield from registry.start(ctx, request))
        except Exception as exc:
            if not is_out_of_memory(exc):
                raise
            found = climb.up(ctx, request)
            if found is None:
                raise climb.failure(ctx, registry.find(request).doing or "This step") from exc
        # Outside of the block: the failure holds on to all that the operation had in memory.
        ctx, sentence = found
        yield Progress(0, 0, sentence)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether this failure means that memory ran out.  Decided by type, never by text.

    torch has no type of its own for the processor's memory and for Apple's GPU: there a plain ``RuntimeError`` comes
    out of an operator.  Then the machine is asked: it counts as memory when almost none is left.
    """
    if isinstance(error, MemoryError | OutOfMemory):
        return True
    torch = sys.modules.get("torch")
    if torch is None:
        return False
    if isinstance(error, torch.OutOfMemoryError):
        return True
    return type(error) is RuntimeError and _machine_is_short()


def _machine_is_short() -> bool:
    import psutil

    memory = psutil.virtual_memory()
    return bool(memory.available < min(0.03 * memory.total, 512 << 20))


def explain(error: BaseException, doing: str = "This step") -> StudioError:
    """Any failure of an operation in sentences, by type; a lost graphics card among them."""
    torch = sys.modules.get("torch")
    lost = getattr(torch, "AcceleratorError", None)
    plain = as_studio_error(error, doing=doing)
    if lost is not None and isinstance(error, lost):
        return ResourceError(
            f"{doing} stopped: the graphics card does not answer any more.",
            "Its driver was reset, or the computer slept.",
            "Your document is unharmed. Save it and start the studio again, or choose the processor in the settings.",
            detail=plain.detail,
        )
    return plain
