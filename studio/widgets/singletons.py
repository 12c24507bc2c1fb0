"""A guard against one release of PySide that gives away None, True and False.

PySide6 6.12.0 on Python 3.11 drops one reference to None too many at every call that returns nothing, and one to True
at every ``Signal.emit``.  A program that paints or emits aborts within seconds ("none_dealloc: deallocating
None", "bool_dealloc: deallocating True or False").  PySide 6.11 does not do it, and Python 3.12 made these objects
immortal.  Where both meet they are made immortal here, in the only way there is.
"""

from __future__ import annotations

import ctypes
import sys

_MANY = 1 << 30


def keep_singletons() -> bool:
    """Give None, True and False references that no program can use up, where that is needed; says whether it was."""
    if sys.version_info >= (3, 12) or sys.implementation.name != "cpython":
        return False
    import PySide6

    if PySide6.__version_info__[:2] < (6, 12):
        return False
    for thing in (None, True, False):
        if sys.getrefcount(thing) < _MANY // 2:
            # The count is the first word of every object of CPython before 3.12.
            ctypes.c_ssize_t.from_address(id(thing)).value += _MANY
    return True
