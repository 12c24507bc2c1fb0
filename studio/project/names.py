"""Short names for points of latent space, as people say them: "seed 4127", "between seed 3 and seed 9"."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from studio.project.latents import Blend, DataPoint, Direct, Encoded, Latent, MapPoint, Mixed, Seed, Stored

TEXTS = (
    "seed {seed}",
    "map {x}, {y}",
    "stored code",
    "a picture",
    "example {number}",
    "average picture",
    "between {a} and {b}",
    "between {count} pictures",
    "mix of {a} and {b}",
    "mix of {count} pictures",
    "empty blend",
)
"""Every template that :func:`describe` hands to ``tr``, for the translation files."""


def seed_at(i: int, j: int) -> int:
    """The seed of whole point (i, j) of the latent map (as in :class:`~studio.project.latents.MapPoint`)."""
    return (i + 100 * j) % 2**32


def describe(latent: Latent, tr: Callable[[str], str] = str) -> str:
    """A phrase for a tooltip, a caption or a default name.  ``tr`` translates the templates of :data:`TEXTS`."""
    if isinstance(latent, Seed):
        return tr("seed {seed}").format(seed=latent.seed)
    if isinstance(latent, MapPoint):
        if float(latent.x).is_integer() and float(latent.y).is_integer():
            return tr("seed {seed}").format(seed=seed_at(int(latent.x), int(latent.y)))
        return tr("map {x}, {y}").format(x=f"{latent.x:.2f}", y=f"{latent.y:.2f}")
    if isinstance(latent, Stored):
        return latent.name or tr("stored code")
    if isinstance(latent, Encoded):
        return latent.name or tr("a picture")
    if isinstance(latent, DataPoint):
        return tr("example {number}").format(number=latent.index + 1)
    if isinstance(latent, Direct):
        return tr("average picture")
    if isinstance(latent, Blend):
        return _several([part.latent for part in latent.parts if part.weight != 0], "between", tr)
    return _several(_used(latent), "mix of", tr)


def _used(mixed: Mixed) -> list[Latent]:
    """The sources with a weight in some layer (none at all: the first, as rendering does it)."""
    used = [i for i in range(len(mixed.sources)) if any(i < len(row) and row[i] > 0 for row in mixed.weights)]
    return [mixed.sources[i] for i in used] or list(mixed.sources[:1])


def _several(latents: Iterable[Latent], verb: str, tr: Callable[[str], str]) -> str:
    unique = list(dict.fromkeys(latents))
    if not unique:
        return tr("empty blend")
    if len(unique) == 1:
        return describe(unique[0], tr)
    simple = all(
        isinstance(latent, Seed | Direct | DataPoint) or (isinstance(latent, Stored | Encoded) and latent.name)
        for latent in unique
    )
    if len(unique) == 2 and simple:
        joint = "between {a} and {b}" if verb == "between" else "mix of {a} and {b}"
        return tr(joint).format(a=describe(unique[0], tr), b=describe(unique[1], tr))
    many = "between {count} pictures" if verb == "between" else "mix of {count} pictures"
    return tr(many).format(count=len(unique))
