"""Style networks and feature networks from files: every layout gives one network, what cannot be used says why."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from studio.base.errors import ModelError
from studio.base.steps import run
from studio.checkpoints import Library, inspect, load_model
from studio.checkpoints.families import vgg as family
from studio.nets.adain import AdaIN
from studio.nets.johnson import JohnsonNet
from studio.nets.microast import PARTS, MicroAST
from studio.nets.style_features import StudioVGG
from studio.nets.vgg import VGG
from tests.nets import style_reference as ref

X = torch.rand(1, 3, 32, 40, generator=torch.Generator().manual_seed(5))
STYLE = torch.rand(1, 3, 40, 32, generator=torch.Generator().manual_seed(6)).square()
State = dict[str, Tensor]


def saved(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content, path)
    return path


def close(a: Tensor, b: Tensor) -> None:
    torch.testing.assert_close(a, b, atol=2e-5, rtol=1e-5)


# -- Johnson
MEAN, STD = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


def _old() -> State:
    s = ref.examples_state()
    return {**s, "in1.running_mean": torch.ones(6), "res2.in1.running_var": torch.ones(10)}


def _framed(paint: Callable[[Tensor], Tensor]) -> Tensor:
    return paint(torch.nn.functional.pad(X, (28, 28, 28, 28), mode="reflect"))[:, :, 28:60, 28:68]


JOHNSON: dict[str, tuple[Callable[[], Any], Callable[[], Tensor], dict[str, str]]] = {
    "pytorch/examples": (_old, lambda: ref.examples(ref.examples_state(), X * 255) / 255, {"values": "0-255"}),
    "gordicaleksa": (
        lambda: {"state_dict": ref.gordic_file(ref.examples_state(raw=False)), "num_of_datapoints": 3},
        lambda: ref.examples(ref.examples_state(raw=False), (X - MEAN) / STD) * STD + MEAN,
        {},
    ),
    "ml5": (ref.ml5_state, lambda: _framed(lambda x: ref.ml5(ref.ml5_state(), x * 255) / 255), {}),
    "rrmina": (
        lambda: ref.rrmina_file(ref.torch_up_state()),
        lambda: ref.examples(ref.torch_up_state(), X.flip(1) * 255, torch_up=True).flip(1) / 255,
        {"colors": "bgr"},
    ),
    "eriklindernoren": (
        lambda: ref.lindernoren_file(ref.examples_state(raw=False)),
        lambda: ref.examples(ref.examples_state(raw=False), (X - MEAN) / STD, relu=True) * STD + MEAN,
        {},
    ),
}


@pytest.mark.parametrize("layout", JOHNSON)
def test_johnson_layouts(layout: str, tmp_path: Path) -> None:
    """The author's own numbers; only what the file cannot say is assumed; the library's copy is the same."""
    content, want, assumed = JOHNSON[layout]
    loaded = load_model(saved(tmp_path / "candy.pth", content()))
    card = loaded.card
    assert (card.role, card.architecture, card.assumed()) == ("stylizer", "johnson", assumed)
    assert layout in card.hyper["layout"] and card.hyper["wants_style"] is False
    close(loaded.network.stylize(X), want().clamp(0, 1))
    library = Library(tmp_path / "none", tmp_path / "models")
    kept = run(library.import_file(tmp_path / "candy.pth"))
    again = load_model(library.find(kept.sha256) or "")
    assert torch.equal(again.network.stylize(X), loaded.network.stylize(X))
    assert again.card.assumed() == assumed


def test_another_range_can_be_chosen(tmp_path: Path) -> None:
    """The assumption is the person's to change."""
    path = saved(tmp_path / "candy.pth", ref.examples_state(raw=False))
    net = load_model(path, assumptions={"values": "0-1"}).network
    close(net.stylize(X), ref.examples(ref.examples_state(raw=False), X).clamp(0, 1))
    library = Library(tmp_path / "none", tmp_path / "models")
    kept = run(library.import_file(path))
    library.set_assumptions(kept.sha256, {"values": "0-1"})
    again = load_model(library.find(kept.sha256) or "").network
    assert torch.equal(again.stylize(X), net.stylize(X))


def test_our_own_training(tmp_path: Path) -> None:
    """Half precision, values 0 to 1, with nothing but the safetensors file."""
    torch.manual_seed(0)
    net = JohnsonNet((4, 6, 8), 1, values="0-1").eval().half().float()
    save_file(
        {k: v.half() for k, v in net.state_dict().items()},
        tmp_path / "waves.safetensors",
        metadata={"architecture": "johnson"},
    )
    loaded = load_model(tmp_path / "waves.safetensors")
    assert loaded.card.assumptions == () and loaded.card.precision == "float16"
    close(loaded.network.stylize(X), net.stylize(X).detach())


# -- VGG
def vgg_file(layout: str, count: int = 5, seed: int = 0) -> State:
    """The first convolutions of a real VGG in one of its layouts."""
    places = ["1_1", "1_2", "2_1", "2_2", "3_1", "3_2", "3_3", "3_4", "4_1"][:count]
    widths = [64, 64, 128, 128, 256, 256, 256, 256, 512]
    numbers = {"torchvision": (0, 2, 5, 7, 10, 12, 14, 16, 19), "normalised": family.NORMALISED}.get(layout)
    shapes: dict[str, tuple[int, ...]] = {}
    if layout == "normalised":
        shapes |= {"0.weight": (3, 3, 1, 1), "0.bias": (3,)}
    n_in = 3
    for i, (place, n) in enumerate(zip(places, widths, strict=False)):
        name = {"torchvision": "features.", "normalised": ""}.get(layout, "conv") + (
            str(numbers[i]) if numbers else place
        )
        shapes |= {f"{name}.weight": (n, n_in, 3, 3), f"{name}.bias": (n,)}
        n_in = n
    return ref.random_like(shapes, seed)


def canonical(state: State, count: int = 5) -> State:
    """By place, from any layout, in the order of the file."""
    names = ["1_1", "1_2", "2_1", "2_2", "3_1", "3_2", "3_3", "3_4", "4_1"][:count]
    tensors = [(k, v) for k, v in state.items() if v.ndim != 4 or v.shape[2] == 3]
    tensors = [(k, v) for k, v in tensors if not (k == "0.bias" and "0.weight" in state)]
    weights = [v for k, v in tensors if k.endswith("weight")]
    biases = [v for k, v in tensors if k.endswith("bias")]
    out = {}
    for name, w, b in zip(names, weights, biases, strict=False):
        out |= {f"conv{name}.weight": w, f"conv{name}.bias": b}
    return out


NAMES = ["relu1_1", "conv2_2", "relu3_1"]


def features_of(net: Any) -> list[Tensor]:
    return list(net.features(X, NAMES).values())


@pytest.mark.parametrize(("layout", "guess"), [("torchvision", "torchvision"), ("caffe", "caffe")])
def test_vgg_files(layout: str, guess: str, tmp_path: Path) -> None:
    """The same network under either name; the classifier is left out; preprocessing is told and can be changed."""
    state = vgg_file(layout)
    more = {"classifier.0.weight": torch.zeros(8, 8), "classifier.0.bias": torch.zeros(8)} if layout != "caffe" else {}
    path = saved(tmp_path / "vgg.pth", {**state, **more})
    loaded = load_model(path)
    card = loaded.card
    assert (card.role, card.architecture, card.assumed()) == ("features", "vgg", {"preprocessing": guess})
    assert card.hyper["layer_names"][:2] == ["conv1_1", "relu1_1"] and card.hyper["padding"] == "zeros"
    assert "CC BY 4.0" in card.notes[0]
    for value in ("torchvision", "caffe", "none"):
        want = VGG.from_state_dict(canonical(state), preprocessing=value)
        got = load_model(path, assumptions={"preprocessing": value}).network
        for a, b in zip(features_of(got), features_of(want), strict=True):
            assert torch.equal(a, b)
    library = Library(tmp_path / "none", tmp_path / "models")
    kept = run(library.import_file(path))
    assert kept.assumed() == {"preprocessing": guess}
    kept = library.set_assumptions(kept.sha256, {"preprocessing": "caffe"})
    again = load_model(library.find(kept.sha256) or "")
    assert again.card.hyper["preprocessing"] == "caffe" and again.network.preprocessing == "caffe"


def test_published_files_are_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sha256 tells Caffe's file from torchvision's; then nothing is assumed, in the library's copy neither."""
    assert family.KNOWN["dcbb9e9d"] == family.KNOWN["397923af"] == "torchvision"
    assert family.KNOWN["d01eb7cb"] == family.KNOWN["00b39a1b"] == "caffe"
    path = saved(tmp_path / "vgg.pth", vgg_file("torchvision"))
    monkeypatch.setitem(family.KNOWN, hashlib.sha256(path.read_bytes()).hexdigest()[:8], "caffe")
    for card in (inspect(path), load_model(path).card):
        assert card.assumptions == () and card.hyper["preprocessing"] == "caffe"
    library = Library(tmp_path / "none", tmp_path / "models")
    kept = run(library.import_file(path))
    again = load_model(library.find(kept.sha256) or "")
    assert again.card.assumptions == () and again.network.preprocessing == "caffe"


def test_whole_vggs(tmp_path: Path) -> None:
    """Blocks of VGG-16 and VGG-19 from the numbers alone."""
    for numbers, counts in (
        ((0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28), [2, 2, 3, 3, 3]),
        ((0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34), [2, 2, 4, 4, 4]),
    ):
        widths = [w for w, n in zip((64, 128, 256, 512, 512), counts, strict=True) for _ in range(n)]
        state, n_in = {}, 3
        for at, n in zip(numbers, widths, strict=True):
            # Half-precision zeros: names and shapes are what is looked at.
            state |= {f"features.{at}.weight": torch.zeros(n, n_in, 3, 3, dtype=torch.half),
                      f"features.{at}.bias": torch.zeros(n, dtype=torch.half)}  # fmt: skip
            n_in = n
        card = inspect(saved(tmp_path / "vgg.pth", state))
        assert [n for _, n in card.hyper["blocks"]] == counts and card.hyper["layer_names"][-1].startswith("relu5_")


def test_adains_encoder_alone(tmp_path: Path) -> None:
    """A feature network with nothing to assume."""
    state = vgg_file("normalised")
    loaded = load_model(saved(tmp_path / "vgg_normalised.pth", state))
    assert (loaded.card.role, loaded.card.assumptions) == ("features", ())
    want = {**canonical(state), "conv0.weight": state["0.weight"], "conv0.bias": state["0.bias"]}
    for a, b in zip(features_of(loaded.network), features_of(VGG.from_state_dict(want)), strict=True):
        assert torch.equal(a, b)
    assert loaded.network.padding == "reflect" and loaded.network.ceil


def test_the_small_feature_network(tmp_path: Path) -> None:
    """As the training exports it, and in the library."""
    torch.manual_seed(2)
    net = StudioVGG(((4, 2), (6, 2), (8, 1))).eval().requires_grad_(False)
    save_file(dict(net.state_dict()), tmp_path / "features.safetensors", metadata={"architecture": "studio-vgg"})
    loaded = load_model(tmp_path / "features.safetensors")
    assert (loaded.card.role, loaded.card.architecture, loaded.card.assumptions) == ("features", "studio-vgg", ())
    library = Library(tmp_path / "none", tmp_path / "models")
    kept = run(library.import_file(tmp_path / "features.safetensors"))
    for other in (loaded.network, load_model(library.find(kept.sha256) or "").network):
        assert isinstance(other, StudioVGG) and other.pooling == "average"
        for a, b in zip(features_of(other), features_of(net), strict=True):
            assert torch.equal(a, b)


# -- any style
def put_adain(folder: Path) -> AdaIN:
    """``decoder.pth`` and ``vgg_normalised.pth`` with the real names, narrower where the real ones may be."""
    inside = vgg_file("normalised", 9)
    saved(folder / "vgg_normalised.pth", inside)
    shapes, n_in = {}, 512
    for at, n in zip((1, 5, 8, 11, 14, 18, 21, 25, 28), (8, 8, 8, 8, 6, 6, 4, 4, 3), strict=True):
        shapes |= {f"{at}.weight": (n, n_in, 3, 3), f"{at}.bias": (n,)}
        n_in = n
    decoder = ref.random_like(shapes, 3)
    saved(folder / "decoder.pth", decoder)
    state = {f"encoder.{k}": v for k, v in canonical(inside, 9).items()}
    state |= {"encoder.conv0.weight": inside["0.weight"], "encoder.conv0.bias": inside["0.bias"]}
    return AdaIN.from_state_dict({**state, **{f"decoder.{k}": v for k, v in decoder.items()}})


def test_adain_in_two_files(tmp_path: Path) -> None:
    """Opened by its decoder; the encoder opened alone stays a feature network; the library keeps both in one."""
    net = put_adain(tmp_path / "a")
    loaded = load_model(tmp_path / "a" / "decoder.pth")
    assert (loaded.card.role, loaded.card.architecture, loaded.card.name) == ("stylizer", "adain", "a")
    assert loaded.card.hyper["wants_style"] is True
    want = net.stylize(X, [STYLE])
    assert torch.equal(loaded.network.stylize(X, [STYLE]), want)
    assert inspect(tmp_path / "a" / "vgg_normalised.pth").role == "features"
    library = Library(tmp_path / "none", tmp_path / "models")
    kept = run(library.import_file(tmp_path / "a" / "decoder.pth"))
    assert torch.equal(load_model(library.find(kept.sha256) or "").network.stylize(X, [STYLE]), want)
    (tmp_path / "a" / "vgg_normalised.pth").unlink()
    with pytest.raises(ModelError, match="VGG encoder"):
        load_model(tmp_path / "a" / "decoder.pth")


def put_microast(folder: Path) -> MicroAST:
    torch.manual_seed(1)
    net = MicroAST((4, 8, 16)).eval().requires_grad_(False)
    for part in PARTS:
        inside = {k.removeprefix(f"{part}."): v for k, v in net.state_dict().items() if k.startswith(f"{part}.")}
        saved(folder / f"{part}_iter_160000.pth.tar", inside)
    return net


@pytest.mark.parametrize("opened", PARTS)
def test_microast_in_four_files(opened: str, tmp_path: Path) -> None:
    """Whichever is opened, the whole is loaded, and content and style are not mixed up."""
    net = put_microast(tmp_path / "m")
    loaded = load_model(tmp_path / "m" / f"{opened}_iter_160000.pth.tar")
    assert (loaded.card.role, loaded.card.architecture) == ("stylizer", "microast")
    assert torch.equal(loaded.network.stylize(X, [STYLE]), net.stylize(X, [STYLE]))
    if opened == "modulator":
        library = Library(tmp_path / "none", tmp_path / "models")
        kept = run(library.import_file(tmp_path / "m" / "modulator_iter_160000.pth.tar"))
        again = load_model(library.find(kept.sha256) or "").network
        assert torch.equal(again.stylize(X, [STYLE]), net.stylize(X, [STYLE]))
    (tmp_path / "m" / "style_encoder_iter_160000.pth.tar").unlink()
    with pytest.raises(ModelError, match="encoder"):
        load_model(tmp_path / "m" / f"{'decoder' if opened == 'style_encoder' else opened}_iter_160000.pth.tar")


# -- what is no such network
def _without(state: State, *names: str) -> State:
    return {k: v for k, v in state.items() if not k.startswith(names)}


WRONG: dict[str, Callable[[], Any]] = {
    "johnson: a norm is missing": lambda: _without(ref.examples_state(), "in2.weight"),
    "johnson: a block is missing": lambda: _without(ref.examples_state(), "res1."),
    "johnson: a block of nine digits": lambda: {
        k.replace("res2.", "res999999999."): v for k, v in ref.examples_state().items()
    },
    "johnson: empty filters": lambda: {**ref.examples_state(), "conv2.conv2d.weight": torch.zeros(0, 6, 3, 3)},
    "johnson: enormous filters": lambda: {
        **ref.examples_state(), "conv1.conv2d.weight": torch.zeros(1, 1, 1, 1).expand(60000, 3, 99, 99)
    },
    "johnson: NaN": lambda: {**ref.examples_state(), "in3.bias": torch.full((10,), float("nan"))},
    "johnson: a vector for a filter": lambda: {**ref.examples_state(), "conv3.conv2d.weight": torch.zeros(9)},
    "johnson: whole numbers": lambda: {k: v.long() for k, v in ref.examples_state().items()},
    "ml5: half of it": lambda: dict(list(ref.ml5_state().items())[::2]),
    "ml5: more than it": lambda: {**ref.ml5_state(), "conv9.weight": torch.zeros(3)},
    "ml5: block 999": lambda: {**ref.ml5_state(), "res999.conv1.weight": torch.zeros(10, 10, 3, 3)},
    "rrmina: no norm": lambda: _without(ref.rrmina_file(ref.torch_up_state()), "ConvBlock.2.norm_layer"),
    "eriklindernoren: no last": lambda: _without(ref.lindernoren_file(ref.examples_state()), "model.7."),
    "gordicaleksa: two doublings": lambda: {
        **ref.gordic_file(ref.examples_state()), "deconv1.conv2d.weight": torch.zeros(8, 10, 3, 3)
    },
    "vgg: a bias is missing": lambda: _without(vgg_file("torchvision"), "features.5.bias"),
    "vgg: filters that do not follow": lambda: {
        **vgg_file("torchvision"), "features.5.weight": torch.zeros(128, 32, 3, 3)
    },
    "vgg: batch normalisation": lambda: {**vgg_file("torchvision"), "features.1.running_mean": torch.zeros(64)},
    "vgg: another network's features": lambda: {
        f"features.{i}.weight": torch.zeros(24, 3 if i == 0 else 24, 3, 3) for i in range(0, 12, 2)
    },
    "vgg: the first layers only": lambda: dict(list(vgg_file("torchvision").items())[:4]),
    "vgg: too narrow and not ours": lambda: {**vgg_file("caffe"), "conv2_1.weight": torch.zeros(12, 64, 3, 3)},
    "vgg normalised: a gap": lambda: _without(vgg_file("normalised"), "5."),
    "vgg small: a hole": lambda: {
        "conv1_1.weight": torch.zeros(4, 3, 3, 3), "conv1_1.bias": torch.zeros(4),
        "conv2_2.weight": torch.zeros(4, 4, 3, 3), "conv2_2.bias": torch.zeros(4),
    },
    "vgg small: larger filters": lambda: {"conv1_1.weight": torch.zeros(4, 3, 5, 5), "conv1_1.bias": torch.zeros(4)},
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_ends_in_a_sentence(name: str, tmp_path: Path) -> None:
    """A :class:`ModelError`, from both entrances where no number has to be read for it."""
    path = saved(tmp_path / "x.pth", WRONG[name]())
    with pytest.raises(ModelError) as caught:
        load_model(path)
    assert len(str(caught.value)) > 20
    if name not in ("johnson: NaN", "johnson: whole numbers"):
        try:
            assert not inspect(path).usable
        except ModelError:
            pass


def test_truncated_and_mismatched(tmp_path: Path) -> None:
    """Cut files, and parts that belong to different networks."""
    path = saved(tmp_path / "wave.pth", ref.ml5_state())
    data = path.read_bytes()
    rng = random.Random(4)
    for _ in range(8):
        path.write_bytes(data[: rng.randrange(1, len(data) - 200)])
        with pytest.raises(ModelError):
            load_model(path)
    put_microast(tmp_path / "m")
    narrow = MicroAST((2, 4, 8))
    inside = {k.removeprefix("decoder."): v for k, v in narrow.state_dict().items() if k.startswith("decoder.")}
    saved(tmp_path / "m" / "decoder_iter_160000.pth.tar", inside)
    with pytest.raises(ModelError, match="MicroAST"):
        load_model(tmp_path / "m" / "decoder_iter_160000.pth.tar")
    put_adain(tmp_path / "a")
    saved(tmp_path / "a" / "decoder.pth", {**torch.load(tmp_path / "a" / "decoder.pth"), "29.weight": torch.zeros(3)})
    with pytest.raises(ModelError):
        load_model(tmp_path / "a" / "decoder.pth")


# -- real files
def picture(shared: Path, name: str, size: int = 128) -> Tensor:
    from PIL import Image

    path = shared / "examples" / name
    if not path.is_file():
        pytest.skip("the example pictures are not here")
    with Image.open(path) as image:
        small = image.convert("RGB").resize((size, size))
    data = torch.frombuffer(bytearray(small.tobytes()), dtype=torch.uint8).view(size, size, 3)
    return data.permute(2, 0, 1)[None].float() / 255


@pytest.mark.parametrize("name", ["scream.pth", "wave.pth", "wreck.pth", "microast_decoder_iter_160000.pth.tar"])
def test_real_files_paint(name: str, shared: Path) -> None:
    """Real networks change a photograph, keep its shapes, use their range; in tiles they paint the same picture."""
    path = shared / "checkpoints" / name
    if not path.is_file():
        pytest.skip("the real file is not here")
    net: Any = load_model(path).network
    x = picture(shared, "photos/astronaut.jpg")
    styles = [picture(shared, "paintings/hokusai_great_wave.jpg")] if net.wants_style else []
    y = net.stylize(x, styles)
    assert y.shape == x.shape and bool(y.isfinite().all()) and 0 <= float(y.min()) <= float(y.max()) <= 1
    assert float((y - x).abs().mean()) > 0.05, "it paints"
    assert 0.08 < float(y.std()) < 0.4 and float(((y > 0.02) & (y < 0.98)).float().mean()) > 0.7, "nothing is clipped"
    a, b = (t.mean(dim=1).flatten() for t in (x, y))
    assert float(torch.corrcoef(torch.stack((a, b)))[0, 1]) > 0.3, "light stays light"
    tiled = run(net.stylize_steps(x, styles, tile=64))
    assert float((tiled - y).abs().max()) < 1e-4
