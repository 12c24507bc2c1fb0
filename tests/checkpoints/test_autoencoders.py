"""Autoencoders of others: every layout gives the author's own numbers, and the layouts agree bit for bit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from studio.base.errors import ModelError
from studio.base.steps import run
from studio.checkpoints import Library, inspect, load_model
from studio.checkpoints.families.autoencoder_kl import plan_of
from studio.checkpoints.lazy import Lazy
from studio.checkpoints.skeleton import Hollow
from studio.nets.autoencoder_kl import AutoencoderKL
from studio.nets.roles import Autoencoder
from tests.checkpoints import autoencoders as make

X = torch.rand(2, 3, 32, 48, generator=torch.Generator().manual_seed(3)) * 2 - 1


def close(a: Tensor, b: Tensor, atol: float = 1e-5) -> None:
    torch.testing.assert_close(a, b, atol=atol, rtol=1e-5)


def both_ways(net: Any) -> tuple[Tensor, Tensor, Tensor]:
    mu, logvar = net.encode(X)
    return mu, logvar, net.decode(mu)


# -- AutoencoderKL
@pytest.fixture(scope="module")
def net() -> Any:
    return make.kl()


def test_a_folder(net: Any, tmp_path: Path) -> None:
    """Nothing had to be assumed; the card has the role's facts and the folder's name."""
    loaded = load_model(make.folder(tmp_path / "mine" / "vae", net))
    card = loaded.card
    assert isinstance(loaded.network, Autoencoder) and card.role == "autoencoder" and card.assumptions == ()
    mu, logvar, y = both_ways(loaded.network)
    want = net.encode(X)
    assert torch.equal(mu, want[0]) and torch.equal(logvar, want[1])
    assert torch.equal(y, net.decode(mu)) and y.shape == X.shape
    assert mu.shape == (2, 4, 8, 12)
    facts = {k: card.hyper[k] for k in ("spatial", "latent_dim", "factor", "resolution", "scaling_factor")}
    assert facts == {"spatial": True, "latent_dim": 4, "factor": 4, "resolution": 512, "scaling_factor": 0.13025}
    assert card.name == "mine" and card.title == "mine (AutoencoderKL, 4 channels, 1/4)"
    assert inspect(tmp_path / "mine") == card


@pytest.mark.parametrize("name", ["sd", "attends", "flux2"])
def test_the_librarys_own_numbers(name: str, fixtures: Path, tmp_path: Path) -> None:
    """What diffusers gives for the same tensors, in its layout and in CompVis's."""
    path = fixtures / f"autoencoder_kl_{name}.safetensors"
    whole = load_file(path)
    with safe_open(path, "pt") as file:
        config = json.loads(file.metadata()["config"])
    want = {k.removeprefix("expected."): v for k, v in whole.items() if k.startswith("expected.")}
    state = {k: v for k, v in whole.items() if not k.startswith("expected.")}
    (tmp_path / "config.json").write_text(json.dumps(config))
    for file_name, tensors in (("a", state), ("b", make.compvis(state))):
        save_file({k: v.contiguous() for k, v in tensors.items()}, tmp_path / f"{file_name}.safetensors")
        net = load_model(tmp_path / f"{file_name}.safetensors").network
        mu, logvar = net.encode(want["x"])
        close(mu, want["mu"])
        close(logvar, want["logvar"])
        close(net.decode(want["mu"]), want["y"])
    assert float(want["y"].std()) > 0.1 and float(want["mu"].std()) > 0.1


def test_the_library_itself() -> None:
    """Where diffusers is installed: bit for bit, at a width of its own kind."""
    diffusers = pytest.importorskip("diffusers")
    theirs = diffusers.AutoencoderKL(**{k: v for k, v in make.CONFIG.items() if not k.startswith("_")}).eval()
    ours = make.kl()
    theirs.load_state_dict(ours.state_dict())
    with torch.no_grad():
        want = theirs.encode(X).latent_dist
        mu, logvar, y = both_ways(ours)
        assert torch.equal(mu, want.mean) and torch.equal(logvar, want.logvar)
        assert torch.equal(y, theirs.decode(mu).sample)


def test_names_and_shapes_by_heart(net: Any) -> None:
    """What the hostile files are made from is the library's own layout."""
    assert {k: v.shape for k, v in make.kl_state().items()} == {k: v.shape for k, v in net.state_dict().items()}


Saver = Callable[[Path, Any], Path]


def _single(prefix: str, extra: dict[str, Tensor] | None = None, *, old: bool = False, cv: bool = True) -> Saver:
    def save(folder: Path, net: Any) -> Path:
        state = net.state_dict()
        state = make.compvis(state, prefix=prefix) if cv else {prefix + k: v for k, v in state.items()}
        state = make.old_attention(state) if old else state
        save_file({k: v.contiguous() for k, v in {**state, **(extra or {})}.items()}, folder / "x.safetensors")
        return folder / "x.safetensors"

    return save


def _pickled(folder: Path, net: Any) -> Path:
    state = make.compvis(net.state_dict(), prefix="first_stage_model.")
    state["model.diffusion_model.input_blocks.0.0.weight"] = torch.zeros(4, 4, 3, 3)
    state["model_ema.decay"] = torch.tensor(0.99)
    torch.save({"state_dict": state, "global_step": 5, "callbacks": {"x": 1}}, folder / "x.ckpt")
    return folder / "x.ckpt"


def _bin(folder: Path, net: Any) -> Path:
    torch.save(net.state_dict(), folder / "diffusion_pytorch_model.bin")
    return folder / "diffusion_pytorch_model.bin"


UNET = {"model.diffusion_model.input_blocks.0.0.weight": torch.zeros(4, 4, 3, 3)}
LOSS = {"loss.logvar": torch.zeros(()), "loss.discriminator.main.0.weight": torch.zeros(4, 3, 4, 4)}
SINGLE: dict[str, Saver] = {
    "diffusers": _single("", cv=False),
    "diffusers, old attention": _single("", cv=False, old=True),
    "vae. in a pipeline's file": _single("vae.", UNET, cv=False),
    "CompVis, bare": _single(""),
    "CompVis, training file": _single("", LOSS),
    "first_stage_model.": _single("first_stage_model.", UNET),
    "vae.": _single("vae.", UNET),
    "a Stable Diffusion .ckpt": _pickled,
    ".bin": _bin,
}


@pytest.mark.parametrize("form", SINGLE)
def test_single_files_agree_bit_for_bit(form: str, net: Any, tmp_path: Path) -> None:
    """Without settings the groups are assumed, and can be said; then all forms are one network."""
    path = SINGLE[form](tmp_path, net)
    loaded = load_model(path, assumptions={"norm_num_groups": 16})
    assert torch.equal(torch.cat(both_ways(loaded.network)[:1]), net.encode(X)[0])
    state = net.state_dict()
    assert {k: v.shape for k, v in loaded.network.state_dict().items()} == {k: v.shape for k, v in state.items()}
    assert all(torch.equal(v, state[k]) for k, v in loaded.network.state_dict().items())
    (assumed,) = inspect(path).assumptions
    assert (assumed.name, assumed.value) == ("norm_num_groups", 32) and 16 in assumed.choices
    (tmp_path / "config.json").write_text(json.dumps(make.CONFIG))
    with_config = load_model(path)
    assert with_config.card.assumptions == ()
    assert all(
        torch.equal(a, b) for a, b in zip(both_ways(with_config.network), both_ways(loaded.network), strict=True)
    )


def test_half_precision(net: Any, tmp_path: Path) -> None:
    """float16 files become float32 networks; the library's copy is float16 again."""
    state = {k: v.half() for k, v in net.state_dict().items()}
    save_file(state, tmp_path / "x.fp16.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(make.CONFIG))
    loaded = load_model(tmp_path / "x.fp16.safetensors")
    assert loaded.card.precision == "float16"
    assert all(torch.equal(v, state[k].float()) for k, v in loaded.network.state_dict().items())
    (tmp_path / "weights").mkdir()
    library = Library(tmp_path / "weights", tmp_path / "models")
    card = run(library.import_file(tmp_path / "x.fp16.safetensors"))
    copy = library.find(card.sha256)
    assert copy is not None and all(v.dtype == torch.float16 for v in load_file(copy).values())
    alone = tmp_path / "given" / "x.safetensors"
    alone.parent.mkdir()
    alone.write_bytes(copy.read_bytes())
    for path in (copy, alone):
        again = load_model(path)
        assert again.card.hyper["plan"]["norm_num_groups"] == 16 and again.card.assumptions == ()
        assert again.card.hyper["scaling_factor"] == 0.13025
        assert all(torch.equal(a, b) for a, b in zip(both_ways(again.network), both_ways(loaded.network), strict=True))


def test_settings_of_another_network_are_not_used(net: Any, tmp_path: Path) -> None:
    """A config.json that contradicts the shapes, or is of another class, or nonsense: said, or passed over."""
    path = SINGLE["diffusers"](tmp_path, net)
    for other in ({"block_out_channels": [8, 8]}, {"latent_channels": 16}, {"_class_name": "UNet2DConditionModel"}):
        (tmp_path / "config.json").write_text(json.dumps({**make.CONFIG, **other}))
        card = inspect(path)
        assert card.assumed() == {"norm_num_groups": 32} and "another network" in card.notes[0]
    for groups in ("16", -1, 0, 10**9, 16.0, True, None, [16]):
        (tmp_path / "config.json").write_text(json.dumps({**make.CONFIG, "norm_num_groups": groups}))
        assert inspect(path).assumed() == {"norm_num_groups": 32}
    (tmp_path / "config.json").write_text(json.dumps({**make.CONFIG, "norm_num_groups": 5}))
    with pytest.raises(ModelError, match="make no network"):
        load_model(path)


VARIANTS: dict[str, dict[str, Any]] = {
    "no quantising convolutions (SD3, FLUX)": {"use_quant_conv": False, "use_post_quant_conv": False,
                                               "latent_channels": 16, "shift_factor": 0.1159},
    "no attention": {"mid_block_add_attention": False},
    "attention in levels (kl-f16)": {"down_block_types": ["DownEncoderBlock2D"] * 2 + ["AttnDownEncoderBlock2D"],
                                     "up_block_types": ["AttnUpDecoderBlock2D"] + ["UpDecoderBlock2D"] * 2},
    "one layer, two levels": {"layers_per_block": 1, "block_out_channels": [32, 64],
                              "down_block_types": ["DownEncoderBlock2D"] * 2,
                              "up_block_types": ["UpDecoderBlock2D"] * 2},
}  # fmt: skip


@pytest.mark.parametrize("variant", VARIANTS)
def test_variants(variant: str, tmp_path: Path) -> None:
    """Read from the shapes alone, in both layouts."""
    config = {**make.CONFIG, **VARIANTS[variant]}
    net = make.kl(config)
    want = net.encode(X)[0]
    levels = len(config["block_out_channels"])
    save_file(
        {k: v.contiguous() for k, v in make.compvis(net.state_dict(), levels).items()}, tmp_path / "a.safetensors"
    )
    for path in (make.folder(tmp_path / "f", net, config), tmp_path / "a.safetensors"):
        loaded = load_model(path, assumptions={} if path.is_dir() else {"norm_num_groups": 16})
        assert torch.equal(loaded.network.encode(X)[0], want)
        assert torch.equal(loaded.network.decode(want), net.decode(want))


def test_flux2(tmp_path: Path) -> None:
    """FLUX.2's autoencoder carries the scale of its latents beside it, and its decoder may be narrower."""
    config = {**make.CONFIG, "_class_name": "AutoencoderKLFlux2", "latent_channels": 8, "sample_size": 256}
    del config["scaling_factor"]
    for more in ({}, {"decoder_block_out_channels": [16, 32, 32]}):
        net = make.kl({**config, **more})
        scale = {"bn.running_mean": torch.zeros(32), "bn.running_var": torch.ones(32)}
        loaded = load_model(make.folder(tmp_path / str(len(more)), net, {**config, **more}, scale))
        mu, _, y = both_ways(loaded.network)
        assert torch.equal(mu, net.encode(X)[0]) and torch.equal(y, net.decode(mu))
        assert "left out" in loaded.card.notes[0] and not any(k.startswith("bn.") for k in loaded.network.state_dict())


PUBLIC = {
    "SD 1 and 2": (4, True, {}),
    "SDXL": (4, True, {}),
    "SD 3": (16, False, {}),
    "FLUX": (16, False, {}),
}


@pytest.mark.parametrize("name", PUBLIC)
def test_true_widths(name: str, tmp_path: Path) -> None:
    """At full width: what is read from the shapes is what the authors' settings say."""
    latent, quant, _ = PUBLIC[name]
    config: dict[str, Any] = {
        "block_out_channels": [128, 256, 512, 512],
        "layers_per_block": 2,
        "norm_num_groups": 32,
        "in_channels": 3,
        "out_channels": 3,
        "latent_channels": latent,
        "act_fn": "silu",
        "down_block_types": ["DownEncoderBlock2D"] * 4,
        "up_block_types": ["UpDecoderBlock2D"] * 4,
        "use_quant_conv": quant,
        "use_post_quant_conv": quant,
        "mid_block_add_attention": True,
    }
    with Hollow(1 << 30):
        shapes = {k: tuple(v.shape) for k, v in AutoencoderKL(config).state_dict().items()}
    assert plan_of({k: Lazy(s, "float16", lambda: torch.zeros(())) for k, s in shapes.items()}) == config
    card = inspect(make.hollow_file(tmp_path / "x.safetensors", shapes))
    assert (card.usable, card.hyper["factor"], card.hyper["latent_dim"]) == (True, 8, latent)
    assert card.assumed() == {"norm_num_groups": 32}


def _true_file(shared: Path, folder: Path) -> Path:
    listed = shared / "checkpoints" / "invoke_Juggernaut_XL_v9_vae_diffusion_pytorch_model.fp16.safetensors.keys.json"
    if not listed.is_file():
        pytest.skip("the list of keys is not here")
    shapes = {k: tuple(v["shape"]) for k, v in json.loads(listed.read_text()).items()}
    (folder / "vae").mkdir()
    config = (listed.parent / "invoke_Juggernaut_XL_v9_vae_config.json").read_bytes()
    (folder / "vae" / "config.json").write_bytes(config)
    return make.hollow_file(folder / "vae" / "diffusion_pytorch_model.fp16.safetensors", shapes)


def test_the_true_keys_of_sdxl(shared: Path, tmp_path: Path) -> None:
    """A real file's list of names and shapes, with its settings, as the folder it came in."""
    path = _true_file(shared, tmp_path)
    card = inspect(tmp_path)
    assert card.usable and card.assumptions == () and card.hyper["scaling_factor"] == 0.13025
    assert card.precision == "float16" and card.source == str(path)


@pytest.mark.heavy
def test_the_true_keys_of_sdxl_run(shared: Path, tmp_path: Path) -> None:
    """At full size, with random numbers: a picture there and back."""
    path = _true_file(shared, tmp_path)
    shapes = {k: v.shape for k, v in load_file(path).items()}
    torch.manual_seed(0)
    save_file({k: (torch.randn(s) * 0.02).half() for k, s in shapes.items()}, path)
    net = load_model(tmp_path).network
    mu, logvar = net.encode(torch.rand(1, 3, 64, 64) * 2 - 1)
    assert mu.shape == logvar.shape == (1, 4, 8, 8) and net.decode(mu).shape == (1, 3, 64, 64)


BROKEN: dict[str, tuple[Callable[[dict[str, Tensor]], dict[str, Tensor]], str]] = {
    "without the decoder": (lambda s: {k: v for k, v in s.items() if not k.startswith("decoder.")}, "Both its halves"),
    "without the encoder": (lambda s: {k: v for k, v in s.items() if not k.startswith("encoder.")}, "Both its halves"),
    "a tensor missing": (lambda s: {k: v for k, v in s.items() if k != "decoder.mid_block.resnets.1.conv2.bias"},
                         r"missing: decoder\.mid_block\.resnets\.1\.conv2\.bias"),
    "a tensor too many": (lambda s: {**s, "decoder.extra.weight": torch.zeros(2)}, r"unexpected: decoder\.extra"),
    "a wrong shape": (lambda s: {**s, "quant_conv.weight": torch.zeros(8, 8, 3, 3)}, r"wrong shape: quant_conv"),
    "one level less in the decoder": (lambda s: {k: v for k, v in s.items() if ".up_blocks.2." not in k}, "belong"),
    "a code book": (lambda s: {**s, "encoder.conv_out.weight": torch.zeros(4, 64, 3, 3),
                               "quantize.embedding.weight": torch.zeros(16, 4)}, "VQ-GAN"),
    "grey": (lambda s: {**s, "encoder.conv_in.weight": torch.zeros(32, 1, 3, 3)}, "three colours"),
    "not a number": (lambda s: {**s, "quant_conv.bias": torch.full((8,), torch.nan)}, "not numbers"),
    "whole numbers": (lambda s: {**s, "quant_conv.bias": torch.zeros(8, dtype=torch.int64)}, "wrong kind"),
    "levels without end": (lambda s: {**s, **{f"encoder.down_blocks.{i}.resnets.0.conv1.weight": torch.zeros(8, 8, 3, 3)
                                              for i in range(60)}}, "larger than any"),
    "no channels": (lambda s: {**s, "encoder.conv_in.weight": torch.zeros(0, 3, 3, 3)}, "wrong shape|no network"),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_broken_ones_end_in_a_sentence(what: str, net: Any, tmp_path: Path) -> None:
    change, words = BROKEN[what]
    state = change(dict(net.state_dict()))
    save_file({k: v.contiguous() for k, v in state.items()}, tmp_path / "x.safetensors")
    with pytest.raises(ModelError, match=words):
        load_model(tmp_path / "x.safetensors", assumptions={} if "groups" in what else None)


# -- TAESD
TINY = {
    "taesd": {},
    "taesd3": {"latent": 16},
    "taef2": {"latent": 32, "gn": True},
    "taesana": {"latent": 32, "deep": True},
}


@pytest.mark.parametrize("kind", TINY)
def test_tiny_in_every_form(kind: str, tmp_path: Path) -> None:
    """Two files, one file of the author's class, diffusers' numbers, ComfyUI's prefixes: the author's own pictures."""
    encoder, decoder = make.tiny_halves(**TINY[kind])
    x = torch.rand(1, 3, 64, 96) * 2 - 1
    mu = encoder(x / 2 + 0.5)
    y = decoder(mu) * 2 - 1
    halves = {"encoder": encoder.state_dict(), "decoder": decoder.state_dict()}

    def moved(side: str, by: int = 0) -> dict[str, Tensor]:
        return {f"{int(k.split('.')[0]) - by}.{k.split('.', 1)[1]}": v for k, v in halves[side].items()}

    forms: dict[str, dict[str, Tensor]] = {
        "author": {f"{s}.{k}": v for s, h in halves.items() for k, v in h.items()},
        "diffusers": {
            **{f"encoder.layers.{k}": v for k, v in halves["encoder"].items()},
            **{f"decoder.layers.{k}": v for k, v in moved("decoder", 1).items()},
        },
        "comfyui": {
            **{f"taesd_{s}.{k}": v for s, h in halves.items() for k, v in h.items()},
            "vae_scale": torch.tensor(0.18),
            "vae_shift": torch.tensor(0.0),
        },
    }
    paths = []
    for name, state in forms.items():
        save_file({k: v.contiguous() for k, v in state.items()}, tmp_path / f"{name}.safetensors")
        paths.append(tmp_path / f"{name}.safetensors")
    for side, state in halves.items():
        torch.save(state, tmp_path / f"{kind}_{side}.pth")
        paths.append(tmp_path / f"{kind}_{side}.pth")
    only = {f"decoder.layers.{k}": v for k, v in moved("decoder", 1).items()}
    save_file({k: v.contiguous() for k, v in only.items()}, tmp_path / f"{kind}_decoder.safetensors")
    paths.append(tmp_path / f"{kind}_decoder.safetensors")
    for path in paths:
        loaded = load_model(path)
        assert isinstance(loaded.network, Autoencoder) and loaded.card.role == "autoencoder", path.name
        got, logvar = loaded.network.encode(x)
        close(got, mu)
        assert got.shape == mu.shape and bool((logvar == -30).all())
        close(loaded.network.decode(mu), y)
        assert loaded.card.hyper["factor"] == (32 if kind == "taesana" else 8)
        assert loaded.card.hyper["latent_dim"] == mu.shape[1] and loaded.card.assumptions == ()


def test_the_encoder_of_another_is_not_taken(tmp_path: Path) -> None:
    """Numbers of channels must agree; then the likeliest name; what is missing is named."""
    for name, latent in (("taesd", 4), ("taesdxl", 4), ("taef1", 16)):
        encoder, decoder = make.tiny_halves(latent, 8 if name == "taesd" else 12)
        torch.save(encoder.state_dict(), tmp_path / f"{name}_encoder.pth")
        torch.save(decoder.state_dict(), tmp_path / f"{name}_decoder.pth")
    for name in ("taesd", "taesdxl", "taef1"):
        card = inspect(tmp_path / f"{name}_decoder.pth")
        assert [f["name"] for f in card.hyper["files"]] == [f"{name}_decoder.pth", f"{name}_encoder.pth"]
        assert card.name == name
    (tmp_path / "taef1_encoder.pth").unlink()
    with pytest.raises(ModelError, match=r"This is the decoder of a tiny autoencoder \(TAESD\); the encoder is not"):
        load_model(tmp_path / "taef1_decoder.pth")


def test_the_library_keeps_both_halves(tmp_path: Path) -> None:
    """One file that needs no other, float16 as it came."""
    encoder, decoder = make.tiny_halves(gn=True)
    torch.save({k: v.half() for k, v in encoder.state_dict().items()}, tmp_path / "a_encoder.pth")
    torch.save({k: v.half() for k, v in decoder.state_dict().items()}, tmp_path / "a_decoder.pth")
    (tmp_path / "weights").mkdir()
    library = Library(tmp_path / "weights", tmp_path / "models")
    card = run(library.import_file(tmp_path / "a_encoder.pth"))
    assert run(library.import_file(tmp_path / "a_decoder.pth")) == card and len(library.entries()) == 1
    want = both_ways(load_model(tmp_path / "a_encoder.pth").network)
    for side in ("encoder", "decoder"):
        (tmp_path / f"a_{side}.pth").unlink()
    copy = library.find(card.sha256)
    assert copy is not None
    assert all(torch.equal(a, b) for a, b in zip(both_ways(load_model(copy).network), want, strict=True))


def test_tiny_ones_that_do_not_fit(tmp_path: Path) -> None:
    """Halves of two kinds in one file, a missing layer, transparency."""
    encoder, _ = make.tiny_halves(4)
    _, decoder = make.tiny_halves(16)

    def save(e: dict[str, Tensor], d: dict[str, Tensor]) -> Path:
        torch.save({**{f"encoder.{k}": v for k, v in e.items()}, **{f"decoder.{k}": v for k, v in d.items()}}, path)
        return path

    path = tmp_path / "x.pth"
    with pytest.raises(ModelError, match="do not belong together"):
        load_model(save(encoder.state_dict(), decoder.state_dict()))
    _, own = make.tiny_halves(4)
    without = {k: v for k, v in own.state_dict().items() if not k.startswith("4.")}
    with pytest.raises(ModelError):
        load_model(save(encoder.state_dict(), without))
    with pytest.raises(ModelError, match="not numbers"):
        load_model(save(encoder.state_dict(), {**own.state_dict(), "1.bias": torch.full((8,), torch.inf)}))
    clear = {**own.state_dict(), "19.weight": torch.zeros(4, 8, 3, 3), "19.bias": torch.zeros(4)}
    with pytest.raises(ModelError, match="three colours"):
        load_model(save(encoder.state_dict(), clear))


# -- PyTorch-VAE
@pytest.mark.parametrize("form", ["lightning", "bare", "old, without counters", "with a feature network"])
def test_pytorch_vae(form: str, tmp_path: Path) -> None:
    """The collection's own numbers, for pictures in 0..1 and, if the person says so, in -1..1."""
    net = make.Vanilla()
    state = net.state_dict()
    if form.startswith("old"):
        state = {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}
    if form.startswith("with"):
        state["feature_network.0.weight"] = torch.zeros(4, 3, 3, 3)
    prefix = "" if form == "bare" else "model."
    table = {prefix + k: v for k, v in state.items()}
    torch.save(table if form == "bare" else {"epoch": 1, "state_dict": table}, tmp_path / "last.ckpt")
    x = torch.rand(2, 3, 16, 16) * 2 - 1
    loaded = load_model(tmp_path / "last.ckpt")
    assert isinstance(loaded.network, Autoencoder)
    mu, logvar = loaded.network.encode(x)
    want = net.encode(x / 2 + 0.5)
    close(mu, want[0])
    close(logvar, want[1])
    close(loaded.network.decode(mu), net.decode(mu) * 2 - 1)
    assert loaded.card.assumed() == {"picture_range": "0..1"}
    assert (loaded.card.hyper["resolution"], loaded.card.hyper["spatial"]) == (16, False)
    other = load_model(tmp_path / "last.ckpt", assumptions={"picture_range": "-1..1"}).network
    close(other.encode(x)[0], net.encode(x)[0])
    close(other.decode(mu), net.decode(mu))


def test_pytorch_vae_in_the_library(tmp_path: Path) -> None:
    """What was assumed is kept with the copy, and can be changed."""
    torch.save({"state_dict": {f"model.{k}": v for k, v in make.Vanilla().state_dict().items()}}, tmp_path / "a.ckpt")
    (tmp_path / "weights").mkdir()
    library = Library(tmp_path / "weights", tmp_path / "models")
    card = run(library.import_file(tmp_path / "a.ckpt"))
    assert library.set_assumptions(card.sha256, {"picture_range": "-1..1"}).assumed() == {"picture_range": "-1..1"}
    copy = library.find(card.sha256)
    assert copy is not None and load_model(copy).network.picture_range == "-1..1"


def test_a_pytorch_vae_that_does_not_fit(tmp_path: Path) -> None:
    """A missing layer and other widths are named."""
    state = make.Vanilla().state_dict()
    for broken in (
        {k: v for k, v in state.items() if not k.startswith("decoder.1.")},
        {**state, "fc_mu.weight": torch.zeros(6, 16)},
        {**state, "decoder_input.weight": torch.zeros(32, 7)},
    ):
        torch.save(broken, tmp_path / "x.pt")
        with pytest.raises(ModelError, match="do not fit"):
            load_model(tmp_path / "x.pt")


# -- real ones
def test_the_real_tiny_autoencoder(shared: Path) -> None:
    """TAEF2: the author's arithmetic on the real numbers, and photographs come back (no figure is published)."""
    import numpy as np

    from studio.media.images import fit_square, load_image

    path = shared / "checkpoints" / "taef2_encoder.pth"
    photos = sorted((shared / "examples" / "photos").glob("*.jpg"))[:3] if path.is_file() else []
    if not photos:
        pytest.skip("the real files are not here")
    loaded = load_model(path)
    net, card = loaded.network, loaded.card
    assert (card.name, card.precision, card.hyper["latent_dim"]) == ("taef2", "float16", 32)
    encoder, decoder = make.tiny_halves(32, 64, gn=True)
    for side, half in (("encoder", encoder), ("decoder", decoder)):
        half.load_state_dict(torch.load(path.with_name(f"taef2_{side}.pth"), weights_only=True))
    found = []
    for photo in photos:
        pixels = fit_square(load_image(photo).pixels[..., :3], 256)
        x = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None].float() / 127.5 - 1
        mu = net.encode(x)[0]
        y = net.decode(mu)
        close(mu, encoder(x / 2 + 0.5))
        close(y, decoder(mu) * 2 - 1)
        found.append(-10 * float(torch.log10(((x - y.clamp(-1, 1)) / 2).square().mean())))
    print("dB:", found)
    assert min(found) > 21 and sum(found) / len(found) > 23, found
