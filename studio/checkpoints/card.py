"""The model card: what a model is, where it came from, and what had to be assumed.  Plain data, no torch."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from studio.base.errors import ModelError

Role = Literal["generator", "autoencoder", "translator", "features", "stylizer", "upscaler", "directions"]


@dataclass(frozen=True, slots=True)
class Assumption:
    """Something that the file does not say.  The person may choose another value."""

    name: str
    value: Any
    why: str
    choices: tuple[Any, ...] = ()
    """The values that make sense; empty: any value of the same kind."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """All that is known of a model.

    ``sha256`` is the identity: of the file that was imported, and of the embedded file itself.  ``stored_sha256`` is
    that of the copy in the library when it differs.  ``hyper`` of a generator always has resolution, z_dim, w_dim,
    c_dim, num_ws, layers (index, name, resolution, band of each) and low_resolutions.
    """

    name: str
    role: Role
    architecture: str
    title: str = ""
    hyper: dict[str, Any] = field(default_factory=dict)
    sha256: str = ""
    source: str = ""
    assumptions: tuple[Assumption, ...] = ()
    label_names: tuple[str, ...] = ()
    label_groups: tuple[dict[str, Any], ...] = ()
    data: str = ""
    credit: str = ""
    licence: str = ""
    training: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, Any] = field(default_factory=dict)
    precision: str = "float32"
    notes: tuple[str, ...] = ()
    """Sentences about what was found in the file (code that was ignored, tensors that were added)."""
    stored_sha256: str = ""
    size: int = 0
    """Bytes of the file."""
    embedded: bool = False
    """True for the models that come with the program."""
    usable: bool = True
    """False for kinds that are recognised but have no panel yet."""
    extra: dict[str, Any] = field(default_factory=dict)
    """Keys of a newer program, kept."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        out = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in ("extra", "embedded")}
        out["assumptions"] = [dataclasses.asdict(a) for a in self.assumptions]
        return {**self.extra, **out}

    def to_json(self) -> str:
        """The card as JSON text."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> ModelCard:
        """Read a card; :class:`ModelError` if it is none.  Unknown keys are kept in ``extra``."""
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as exc:
            raise ModelError("This model card cannot be read.", "It is not JSON.", detail=str(exc)) from exc
        if not isinstance(value, dict):
            raise ModelError("This model card cannot be read.", "It is not a table of names and values.")
        return cls.from_dict(value)

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> ModelCard:
        """The card that :meth:`to_dict` wrote, checked field by field."""
        known = {f.name for f in dataclasses.fields(cls)} - {"extra", "embedded"}
        kept: dict[str, Any] = {k: v for k, v in value.items() if k in known}
        for name in ("name", "role", "architecture"):
            if not isinstance(kept.get(name), str) or not kept[name]:
                raise ModelError("This model card is incomplete.", f"It has no “{name}”.")
        if kept["role"] not in get_args(Role):
            raise ModelError("This model card is of an unknown kind.", f"Its role is “{kept['role'][:40]}”.")
        for name, kind in _KINDS.items():
            if name in kept and not isinstance(kept[name], kind):
                raise ModelError("This model card cannot be read.", f"Its “{name}” is of the wrong kind.")
        kept["assumptions"] = tuple(_assumption(a) for a in kept.get("assumptions", ()))
        kept["label_names"] = tuple(str(n) for n in kept.get("label_names", ()))
        kept["label_groups"] = tuple(g for g in kept.get("label_groups", ()) if isinstance(g, dict))
        kept["notes"] = tuple(str(n) for n in kept.get("notes", ()))
        return cls(**kept, extra={k: v for k, v in value.items() if k not in known and k != "embedded"})

    def changed(self, **fields: Any) -> ModelCard:
        """The same card with other values."""
        return dataclasses.replace(self, **fields)

    def assumed(self) -> dict[str, Any]:
        """The assumed values by name."""
        return {a.name: a.value for a in self.assumptions}


_KINDS: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("title", "sha256", "source", "data", "credit", "licence", "precision", "stored_sha256"), str),
    **dict.fromkeys(("hyper", "training", "scores"), dict),
    **dict.fromkeys(("assumptions", "label_names", "label_groups", "notes"), (list, tuple)),
    "size": int,
    "usable": bool,
}


def _assumption(value: Any) -> Assumption:
    if isinstance(value, Assumption):
        return value
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        raise ModelError("This model card cannot be read.", "One of its assumptions has no name.")
    choices = value.get("choices", ())
    return Assumption(
        value["name"],
        value.get("value"),
        str(value.get("why", "")),
        tuple(choices) if isinstance(choices, list | tuple) else (),
    )
