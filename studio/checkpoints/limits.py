"""How much a model file may ask for.  Every refusal names the limit that it met.

A checkpoint is mostly numbers: its bookkeeping (names, shapes, nesting) is tiny beside them.  The limits follow from
that, so an honest file never meets one and a hostile file is stopped before it costs time or memory.
"""

from __future__ import annotations

from studio.base.errors import ModelError

MAX_FILE = 16 << 30
"""Bytes of a model file."""
MAX_HEADER = 100_000_000
"""Bytes of a safetensors header (the limit of the format's own library)."""
MAX_ELEMENTS = 1 << 31
"""Numbers in one tensor."""
MAX_DIMENSIONS = 8
MAX_ENTRIES = 50_000
"""Parts of an archive, tensors of a file."""
MAX_DIRECTORY = 16 << 20
"""Bytes of a zip's table of contents."""
INLINE = 64 << 10
"""Texts and byte strings longer than this stay in the file until they are needed."""
MAX_LINE = 64 << 10
MAX_NAME = 512
MAX_INTEGER = 256
"""Bytes of one whole number."""
MAX_NESTING = 3
"""Pickles inside pickles."""


def too_much(what: str, limit: str) -> ModelError:
    """The refusal of a file that asks for more than ``limit`` (a phrase with the number in it)."""
    return ModelError(
        f"This model file was refused: {what}.",
        f"The limit is {limit}.",
        "An honest checkpoint stays far below it. Get the file again from its author.",
    )


def damaged(what: str, *, detail: str = "") -> ModelError:
    """The refusal of a file whose inside does not hold together."""
    return ModelError(
        "This model file is damaged or incomplete.",
        f"{what[:1].upper()}{what[1:]}.",
        "Download or copy it again.",
        detail=detail,
    )


def plain(name: object, width: int = 80) -> str:
    """A name from a stranger's file, made safe to show: printable, one line, at most ``width`` characters."""
    text = name if isinstance(name, str) else str(type(name).__name__)
    text = "".join(c if c.isprintable() else "?" for c in text[: width + 1])
    return text if len(text) <= width else text[: width - 1] + "…"


class Budget:
    """What reading one file may cost in pickle instructions and in bytes of bookkeeping."""

    def __init__(self, file_size: int) -> None:
        self.max_steps = min(2_000_000, 100_000 + file_size // 64)
        self.max_memory = (8 << 20) + file_size // 2
        self.steps = 0
        self.memory = 0

    def step(self) -> None:
        """One instruction."""
        self.steps += 1
        if self.steps > self.max_steps:
            raise too_much(
                "its bookkeeping never seems to end", f"{self.max_steps:,} instructions for a file of this size"
            )

    def charge(self, n: int) -> None:
        """``n`` bytes of bookkeeping."""
        self.memory += n
        if self.memory > self.max_memory:
            raise too_much(
                "its bookkeeping needs too much memory", f"{self.max_memory >> 20} MB for a file of this size"
            )
