"""The one error type of the program.

Every failure that a person can meet is a :class:`StudioError` of one of four kinds, carrying three short
sentences: what happened, why, and what to do next.  Anything else that escapes is a defect and is wrapped
into the ``internal`` kind by :func:`as_studio_error` at the edge (worker, command line, exception hook).
"""

from __future__ import annotations

import errno
from typing import Literal

Kind = Literal["user", "resource", "model", "internal"]


class StudioError(Exception):
    """A failure told in sentences.

    ``what`` happened, ``why`` it happened, ``todo`` is what the person can do now.  ``detail`` is for the
    folded-away part (a traceback, a list of key names).  ``kind`` is one of ``user`` (input or request),
    ``resource`` (memory, disk, device), ``model`` (a model file), ``internal`` (a defect of ours).
    """

    kind: Kind = "user"

    def __init__(self, what: str, why: str = "", todo: str = "", *, detail: str = "", kind: Kind | None = None) -> None:
        super().__init__(what)
        self.what, self.why, self.todo, self.detail = what, why, todo, detail
        if kind is not None:
            self.kind = kind

    def sentence(self) -> str:
        """All that is known in one line of prose."""
        return " ".join(part for part in (self.what, self.why, self.todo) if part)

    def __str__(self) -> str:
        return self.sentence()


class ModelError(StudioError):
    """A model file that cannot be read, is not understood, or is refused."""

    kind: Kind = "model"


class ResourceError(StudioError):
    """Not enough memory, disk or device for what was asked."""

    kind: Kind = "resource"


class OutOfMemory(ResourceError):
    """The device or the machine had no memory left for this step (the ladder of smaller ways begins)."""


class InternalError(StudioError):
    """A defect of the program; ``detail`` holds the traceback."""

    kind: Kind = "internal"


class Cancelled(Exception):
    """Raised inside an operation that was asked to stop.  Never shown as an error."""


_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}
_READ_ONLY = {errno.EACCES, errno.EPERM, errno.EROFS}


def as_studio_error(exc: BaseException, *, doing: str = "This step") -> StudioError:
    """Turn any exception into a :class:`StudioError`, by its type and never by its text.

    ``doing`` names the activity at the beginning of the sentence ("Saving the project").
    """
    import traceback

    if isinstance(exc, StudioError):
        return exc
    detail = "".join(traceback.format_exception(type(exc), exc, exc.__traceback__))
    if isinstance(exc, MemoryError) or type(exc).__name__ == "OutOfMemoryError":
        return OutOfMemory(
            f"{doing} stopped: there was not enough memory.",
            "The picture or the model needs more than is free now.",
            "Choose a smaller size or close other programs, then try again.",
            detail=detail,
        )
    if isinstance(exc, OSError):
        where = f" ({exc.filename})" if exc.filename else ""
        if exc.errno in _DISK_FULL:
            return ResourceError(
                f"{doing} stopped: the disk is full{where}.",
                "Nothing that was saved before is harmed.",
                "Free some space or choose another folder, then try again.",
                detail=detail,
            )
        if exc.errno in _READ_ONLY:
            return ResourceError(
                f"{doing} stopped: this place cannot be written to or read{where}.",
                "The folder or file is protected.",
                "Choose another folder.",
                detail=detail,
            )
        return StudioError(f"{doing} stopped: {exc.strerror or exc}{where}.", detail=detail)
    return InternalError(
        f"{doing} stopped because of a fault in the program.",
        f"{type(exc).__name__}: {exc}",
        "Your document is unharmed. The details below help to mend it.",
        detail=detail,
    )
