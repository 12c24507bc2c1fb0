"""What every headless command shares: the context, finding a model, driving steps, telling the result."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from studio.base import paths
from studio.base.errors import ModelError, StudioError
from studio.base.steps import Event, Progress, Steps

if TYPE_CHECKING:
    from studio.checkpoints.card import ModelCard
    from studio.engine.context import Context
    from studio.project.requests import Precision
    from studio.project.session import Session

T = TypeVar("T")


class Shelf:
    """The model library and, beside it, files that were only named on the command line."""

    def __init__(self) -> None:
        from studio.checkpoints.library import Library

        self.library = Library(paths.weights(), paths.models_dir())
        self._loose: dict[str, tuple[ModelCard, Path]] = {}

    def add(self, path: Path) -> ModelCard:
        """Read the card of a file and make it known for this run."""
        from studio.checkpoints import inspect

        card = inspect(path)
        if self.library.card(card.sha256) is None:
            self._loose[card.sha256] = (card, path)
        return card

    def card(self, sha: str) -> ModelCard | None:
        return self._loose[sha][0] if sha in self._loose else self.library.card(sha)

    def find(self, sha: str) -> Path | None:
        return self._loose[sha][1] if sha in self._loose else self.library.find(sha)

    def default(self, role: str) -> ModelCard | None:
        return self.library.default(cast(Any, role))

    def named(self, text: str) -> ModelCard:
        """The model that a person means: a name or title, the start of a sha256, or a file."""
        entries = self.library.entries()
        word = text.strip().lower()
        exact = [card for card in entries if word in (card.name.lower(), card.title.lower(), card.sha256)]
        if not exact and len(word) >= 4:
            exact = [card for card in entries if card.sha256.startswith(word)]
        if len({card.sha256 for card in exact}) == 1:
            return exact[0]
        if len(exact) > 1:
            raise StudioError(f"“{text}” could be several models.", "", "Give more of its sha256.")
        if Path(text).is_file():
            return self.add(Path(text))
        names = ", ".join(card.name for card in entries) or "none"
        raise ModelError(f"There is no model “{text}”.", f"The library has: {names}.", "Give a name or a file.")


def make_context(args: argparse.Namespace, assets: Any = None) -> Context:
    """A context for one headless command: device and precision as asked, library with loose files."""
    from studio.engine import devices
    from studio.engine.context import Context

    devices.set_threads()
    return Context(
        assets=assets,
        library=cast(Any, Shelf()),
        device=getattr(args, "device", "auto"),
        precision=precision_of(args),
    )


def precision_of(args: argparse.Namespace) -> Precision:
    """``--precision``, fast unless told otherwise."""
    return "exact" if args.precision == "exact" else "fast"


def shelf_of(ctx: Context) -> Shelf:
    """The shelf that :func:`make_context` put in."""
    return cast(Shelf, ctx.library)


def generator_card(ctx: Context, text: str) -> ModelCard:
    """The generator that ``--model`` names (empty: the embedded one), with a sentence if it is of another kind."""
    card = shelf_of(ctx).named(text) if text else ctx.card("")
    if card.role != "generator":
        raise ModelError(
            f"“{card.title or card.name}” makes no pictures from seeds.",
            f"It is of the kind “{card.role}”.",
            "Choose a generator.",
        )
    return card


def session_with(card: ModelCard) -> Session:
    """A session that knows one model, for recipes."""
    from studio.project.session import ModelRef, Session

    ref = ModelRef(sha256=card.sha256, name=card.name, path="", architecture=card.architecture)
    return Session(models=(ref,))


# Driving -----------------------------------------------------------------------------------------------------------


class Bar:
    """Progress on stderr, only where somebody looks."""

    def __init__(self) -> None:
        self._on = sys.stderr is not None and sys.stderr.isatty()
        self._phase, self._started, self._shown, self._width = "", 0.0, 0.0, 0
        self._begun: tuple[float, float] | None = None  # when, and at which share of the work, it was looked at first

    def show(self, event: Event) -> None:
        if not self._on or not isinstance(event, Progress):
            return
        now = time.monotonic()
        if event.phase != self._phase:
            self._phase, self._started, self._shown = event.phase, now, 0.0
        if now - self._shown < 0.1 and event.done != event.total:
            return
        self._shown = now
        text = event.phase or "Working"
        if event.total:
            text += f" {event.done}/{event.total}"
            left = self._left(event, now)
            if left is not None:
                text += f", about {_seconds(left)} left"
        self._write(text)

    def _left(self, event: Progress, now: float) -> float | None:
        """Seconds; by the share of the whole work where it is told, else by the steps of the phase."""
        if event.share is not None:
            self._begun = self._begun or (now, event.share)
            spent, done = now - self._begun[0], event.share - self._begun[1]
            return spent / done * (1.0 - event.share) if spent > 1.0 and done > 0.0 and event.share < 1.0 else None
        spent = now - self._started
        if event.done and spent > 1.0 and event.done < event.total:
            return spent / event.done * (event.total - event.done)
        return None

    def clear(self) -> None:
        if self._width:
            self._write("")
            sys.stderr.write("\r")
            sys.stderr.flush()

    def _write(self, text: str) -> None:
        sys.stderr.write("\r" + text.ljust(self._width))
        sys.stderr.flush()
        self._width = len(text)


def _seconds(value: float) -> str:
    return f"{round(value)} s" if value < 90 else f"{round(value / 60)} min"


def events(steps: Steps[T], result: list[T]) -> Iterator[Event]:
    """The events of an operation for a ``for`` loop; what it returns is appended to ``result``."""
    result.append((yield from steps))


def drive(steps: Steps[T]) -> T:
    """Run an operation to its end with a progress line; Ctrl+C closes it cleanly and goes on as KeyboardInterrupt."""
    bar = Bar()
    result: list[T] = []
    try:
        for event in events(steps, result):
            bar.show(event)
    finally:
        steps.close()
        bar.clear()
    return result[0]


def ask(ctx: Context, request: Any) -> Any:
    """The result of a request, in more modest ways where memory runs out."""
    from studio.engine.memory import climbing

    return drive(climbing(ctx, request))


# Telling -----------------------------------------------------------------------------------------------------------


def tell(args: argparse.Namespace, text: str, values: dict[str, Any]) -> None:
    """The result: ``values`` as JSON with ``--json``, else the text."""
    if args.json:
        print(json.dumps(plain(values), ensure_ascii=False, indent=2))
    elif text:
        print(text)


def plain(value: Any) -> Any:
    """Numbers of numpy, paths and tuples as JSON knows them."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(v) for v in value]
    if isinstance(value, Path):
        return str(value)
    item = getattr(value, "item", None)
    return item() if callable(item) else value
