"""StyleGAN2 agrees with the original networks' own output, and the pieces do what they promise."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, safe_open

from studio.base.errors import ModelError
from studio.nets.roles import Generator
from studio.nets.stylegan2 import StyleGAN2, layer_table, noise_plane

FIXTURES = Path(__file__).parents[1] / "fixtures"
NAMES = ["stylegan2_uncond_32px", "stylegan2_cond_32px", "stylegan2_resnet_32px"]


def fixture(name: str) -> tuple[StyleGAN2, dict[str, torch.Tensor], str]:
    path = FIXTURES / f"{name}.safetensors"
    with safe_open(path, "pt") as f:
        architecture = f.metadata()["architecture"]
    return (
        StyleGAN2.from_state_dict(load_file(path)),
        load_file(FIXTURES / f"{name}_expected.safetensors"),
        architecture,
    )


def near(got: torch.Tensor, want: torch.Tensor, tol: float = 1e-4) -> None:
    assert got.shape == want.shape
    span = float(want.max() - want.min())
    assert float((got - want).abs().max()) <= tol * span


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_agrees_with_the_original(name: str, training: bool) -> None:
    """Both formulations: the plain grouped one (eval) and the activation-scaling one (train)."""
    g, want, architecture = fixture(name)
    g.train(training)
    assert g.architecture == architecture
    z, label = want["z"], want.get("label")
    ws = g.map(z, label)
    near(ws, want["ws"])
    cut = g.map(z, label, psi=0.6, cutoff=4)
    near(cut, want["ws_truncated"])
    near(g.synthesize(ws), want["image"])
    near(g.synthesize(ws, "none"), want["image_no_noise"])
    near(g.synthesize(cut), want["image_truncated"])
    mixed = torch.cat((ws[0:1, :4], ws[1:2, 4:]), dim=1)
    near(g.synthesize(mixed), want["image_mixed"])


def test_seed_is_numpy_randn() -> None:
    """The z of a fixture is the shared convention: RandomState(seed).randn(z_dim)."""
    import numpy as np

    _, want, _ = fixture(NAMES[0])
    z = np.stack([np.random.RandomState(s).randn(32) for s in (0, 1, 42)])
    near(torch.from_numpy(z).float(), want["z"], 1e-6)


def test_is_a_generator_with_layers() -> None:
    g, _, _ = fixture(NAMES[0])
    assert isinstance(g, Generator)
    assert len(g.layers) == g.num_ws == 8
    assert [r.resolution for r in g.layers] == [4, 8, 8, 16, 16, 32, 32, 32]
    assert [r.index for r in layer_table(1024)] == list(range(18))
    assert g.low_resolutions == (4, 8, 16)
    assert fixture(NAMES[2])[0].low_resolutions == ()


def test_low_resolution_is_the_networks_own() -> None:
    """Changing only layers above the small size leaves the small picture as it is."""
    g, want, _ = fixture(NAMES[0])
    ws = want["ws"].clone()
    small = g.synthesize(ws, size=16)
    assert small.shape[-1] == 16
    ws[:, 6:] = 0
    assert torch.equal(g.synthesize(ws, size=16), small)
    with pytest.raises(ValueError, match="16"):
        g.synthesize(ws, size=15)


def test_noise_seed_and_strength() -> None:
    g, want, _ = fixture(NAMES[0])
    ws = want["ws"][:1]
    assert torch.equal(g.synthesize(ws, 7), g.synthesize(ws, 7))
    assert not torch.equal(g.synthesize(ws, 7), g.synthesize(ws, 8))
    near(g.synthesize(ws, "const", strength=0.0), want["image_no_noise"][:1])
    per_layer = torch.ones(g.num_ws)
    assert torch.equal(g.synthesize(ws, 7, strength=per_layer), g.synthesize(ws, 7))
    per_layer[6] = 0
    assert not torch.equal(g.synthesize(ws, 7, strength=per_layer), g.synthesize(ws, 7))
    # One picture's noise does not depend on its company in the batch.
    near(g.synthesize(want["ws"], 7)[1:2], g.synthesize(want["ws"][1:2], 7), 1e-5)
    assert not torch.equal(noise_plane(7, 1, 8), noise_plane(7, 2, 8))


def test_labels_default_to_zero_and_mix() -> None:
    g, want, _ = fixture(NAMES[1])
    z = want["z"]
    assert torch.equal(g.map(z), g.map(z, torch.zeros(3, 3)))
    assert g.map(z, torch.tensor([[0.5, 0.5, 0.0]]).expand(3, -1)).isfinite().all()


def test_wrong_tensors_are_named() -> None:
    sd = load_file(FIXTURES / f"{NAMES[0]}.safetensors")
    broken = dict(sd)
    del broken["synthesis.b8.conv1.bias"]
    broken["extra.tensor"] = torch.zeros(1)
    broken["mapping.w_avg"] = torch.zeros(3)
    with pytest.raises(ModelError) as caught:
        StyleGAN2.from_state_dict(broken)
    for word in ("synthesis.b8.conv1.bias", "extra.tensor", "mapping.w_avg"):
        assert word in caught.value.detail
    with pytest.raises(ModelError):
        StyleGAN2.from_state_dict({"a": torch.zeros(1)})


def test_half_precision_training_pass_is_finite() -> None:
    g, want, _ = fixture(NAMES[0])
    g.train().requires_grad_(True)
    g.compute_dtype = torch.bfloat16
    out = g.synthesize(g.map(want["z"]), "random")
    assert out.dtype == torch.float32
    out.square().mean().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in g.parameters())
