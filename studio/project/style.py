"""Requests of the Style panel, and the plain data that they are made of.

A run of neural style transfer is *one* value from its first step to its last: what the artist changed on the way
is in it (:attr:`Stylize.changes`), so the finished picture's recipe makes the same picture again, and a branch from
a kept iterate is the same run up to there with other changes after.  Where a run is taken up again is told beside
it (:class:`Resume`): it saves time and changes nothing.
"""

from __future__ import annotations

from typing import Literal

from studio.project.base import BaseRequest, Plain

FIXED_FEATURES = "studio-fixed-seed-features"
"""Stands for the feature network without learned weights where a feature network's sha256 is asked for."""

Colours = Literal["style", "luminance", "match", "histogram"]
"""Whose colours the picture has: the style's, or the content's by luminance, by mean + covariance, by histogram."""
Statistic = Literal["gram", "covariance", "moments", "sliced"]
"""What of a layer's activations makes the style: Gram matrix (Gatys 2015), mean + covariance, channel means and
deviations (AdaIN, Huang 2017), sliced Wasserstein (Heitz 2021)."""
Scaling = Literal["balanced", "gatys"]
"""``balanced``: every term is divided by the mean absolute gradient that it starts with, so that equal lambdas mean
equal influence; ``gatys``: the bare formulas, content / (4 nH nW nC) and style / (4 nC^2 (nH nW)^2)."""


class StyleSource(Plain, frozen=True, kw_only=True):
    """One style picture.

    ``weight`` shares the style cost among several; ``scale`` is the size of its strokes: the picture is used at this
    multiple of the run's size.  ``mask`` (asset, grey picture of any size, white: here; "": everywhere) says where it
    goes, softened by ``feather`` px at 512 px; ``alpha`` and ``beta`` multiply the run's own there.
    """

    picture: str
    weight: float = 1.0
    scale: float = 1.0
    mask: str = ""
    feather: float = 12.0
    alpha: float = 1.0
    beta: float = 1.0
    name: str = ""


class LayerWeight(Plain, frozen=True, kw_only=True):
    """The two lambdas of one layer, from 0."""

    name: str
    content: float = 0.0
    style: float = 0.0


class StyleLook(Plain, frozen=True, kw_only=True):
    """Everything that may change while a run goes on.  No ``layers``: the preset "balanced" of the network."""

    styles: tuple[StyleSource, ...] = ()
    layers: tuple[LayerWeight, ...] = ()
    alpha: float = 1.0
    beta: float = 8.0
    tv: float = 1.0
    step: float = 0.02
    """Adam's step size, for pixels in [0, 1].  L-BFGS searches its own."""


class Change(Plain, frozen=True, kw_only=True):
    """From iteration ``at`` (counted over the whole run, from 0) on, this look."""

    at: int
    look: StyleLook


class Start(Plain, frozen=True, kw_only=True):
    """What the picture begins as; ``noise`` mixes that much seeded noise into it (1: nothing else)."""

    kind: Literal["content", "noise", "style", "picture"] = "content"
    picture: str = ""
    noise: float = 0.0


class Resume(Plain, frozen=True, kw_only=True):
    """A kept iterate: ``start`` is the asset of picture and optimiser as they were before iteration ``at``."""

    at: int
    start: str


class Stylize(BaseRequest, frozen=True, kw_only=True, tag="stylize"):
    """Gatys' style transfer.  ``model``: the feature network (:data:`FIXED_FEATURES` for the one without weights).

    ``size``: the longer side in px.  ``iterations``: of each scale when ``pyramid`` (a sqrt-2 pyramid from 64 px),
    else of the whole run.  ``tile``: side of exact tiles in px (0: as memory asks for).
    """

    content: str
    look: StyleLook = StyleLook()
    changes: tuple[Change, ...] = ()
    statistic: Statistic = "sliced"
    scaling: Scaling = "balanced"
    size: int = 384
    iterations: int = 60
    pyramid: bool = True
    optimiser: Literal["adam", "lbfgs"] = "adam"
    pooling: Literal["network", "average", "max"] = "network"
    start: Start = Start()
    seed: int = 0
    colours: Colours = "style"
    average: float = 0.9
    """How slowly the exponential mean of the iterates moves, which is the picture that is shown (0: none)."""
    tile: int = 0
    keep: int = 25
    """A kept iterate every so many iterations (0: only the last)."""
    resume: Resume | None = None
    stop: int = 0
    """The run ends after so many iterations (0: after all).  Sent into a run: it ends there, or at once if later."""


class Recolour(BaseRequest, frozen=True, kw_only=True, tag="recolour"):
    """Other colours for a finished picture, without a new run.  ``model`` is not used."""

    model: str = ""
    picture: str
    content: str
    colours: Colours = "style"


class Paint(BaseRequest, frozen=True, kw_only=True, tag="paint"):
    """A feed-forward style network in one pass (Johnson 2016; with ``styles``: AdaIN and its like).

    ``strength`` 0: the picture itself, 1: all of the style.  ``size``: the longer side in px (0: the picture's own).
    """

    picture: str
    styles: tuple[StyleSource, ...] = ()
    strength: float = 1.0
    size: int = 0
    tile: int = 0
    colours: Colours = "style"


class LayerThumbs(BaseRequest, frozen=True, kw_only=True, tag="layer_thumbs"):
    """What each style layer alone makes of this pair, one :class:`~studio.base.steps.Preview` (``index``) a layer."""

    content: str
    styles: tuple[StyleSource, ...]
    layers: tuple[str, ...]
    statistic: Statistic = "covariance"
    size: int = 128
    iterations: int = 24
    seed: int = 0


class StyleSheet(BaseRequest, frozen=True, kw_only=True, tag="style_sheet"):
    """A contact sheet of settings at ``size`` px, one preview (``index``) a look; ``run`` holds the rest."""

    run: Stylize
    looks: tuple[StyleLook, ...]
    size: int = 128
    iterations: int = 16


class Forecast(BaseRequest, frozen=True, kw_only=True, tag="forecast"):
    """Before Start: bytes at the peak, bytes at hand, seconds, the tile that would be used (result: numbers)."""

    run: Stylize


Preset = tuple[tuple[str, float, float], ...]
"""(layer, content lambda, style lambda), by VGG names; layers that a network lacks are left out."""

PRESETS: dict[str, Preset] = {
    "balanced": (
        ("relu1_1", 0.0, 1.0),
        ("relu2_1", 0.0, 1.0),
        ("relu2_2", 0.5, 0.0),
        ("relu3_1", 0.0, 1.0),
        ("relu4_1", 0.0, 1.0),
    ),
    "fine texture": (("relu1_1", 0.0, 1.0), ("relu1_2", 0.0, 0.8), ("relu2_1", 0.0, 0.6), ("relu2_2", 0.8, 0.0)),
    "bold shapes": (
        ("relu2_1", 0.0, 0.3),
        ("relu3_1", 0.0, 1.0),
        ("relu3_2", 0.3, 0.0),
        ("relu4_1", 0.0, 1.0),
        ("relu5_1", 0.0, 0.6),
    ),
    "Gatys": (
        ("relu1_1", 0.0, 1.0),
        ("relu2_1", 0.0, 1.0),
        ("relu3_1", 0.0, 1.0),
        ("relu4_1", 0.0, 1.0),
        ("relu4_2", 1.0, 0.0),
        ("relu5_1", 0.0, 1.0),
    ),
    "neural-style": (
        ("relu1_1", 0.0, 0.6),
        ("relu2_1", 0.0, 0.8),
        ("relu3_1", 0.0, 1.0),
        ("relu4_1", 0.0, 1.0),
        ("relu4_2", 1.0, 0.0),
        ("relu5_1", 0.0, 1.0),
    ),
}
"""Starting points for the two columns of sliders, by the names that the panel translates."""


def preset(name: str, layers: tuple[str, ...]) -> tuple[LayerWeight, ...]:
    """The preset for a network that has these ``layers``, one entry for each; KeyError for an unknown preset."""
    wanted = {layer: (content, style) for layer, content, style in PRESETS[name]}
    return tuple(
        LayerWeight(name=n, content=wanted.get(n, (0.0, 0.0))[0], style=wanted.get(n, (0.0, 0.0))[1]) for n in layers
    )
