"""Thumbnails dragged from one place of the program to another: what they stand for, not only how they look."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QMimeData

from studio.widgets.parts import dropped
from studio.widgets.strip import ITEM_FORMAT

Resolver = Callable[[str], Any]
"""Id of a thumbnail to what it stands for; None for one that is not known here."""


def dropped_things(mime: QMimeData, resolver: Resolver | None = None) -> list[Any]:
    """What was dropped: what ``resolver`` knows of a dragged thumbnail, else files, else the picture itself."""
    if resolver is not None and mime.hasFormat(ITEM_FORMAT):
        known = resolver(bytes(mime.data(ITEM_FORMAT).data()).decode("utf-8", "replace"))
        if known is not None:
            return [known]
    return list(dropped(mime))
