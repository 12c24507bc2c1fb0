"""Undo for one immutable value that more than one hand changes.

An undo step knows (before, after).  Between the step and its undo other things may have happened that undo should
not take back: a finished job added a model to the list, another workspace was shown.  So a step is applied as the
*difference* of its two values, field by field, and tuples of things with an ``id`` are compared thing by thing.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


def patched(now: T, before: T, after: T) -> T:
    """``now`` with everything that differs between ``before`` and ``after`` brought to ``after``.

    With ``now == before`` the result equals ``after``; with ``before == after`` it is ``now`` itself.
    """
    if before is after or before == after:
        return now
    if now is before or now == before:
        return after
    if isinstance(before, msgspec.Struct) and type(before) is type(after) is type(now):
        changes: dict[str, Any] = {}
        for field in before.__struct_fields__:
            old, new, present = getattr(before, field), getattr(after, field), getattr(now, field)
            result = patched(present, old, new)
            if result is not present:
                changes[field] = result
        return msgspec.structs.replace(now, **changes)  # type: ignore[type-var]
    if isinstance(before, tuple) and isinstance(after, tuple) and isinstance(now, tuple):
        ids = [_by_id(things) for things in (now, before, after)]
        if all(found is not None for found in ids):
            return _merged(*ids)  # type: ignore[arg-type, return-value]
    return after


def _by_id(things: tuple[Any, ...]) -> dict[str, Any] | None:
    found: dict[str, Any] = {}
    for thing in things:
        key = getattr(thing, "id", None)
        if not isinstance(key, str) or key in found:
            return None
        found[key] = thing
    return found


def _merged(now: dict[str, Any], before: dict[str, Any], after: dict[str, Any]) -> tuple[Any, ...]:
    result: list[str] = [key for key in now if key in after or key not in before]
    # The order of what both values have may have changed: give the places that these hold the new order.
    common = [key for key in after if key in before]
    if common != [key for key in before if key in after]:
        order = iter([key for key in common if key in now])
        moved = {key for key in common if key in now}
        result = [next(order) if key in moved else key for key in result]
    # What the step brings in comes after the thing that it follows there.
    place = 0
    for key in after:
        if key in result:
            place = result.index(key) + 1
        elif key not in before:
            result.insert(place, key)
            place += 1
    values: list[Any] = []
    for key in result:
        if key in now and key in before and key in after:
            values.append(patched(now[key], before[key], after[key]))
        else:
            values.append(now.get(key, after.get(key)))
    return tuple(values)
