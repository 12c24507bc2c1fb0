"""Translators from files: every layout gives the authors' own pictures, and what no file says can be changed."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor

from studio.base.errors import ModelError, StudioError
from studio.base.steps import run
from studio.checkpoints import Library, ModelCard, inspect, load_model
from studio.checkpoints.pairs import partners, way
from studio.nets.resnet_generator import ResNetGenerator
from studio.nets.stargan import StarGAN
from studio.nets.unet_generator import UNetGenerator

FIXTURES = Path(__file__).parents[1] / "fixtures"
NAMES = {
    "cyclegan_resnet6_instance": "cyclegan-resnet",
    "cyclegan_resnet9_instance_dropout": "cyclegan-resnet",
    "pix2pix_resnet6_batch": "pix2pix-resnet",
    "pix2pix_unet128_batch_dropout": "pix2pix-unet",
    "pix2pix_unet256_batch": "pix2pix-unet",
    "cut_resnet9_antialias": "cut-resnet",
}
State = dict[str, Tensor]


def fixture(name: str) -> tuple[State, State]:
    return load_file(FIXTURES / f"{name}.safetensors"), load_file(FIXTURES / f"{name}_expected.safetensors")


def saved(path: Path, content: Any, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content, path, **options)
    return path


def near(a: Tensor, b: Tensor, tol: float = 1e-4) -> None:
    assert a.shape == b.shape and a.dtype == torch.float32
    assert float((a - b).abs().max()) <= tol


def lively(net: torch.nn.Module, seed: int = 0) -> State:
    """Random numbers everywhere."""
    g = torch.Generator().manual_seed(seed)
    return {
        k: t if k.endswith("filt") else torch.rand(t.shape, generator=g) + 0.5 if "var" in k
        else torch.randn(t.shape, generator=g) / 4
        for k, t in net.state_dict().items()
    }  # fmt: skip


def noise(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1)) * 2 - 1


def module(sd: State) -> Any:
    return {f"module.{k}": t for k, t in sd.items()}


def shuffled(sd: State) -> Any:
    keys = list(sd)
    random.Random(3).shuffle(keys)
    return {k: sd[k] for k in keys}


def strayed(sd: State) -> Any:
    """As torch 0.3 saved instance norms; and the counters of later versions."""
    out = dict(sd)
    for name, tensor in sd.items():
        parent = name.rpartition(".")[0]
        head, _, last = parent.rpartition(".")
        if name.endswith(".weight") and tensor.ndim == 4 and head and last.isdecimal():
            norm = f"{head}.{int(last) + 1}"
            if f"{norm}.weight" not in sd and not any(k.startswith(norm + ".") for k in sd):
                out[f"{norm}.running_mean"] = out[f"{norm}.running_var"] = torch.full((tensor.shape[0],), 9.0)
                out[f"{norm}.num_batches_tracked"] = torch.tensor(7)
    return out


WRAPPED: dict[str, Callable[[State], Any]] = {
    "bare": dict,
    "DataParallel": module,
    "compiled": lambda sd: {f"_orig_mod.{k}": t for k, t in sd.items()},
    "any order": shuffled,
    "state_dict": lambda sd: {"epoch": 3, "state_dict": module(sd), "optimizer": {"state": {}, "param_groups": []}},
    "params_ema": lambda sd: {"params": {k: t * 0 for k, t in sd.items()}, "params_ema": sd},
    "a whole training": lambda sd: {"netD_A": {"model.0.weight": torch.zeros(8, 3, 4, 4)}, "netG_A": module(sd),
                                    "netG_B": {k: t * 0 for k, t in sd.items()}, "optG": {"state": {}}},
    "a whole module": lambda sd: {"model": (UNetGenerator if "model.model.0.weight" in sd else ResNetGenerator
                                            ).from_state_dict(sd)},
    "one table": lambda sd: {**{f"netG.{k}": t for k, t in sd.items()}, "netD.0.weight": torch.zeros(8, 3, 4, 4)},
}  # fmt: skip


@pytest.mark.parametrize("statistics", ["stored", "own"])
@pytest.mark.parametrize("name", NAMES)
def test_the_authors_own_pictures(name: str, statistics: str, tmp_path: Path) -> None:
    """Every fixture as a checkpoint; a second time from the library's own copy."""
    sd, want = fixture(name)
    path = saved(tmp_path / "latest_net_G.pth", sd)
    loaded = load_model(path)
    card = loaded.card
    assert (card.role, card.architecture, card.usable) == ("translator", NAMES[name], True)
    key = f"output_{statistics}_statistics"
    near(loaded.network.translate(want["input"], statistics), want[key])
    assert card.hyper["has_stored_statistics"] is ("batch" in name)
    assert card.hyper["statistics"] == float("batch" in name)
    assert card.hyper["in_channels"] == want["input"].shape[1] and card.hyper["out_channels"] == want[key].shape[1]
    assert "direction" not in card.assumed() and "source_title" not in card.hyper
    library = Library(tmp_path / "none", tmp_path / "models")
    kept = run(library.import_file(path))
    again = load_model(library.find(kept.sha256) or "")
    near(again.network.translate(want["input"], statistics), want[key])
    assert again.card.assumed() == card.assumed() and again.card.hyper == kept.hyper
    # The copy alone, without its card.
    lone = (library.find(kept.sha256) or Path()).rename(tmp_path / "latest_net_G.safetensors")
    bare = inspect(lone)
    assert bare.assumed() == card.assumed() and bare.architecture == card.architecture
    assert {k: v for k, v in bare.hyper.items() if k not in ("layout", "container")} == {
        k: v for k, v in card.hyper.items() if k not in ("layout", "container")
    }


@pytest.mark.parametrize("wrapping", WRAPPED)
@pytest.mark.parametrize("name", ["cyclegan_resnet6_instance", "pix2pix_unet128_batch_dropout"])
def test_wrapped_in_any_way(name: str, wrapping: str, tmp_path: Path) -> None:
    sd, want = fixture(name)
    path = saved(tmp_path / "x.pth", WRAPPED[wrapping](sd), _use_new_zipfile_serialization=wrapping != "DataParallel")
    loaded = load_model(path)
    assert loaded.card.architecture == NAMES[name]
    near(loaded.network.translate(want["input"]), want["output_stored_statistics"])
    if wrapping == "a whole training":
        assert loaded.card.hyper["source_title"] == "A" and any("netG_B" in note for note in loaded.card.notes)


@pytest.mark.parametrize(
    "name", ["cyclegan_resnet6_instance", "cut_resnet9_antialias", "cyclegan_resnet9_instance_dropout"]
)
def test_stray_statistics_are_dropped(name: str, tmp_path: Path) -> None:
    sd, want = fixture(name)
    old = strayed(sd)
    assert len(old) > len(sd) + 20
    loaded = load_model(saved(tmp_path / "x.pth", old))
    near(loaded.network.translate(want["input"]), want["output_stored_statistics"])
    assert not loaded.card.hyper["has_stored_statistics"] and "left out" in loaded.card.notes[0]


# -- rewritings of the same network
def _res(sd: State) -> State:
    return {k.replace("model.", "main.").replace("conv_block", "res"): t for k, t in sd.items()}


def _lindernoren(sd: State, first: int, blocks: int, depth: int) -> State:
    """``Upsample`` as a step of its own, ``block`` for ``conv_block``."""
    out, after = {}, first + blocks
    for name, t in sd.items():
        parts = name.replace("conv_block", "block").split(".")
        at = int(parts[1]) - after
        if at >= 0:
            group, step = divmod(at, 3)
            parts[1] = str(after + 4 * group + step + (1 if group < depth else 0))
        out[".".join(parts)] = t
    return out


@pytest.mark.parametrize("layout", ["Lornatang", "eriklindernoren"])
def test_rewritings(layout: str, tmp_path: Path) -> None:
    up = "transposed" if layout == "Lornatang" else "resize"
    net = ResNetGenerator(ngf=4, n_blocks=2, up=up).eval().requires_grad_(False)
    net.load_state_dict(lively(net))
    sd = net.state_dict()
    theirs = _res(sd) if layout == "Lornatang" else _lindernoren(sd, 10, 2, 2)
    loaded = load_model(saved(tmp_path / "G_AB_99.pth", theirs))
    assert layout in loaded.card.hyper["layout"] and loaded.card.title == "G_AB_99 (CycleGAN, A → B)"
    x = noise(1, 3, 24, 32)
    assert torch.equal(loaded.network.translate(x), net.translate(x))


def test_lindernorens_network_by_hand(tmp_path: Path) -> None:
    """Its upper half, written out as its program has it: nn.Upsample, convolution, instance norm, ReLU."""
    net = ResNetGenerator(ngf=4, n_blocks=1, n_downsampling=1, up="resize")
    sd = _lindernoren(lively(net), 7, 1, 1)
    assert {k for k in sd if k.endswith("weight")} == {
        "model.1.weight", "model.4.weight", "model.7.block.1.weight", "model.7.block.5.weight", "model.9.weight",
        "model.13.weight"}  # fmt: skip
    x = noise(1, 3, 16, 16)

    def conv(y: Tensor, name: str, **kw: Any) -> Tensor:
        return F.conv2d(y, sd[f"{name}.weight"], sd[f"{name}.bias"], **kw)

    def pad(y: Tensor, n: int) -> Tensor:
        return F.pad(y, (n, n, n, n), mode="reflect")

    y = F.relu(F.instance_norm(conv(pad(x, 3), "model.1")))
    y = F.relu(F.instance_norm(conv(y, "model.4", stride=2, padding=1)))
    z = F.relu(F.instance_norm(conv(pad(y, 1), "model.7.block.1")))
    y = y + F.instance_norm(conv(pad(z, 1), "model.7.block.5"))
    y = F.relu(F.instance_norm(conv(F.interpolate(y, scale_factor=2), "model.9", padding=1)))
    y = torch.tanh(conv(pad(y, 3), "model.13"))
    near(load_model(saved(tmp_path / "G_AB.pth", sd)).network.translate(x), y, 1e-5)


def test_pix2pixhd(tmp_path: Path) -> None:
    """The global network: four halvings, biases with either norm; with the local enhancer it is told apart."""
    for norm in ("instance", "batch"):
        net = ResNetGenerator(6, 3, ngf=2, n_blocks=2, n_downsampling=4, norm=norm, bias=True)
        net = net.eval().requires_grad_(False)
        net.load_state_dict(lively(net))
        loaded = load_model(saved(tmp_path / "latest_net_G.pth", net.state_dict()))
        assert (loaded.card.architecture, loaded.card.assumed()["size"]) == ("pix2pixhd", 1024)
        x = noise(1, 6, 48, 64)
        assert torch.equal(loaded.network.translate(x), net.translate(x))
    both = {**net.state_dict(), "model1_1.1.weight": torch.zeros(2, 3, 7, 7)}
    with pytest.raises(ModelError, match="local enhancer"):
        load_model(saved(tmp_path / "local.pth", both))


# -- assumptions
def test_padding_and_colours_can_be_changed(tmp_path: Path) -> None:
    sd, want = fixture("cyclegan_resnet6_instance")
    path = saved(tmp_path / "horse2zebra.pth", sd)
    x = want["input"]
    plain = load_model(path)
    assert plain.card.assumed() == {
        "colors": "rgb", "padding": "reflect", "size": 256, "input": "picture", "direction": "Horse → Zebra"
    }  # fmt: skip
    assert plain.card.title == "horse2zebra (CycleGAN, Horse → Zebra)"
    assert all(a.why.endswith(".") and len(a.choices) > 1 for a in plain.card.assumptions)
    y = plain.network.translate(x)
    turned = load_model(path, assumptions={"colors": "bgr"}).network
    assert torch.equal(turned.translate(x.flip(1)).flip(1), y)
    repeated = load_model(path, assumptions={"padding": "replicate"}).network
    assert repeated.padding == "replicate" and float((repeated.translate(x) - y).abs().max()) > 1e-3
    library = Library(tmp_path / "none", tmp_path / "models")
    kept = run(library.import_file(path))
    changed = library.set_assumptions(kept.sha256, {"direction": "Zebra → Horse", "size": 512, "padding": "replicate"})
    assert (changed.hyper["source_title"], changed.hyper["target_title"]) == ("Zebra", "Horse")
    assert changed.hyper["size"] == 512 and changed.title == "horse2zebra (CycleGAN, Zebra → Horse)"
    again = load_model(library.find(kept.sha256) or "")
    assert torch.equal(again.network.translate(x), repeated.translate(x)) and again.card.hyper["size"] == 512
    library.rename(kept.sha256, "Stripes")
    assert library.set_assumptions(kept.sha256, {"direction": "Horse → Zebra"}).title == "Stripes"
    with pytest.raises(StudioError, match="replicate"):
        load_model(path, assumptions={"padding": "wrap"})


def test_dropout_can_be_changed(tmp_path: Path) -> None:
    """U-Nets keep no trace of it; shallow ones never have any."""
    sd, want = fixture("pix2pix_unet256_batch")
    path = saved(tmp_path / "edges2shoes.pth", sd)
    x = want["input"]
    loaded = load_model(path)
    assert loaded.card.assumed()["dropout"] is True and loaded.card.hyper["has_dropout"]
    # Edges are drawn: the canvas is at home, unless somebody says otherwise.
    assert loaded.card.assumed()["input"] == loaded.card.hyper["input"] == "ink"
    assert inspect(path, assumptions={"input": "picture"}).hyper["input"] == "picture"
    a, b = (loaded.network.translate(x, "own", dropout_seed=s) for s in (1, 2))
    assert float((a - b).abs().max()) > 1e-3
    near(loaded.network.translate(x, "own"), want["output_own_statistics"])
    dry = load_model(path, assumptions={"dropout": False})
    assert not dry.network.has_dropout and not dry.card.hyper["has_dropout"]
    near(dry.network.translate(x, "own", dropout_seed=1), want["output_own_statistics"])
    net = UNetGenerator(widths=(3, 4, 5))
    shallow = load_model(saved(tmp_path / "small.pth", lively(net))).card
    assert "dropout" not in shallow.assumed() and not shallow.hyper["has_dropout"] and shallow.assumed()["size"] == 8


def test_stargan(tmp_path: Path) -> None:
    """The authors' checkpoint: five labels, running statistics that nothing uses; names of labels can be refused."""
    net = StarGAN(3, 5, conv_dim=4, repeat_num=2).eval().requires_grad_(False)
    net.load_state_dict(lively(net))
    sd = dict(net.state_dict())
    for name in [k for k, t in sd.items() if k.endswith(".weight") and t.ndim == 1]:
        base = name.removesuffix("weight")
        sd |= {f"{base}running_mean": torch.full_like(sd[name], 5), f"{base}running_var": torch.full_like(sd[name], 9),
               f"{base}num_batches_tracked": torch.tensor(7)}  # fmt: skip
    x, labels = noise(1, 3, 32, 32), torch.tensor([[0.0, 1, 0, 1, 0.5]])
    want = net.translate(x, labels=labels)
    for content in (sd, module(sd), {k.removeprefix("main."): t for k, t in sd.items()}):
        path = saved(tmp_path / "200000-G.ckpt", content)
        loaded = load_model(path)
        assert torch.equal(loaded.network.translate(x, labels=labels), want)
    card = loaded.card
    assert (card.architecture, card.hyper["c_dim"], card.hyper["size"]) == ("stargan", 5, 128)
    assert card.label_names == ("black hair", "blond hair", "brown hair", "male", "young")
    assert [g["kind"] for g in card.label_groups] == ["choice", "toggle"]
    assert [i for g in card.label_groups for i in g["indices"]] == [0, 1, 2, 3, 4]
    library = Library(tmp_path / "none", tmp_path / "models")
    kept = run(library.import_file(path))
    assert kept.label_names == card.label_names
    assert library.set_assumptions(kept.sha256, {"labels": "numbered"}).label_names[0] == "label 1"
    more = StarGAN(3, 12, conv_dim=2, repeat_num=1)
    many = inspect(saved(tmp_path / "y.ckpt", lively(more)))
    assert len(many.label_names) == 12 and "labels" not in many.assumed()


# -- cards beside files
def test_embedded_cards_know_better(tmp_path: Path) -> None:
    """Our own: half precision, a card with everything, nothing assumed; the kind of training is the card's to say."""
    from hashlib import sha256

    net = ResNetGenerator(ngf=4, n_blocks=1, up="resize").eval().requires_grad_(False)
    folder = tmp_path / "weights"
    folder.mkdir()
    for name, extra in (("emoji_to_3d", {}), ("ink_emoji", {"default": True})):
        path = folder / f"{name}.safetensors"
        save_file({k: t.half() for k, t in lively(net, len(name)).items()}, path, metadata={"architecture": "x"})
        about = {
            "source_title": "Flat emoji",
            "target_title": "3D emoji",
            "size": 96,
            "input": "ink",
            "statistics": 0.5,
        }
        card = ModelCard(
            name, "translator", "pix2pix-resnet", title="Flat to 3D", sha256=sha256(path.read_bytes()).hexdigest(),
            hyper={**net.hyper, **about},
        )  # fmt: skip
        path.with_suffix(".json").write_text(card.changed(extra=extra).to_json())
    library = Library(folder, tmp_path / "models")
    first = library.default("translator")
    assert first is not None and first.name == "ink_emoji"
    loaded = load_model(library.find("emoji_to_3d") or "")
    card = loaded.card
    assert card.assumptions == () and card.architecture == "pix2pix-resnet" and card.title == "Flat to 3D"
    assert {k: card.hyper[k] for k in about} == about
    assert card.hyper["multiple"] == 4 and card.precision == "float16" and card.hyper["layout"] == "Latent Studio"


# -- pairs
def card(name: str, source: str = "/a/x.pth", into: int = 3, out: int = 3, **hyper: Any) -> ModelCard:
    sides = {"in_channels": into, "out_channels": out, **hyper}
    return ModelCard(name, "translator", "cyclegan-resnet", sha256=f"{name}|{source}", source=source, hyper=sides)


@pytest.mark.parametrize(
    ("one", "two"),
    [("latest_net_G_A", "latest_net_G_B"), ("netG_A2B", "netG_B2A"), ("AtoB", "BtoA"), ("G_AB_20", "G_BA_20"),
     ("horse2zebra", "zebra2horse"), ("flat_to_3d", "3d_to_flat"), ("G_XtoY", "G_YtoX"),
     ("photoToMonet", "monetToPhoto"), ("faces_A", "faces_B"), ("genA2B", "genB2A")],
)  # fmt: skip
def test_names_that_belong_together(one: str, two: str) -> None:
    a, b = card(one, r"C:\models\1.pth"), card(two, r"C:\models\2.pth")
    assert partners([a, b]) == {a.sha256: b.sha256, b.sha256: a.sha256}
    # Another folder, other channels, a third of the name.
    assert not partners([a, card(two, "/elsewhere/2.pth")])
    assert not partners([card(one, into=1), card(two)])
    assert partners([card(one, into=1), card(two, out=1)])
    assert not partners([a, b, card(two, r"C:\models\3.pth")])


def test_partners_by_name() -> None:
    a, b = card("emoji_to_3d", partner="emoji_to_flat"), card("emoji_to_flat", partner="emoji_to_3d")
    assert partners([a, b])[a.sha256] == b.sha256
    # One-sided claims count for nothing.
    assert not partners([a, card("emoji_to_flat", partner="somebody")])
    assert not partners([card("latest_net_G"), card("ink"), card("pix2pix")])
    assert not partners([card("G_A", c_dim=5), card("G_B", c_dim=5)])


@pytest.mark.parametrize("stem", ["latest_net_G", "pix2pix", "200000-G", "ab", "portrait", "stargan", "model"])
def test_names_that_say_nothing(stem: str) -> None:
    assert way(stem) is None


# -- wrong files
def _cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


WRONG: dict[str, tuple[Callable[[State], Any], str]] = {
    "a critic of pairs": (lambda _: {f"model.{i}.weight": torch.zeros(o, n, 4, 4) for i, o, n in
                                     ((0, 8, 6), (2, 16, 8), (5, 32, 16), (8, 1, 32))}, "discriminator"),
    "CUT's critic": (lambda _: {"model.0.weight": torch.zeros(8, 3, 4, 4), "model.2.filt": torch.zeros(8, 1, 3, 3),
                                "model.3.weight": torch.zeros(16, 8, 4, 4), "model.7.weight": torch.zeros(1, 16, 4, 4)},
                     "discriminator"),
    "a critic of pixels": (lambda _: {"net.0.weight": torch.zeros(8, 6, 1, 1), "net.2.weight": torch.zeros(16, 8, 1, 1),
                                      "net.5.weight": torch.zeros(1, 16, 1, 1)}, "discriminator"),
    "StarGAN's critic": (lambda _: {"main.0.weight": torch.zeros(8, 3, 4, 4), "main.2.weight": torch.zeros(16, 8, 4, 4),
                                    "conv1.weight": torch.zeros(1, 16, 3, 3), "conv2.weight": torch.zeros(5, 16, 2, 2)},
                         "discriminator"),
    "CUT's features": (lambda _: {"mlp_0.0.weight": torch.zeros(8, 3), "mlp_0.0.bias": torch.zeros(8),
                                  "mlp_0.2.weight": torch.zeros(8, 8)}, "latest_net_G.pth"),
    "an optimizer": (lambda sd: {"state": {0: {"step": 3, "exp_avg": torch.zeros(4, 3, 7, 7)}},
                                 "param_groups": [{"lr": 0.1, "params": [0]}]}, "optimizer"),
    "an optimizer in a table": (lambda sd: {"optimizer": {"state": {0: {"exp_avg": torch.zeros(4)}},
                                                          "param_groups": []}, "epoch": 3}, "optimizer"),
    "a block is missing": (lambda sd: {k: t for k, t in sd.items() if ".11." not in k}, "model.11.conv_block"),
    "the end is missing": (lambda sd: {k: t for k, t in sd.items() if int(k.split(".")[1]) < 20}, "ResNet generator"),
    "a wrong shape": (lambda sd: {**sd, "model.4.weight": torch.zeros(8, 5, 3, 3)}, "wrong shape: model.4.weight"),
    "something more": (lambda sd: {**sd, "SAB.conv1.weight": torch.zeros(3, 3)}, "unexpected: SAB.conv1.weight"),
    "NaN": (lambda sd: {**sd, "model.1.bias": torch.full((4,), float("nan"))}, "not numbers"),
    "whole numbers": (lambda sd: {**sd, "model.1.bias": torch.zeros(4, dtype=torch.int64)}, "wrong kind"),
    "huge": (lambda sd: {**sd, "model.4.weight": torch.zeros(1).expand(1 << 20, 4, 3, 3)}, "limit|refused|fit"),
    "a million channels": (lambda sd: {**sd, "model.1.weight": torch.zeros(1, 3, 7, 7).expand(1 << 20, 3, 7, 7)},
                           "limit|refused|fit"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_files(name: str, tmp_path: Path) -> None:
    """A sentence that says what it is, from both entrances where the numbers are not needed."""
    make, word = WRONG[name]
    path = saved(tmp_path / "latest_net_D.pth", make(fixture("cyclegan_resnet6_instance")[0]))
    with pytest.raises(ModelError, match=word) as caught:
        load_model(path)
    assert str(caught.value).endswith(".") and len(str(caught.value)) < 600


@pytest.mark.parametrize("name", ["cyclegan_resnet6_instance", "pix2pix_unet128_batch_dropout"])
def test_truncated_and_mutated(name: str, tmp_path: Path) -> None:
    path = saved(tmp_path / "x.pth", fixture(name)[0])
    data = path.read_bytes()
    rng = random.Random(4)
    for cut in (0, 1, 9, len(data) // 3, len(data) - 1, *(rng.randrange(len(data)) for _ in range(12))):
        path.write_bytes(data[:cut])
        with pytest.raises(ModelError):
            load_model(path)
    for _ in range(30):
        bent = bytearray(data)
        for _ in range(rng.choice((1, 2, 8))):
            bent[rng.choice((rng.randrange(4000), len(data) - 1 - rng.randrange(4000)))] = rng.randrange(256)
        path.write_bytes(bent)
        try:
            load_model(path)
        except ModelError as exc:
            assert str(exc).endswith(".")


def test_names_at_random(tmp_path: Path) -> None:
    """Tables whose names almost belong: a network or a sentence."""
    sd, _ = fixture("cyclegan_resnet6_instance")
    rng = random.Random(5)
    for _ in range(40):
        keys = list(sd)
        table = dict(sd)
        for key in rng.sample(keys, 3):
            parts = key.split(".")
            at = rng.randrange(len(parts))
            parts[at] = rng.choice(["0", "99999", "-1", "", "model", "conv_block", "²", "filt"])
            table[".".join(parts)] = table.pop(key)
        try:
            load_model(saved(tmp_path / "x.pth", table))
        except ModelError as exc:
            assert str(exc).endswith(".")


def test_pairs_in_the_library(tmp_path: Path) -> None:
    """Two halves that came from one folder find each other there, whatever the library calls its copies."""
    library = Library(tmp_path / "none", tmp_path / "models")
    for name, file in (("cyclegan_resnet6_instance", "A"), ("cyclegan_resnet9_instance_dropout", "B")):
        run(library.import_file(saved(tmp_path / "horse2zebra" / f"latest_net_G_{file}.pth", fixture(name)[0])))
    run(library.import_file(saved(tmp_path / "maps" / "latest_net_G_B.pth", fixture("cut_resnet9_antialias")[0])))
    entries = {c.architecture + str(c.hyper["n_blocks"]): c.sha256 for c in library.entries()}
    a, b = entries["cyclegan-resnet6"], entries["cyclegan-resnet9"]
    assert len(entries) == 3
    assert partners(library.entries()) == {a: b, b: a}
