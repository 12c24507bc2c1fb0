"""The command line: without a sub-command the window, with one its headless twin.

Nothing heavy is imported here: ``studio --help`` answers at once, and torch comes only with commands that draw.
Exit codes: 0 done, 1 failed (a sentence on stderr), 2 wrong usage, 130 cancelled.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.  ``argv`` without the program's name (``None``: the process's)."""
    from studio.base.errors import Cancelled
    from studio.cli import parser

    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["train"]:
        return _train(words[1:])
    try:
        args = parser.parse(words)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 2
    module, _, name = args.run.partition(":")
    try:
        done = getattr(importlib.import_module(f"studio.cli.{module}"), name)(args)
        if sys.stdout is not None:  # a program without a console (Windows) has none
            sys.stdout.flush()
        return int(done or 0)
    except (KeyboardInterrupt, Cancelled):
        print("Cancelled. Nothing half-made was kept.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read our output has enough (`studio models list | head`); python must not complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as exc:
        return _failed(exc, getattr(args, "json", False), getattr(args, "debug", False))


def _train(words: list[str]) -> int:
    from studio.training.cli import main as train

    return train(words)


def _failed(exc: Exception, as_json: bool, debug: bool) -> int:
    from studio.base.errors import as_studio_error

    error = as_studio_error(exc, doing="This command")
    print(f"studio: {error.sentence()}", file=sys.stderr)
    if error.detail and (debug or error.kind == "internal"):
        print(error.detail, file=sys.stderr)
    if as_json:
        import json

        told = {"kind": error.kind, "what": error.what, "why": error.why, "todo": error.todo}
        print(json.dumps({"error": told}, ensure_ascii=False))
    return 1
