"""A finished training as an embedded model: ``NAME.safetensors`` (half precision) and ``NAME.json`` (model card)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from studio.nets.stylegan2 import StyleGAN2
from studio.training.anchor import AnchorSpec


def half_state(net: nn.Module) -> dict[str, Tensor]:
    """The state dict in float16 (whole numbers as they are); raises ``ValueError`` when a value does not fit."""
    out = {}
    for key, value in net.state_dict().items():
        if not value.is_floating_point():
            out[key] = value.detach().cpu().contiguous()
            continue
        half = value.detach().cpu().to(torch.float16).contiguous()
        if not bool(half.isfinite().all()):
            raise ValueError(f"{key} does not fit into half precision")
        out[key] = half
    return out


def export_model(
    net: StyleGAN2,
    folder: Path,
    name: str,
    *,
    title: str,
    spec: AnchorSpec | None,
    groups: Sequence[Mapping[str, Any]],
    about: Mapping[str, Any],
) -> dict[str, Any]:
    """Write weights and card; returns the card.

    ``about`` holds ``data``, ``credit``, ``licence``, ``training``, ``scores``, ``assumptions``.  ``groups``
    are the named controls (:meth:`AnchorSpec.label_groups`).
    """
    card: dict[str, Any] = {
        "title": title,
        "role": "generator",
        "architecture": "stylegan2",
        "hyper": {
            **net.hyper,
            "layers": [asdict(row) for row in net.layers],
            "low_resolutions": list(net.low_resolutions),
        },
        "label_names": spec.label_names() if spec is not None else [],
        "label_groups": [dict(group) for group in groups],
        **about,
    }
    return write_model(net, folder, name, card)


def write_model(net: nn.Module, folder: Path, name: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Write any network in half precision and a card with ``facts`` (``architecture`` among them); returns the card."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / f"{name}.safetensors"
    save_file(half_state(net), weights, metadata={"name": name, "architecture": facts["architecture"]})
    weights.chmod(0o644)
    sha = hashlib.sha256(weights.read_bytes()).hexdigest()
    card: dict[str, Any] = {"name": name, **facts, "precision": "float16", "sha256": sha}
    (folder / f"{name}.json").write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return card
