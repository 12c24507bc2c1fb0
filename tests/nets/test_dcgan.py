"""The DCGAN family agrees with torch's own layers, and plays the generator's role."""

from __future__ import annotations

from dataclasses import asdict

import pytest
import torch
import torch.nn.functional as F

from studio.base.errors import ModelError
from studio.nets.dcgan import DCGAN, BlockPlan, natural
from studio.nets.roles import Generator

PLANS = (BlockPlan(5, 6, 4, 1, 0), BlockPlan(6, 4, 4, 2, 1), BlockPlan(4, 3, 4, 2, 1, norm=False, active=False))


def filled(net: DCGAN) -> DCGAN:
    torch.manual_seed(0)
    with torch.no_grad():
        for name, t in net.state_dict().items():
            t.copy_(torch.rand(t.shape) + 0.5 if name.endswith("running_var") else torch.randn(t.shape) * 0.5)
    return net.eval()


def test_transposed_chain_is_torchs() -> None:
    """z through ConvTranspose2d, BatchNorm2d, ReLU, and tanh at the end."""
    g = filled(DCGAN(5, PLANS))
    assert isinstance(g, Generator)
    sd = g.state_dict()
    z = torch.randn(2, 5)
    x = z[:, :, None, None]
    for i, p in enumerate(PLANS):
        x = F.conv_transpose2d(x, sd[f"blocks.{i}.conv.weight"], stride=p.stride, padding=p.padding)
        if p.norm:
            n = torch.nn.BatchNorm2d(p.n_out).eval()
            n.load_state_dict({k: sd[f"blocks.{i}.norm.{k}"] for k in ("weight", "bias", "running_mean", "running_var")}
                              | {"num_batches_tracked": torch.tensor(1)})  # fmt: skip
            x = F.relu(n(x))
    assert torch.allclose(g.synthesize(g.map(z)), torch.tanh(x), atol=1e-6)
    assert g.resolution == 16 and g.num_ws == 1 and g.w_dim == 5 and [r.resolution for r in g.layers] == [16]


def test_psi_pulls_to_zero_and_cutoff_counts_layers() -> None:
    """w is z: truncation scales it, a cutoff of 0 leaves it alone."""
    g = filled(DCGAN(5, PLANS))
    z = torch.randn(3, 5)
    assert torch.equal(g.map(z, psi=0.5)[:, 0], z * 0.5)
    assert torch.equal(g.map(z, psi=0.5, cutoff=0)[:, 0], z)
    assert torch.equal(g.map(z, psi=0.0)[0, 0], g.w_avg)


def test_labels() -> None:
    """Joined as inputs, joined as an embedding, or multiplied; psi leaves the class alone."""
    stem = {"stem": (4, 2), "stem_norm": True}
    plans = (BlockPlan(4, 1, 3, 1, 1, transposed=False, up=True, bias=True, norm=False, active=False),)
    z, c = torch.randn(2, 6), torch.eye(3)[:2]
    joined = filled(DCGAN(6, plans, c_dim=3, label_mode="concat", **stem))
    assert joined.w_dim == 9 and torch.equal(joined.map(z, c, psi=0.5)[:, 0], torch.cat((z * 0.5, c), dim=1))
    embedded = filled(DCGAN(6, plans, c_dim=3, label_mode="embed_concat", label_width=2, **stem))
    assert embedded.map(z, c).shape == (2, 1, 8)
    times = filled(DCGAN(6, plans, c_dim=3, label_mode="embed_multiply", label_width=6, **stem))
    assert torch.allclose(times.map(z, c)[:, 0], z * times.label_emb.weight[:2])
    mean = times.map(z)[:, 0]
    assert torch.allclose(mean, z * times.label_emb.weight.mean(dim=0), atol=1e-6)
    x = joined.synthesize(joined.map(z, c))
    assert x.shape == (2, 3, 4, 4) and torch.equal(x[:, 0], x[:, 2])


@pytest.mark.parametrize("output", ["tanh", "sigmoid", "none"])
def test_rebuilt_from_hyper(output: str) -> None:
    """What the card stores is enough, and the last step is one of three."""
    g = filled(DCGAN(5, PLANS, output=output))  # type: ignore[arg-type]
    again = DCGAN.from_state_dict(g.state_dict(), g.hyper)
    z = torch.randn(2, 5)
    assert torch.equal(g(z), again(z))
    if output == "sigmoid":
        assert float(again(z).abs().max()) <= 1


def test_what_does_not_fit_is_named() -> None:
    """Missing, unexpected and misshapen tensors; descriptions of no picture."""
    g = filled(DCGAN(5, PLANS))
    sd = g.state_dict()
    for bad, word in (
        ({k: v for k, v in sd.items() if "blocks.1.norm.bias" not in k}, "missing: blocks.1.norm.bias"),
        ({**sd, "extra": torch.ones(1)}, "unexpected: extra"),
        ({**sd, "blocks.0.norm.bias": torch.ones(2)}, "wrong shape: blocks.0.norm.bias"),
    ):
        with pytest.raises(ModelError, match=word):
            DCGAN.from_state_dict(bad, g.hyper)
    for hyper in (
        {},
        {"z_dim": 5, "blocks": []},
        {"z_dim": 5, "blocks": [asdict(BlockPlan(5, 7, 4))]},
        {"z_dim": 5, "blocks": [asdict(BlockPlan(5, 3, 5000))]},
        {"z_dim": 5, "blocks": [{"n_in": "x"}]},
        {"z_dim": -1, "blocks": "no"},
    ):
        with pytest.raises(ModelError):
            DCGAN.from_hyper(hyper)
    with pytest.raises(ValueError, match="16 px only"):
        g.synthesize(g.map(torch.randn(1, 5)), size=8)


def test_natural_order() -> None:
    """main.10 comes after main.9."""
    assert sorted(["main.10", "main.9", "a.2.1", "a.10.0"], key=natural) == ["a.2.1", "a.10.0", "main.9", "main.10"]
