"""What a pickle becomes here: plain data, and inert nodes where it asks for something to be made or called."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Name:
    """A global that the pickle names (``os.system``).  Only its name: nothing is ever looked up or imported."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(eq=False, slots=True)
class Node:
    """A call or an object that the pickle asks for, written down and not done."""

    kind: Any
    """What was to be called: a :class:`Name`, or another node."""
    args: Any = ()
    state: Any = None
    items: dict[Any, Any] = field(default_factory=dict)
    elements: list[Any] = field(default_factory=list)

    def set_state(self, state: Any) -> None:
        """What BUILD would have given to ``__setstate__``."""
        self.state = state

    @property
    def attributes(self) -> dict[Any, Any]:
        """The object's ``__dict__`` as far as it is plain data."""
        state = self.state
        if isinstance(state, tuple) and len(state) == 2 and isinstance(state[0], dict):
            state = state[0]
        return state if isinstance(state, dict) else {}


@dataclass(eq=False, slots=True)
class NotDense:
    """A tensor of a kind that cannot be a weight here (sparse, quantised, nested, without data)."""

    what: str


@dataclass(frozen=True, slots=True)
class Text:
    """A long text that stays in the file (embedded source code)."""

    blob: Any
