"""What a point in latent space is, as plain data: the interchangeable sources of Explore, Mix and walks."""

from __future__ import annotations

from typing import Literal

from studio.project.base import Plain

Space = Literal["z", "w"]


class Seed(Plain, frozen=True, kw_only=True, tag="seed"):
    """``numpy.random.RandomState(seed).randn(z_dim)``, the number that people share."""

    seed: int


class MapPoint(Plain, frozen=True, kw_only=True, tag="map"):
    """A point of the endless plane of seeds: the four nearest whole points blend bilinearly.

    Whole point (i, j) is seed ``(i + 100 * j) mod 2**32`` as in the NVIDIA visualiser.
    """

    x: float
    y: float


class Stored(Plain, frozen=True, kw_only=True, tag="stored"):
    """A code kept as an asset (npy, float32): ``ws [num_ws, w_dim]``, ``w [w_dim]`` or ``z [z_dim]``.

    Inverted photographs, imported codes and adopted results are of this kind.
    """

    asset: str
    form: Literal["ws", "w", "z"] = "ws"
    name: str = ""


class Frame(Plain, frozen=True, kw_only=True):
    """What of a picture is seen: a box in shares of its width and height, which may reach outside of it.

    What lies outside is filled with the picture's edge, or with ``colour``.  Default: the largest centred square.
    """

    left: float = 0.0
    top: float = 0.0
    right: float = 1.0
    bottom: float = 1.0
    fill: Literal["edge", "colour"] = "edge"
    colour: str = "#ffffff"


class Encoded(Plain, frozen=True, kw_only=True, tag="encoded"):
    """A picture (asset) as an autoencoder sees it: its mean, or with ``sample`` mean + deviation * noise of that seed.

    No ``frame``: the largest centred square.
    """

    picture: str
    frame: Frame | None = None
    sample: int | None = None
    name: str = ""


class DataPoint(Plain, frozen=True, kw_only=True, tag="data"):
    """The encoded mean of picture ``index`` among those whose encodings came with the model."""

    index: int


class Part(Plain, frozen=True, kw_only=True):
    """One ingredient of a :class:`Blend`; ``labels`` as in :class:`Look` (added over the look's)."""

    latent: Latent
    weight: float = 1.0


class Blend(Plain, frozen=True, kw_only=True, tag="blend"):
    """A weighted mean of other latents (weights are normalised to sum 1; slerp only for two)."""

    parts: tuple[Part, ...]
    curve: Literal["linear", "slerp"] = "linear"


class Mixed(Plain, frozen=True, kw_only=True, tag="mixed"):
    """Style mixing: for every w layer a weight for every source.

    ``weights[layer][source]`` >= 0; each row is normalised to sum 1 (an empty row takes source 0).  Rows
    beyond the network's layers are ignored, missing rows repeat the last.  Blending is always in w.
    """

    sources: tuple[Latent, ...]
    weights: tuple[tuple[float, ...], ...]


class Direct(Plain, frozen=True, kw_only=True, tag="direct"):
    """Truncation centre: the mean w of the network (psi = 0 of everything)."""


Latent = Seed | MapPoint | Stored | Blend | Mixed | Direct | Encoded | DataPoint


class Noise(Plain, frozen=True, kw_only=True):
    """The noise inputs.  ``layers`` multiplies ``strength`` layer by layer (empty: 1 everywhere)."""

    mode: Literal["const", "none", "seed"] = "const"
    seed: int = 0
    strength: float = 1.0
    layers: tuple[float, ...] = ()


class Direction(Plain, frozen=True, kw_only=True):
    """A direction of w space.

    ``kind`` principal: component ``index`` of w; factor: eigenvector ``index`` of the style weights of layers
    ``first..last`` (closed-form factorisation); stored: row ``index`` of the asset (npy float32 ``[n, w_dim]``
    or ``[n, num_ws, w_dim]``); attribute: number ``index`` of those that came with the model; axis: dimension
    ``index`` of the latent.  One sigma is the standard deviation of w along it.  ``clean``: only what this direction
    does not share with the other attributes of the model (orthogonalised).
    """

    kind: Literal["principal", "factor", "stored", "attribute", "axis"]
    index: int = 0
    asset: str = ""
    clean: bool = False


class Push(Plain, frozen=True, kw_only=True):
    """How far along a direction: ``amount`` sigmas in layers ``first..last`` (inclusive; -1: to the end)."""

    direction: Direction
    name: str = ""
    amount: float = 0.0
    first: int = 0
    last: int = -1


class LabelValue(Plain, frozen=True, kw_only=True):
    """One class label set by hand; labels that are not named follow the seed (drawn from the model's prior)."""

    index: int
    value: float


class Look(Plain, frozen=True, kw_only=True):
    """Everything beside the latent that decides the picture."""

    space: Space = "w"
    """Where seeds are blended: z (before the mapping) or w (after it)."""
    psi: float = 0.7
    cutoff: int | None = None
    """Truncation acts on layers below this; None: on all."""
    labels: tuple[LabelValue, ...] = ()
    noise: Noise = Noise()
    pushes: tuple[Push, ...] = ()
    rows: int = 0
    columns: int = 0
    """Of a spatial latent (an autoencoder with ``[C, rows, columns]``); 0: the model's own."""


class Key(Plain, frozen=True, kw_only=True):
    """A keyframe of a walk.  ``seconds`` is the time from here to the next key."""

    latent: Latent
    seconds: float = 1.0
    easing: Literal["linear", "smooth", "in", "out"] = "smooth"
    name: str = ""


class Walk(Plain, frozen=True, kw_only=True):
    """A path through keys.  A loop returns to the first key; cubic loops are smooth everywhere."""

    keys: tuple[Key, ...] = ()
    curve: Literal["linear", "slerp", "cubic"] = "cubic"
    loop: bool = True
    fps: int = 24
    noise_loop: bool = False
    """Let the noise drift around a circle of its own (needs noise mode ``seed``)."""
    speed: Literal["keys", "even"] = "keys"
    """``even``: the picture changes by the same perceptual amount from frame to frame; keys keep their order only."""
