"""How w is distributed: mean, covariance and principal components of a model's mapped codes, kept on disk.

Everything that speaks of sigmas or of "how far from ordinary" stands on this: sliders of directions (one sigma is the
standard deviation of w along the direction), and inversion.
"""

from __future__ import annotations

import io
import logging
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from studio.base import paths
from studio.base.files import write_atomic
from studio.base.steps import Progress, Steps
from studio.engine.explore.codes import Model
from studio.engine.explore.labels import draw_many
from studio.engine.morph.encodings import companion
from studio.nets.drawing import AutoencoderGenerator

log = logging.getLogger(__name__)

SAMPLES = 20_000
SEED = 0
_CHUNK = 500  # a few hundredths of a second
_FORMAT = 1

Float64Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class WStats:
    """``mean [w_dim]``, ``covariance [w_dim, w_dim]``, ``components [w_dim, w_dim]`` (rows, strongest first, length 1,
    the largest entry of each positive), ``sigmas [w_dim]`` (standard deviations along them); float64."""

    mean: Float64Array
    covariance: Float64Array
    components: Float64Array
    sigmas: Float64Array
    samples: int
    places: int = 1
    """Of a spatial latent, whose statistics are those of its channels (``w_dim`` above is then the number of these)."""

    def sigma(self, vector: npt.NDArray[np.floating]) -> float:
        """The standard deviation of w along a vector of length 1 (``[w_dim]``, or the rms over rows ``[n, w_dim]``).

        Of a spatial latent (vectors in the order ``[C, places]``): the step that moves its places by one standard
        deviation of their channels in the root mean square.
        """
        rows = np.atleast_2d(np.asarray(vector, dtype=np.float64))
        if self.places > 1:
            rows = rows.reshape(-1, len(self.mean), self.places).transpose(0, 2, 1).reshape(-1, len(self.mean))
            rows = rows * self.places
        return float(np.sqrt(np.mean(np.einsum("ni,ij,nj->n", rows, self.covariance, rows).clip(min=0.0))))

    def direction(self, row: Float64Array) -> Float64Array:
        """A row over the statistics' own dimensions as a vector of w: a channel acts in all places alike."""
        return row if self.places == 1 else np.repeat(row, self.places) / np.sqrt(self.places)

    @property
    def spread(self) -> float:
        """The root mean square standard deviation of a single coordinate of w."""
        return float(np.sqrt(np.trace(self.covariance) / len(self.mean)))


def w_stats(model: Model, samples: int | None = None, seed: int = SEED) -> Steps[WStats]:
    """Statistics of ``samples`` (``None``: :data:`SAMPLES`) codes.

    z is drawn from ``RandomState(seed)``, labels from the model's priors.  From memory, from the cache folder, or
    computed (about a second) with progress.  Sliders always use the defaults, so that a sigma means one thing.
    """
    if isinstance(model.net, AutoencoderGenerator):
        return _encoded_stats(model, model.net)
    samples = SAMPLES if samples is None else samples
    key = ("w-stats", model.sha, samples, seed)
    found: WStats | None = model.ctx.cache.get(key)
    if found is not None:
        return found
    path = paths.cache_dir() / f"w-{model.sha[:32]}-{samples}-{seed}.npz"
    found = _read(path, model.net.w_dim)
    if found is None:
        found = yield from _measure(model, samples, seed)
        _write(path, found)
    model.ctx.cache.put(key, found)
    return found


def _encoded_stats(model: Model, net: AutoencoderGenerator) -> WStats:
    """Statistics of an autoencoder's latent: of the encodings that came with it, else N(0, 1), which it was taught.

    Without data, or with a spatial latent, each dimension (channel) is a component of its own.
    """
    places = net.rows * net.columns if net.net.spatial else 1

    def make() -> WStats:
        width = net.net.latent_dim
        data = companion(net, "data_mu")
        if data is None or net.net.spatial or len(data) < 2 or data.shape[1:] != (width,):
            return WStats(np.zeros(width), np.eye(width), np.eye(width), np.ones(width), 0, places)
        x = data.astype(np.float64)
        covariance = np.atleast_2d(np.cov(x.T))
        values, vectors = np.linalg.eigh(covariance)
        components = one_sign(np.ascontiguousarray(vectors.T[::-1]))
        return WStats(x.mean(axis=0), covariance, components, np.sqrt(values[::-1].clip(min=0.0)), len(x))

    found: WStats = model.ctx.cache.make(("w-stats", model.sha, "encoded", places), make)
    return found


def _measure(model: Model, samples: int, seed: int) -> Steps[WStats]:
    net, device = model.net, model.device
    rng = np.random.RandomState(seed)
    label_rng = np.random.RandomState(seed ^ 0x5EED)
    centre = net.w_avg.cpu().double().numpy()
    total = np.zeros(net.w_dim)
    square = np.zeros((net.w_dim, net.w_dim))
    done = 0
    while done < samples:
        n = min(_CHUNK, samples - done)
        z = torch.from_numpy(rng.randn(n, net.z_dim).astype(np.float32)).to(device)
        labels = draw_many(label_rng, n, net.c_dim, model.label_groups)
        with torch.no_grad():
            w = net.map(z, None if labels is None else torch.from_numpy(labels).to(device))[:, 0]
        x = w.cpu().double().numpy() - centre  # around w_avg, or the squares would drown the variance
        total += x.sum(axis=0)
        square += x.T @ x
        done += n
        yield Progress(done, samples, "Measuring the latent space")
    mean = total / samples
    covariance = (square - samples * np.outer(mean, mean)) / max(1, samples - 1)
    covariance = (covariance + covariance.T) / 2
    values, vectors = np.linalg.eigh(covariance)
    components = one_sign(np.ascontiguousarray(vectors.T[::-1]))
    return WStats(centre + mean, covariance, components, np.sqrt(values[::-1].clip(min=0.0)), samples)


def one_sign(rows: Float64Array) -> Float64Array:
    """Eigenvectors with their sign settled: the entry of largest magnitude of each row is positive."""
    at = np.argmax(np.abs(rows), axis=1)
    signs = np.sign(rows[np.arange(len(rows)), at])
    signs[signs == 0] = 1.0
    return np.asarray(rows * signs[:, None])


def _read(path: Path, w_dim: int) -> WStats | None:
    """What was kept, or ``None`` when it is absent or unusable (then it is measured and written again)."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            if int(kept["format"]) != _FORMAT or kept["mean"].shape != (w_dim,):
                return None
            stats = WStats(kept["mean"], kept["covariance"], kept["components"], kept["sigmas"], int(kept["samples"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as exc:
        log.info("The kept statistics %s are unusable (%s) and are measured again.", path.name, exc)
        return None
    square = (w_dim, w_dim)
    whole = stats.covariance.shape == square and stats.components.shape == square and stats.sigmas.shape == (w_dim,)
    return stats if whole and np.all(np.isfinite(stats.covariance)) else None


def _write(path: Path, stats: WStats) -> None:
    """Keep it, by rename; without a writable folder it is only kept in memory."""
    buffer = io.BytesIO()
    np.savez(
        buffer,
        format=np.int64(_FORMAT),
        samples=np.int64(stats.samples),
        mean=stats.mean,
        covariance=stats.covariance,
        components=stats.components,
        sigmas=stats.sigmas,
    )
    try:
        write_atomic(path, buffer.getvalue())
    except OSError as exc:
        log.warning("The statistics of w could not be kept in %s: %s", path.parent, exc)
