"""What the settings of all trainings share: plain data for snapshots and cards, and back."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Self


@dataclasses.dataclass
class Settings:
    """All settings of one training; stored in its snapshots, so that a resumed run is the same run."""

    SHAPE: ClassVar[tuple[str, ...]] = ()
    """Settings that belong to the networks: a resumed training takes them from its snapshot."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for snapshots and cards."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The inverse of :meth:`to_dict`; unknown keys of newer versions are ignored."""
        known = {f.name for f in dataclasses.fields(cls)}
        return cls(**{k: v for k, v in data.items() if k in known})

    def resumed(self, data: dict[str, Any]) -> Self:
        """These settings, with the networks of a snapshot's (``data``)."""
        return dataclasses.replace(self, **{k: data[k] for k in self.SHAPE if k in data})
