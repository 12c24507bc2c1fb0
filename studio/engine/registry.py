"""Which operation answers which request.

A room of the engine (a package beside this file: ``explore``, ``mix``, ...) holds modules with operations::

    @operation(Invert, long=True, parts=False)
    def invert(ctx: Context, request: Invert) -> Steps[Inversion]:
        ...

:func:`start` makes the running generator for a request.  All modules of all rooms are imported on its first
use (which imports torch), so call it and :func:`is_long` in the worker's thread or on the command line, never
in the UI thread.

Rules for operations, which :func:`start` watches over:

* Between two ``yield`` the thread is lent to other jobs, which may use the same networks.  Never yield inside
  ``torch.no_grad()``, ``inference_mode()`` or ``autocast()``: these are settings of the *thread*.  Close the
  block before the ``yield``.
* Keep no state in shared objects across a ``yield`` that another job may overwrite.
* A step takes well under a second.  Ask ``ctx.share(n)`` how many pictures to do at once.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from studio.base.errors import StudioError
from studio.base.steps import Event, Progress, Steps

if TYPE_CHECKING:
    from studio.engine.context import Context
    from studio.project.requests import Request

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Operation:
    """How a request type is answered."""

    function: Callable[..., Steps[Any]]
    long: bool
    parts: bool
    doing: str


_operations: dict[type, Operation] = {}
_lock = threading.Lock()
_complete = False


def operation(request_type: type, *, long: bool = False, parts: bool = False, doing: str = "") -> Callable[[F], F]:
    """Declare that the decorated generator function ``(ctx, request) -> Steps`` answers ``request_type``.

    ``long``: belongs into the long lane (seconds to hours, with progress) and not among live requests.
    ``parts``: it honours ``ctx.share`` and so can be tried again in smaller parts when memory runs out.
    ``doing`` begins the sentence of a failure ("Drawing the sheet").
    """

    def register(function: F) -> F:
        if not inspect.isgeneratorfunction(function):
            raise TypeError(f"{function.__qualname__} must be a generator function (see studio.base.steps)")
        known = _operations.get(request_type)
        if known is not None and known.function.__module__ != function.__module__:
            raise TypeError(f"{request_type.__name__} is already answered by {known.function.__module__}")
        _operations[request_type] = Operation(function, long, parts, doing)
        return function

    return register


def _import_rooms() -> None:
    global _complete
    with _lock:
        if _complete:
            return
        engine = importlib.import_module("studio.engine")
        for room in pkgutil.iter_modules(engine.__path__, "studio.engine."):
            if not room.ispkg:
                continue
            package = importlib.import_module(room.name)
            for module in pkgutil.iter_modules(package.__path__, f"{room.name}."):
                importlib.import_module(module.name)
        _complete = True


def find(request: object) -> Operation:
    """The operation for this request; a sentence when there is none (a recipe of a newer version)."""
    found = _operations.get(type(request))
    if found is None:
        _import_rooms()
        found = _operations.get(type(request))
    if found is None:
        raise StudioError(
            "This version of the studio cannot do what the recipe asks for.",
            f"It does not know “{type(request).__name__}”.",
            "Update the studio and try again.",
        )
    return found


def is_long(request: object) -> bool:
    """Whether the request belongs into the long lane."""
    return find(request).long


def start(ctx: Context, request: Request | Any) -> Steps[Any]:
    """The operation for ``request``, ready to be driven; nothing happens before its first step.

    Models that it uses stay loaded until it ends, is closed or fails.  Raises :class:`StudioError` for an
    unknown request and whatever the operation raises.
    """
    found = find(request)
    with ctx.scope() as scoped:
        model = getattr(request, "model", None)
        # "" is whatever is embedded for the operation's role, or no model at all: nothing that could be looked up here.
        if model and not scoped.is_loaded(model, getattr(request, "precision", None)):
            yield Progress(0, 0, "Opening the model")
        steps = found.function(scoped, request)
        return (yield from _watched(steps, found.function.__qualname__))


def _watched(steps: Generator[Event, Any, Any], name: str) -> Steps[Any]:
    """Pass the steps through; a step that leaves a torch mode of the thread switched is a defect, told at once."""
    sent: Any = None
    try:
        while True:
            before = _thread_modes()
            try:
                event = steps.send(sent)
            except StopIteration as stop:
                return stop.value
            if before is not None and _thread_modes() != before:
                raise RuntimeError(f"{name} yields inside no_grad, inference_mode or autocast; close it before")
            sent = yield event
    finally:
        steps.close()


def _thread_modes() -> tuple[bool, ...] | None:
    torch = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "is_inference_mode_enabled"):  # not imported, or just importing
        return None
    return (torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.is_autocast_enabled("cpu"))
