"""The embedded autoencoder: that its file is its card's, and that it does what the card says."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from studio.checkpoints import load_model
from studio.nets.vae import VAE
from studio.training.data import to_float
from studio.training.vae_passes import psnr

WEIGHTS = Path(__file__).resolve().parents[2] / "weights"


@pytest.fixture(scope="module")
def net() -> VAE:
    found = load_model(WEIGHTS / "faces.safetensors").network
    assert isinstance(found, VAE)
    return found


@pytest.fixture(scope="module")
def card() -> dict:  # type: ignore[type-arg]
    loaded: dict = json.loads((WEIGHTS / "faces.json").read_text("utf-8"))  # type: ignore[type-arg]
    return loaded


def names(card: dict) -> list[str]:  # type: ignore[type-arg]
    return [a["name"] for a in card["hyper"]["attributes"]]


def test_file_and_card_belong_together(net: VAE, card: dict) -> None:  # type: ignore[type-arg]
    data = (WEIGHTS / "faces.safetensors").read_bytes()
    assert len(data) <= 5_000_000
    assert hashlib.sha256(data).hexdigest() == card["sha256"]
    assert net.hyper == {k: card["hyper"][k] for k in net.hyper}
    assert net.resolution == 128 and net.hyper["data_count"] == 1000
    assert net.attributes_vectors is not None and net.data_labels is not None
    assert net.attributes_vectors.shape == (len(names(card)), net.latent_dim)
    assert net.data_labels.shape == (1000, len(names(card)))
    assert {
        "glasses",
        "sunglasses",
        "eyes closed",
        "facial hair",
        "smiling",
        "long hair",
        "bald",
        "hat",
        "skin",
    } <= set(names(card))
    scores = card["scores"]
    assert len(scores["kl_dimensions"]) == net.latent_dim and set(scores["attributes"]) == set(names(card))
    for key in ("credit", "licence", "data"):
        assert card[key]


@torch.no_grad()
def test_examples_are_pictures_that_encode_to_themselves(net: VAE) -> None:
    assert net.data_mu is not None
    mu = net.data_mu[:16]
    again = net.encode(net.decode(mu).clamp(-1, 1))[0]
    apart = (mu[:, None] - mu[None]).norm(dim=2)[~torch.eye(16, dtype=torch.bool)].mean()
    assert float((again - mu).norm(dim=1).mean()) < 0.35 * float(apart)


@torch.no_grad()
def test_glasses_change_the_eyes_and_little_else(net: VAE, card: dict) -> None:  # type: ignore[type-arg]
    assert net.data_mu is not None and net.data_labels is not None
    assert net.attributes_vectors is not None and net.attributes_sigmas is not None
    i, j = names(card).index("glasses"), names(card).index("sunglasses")
    mu = net.data_mu[(net.data_labels[:, i] == 0) & (net.data_labels[:, j] == 0)][:12]
    moved = net.decode(mu + 4 * net.attributes_sigmas[i] * net.attributes_vectors[i])
    change = (moved - net.decode(mu)).clamp(-2, 2).abs().mean(dim=1)
    eyes = change[:, 48:72, 36:92].mean()
    rest = (change.sum() - change[:, 48:72, 36:92].sum()) / (change.numel() - change[:, 48:72, 36:92].numel())
    assert float(eyes) > 0.1 and float(eyes) > 8 * float(rest)


@torch.no_grad()
def test_held_out_pictures_are_rebuilt_as_the_card_says(net: VAE, card: dict, shared: Path) -> None:  # type: ignore[type-arg]
    archive = shared / "data" / "avatars_personas.zip"
    if not archive.exists():
        pytest.skip("the training pictures are not here")
    with zipfile.ZipFile(archive) as z:
        files = sorted(n for n in z.namelist() if n.endswith(".webp"))[9:400:10]
        arrays = [np.asarray(Image.open(io.BytesIO(z.read(n))).convert("RGB")) for n in files]
    x: Tensor = to_float(torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2))
    e = net.decode(net.encode(x)[0]).clamp(-1, 1) - x
    assert float(psnr(e).mean()) == pytest.approx(card["scores"]["reconstruction_psnr"], abs=2.0)
    assert float(psnr(e).mean()) > 33
