"""From a trained autoencoder to an embedded model: attributes, examples, scores, weights and card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from studio.base.errors import StudioError
from studio.nets.features import FEATURES_NAME, StudioFeatures
from studio.nets.vae import VAE, kl_per_dimension
from studio.training.anchor import AnchorSpec
from studio.training.attributes import judge_accuracy, train_judge
from studio.training.data import Pictures, load_pictures, to_float
from studio.training.export import write_model
from studio.training.sheets import save_sheet
from studio.training.trainer import half_precision_pays
from studio.training.vae_attributes import (
    READABLE,
    Attribute,
    Vectors,
    attributes_of,
    enough,
    find_vectors,
    measure,
    table,
    typical_only,
)
from studio.training.vae_config import VaeConfig
from studio.training.vae_passes import decode_all, encode_all, psnr, reduced
from studio.training.vae_trainer import ACTIVE, GUIDE_SIZE

EXAMPLES = 1000
"""Encoded pictures that go with the model: the dots of its map and the histograms behind its sliders."""

LOOKED_AT = 200
"""Held-out pictures for what takes long: the perceptual distance and the attributes."""

METHOD = (
    "a small classifier fitted to the true labels of the training pictures reads decoded held-out pictures (64 px, "
    "another seed than the one that guided the training); turned_on: share of pictures lacking it that have it after "
    "+k sigma; turned_off: share of those having it that lack it after -k sigma; others_changed: mean share of "
    "attributes of other columns read differently; columns_changed: the same for every other column of the table that "
    "the judge reads rightly in 75 % of real pictures"
)


def network_of(state: Mapping[str, Any]) -> VAE:
    """The averaged network of a snapshot."""
    return VAE.from_state_dict(state["ema"]).eval().requires_grad_(False)


def known_attributes(data: Pictures) -> tuple[AnchorSpec | None, tuple[Attribute, ...]]:
    """The label plan and its attributes (nothing without a table)."""
    if not data.rows:
        return None, ()
    spec = AnchorSpec(data.rows)
    return spec, attributes_of(spec, data.rows)


def bring_along(
    net: VAE, data: Pictures, typical: Mapping[str, str] | None = None, leave_out: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Give ``net`` its examples and attribute vectors, from the training pictures; returns ``hyper["attributes"]``.

    ``typical`` as in :func:`~studio.training.vae_attributes.typical_only`.  ``leave_out`` names attributes to go
    without: of values of which one is always true, the last says nothing that the others do not.

    All vectors come from all training pictures; every n-th of them is an example.
    """
    train, _ = data.split()
    spec, attributes = known_attributes(data)
    mu, logvar = encode_all(net, train.images, half=half_precision_pays(torch.device("cpu")))
    pick = torch.linspace(0, len(train) - 1, min(EXAMPLES, len(train))).long()
    examples = {"mu": mu[pick], "logvar": logvar[pick]}
    listed: list[dict[str, Any]] = []
    if spec is not None and attributes:
        factors = spec.table(train.rows)
        labels = table(attributes, factors)
        use = [i for i in enough(attributes, labels) if attributes[i].name not in leave_out]
        attributes, labels = tuple(attributes[j] for j in use), labels[:, use]
        found = find_vectors(
            mu, labels, typical_only(attributes, spec, factors, typical or {}), [a.factor for a in attributes]
        )
        net.keep("attributes", {"vectors": found.vectors, "sigmas": found.sigmas})
        examples["labels"] = labels[pick].to(torch.uint8)
        for i, a in enumerate(attributes):
            kind = (typical or {}).get(a.name)
            listed.append(
                {
                    "name": a.name,
                    **({"towards": kind} if kind else {}),
                    "sigma": round(float(found.sigmas[i]), 5),
                    "step": round(float(found.steps[i]), 3),
                    "low": round(float(found.lows[i]), 3),
                    "high": round(float(found.highs[i]), 3),
                }
            )
    net.keep("data", examples)
    return listed


def score(
    net: VAE, data: Pictures, names: Sequence[str], *, judge_steps: int = 1200, count: int = 800
) -> dict[str, Any]:
    """Figures for the card, on the held-out tenth: errors, KL, active units, and what the attributes ``names`` do."""
    train, held = data.split()
    images = held.images[:count]
    x = to_float(images)
    mu, logvar = encode_all(net, images)
    made = decode_all(net, mu)
    e = made.clamp(-1, 1) - x
    features = StudioFeatures()
    with torch.no_grad():
        pairs = zip(made[:LOOKED_AT].split(16), x[:LOOKED_AT].split(16), strict=True)
        seen = [features.perceptual_distance(a.clamp(-1, 1), b) for a, b in pairs]
    kl = kl_per_dimension(mu, logvar).mean(dim=0) if net.variational else None
    out: dict[str, Any] = {
        "held_out_pictures": len(images),
        "reconstruction_l1_0_255": round(float(e.abs().mean() * 127.5), 3),
        "reconstruction_psnr": round(float(psnr(e).mean()), 2),
        "reconstruction_perceptual": round(float(torch.cat(seen).mean()), 5),
        "perceptual_measure": FEATURES_NAME,
        "kl_nats": None if kl is None else round(float(kl.sum()), 2),
        "kl_dimensions": [] if kl is None else [round(float(v), 3) for v in kl],
        "active_units": int((mu.var(dim=0) > ACTIVE).sum()),
        "mu_mean_square": round(float(mu.square().mean()), 4),
    }
    spec, attributes = known_attributes(data)
    vectors, sigmas = net.attributes_vectors, net.attributes_sigmas
    if spec is None or not judge_steps or vectors is None or sigmas is None:
        return out
    attributes = tuple(a for n in names for a in attributes if a.name == n)
    if len(attributes) != len(vectors):
        raise StudioError("These pictures are not those that the model's attributes came from.", "Other labels.")
    judge = train_judge(spec, reduced(train, GUIDE_SIZE), steps=judge_steps)
    truth = spec.table(held.rows)[: len(images)]
    k = max(1, net.resolution // GUIDE_SIZE)

    def small(pictures: Tensor) -> Tensor:
        return F.avg_pool2d(pictures, k) if k > 1 else pictures

    found = Vectors(vectors.float(), sigmas.float(), *(torch.zeros(len(sigmas)),) * 3)
    out["judge_on_real_held_out"] = judge_accuracy(spec, judge, small(x), truth)
    out["judge_on_reconstructions"] = judge_accuracy(spec, judge, small(made), truth)
    half = half_precision_pays(torch.device("cpu"))

    def drawn(z: Tensor) -> Tensor:
        return small(decode_all(net, z, half=half))

    right = out["judge_on_real_held_out"]
    read = [i for i, f in enumerate(spec.factors) if right[f.name] >= READABLE]
    codes = mu[:LOOKED_AT]
    out["attributes"] = measure(attributes, found, judge, codes, drawn, readable=read)
    out["attributes_cleaned"] = measure(
        attributes, found, judge, codes, drawn, clean=True, amounts=(4.0,), readable=read
    )
    out["attributes_method"] = METHOD
    return out


def look(net: VAE, data: Pictures, folder: Path, *, zoom: int = 1) -> None:
    """Sheets for the eye, of held-out pictures: reconstructions, in-betweens, attributes, samples."""
    _, held = data.split()
    images = held.images[:32]
    mu, _ = encode_all(net, images)
    made = decode_all(net, mu)
    x = to_float(images)
    pairs = [part for i in range(0, len(x), 8) for part in (x[i : i + 8], made[i : i + 8])]
    save_sheet(folder / "look_reconstructions.png", torch.cat(pairs), min(8, len(x)), zoom=zoom)
    t = torch.linspace(0, 1, 8)[:, None]
    lines = [torch.lerp(mu[2 * i], mu[2 * i + 1], t) for i in range(min(8, len(mu) // 2))]
    save_sheet(folder / "look_morphs.png", decode_all(net, torch.cat(lines)), 8, zoom=zoom)
    gen = torch.Generator().manual_seed(4)
    save_sheet(
        folder / "look_samples.png",
        decode_all(net, 0.8 * torch.randn(64, net.latent_dim, generator=gen)),
        8,
        zoom=zoom,
    )
    vectors, sigmas = net.attributes_vectors, net.attributes_sigmas
    if vectors is not None and sigmas is not None:
        amounts = torch.linspace(-4, 4, 9)[:, None]
        cells = [mu[i % len(mu)] + amounts * sigmas[i] * vectors[i] for i in range(len(vectors))]
        save_sheet(folder / "look_attributes.png", decode_all(net, torch.cat(cells).float()), 9, zoom=zoom)


def publish_vae(
    state: Mapping[str, Any],
    run: Path,
    data_path: Path,
    weights: Path,
    name: str,
    *,
    title: str,
    about: Mapping[str, Any],
    judge_steps: int = 1200,
) -> dict[str, Any]:
    """Write ``weights/NAME.safetensors`` and ``.json`` from a snapshot; sheets go into ``run``.  Returns the card."""
    cfg = VaeConfig.from_dict(state["config"])
    net = network_of(state)
    data = load_pictures(data_path, cfg.size)
    about = dict(about)
    titles, typical = about.pop("attribute_titles", {}), about.pop("typical", {})
    listed = bring_along(net, data, typical, about.pop("leave_out", ()))
    # What is measured is what is shipped: half precision.
    net = VAE.from_state_dict({k: v.half().to(v.dtype) for k, v in net.state_dict().items()}).eval()
    net.requires_grad_(False)
    look(net, data, run)
    scores = score(net, data, [a["name"] for a in listed], judge_steps=judge_steps)
    for entry in listed:
        entry["title"] = titles.get(entry["name"], entry["name"].capitalize())
    training = {
        "steps": state["steps"],
        "images": state["seen"],
        "minutes": round(state["minutes"], 1),
        "size": cfg.size,
        "kind": cfg.kind,
        "last_settings": cfg.to_dict(),
    }
    card = {
        "title": title,
        "role": "autoencoder",
        "architecture": "vae",
        "hyper": {**net.hyper, "attributes": listed, "active_units": scores["active_units"]},
        **about,
        "training": {**training, **about.get("training", {})},
        "scores": scores,
    }
    return write_model(net, weights, name, card)


def measure_file(model: Path, data_path: Path, *, judge_steps: int = 1200) -> dict[str, Any]:
    """The scores of an exported autoencoder on the held-out tenth of ``data_path``: what its card says, again."""
    from studio.checkpoints import load_model

    loaded = load_model(model)
    net = loaded.network
    if not isinstance(net, VAE):
        raise StudioError(
            f"{model.name} is not an autoencoder of our own.", f"It is “{loaded.card.architecture}”.", kind="user"
        )
    names = [a["name"] for a in loaded.card.hyper.get("attributes") or []]
    return score(net, load_pictures(data_path, net.resolution), names, judge_steps=judge_steps)
