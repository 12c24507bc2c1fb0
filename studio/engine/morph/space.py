"""How encoded data lies in latent space: KL and activity of each dimension, histograms, a map of two components."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from numpy.typing import NDArray

from studio.base.errors import StudioError
from studio.base.steps import Progress, Steps
from studio.engine.context import Context
from studio.engine.explore.codes import open_model
from studio.engine.explore.draw import milliseconds
from studio.engine.explore.wstats import WStats, one_sign, w_stats
from studio.engine.morph.encode import open_autoencoder
from studio.engine.morph.encodings import Companion, companion, deterministic, moments
from studio.engine.registry import operation
from studio.engine.results import Space
from studio.nets.roles import Autoencoder
from studio.project.morph import LatentSpace

ACTIVE_KL = 0.01
"""Nats: a dimension that tells less about a picture than this is not in use."""

ACTIVE_VARIANCE = 0.01
"""Variance of the means over the data (Burda et al. 2016), for networks without a log-variance."""

OWN: tuple[Companion, ...] = ("data_mu", "data_logvar", "data_labels")

REACH = 5.0
BINS = 50
COMPONENTS = 16

Float64Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Data:
    """Encoded pictures: ``mu``, ``logvar`` float32 ``[N, D]``, or ``[N, places, C]`` of a spatial latent."""

    mu: npt.NDArray[np.float32]
    logvar: npt.NDArray[np.float32]
    labels: dict[str, npt.NDArray[np.uint8]]

    def rows(self) -> npt.NDArray[np.float32]:
        """One row for each picture: ``[N, D]``, channel means of a spatial latent."""
        return self.mu if self.mu.ndim == 2 else self.mu.mean(axis=1)


@operation(LatentSpace, doing="Looking at the latent space")
def latent_space(ctx: Context, request: LatentSpace) -> Steps[Space]:
    """Statistics of the given pictures, or of the encodings that came with the model.

    A dimension is active when its KL is above :data:`ACTIVE_KL` nats (networks without a log-variance: when the
    variance of the means is above :data:`ACTIVE_VARIANCE`); ``info["criterion"]`` says which.  Of a spatial latent each
    channel is a dimension: KL for each place, histograms over all places, components of the channel means.

    ``info["components"]`` is an asset ``[k, w_dim]`` for ``Direction(kind="stored", index=...)`` and ``info["mean"]``
    one for ``Stored``: pushing the mean by ``x`` and ``y`` sigmas along the two components of the map
    (``info["axes"]``) decodes the place ``(x, y)`` of it.
    """
    started = time.perf_counter()
    sha, net = open_autoencoder(ctx, request.model, request.precision)
    stats = yield from w_stats(open_model(ctx, sha, request.precision))
    key = ("latent space", sha, request.pictures)
    described: Space | None = ctx.cache.get(key)
    if described is None:
        if request.pictures:
            data = yield from _encoded(ctx, sha, net, request)
        else:
            data = _own(ctx, sha, net)
        described = yield from describe(data)
        ctx.cache.put(key, described)
    found = on_axes(described, request.axis_x, request.axis_y, stats)
    return replace(found, info={**found.info, "ms": milliseconds(started), **_assets(ctx, stats, found)})


def _encoded(ctx: Context, sha: str, net: Autoencoder, request: LatentSpace) -> Steps[Data]:
    mus, logvars = [], []
    for i, latent in enumerate(request.pictures):
        seen = moments(ctx, sha, net, latent)
        mus.append(seen.draw(latent.sample).flatten(1).T.numpy() if net.spatial else seen.draw(latent.sample).numpy())
        logvars.append(seen.logvar.flatten(1).T.numpy() if net.spatial else seen.logvar.numpy())
        yield Progress(i + 1, len(request.pictures), "Encoding pictures")
    return Data(np.stack(mus), np.stack(logvars), {})


def _own(ctx: Context, sha: str, net: Autoencoder) -> Data:
    mu, logvar, flags = (companion(net, name) for name in OWN)
    if mu is None or logvar is None or mu.ndim != 2:
        raise StudioError(
            "This model came without encoded pictures.",
            "How its latent space is used shows only with pictures in it.",
            "Drop some pictures on the tray first.",
        )
    labels: dict[str, npt.NDArray[np.uint8]] = {}
    if flags is not None:
        for i, name in enumerate(attribute_names(ctx, sha, flags.shape[1])):
            labels[name] = flags[:, i]
    return Data(mu, logvar, labels)


def attribute_names(ctx: Context, sha: str, count: int) -> list[str]:
    """The names of the attributes on the card (numbers where the card has none), in order."""
    listed = ctx.card(sha).hyper.get("attributes") or []
    names = [str(a.get("name", "")) if isinstance(a, dict) else str(a) for a in listed]
    return [names[i] if i < len(names) and names[i] else f"attribute {i + 1}" for i in range(count)]


def kl_of(mu: Float64Array, logvar: Float64Array) -> Float64Array:
    """Nats of N(mu, exp(logvar)) against N(0, 1), elementwise: (mu^2 + exp(logvar) - 1 - logvar) / 2."""
    return 0.5 * (mu**2 + np.exp(logvar) - 1.0 - logvar)


def describe(data: Data) -> Steps[Space]:
    """The statistics of encoded data, but for what :func:`on_axes` adds."""
    rows = data.rows()
    n, width = rows.shape
    flat_mu = data.mu.reshape(-1, width).astype(np.float64)
    flat_logvar = data.logvar.reshape(-1, width).astype(np.float64)
    kl = kl_of(flat_mu, flat_logvar).mean(axis=0)
    variance = flat_mu.var(axis=0)
    silent = deterministic(data.logvar)
    active = variance > ACTIVE_VARIANCE if silent else kl > ACTIVE_KL
    rank = variance if silent else kl
    edges = np.linspace(-REACH, REACH, BINS + 1)
    components, sigmas = principal(rows)
    shares = sigmas**2 / max(1e-12, float((sigmas**2).sum()))
    posterior = yield from expected(flat_mu, flat_logvar, edges)
    info: dict[str, Any] = {
        "criterion": f"variance of the means > {ACTIVE_VARIANCE}" if silent else f"KL > {ACTIVE_KL} nats",
        "pictures": n,
        "active": int(active.sum()),
        "kl": float("nan") if silent else float(kl.sum()),
        "sure": not silent,
        "spatial": data.mu.ndim == 3,
    }
    return Space(
        mu=rows.astype(np.float32),
        kl=kl.astype(np.float32),
        active=active,
        order=np.argsort(-rank, kind="stable"),
        histograms=counts(flat_mu, edges).astype(np.float32),
        posterior=posterior.astype(np.float32),
        edges=edges.astype(np.float32),
        components=components.astype(np.float32),
        shares=shares.astype(np.float32),
        points=np.zeros((n, 2), dtype=np.float32),
        steps=np.ones(2, dtype=np.float32),
        labels=data.labels,
        info=info,
    )


def on_axes(space: Space, axis_x: int, axis_y: int, stats: WStats) -> Space:
    """The map along two of the components; ``stats`` say what a sigma of the model is."""
    at = [int(np.clip(axis, 0, len(space.components) - 1)) for axis in (axis_x, axis_y)]
    components = space.components[at].astype(np.float64)
    places = np.sqrt(stats.places)  # a channel moves in all places alike
    steps = np.maximum([stats.sigma(stats.direction(row)) / places for row in components], 1e-6)
    points = (space.mu - space.mu.mean(axis=0, dtype=np.float64)) @ components.T / steps
    return replace(
        space,
        points=points.astype(np.float32),
        steps=steps.astype(np.float32),
        info={**space.info, "axes": tuple(at)},
    )


def principal(rows: npt.NDArray[np.floating]) -> tuple[Float64Array, Float64Array]:
    """(components ``[k, D]`` of length 1, their standard deviations ``[k]``), strongest first, signs settled.

    At least two, so that there is always a map: a single picture gets the first dimensions, with no spread along them.
    """
    n, width = rows.shape
    k = min(width, max(2, min(COMPONENTS, n - 1)))
    centred = rows.astype(np.float64) - rows.mean(axis=0, dtype=np.float64)
    _, values, vectors = np.linalg.svd(centred, full_matrices=False)
    values = values / np.sqrt(max(1, n - 1))
    real = int((values > 1e-9 * max(1e-12, float(values[0]) if len(values) else 0.0)).sum()) if n > 1 else 0
    kept = one_sign(vectors[: min(real, k)]) if real else np.zeros((0, width))
    if len(kept) < k:  # fewer pictures than components: fill up with dimensions, made orthogonal
        basis = np.linalg.qr(np.concatenate([kept, np.eye(width)]).T)[0].T[:k]
        basis[: len(kept)] = kept
        kept = np.concatenate([kept, one_sign(basis[len(kept) :])])
    sigmas = np.zeros(k)
    sigmas[: min(real, k)] = values[: min(real, k)]
    return kept, sigmas


def counts(mu: Float64Array, edges: Float64Array) -> Float64Array:
    """How many of ``[N, D]`` fall between the edges, ``[D, B]``; what lies outside counts in the outermost bins."""
    bins = len(edges) - 1
    at = np.clip(np.searchsorted(edges, mu, side="right") - 1, 0, bins - 1)
    out = np.zeros((mu.shape[1], bins))
    for d in range(mu.shape[1]):
        out[d] = np.bincount(at[:, d], minlength=bins)
    return out


def expected(mu: Float64Array, logvar: Float64Array, edges: Float64Array, most: int = 4096) -> Steps[Float64Array]:
    """Expected counts ``[D, B]`` of draws from the N distributions: exact, from the normal distribution function.

    More than ``most`` rows (the places of spatial latents) are thinned evenly and scaled up.
    """
    n = len(mu)
    if n > most:
        keep = np.linspace(0, n - 1, most).round().astype(np.intp)
        mu, logvar = mu[keep], logvar[keep]
    below = np.zeros((mu.shape[1], len(edges)))
    below[:, -1] = 1.0
    means, sigmas = torch.from_numpy(mu), torch.from_numpy(np.maximum(np.exp(logvar / 2), 1e-6))
    for b, edge in enumerate(edges[1:-1], 1):
        below[:, b] = torch.special.ndtr((float(edge) - means) / sigmas).mean(dim=0).numpy()
        yield Progress(b, len(edges) - 2, "Looking at the latent space")
    return np.asarray(np.diff(below, axis=1) * n)


def _assets(ctx: Context, stats: WStats, found: Space) -> dict[str, str]:
    """The components as directions and the mean as a code, in the width of w."""
    vectors = np.stack([stats.direction(row.astype(np.float64)) for row in found.components])
    mean = np.repeat(found.mu.mean(axis=0, dtype=np.float64), stats.places)[None]
    return {
        "components": ctx.assets.put_array(vectors.astype(np.float32)),
        "mean": ctx.assets.put_array(mean.astype(np.float32)),
    }
