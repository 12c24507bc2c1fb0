"""Opening the window, or saying why not."""

from __future__ import annotations

import argparse
import os
import sys

from studio.base.errors import StudioError


def open_window(args: argparse.Namespace) -> int:
    """The window, with the files that were named; a sentence where there is no display."""
    if not has_display():
        raise StudioError(
            "The window needs a display, and there is none here.",
            "Neither DISPLAY nor WAYLAND_DISPLAY is set.",
            "Without a window these work: studio render, explore, mix, walk, invert, directions, models, info, doctor, "
            "train (see “studio --help”).",
        )
    from studio.app.start import run_window

    return int(run_window([str(path) for path in args.paths]))


def has_display() -> bool:
    """Whether a window can be shown: only a bare Linux or BSD machine says no (or Qt was told its platform)."""
    if sys.platform in ("win32", "darwin") or os.environ.get("QT_QPA_PLATFORM"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
