"""What all plain values and requests are made of."""

from __future__ import annotations

from typing import Literal

import msgspec

Precision = Literal["fast", "exact"]


class Plain(msgspec.Struct, frozen=True, omit_defaults=True):
    """Immutable plain data; equal values mean equal pictures."""


class BaseRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Immutable; ``model`` is the sha256 of the model file."""

    model: str
    precision: Precision = "fast"
