"""One network written in every layout loads as the same network and draws the same pictures."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from studio.base.errors import StudioError
from studio.checkpoints import ModelError, inspect, load_model
from studio.nets.roles import Generator
from studio.nets.stylegan2 import StyleGAN2
from tests.checkpoints import makers
from tests.checkpoints.makers import pictures, tiny

FIXTURES = Path(__file__).parents[1] / "fixtures"


def same(path: Path, net: StyleGAN2, *, psi: float = 0.7) -> None:
    """``path`` loads, draws what ``net`` draws, and its card is what ``inspect`` says without the numbers."""
    loaded = load_model(path)
    assert isinstance(loaded.network, Generator)
    assert not loaded.network.training
    assert all(not p.requires_grad and p.dtype == torch.float32 for p in loaded.network.parameters())
    want, got = pictures(net, psi), pictures(loaded.network, psi)
    assert float((want - got).abs().max()) <= 1e-4 * float(want.max() - want.min())
    assert inspect(path) == loaded.card
    hyper = loaded.card.hyper
    assert loaded.card.role == "generator" and loaded.card.usable
    assert hyper["resolution"] == net.resolution and hyper["num_ws"] == net.num_ws == len(hyper["layers"])
    assert (hyper["z_dim"], hyper["w_dim"], hyper["c_dim"]) == (net.z_dim, net.w_dim, net.c_dim)


@pytest.mark.parametrize(("c_dim", "architecture"), [(0, "skip"), (3, "skip"), (0, "resnet"), (0, "orig")])
def test_nvidia_pickle(tmp_path: Path, c_dim: int, architecture: str, capfd: pytest.CaptureFixture[str]) -> None:
    """G_ema is taken, the clamp is read, the embedded source never runs."""
    net = tiny(c_dim=c_dim, architecture=architecture, clamp=256.0)
    layer = {"synthesis.b4.conv1": {"conv_clamp": 256, "activation": "lrelu"}}
    path = makers.nvidia_pickle(tmp_path / "network-snapshot.pkl", net, attributes=layer)
    same(path, net)
    card = load_model(path).card
    assert card.hyper["conv_clamp"] == 256.0 and card.assumptions == () and card.hyper["architecture"] == architecture
    assert "torch_utils" not in sys.modules and "dnnlib" not in sys.modules
    assert "ran" not in "".join(capfd.readouterr())


def test_nvidia_pickle_says_no_clamp_and_its_learning_rate(tmp_path: Path) -> None:
    """A network without clamp has none; a mapping trained at another rate is rescaled."""
    net = tiny()
    attributes = {"synthesis.b4.conv1": {"conv_clamp": None}, "mapping.fc0": {"bias_gain": 0.02}}
    other = tiny()
    with torch.no_grad():
        for name, t in other.mapping.named_parameters():
            if name.startswith("fc"):
                t.div_(2)
    path = makers.nvidia_pickle(tmp_path / "x.pkl", other, attributes=attributes, others=False)
    same(path, net)
    assert load_model(path).card.hyper["conv_clamp"] is None


def test_channels_last_weights(tmp_path: Path) -> None:
    """NVIDIA's half-precision blocks store their weights in another order of memory."""
    net = tiny()
    turned = tiny()
    for module in turned.modules():
        if isinstance(getattr(module, "weight", None), nn.Parameter) and module.weight.ndim == 4:
            module.weight.data = module.weight.data.to(memory_format=torch.channels_last)
    path = makers.nvidia_pickle(tmp_path / "x.pkl", turned, attributes={"synthesis.b4.conv1": {"conv_clamp": None}})
    same(path, net)


@pytest.mark.parametrize("variant", ["t", "r"])
def test_stylegan3_pickle_and_state_dict(tmp_path: Path, variant: str) -> None:
    """A StyleGAN3 snapshot says its own clamp, scale and bandwidth; a bare state dict needs assumptions."""
    from studio.nets.stylegan3 import StyleGAN3

    sd = load_file(FIXTURES / f"stylegan3_{variant}_64px.safetensors")
    net = StyleGAN3.from_state_dict(sd)
    first = next(n for n in net.synthesis.names if n.startswith("L0_"))
    attributes = {
        f"synthesis.{first}": {"conv_clamp": 256},
        "synthesis": {"output_scale": 0.25, "num_critical": 2},
        "synthesis.input": {"bandwidth": 2.0},
    }
    path = makers.nvidia_pickle(tmp_path / "sg3.pkl", net, attributes=attributes)
    loaded = load_model(path)
    assert loaded.card.architecture == f"stylegan3-{variant}" and loaded.card.assumptions == ()
    want = load_file(FIXTURES / f"stylegan3_{variant}_64px_expected.safetensors")
    got = loaded.network.synthesize(loaded.network.map(want["z"]))
    assert float((got - want["image"]).abs().max()) <= 1e-4 * float(want["image"].max() - want["image"].min())
    raw = load_model(FIXTURES / f"stylegan3_{variant}_64px.safetensors")
    assert {a.name for a in raw.card.assumptions} == {"conv_clamp", "output_scale", "first_cutoff"}
    assert torch.equal(raw.network.synthesize(raw.network.map(want["z"])), got)


@pytest.mark.parametrize("name", ["uncond", "cond", "resnet"])
def test_fixtures_load_by_path(name: str) -> None:
    """Raw canonical safetensors with the clamp in their notes."""
    path = FIXTURES / f"stylegan2_{name}_32px.safetensors"
    loaded = load_model(path)
    want = load_file(FIXTURES / f"stylegan2_{name}_32px_expected.safetensors")
    got = loaded.network.synthesize(loaded.network.map(want["z"], want.get("label")))
    assert float((got - want["image"]).abs().max()) <= 1e-4 * float(want["image"].max() - want["image"].min())
    assert loaded.card.assumptions == () and loaded.card.hyper["conv_clamp"] == 256.0


TF = {
    "protocol 2": {"protocol": 2},
    "protocol 3": {"protocol": 3},
    "protocol 4": {"protocol": 4},
    "protocol 5": {"protocol": 5},
    "python 2": {"python2": True},
    "alone": {"alone": True},
}


@pytest.mark.parametrize("how", TF)
def test_tensorflow(tmp_path: Path, how: str) -> None:
    """(G, D, Gs) in every protocol that wrote one, also those that need encoding="latin1"."""
    net = tiny()
    same(makers.tensorflow_pickle(tmp_path / "tf.pkl", net, **TF[how]), net)


@pytest.mark.parametrize(("c_dim", "architecture"), [(3, "skip"), (0, "resnet"), (0, "orig")])
def test_tensorflow_kinds(tmp_path: Path, c_dim: int, architecture: str) -> None:
    """Classes, residual and plain synthesis."""
    net = tiny(c_dim=c_dim, architecture=architecture, clamp=256.0)
    same(makers.tensorflow_pickle(tmp_path / "tf.pkl", net, label_size=c_dim, conv_clamp=256), net)


def test_tensorflow_large_arrays_stay_in_the_file(tmp_path: Path) -> None:
    """Arrays above the inline limit, in the protocol that writes bytes as text."""
    net = tiny(channels={4: 64, 8: 64})
    for protocol in (2, 4):
        same(makers.tensorflow_pickle(tmp_path / f"tf{protocol}.pkl", net, protocol=protocol), net)
    same(makers.tensorflow_pickle(tmp_path / "py2.pkl", net, python2=True), net)


def _training(state: dict[str, torch.Tensor], net: StyleGAN2) -> dict[str, object]:
    junk = {k: v * 0 for k, v in state.items()}
    args = argparse.Namespace(size=16, path="data", lr=0.002, lock=[1, 2])
    return {"g": junk, "d": {"final_linear.0.weight": torch.ones(2, 2)}, "g_ema": state, "args": args, "ada_aug_p": 0.1}


ROSINALITY: dict[str, Callable[[dict[str, torch.Tensor], StyleGAN2], object]] = {
    "training": _training,
    "converted": lambda s, n: {"g_ema": s, "latent_avg": n.w_avg},
    "average for each layer": lambda s, n: {"g_ema": s, "latent_avg": n.w_avg.repeat(6, 1)},
    "e4e": lambda s, n: {
        "state_dict": {"encoder.body.0.weight": torch.ones(3), **{f"decoder.{k}": v for k, v in s.items()}},
        "latent_avg": n.w_avg.repeat(6, 1),
        "opts": {"device": "cuda:0", "output_size": 16},
    },
    "data parallel": lambda s, n: {"g_ema": {f"module.{k}": v for k, v in s.items()}, "latent_avg": n.w_avg},
    "bare": lambda s, n: s,
}


@pytest.mark.parametrize("old", [False, True], ids=["zip", "old"])
@pytest.mark.parametrize("how", ROSINALITY)
def test_rosinality(tmp_path: Path, how: str, old: bool) -> None:
    """Training snapshots, converted weights, e4e and pSp decoders; new and old torch format."""
    net = tiny(square=True)
    value = ROSINALITY[how](makers.rosinality_state(net), net)
    path = tmp_path / "550000.pt"
    torch.save(value, path, _use_new_zipfile_serialization=not old)
    averaged = "latent_avg" in value if isinstance(value, dict) else False
    same(path, net, psi=0.7 if averaged else 1.0)
    notes = " ".join(load_model(path).card.notes)
    assert ("4096" in notes) is (not averaged)
    assert ("other networks" in notes) is (how == "e4e")


def test_rosinality_average_is_the_mean_of_mapped_z(tmp_path: Path) -> None:
    """Without an average, truncation goes to the mean of 4096 mapped z."""
    net = tiny(square=True)
    torch.save({"g_ema": makers.rosinality_state(net)}, tmp_path / "x.pt")
    g = load_model(tmp_path / "x.pt").network
    w = net.map(torch.randn(20000, net.z_dim, generator=torch.Generator().manual_seed(1)))[:, 0]
    error = w.std(dim=0) * 4 * (1 / 4096 + 1 / 20000) ** 0.5
    assert bool(((g.w_avg - w.mean(dim=0)).abs() <= error).all())


def test_rosinality_without_noises(tmp_path: Path) -> None:
    """The first files had no stored noise: seed 0 stands for it, the same each time, and the card says so."""
    net = tiny(square=True)
    torch.save({"g_ema": makers.rosinality_state(net, noises=False), "latent_avg": net.w_avg}, tmp_path / "x.pt")
    a, b = load_model(tmp_path / "x.pt"), load_model(tmp_path / "x.pt")
    assert torch.equal(pictures(a.network), pictures(b.network))
    z = torch.randn(1, net.z_dim)
    assert torch.allclose(a.network.synthesize(a.network.map(z), "none"), net.synthesize(net.map(z), "none"), atol=1e-4)
    assert torch.equal(a.network.synthesize(a.network.map(z), 0), a.network.synthesize(a.network.map(z)))
    assert any("noise" in note for note in a.card.notes)


def test_genforce(tmp_path: Path) -> None:
    """The smooth generator is taken; odd layers are turned, biases get their one."""
    net = tiny()
    state = makers.genforce_state(net)
    junk = {k: v * 0 for k, v in state.items()}
    torch.save(
        {"generator": junk, "discriminator": {"x": torch.ones(1)}, "generator_smooth": state}, tmp_path / "x.pth"
    )
    same(tmp_path / "x.pth", net)


WRAPPINGS: dict[str, Callable[[dict[str, torch.Tensor]], object]] = {
    "bare": lambda s: s,
    "state_dict": lambda s: {"state_dict": s, "epoch": 7},
    "nested": lambda s: {"model": {"params_ema": s}},
    "single": lambda s: {"whatever": s},
    "compiled": lambda s: {f"_orig_mod.{k}": v for k, v in s.items()},
    "two prefixes": lambda s: {f"module.netG.{k}": v for k, v in s.items()},
    "beside others": lambda s: {**{f"G_ema.{k}": v for k, v in s.items()}, "D.b4.out.weight": torch.ones(2, 2)},
    "averaged before trained": lambda s: {"g": {k: v * 0 for k, v in s.items()}, "g_ema": s},
    "with an optimiser": lambda s: {"generator": s, "optimizer": {"state": {0: {"exp_avg": torch.ones(3)}}}},
}


@pytest.mark.parametrize("how", WRAPPINGS)
def test_unwrapping(tmp_path: Path, how: str) -> None:
    """Raw canonical state dicts as people save them; the clamp is assumed and can be changed."""
    net = tiny(clamp=256.0)
    path = tmp_path / "x.pt"
    torch.save(WRAPPINGS[how](net.state_dict()), path)
    same(path, net)
    (assumption,) = load_model(path).card.assumptions
    assert (assumption.name, assumption.value) == ("conv_clamp", 256.0) and None in assumption.choices
    other = load_model(path, assumptions={"conv_clamp": None})
    assert other.card.assumptions[0].value is None and other.network.conv_clamp is None


def test_assumptions_change_the_picture_and_are_checked(tmp_path: Path) -> None:
    """A tight clamp is visible; unknown names and impossible values are refused in a sentence."""
    net = tiny(clamp=0.5)
    path = tmp_path / "x.pt"
    torch.save(net.state_dict(), path)
    assert torch.equal(pictures(load_model(path, assumptions={"conv_clamp": 0.5}).network), pictures(net))
    assert not torch.equal(pictures(load_model(path).network), pictures(net))
    for wrong in ({"clamp": 1.0}, {"conv_clamp": -1.0}, {"conv_clamp": "much"}, {"conv_clamp": True}):
        with pytest.raises(StudioError) as caught:
            load_model(path, assumptions=wrong)
        assert caught.value.kind == "user"


def test_whole_pickled_module_is_read_without_its_class(tmp_path: Path) -> None:
    """torch.save(network): the class is a name, the tensors are found in the state."""
    net = tiny(clamp=None)
    net.compute_dtype = torch.float32
    torch.save(net, tmp_path / "whole.pth")
    same(tmp_path / "whole.pth", net)
    assert any("not run" in note for note in load_model(tmp_path / "whole.pth").card.notes)


@pytest.mark.parametrize("channels", [1, 4])
def test_grey_and_transparent_networks(tmp_path: Path, channels: int) -> None:
    """One channel becomes three, the fourth is left out."""
    net = tiny()
    sd = net.state_dict()
    for name in [n for n in sd if n.endswith((".torgb.weight", ".torgb.bias"))]:
        sd[name] = sd[name][:1] if channels == 1 else torch.cat((sd[name], sd[name][:1]))
    torch.save(sd, tmp_path / "x.pt")
    got, want = pictures(load_model(tmp_path / "x.pt").network), pictures(net)
    if channels == 1:
        want = want[:, :1].expand(-1, 3, -1, -1)
    assert torch.allclose(got, want, atol=1e-5)


def test_network_without_noise(tmp_path: Path) -> None:
    """use_noise=False: no noise tensors at all."""
    net = tiny()
    sd = {k: v for k, v in net.state_dict().items() if ".noise_" not in k}
    torch.save(sd, tmp_path / "x.pt")
    g = load_model(tmp_path / "x.pt").network
    z = torch.randn(1, net.z_dim)
    assert torch.allclose(g.synthesize(g.map(z)), net.synthesize(net.map(z), "none"), atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions(tmp_path: Path, dtype: torch.dtype) -> None:
    """Weights of any precision become float32 and the card says what they were."""
    net = tiny()
    sd = {k: v.to(dtype) for k, v in net.state_dict().items()}
    save_file(sd, tmp_path / "x.safetensors")
    torch.save(sd, tmp_path / "x.pt")
    for name in ("x.safetensors", "x.pt"):
        loaded = load_model(tmp_path / name)
        assert loaded.card.precision == str(dtype).removeprefix("torch.")
        for k, v in loaded.network.state_dict().items():
            assert v.dtype == torch.float32 and torch.equal(v, sd[k].float())


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    """Missing, unexpected and misshapen tensors, in every layout."""
    net = tiny(square=True)
    cases = {
        "canonical": net.state_dict(),
        "rosinality": makers.rosinality_state(net),
        "genforce": makers.genforce_state(net),
    }
    victims = {
        "canonical": ("synthesis.b8.conv0.affine.bias", "synthesis.b8.conv1.bias"),
        "rosinality": ("convs.0.conv.modulation.bias", "convs.1.activate.bias"),
        "genforce": ("synthesis.layer1.style.bias", "synthesis.layer2.bias"),
    }
    for layout, state in cases.items():
        gone, bent = victims[layout]
        for change, word in (
            ({k: v for k, v in state.items() if k != gone}, gone.split(".")[-1]),
            ({**state, "synthesis.extra.thing": torch.ones(3)}, "extra.thing"),
            ({**state, bent: torch.ones(77)}, "77"),
        ):
            torch.save(change, tmp_path / "x.pt")
            with pytest.raises(ModelError) as caught:
                load_model(tmp_path / "x.pt")
            text = str(caught.value) + caught.value.detail
            assert word in text, (layout, text)


def test_shared_storage_is_read_from_its_place(tmp_path: Path) -> None:
    """Tensors that are slices of one large one."""
    net = tiny()
    sd = net.state_dict()
    flat = torch.cat([v.reshape(-1) for v in sd.values()])
    at, views = 0, {}
    for k, v in sd.items():
        views[k] = flat[at : at + v.numel()].view(v.shape)
        at += v.numel()
    for old in (False, True):
        torch.save(views, tmp_path / "x.pt", _use_new_zipfile_serialization=not old)
        same(tmp_path / "x.pt", net)


def test_importing_the_room_does_not_import_torch() -> None:
    """Windows and command lines come up before torch does."""
    import subprocess

    code = (
        "import sys\nimport studio.checkpoints, studio.checkpoints.card, studio.checkpoints.library, "
        "studio.checkpoints.catalogue\nfrom studio.checkpoints import ModelError, ModelCard, Library\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


def test_loading_does_not_import_the_compiler() -> None:
    """The meta device would import torch's compiler, more than a second on a cold start."""
    import subprocess

    code = (
        "import sys\nfrom studio.checkpoints import load_model\n"
        f"load_model({str(FIXTURES / 'stylegan2_cond_32px.safetensors')!r})\n"
        "assert 'torch._dynamo' not in sys.modules and 'sympy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
