"""Upscalers from files: SRGAN and SRResNet in their layouts, ESRGAN and others through spandrel, wrong files."""

from __future__ import annotations

import importlib
import json
import math
import random
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from studio.base.errors import ModelError
from studio.base.steps import run
from studio.checkpoints import Library, inspect, load_model
from studio.nets import spandrel_upscaler as nets
from studio.nets.roles import Upscaler
from studio.nets.srresnet import MSRResNet, SRGANGenerator

ROOT = Path(__file__).parents[2]
State = dict[str, Tensor]


def saved(path: Path, content: Any) -> Path:
    torch.save(content, path)
    return path


def picture(h: int, w: int, n: int = 1) -> Tensor:
    return torch.rand(n, 3, h, w, generator=torch.Generator().manual_seed(3))


def lively(net: nn.Module) -> State:
    g = torch.Generator().manual_seed(0)
    return {
        k: torch.rand(t.shape, generator=g) + 0.5 if "var" in k else torch.randn(t.shape, generator=g) / 8
        for k, t in net.state_dict().items()
        if t.is_floating_point()
    }


def smooth(size: int) -> Tensor:
    """Discs and bars with clean edges, ``[1, 3, size, size]`` in [0, 1]."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, 4 * size), torch.linspace(-1, 1, 4 * size), indexing="ij")
    disc = ((x - 0.2) ** 2 + (y + 0.1) ** 2 < 0.3).float()
    ring = ((x.square() + y.square()).sqrt() - 0.8).abs().lt(0.06).float()
    bars = (torch.sin(14 * (x + 0.6 * y)) > 0).float()
    rgb = torch.stack((0.2 + 0.6 * disc, 0.3 + 0.4 * bars, 0.8 - 0.7 * ring))
    return F.avg_pool2d(rgb[None], 4)


def psnr(a: Tensor, b: Tensor) -> float:
    return -10 * math.log10(float((a - b).square().mean()))


# -- ours
def test_srgan_of_leftthomas(tmp_path: Path) -> None:
    """Both versions of the layout, wrapped, and from the library's copy."""
    x = picture(12, 10)
    for closing, slopes in (("prelu", 1), ("batch", 8)):
        net = SRGANGenerator(nf=8, num_block=2, closing=closing, slopes=slopes).eval().requires_grad_(False)
        net.load_state_dict(lively(net))
        path = saved(tmp_path / f"netG_epoch_4_{closing}.pth", {f"module.{k}": t for k, t in net.state_dict().items()})
        loaded = load_model(path)
        assert (loaded.card.role, loaded.card.architecture, loaded.card.hyper["scale"]) == ("upscaler", "srgan", 4)
        assert torch.equal(loaded.network.upscale(x), net.upscale(x))
        library = Library(tmp_path / "none", tmp_path / "models")
        kept = run(library.import_file(path))
        again = load_model(library.find(kept.sha256) or "")
        assert torch.equal(again.network.upscale(x), net.upscale(x)) and again.card.title == loaded.card.title
        turned = load_model(path, assumptions={"colors": "bgr"}).network
        assert torch.equal(turned.upscale(x.flip(1)).flip(1), net.upscale(x))


@pytest.mark.parametrize("steps", [(2,), (3,), (2, 2)])
def test_msrresnet_under_both_names(steps: tuple[int, ...], tmp_path: Path) -> None:
    net = MSRResNet(nf=4, num_block=2, steps=steps).eval().requires_grad_(False)
    net.load_state_dict(lively(net))
    old = {k.replace("body.", "recon_trunk.").replace("conv_hr.", "HRconv."): t for k, t in net.state_dict().items()}
    x = picture(9, 11)
    for content in (net.state_dict(), {"params": net.state_dict()}, old):
        loaded = load_model(saved(tmp_path / "MSRResNet.pth", content))
        assert (loaded.card.architecture, loaded.card.hyper["scale"]) == ("srresnet", math.prod(steps))
        assert loaded.card.hyper["exact_tiles"] and torch.equal(loaded.network.upscale(x), net.upscale(x))


def test_incomplete_ones(tmp_path: Path) -> None:
    net = MSRResNet(nf=4, num_block=3, steps=(2,))
    for lost, word in (("body.1.conv1.weight", "body.1"), ("conv_hr.bias", "conv_hr.bias")):
        state = {k: t for k, t in net.state_dict().items() if k != lost}
        with pytest.raises(ModelError, match=word):
            load_model(saved(tmp_path / "x.pth", state))
    srgan = SRGANGenerator(nf=4, num_block=2).state_dict()
    with pytest.raises(ModelError, match=r"block5\.0\.conv"):
        load_model(saved(tmp_path / "x.pth", {k: t for k, t in srgan.items() if not k.startswith("block5.")}))


def test_the_real_srgan(shared: Path) -> None:
    """Trained by others: closer to the picture that was made smaller than repeated pixels are."""
    path = shared / "checkpoints" / "srgan_leftthomas_x4.pth"
    if not path.is_file():
        pytest.skip("the real file is not here")
    loaded = load_model(path)
    assert loaded.card.title == "srgan_leftthomas_x4 (SRGAN, 4×)" and loaded.card.usable
    whole = smooth(128)
    small = F.interpolate(whole, scale_factor=0.25, mode="bicubic", antialias=True).clamp(0, 1)
    with torch.no_grad():
        large = loaded.network.upscale(small)
    assert large.shape == whole.shape
    # Measured: 26.0 dB; repeated pixels 21.8, bicubic 24.9.
    assert psnr(large, whole) > psnr(F.interpolate(small, scale_factor=4, mode="nearest"), whole) + 3
    assert psnr(large, whole) > psnr(F.interpolate(small, scale_factor=4, mode="bicubic").clamp(0, 1), whole)


# -- through spandrel
def made(architecture: str, **arguments: Any) -> nn.Module:
    """A small network of the library's, with lively numbers."""
    assert nets.available()
    module = importlib.import_module(f"spandrel.architectures.{architecture}")
    name = next(n for n in module.__all__ if not n.endswith("Arch"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(7)
        net: nn.Module = getattr(module, name)(**arguments).eval().requires_grad_(False)
    with torch.no_grad():
        for parameter in net.parameters():
            if parameter.ndim == 1:
                parameter.add_(torch.randn(parameter.shape) / 16)
    return net


SWIN = {"img_size": 16, "embed_dim": 12, "depths": [2, 2], "num_heads": [2, 2], "window_size": 8, "mlp_ratio": 2.0,
        "upscale": 2, "upsampler": "pixelshuffle"}  # fmt: skip
KINDS: dict[str, tuple[str, Callable[[], nn.Module], int]] = {
    "esrgan": ("ESRGAN, 4×", lambda: made("ESRGAN", num_filters=8, num_blocks=2, scale=4), 4),
    "esrgan, unshuffled": (
        "ESRGAN, 2×",
        lambda: made("ESRGAN", in_nc=12, num_filters=8, num_blocks=1, scale=4, shuffle_factor=2),
        2,
    ),
    "compact": ("Real-ESRGAN, compact, 2×", lambda: made("Compact", num_feat=8, num_conv=3, upscale=2), 2),
    "swinir": ("SwinIR, 2×", lambda: made("SwinIR", **SWIN), 2),
    "swin2sr": ("Swin2SR, 2×", lambda: made("Swin2SR", **SWIN), 2),
    "dat": (
        "DAT, 2×",
        lambda: made(
            "DAT", img_size=64, embed_dim=32, split_size=[4, 8], depth=[2, 2], num_heads=[2, 2], expansion_factor=2.0,
            upscale=2,
        ),
        2,
    ),
    "hat": ("HAT, 2×", lambda: made("HAT", **{**SWIN, "embed_dim": 60}), 2),
    "rcan": ("RCAN, 2×", lambda: made("RCAN", n_resgroups=2, n_resblocks=2, n_feats=16, scale=2), 2),
    "span": ("SPAN, 2×", lambda: made("SPAN", num_in_ch=3, num_out_ch=3, feature_channels=8, upscale=2), 2),
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_the_librarys_own_pictures(name: str, tmp_path: Path) -> None:
    """The same numbers as the library's network itself; again from our copy; nobody's random draws are touched."""
    title, make, scale = KINDS[name]
    net = make()
    path = saved(tmp_path / "model.pth", {"params_ema": net.state_dict()})
    x = picture(24, 32)
    with torch.no_grad():
        want = net(x.clone()).clamp(0, 1)
    torch.manual_seed(11)
    before = torch.get_rng_state()
    loaded = load_model(path)
    assert torch.equal(torch.get_rng_state(), before)
    card = loaded.card
    assert (card.role, card.usable, card.title.partition(" ")[2]) == ("upscaler", True, f"({title})")
    assert card.architecture == name.partition(",")[0] and card.hyper["scale"] == scale
    assert isinstance(loaded.network, Upscaler) and "MIT" in card.notes[0]
    assert any("agree nearly" in note for note in card.notes) is not card.hyper["exact_tiles"]
    assert torch.equal(loaded.network.upscale(x), want) and torch.equal(x, picture(24, 32))
    looked = inspect(path)
    assert looked.hyper == card.hyper and looked.notes == card.notes
    library = Library(tmp_path / "none", tmp_path / "models")
    kept = run(library.import_file(path))
    again = load_model(library.find(kept.sha256) or "")
    assert torch.equal(again.network.upscale(x), want) and again.card.hyper == kept.hyper
    library.set_assumptions(kept.sha256, {"colors": "bgr"})
    turned = load_model(library.find(kept.sha256) or "").network
    assert torch.equal(turned.upscale(x.flip(1)).flip(1), want)
    for size in ((1, 1), (3, 17)):
        y = loaded.network.upscale(picture(*size, n=2))
        assert y.shape == (2, 3, size[0] * scale, size[1] * scale) and bool(y.isfinite().all())


@pytest.mark.parametrize("name", ["esrgan", "compact"])
def test_margins_of_convolutions_are_exact(name: str, tmp_path: Path) -> None:
    """What is further away than the margin changes nothing; what is within it does."""
    _, make, scale = KINDS[name]
    network: Any = load_model(saved(tmp_path / "x.pth", make().state_dict())).network
    m = network.margin
    assert network.exact_tiles and 0 < m <= nets.FURTHEST
    x = picture(8, 2 * m + 24)
    whole = network.upscale(x)[..., : 8 * scale]
    near = network.upscale(x[..., : 8 + m])[..., : 8 * scale]
    assert torch.allclose(whole, near, atol=1e-6)


def test_margins_of_windows_are_near(tmp_path: Path) -> None:
    """Tiles that begin where windows begin, with the margin of the card: hardly a difference."""
    network: Any = load_model(saved(tmp_path / "x.pth", KINDS["swinir"][1]().state_dict())).network
    assert network.multiple == 8 and network.margin % 8 == 0 and not network.exact_tiles
    x = smooth(128)[:, :, 32:64]
    whole = network.upscale(x)
    at, m = 64, network.margin
    tile = network.upscale(x[..., at - m : at + 16 + m])
    assert float((tile[..., 2 * m : 2 * m + 32] - whole[..., 2 * at : 2 * at + 32]).abs().max()) < 0.01


def test_esrgan_in_three_layouts(tmp_path: Path) -> None:
    """Old, middle and new names of one network."""
    net = KINDS["esrgan"][1]()
    old = net.state_dict()
    plain = {"model.0": "conv_first", "model.1.sub.2": "{trunk}", "model.3": "{up}1", "model.6": "{up}2",
             "model.8": "{hr}", "model.10": "conv_last"}  # fmt: skip

    def renamed(body: str, rdb: str, **words: str) -> State:
        out = {}
        for name, tensor in old.items():
            stem, _, leaf = name.rpartition(".")
            if stem in plain:
                out[f"{plain[stem].format(**words)}.{leaf}"] = tensor
            else:
                _, _, _, block, dense, conv, _ = stem.split(".")
                out[f"{body}.{block}.{dense.replace('RDB', rdb)}.{conv}.{leaf}"] = tensor
        return out

    layouts: list[Any] = [
        old,
        renamed("RRDB_trunk", "RDB", trunk="trunk_conv", up="upconv", hr="HRconv"),
        {"params": renamed("body", "rdb", trunk="conv_body", up="conv_up", hr="conv_hr")},
        {f"module.{k}": t for k, t in old.items()},
        {k.removeprefix("model."): t for k, t in old.items()},
    ]
    x = picture(10, 12)
    want = net(x).clamp(0, 1)
    for content in layouts:
        loaded = load_model(saved(tmp_path / "x.pth", content))
        assert loaded.card.hyper["tags"] == ["8nf", "2nb"] and torch.equal(loaded.network.upscale(x), want)


KEYS = {
    "invoke_RealESRGAN_x2plus.pth.keys.json": ("esrgan", 2, r"body\.([2-9]|1\d|2\d)\."),
    "invoke_SwinIR_-_realSR_BSRGAN_DFOWMFC_s64w8_SwinIR-L_x4_GAN.pth.keys.json": (
        "swinir",
        4,
        r"layers\.[1-9]\.|blocks\.[2-9]\.",
    ),
}


@pytest.mark.parametrize("name", KEYS)
def test_true_keys(name: str, shared: Path, tmp_path: Path) -> None:
    """Names and shapes of real files, with fewer blocks and random numbers."""
    import re

    path = shared / "checkpoints" / name
    if not path.is_file():
        pytest.skip("the list of keys is not here")
    architecture, scale, left_out = KEYS[name]
    g = torch.Generator().manual_seed(2)

    def tensor(key: str, value: Any) -> Tensor:
        if "index" in key:
            return torch.randint(0, 225, value["shape"], generator=g)
        if "attn_mask" in key:
            return torch.zeros(value["shape"])
        return torch.randn(value["shape"], generator=g) / 16

    tables = json.loads(path.read_text())
    content = {
        table: {k: tensor(k, v) for k, v in entries.items() if not re.search(left_out, k)}
        for table, entries in tables.items()
        if table == "params_ema"
    }
    loaded = load_model(saved(tmp_path / "x.pth", content))
    assert (loaded.card.architecture, loaded.card.hyper["scale"]) == (architecture, scale)
    y = loaded.network.upscale(picture(17, 9))
    assert y.shape == (1, 3, 17 * scale, 9 * scale) and bool(y.isfinite().all())


# -- wrong files
def _esrgan() -> State:
    return dict(KINDS["esrgan"][1]().state_dict())


def _swinir() -> State:
    return dict(KINDS["swinir"][1]().state_dict())


INDEX = "layers.0.residual_group.blocks.0.attn.relative_position_index"
BIAS = "layers.0.residual_group.blocks.0.attn.relative_position_bias_table"
MASK = "layers.0.residual_group.blocks.1.attn_mask"
WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "a block is missing": (lambda: {k: t for k, t in _esrgan().items() if ".sub.1.RDB2" not in k}, "ESRGAN"),
    "a wrong shape": (lambda: {**_esrgan(), "model.3.weight": torch.zeros(8, 9, 3, 3)}, "do not fit together"),
    "not numbers": (lambda: {**_esrgan(), "model.3.bias": torch.full((8,), float("inf"))}, "not numbers"),
    "a window that is none": (lambda: {**_swinir(), INDEX: torch.zeros(1 << 20, 1, dtype=torch.int8)}, "fit together"),
    "a mask for a wall": (lambda: {**_swinir(), MASK: torch.zeros(1 << 20, 2, 2, dtype=torch.int8)}, "fit together"),
    "biases for a field": (lambda: {**_swinir(), BIAS: torch.zeros(1 << 20, 2, dtype=torch.int8)}, "fit together"),
    "many channels": (lambda: {**_esrgan(), "model.0.weight": torch.zeros(1 << 16, 3, 3, 3, dtype=torch.float16)},
                      "a tensor of 38,654,705,664 numbers"),
    "a thousandth layer": (lambda: {**_swinir(), "layers.999.residual_group.blocks.0.norm1.weight": torch.zeros(12)},
                           "SwinIR.*not complete"),
    "a layer beyond counting": (lambda: {**_swinir(), f"layers.{10**9}.norm.weight": torch.zeros(12)}, "SwinIR"),
    "it mends": (lambda: made("SwinIR", **{**SWIN, "upscale": 1, "upsampler": ""}).state_dict(), "mends"),
    "half of a network for faces": (lambda: {"toRGB.0.weight": torch.zeros(3, 8, 1, 1), "a.weight": torch.zeros(1),
                                             "b.weight": torch.zeros(1),
                                             "stylegan_decoder.style_mlp.1.weight": torch.zeros(8, 8)}, "GFPGAN"),
    "an upscaler's critic": (lambda: {**{f"net.{i}.weight": torch.zeros(8, n, 3, 3) for i, n in ((2, 8), (5, 8))},
                                      "net.0.weight": torch.zeros(64, 3, 3, 3),
                                      "net.25.weight": torch.zeros(1, 1024, 1, 1)}, "discriminator"),
    "Real-ESRGAN's critic": (lambda: {"conv0.weight": torch.zeros(8, 3, 3, 3), "conv9.weight": torch.zeros(1, 8, 3, 3),
                                      "conv1.weight_orig": torch.zeros(8, 8, 4, 4)}, "discriminator"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_files(name: str, tmp_path: Path) -> None:
    """A sentence, soon, whatever the names and shapes ask for."""
    make, word = WRONG[name]
    path = saved(tmp_path / "x.pth", make())
    with pytest.raises(ModelError, match=word) as caught:
        load_model(path)
    text = str(caught.value)
    assert text.endswith(".") and text.isprintable() and len(text) < 600


def test_another_process(tmp_path: Path) -> None:
    """Little memory for lying shapes; and a torchvision that does not go with the installed torch, which raises on
    import, is not missed."""
    names = ["a window that is none", "a mask for a wall", "biases for a field", "many channels"]
    paths = [str(saved(tmp_path / f"{i}.pth", WRONG[n][0]())) for i, n in enumerate(names)]
    sound = str(saved(tmp_path / "sound.pth", _swinir()))
    script = """
import os, sys
from pathlib import Path
class Broken:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "torchvision":
            raise RuntimeError("operator torchvision::nms does not exist")
sys.meta_path.insert(0, Broken())
from studio.checkpoints import ModelError, load_model
assert "spandrel" not in sys.modules
load_model(sys.argv[1])
assert "spandrel" in sys.modules and not [n for n in sys.modules if n.startswith("torchvision")]
if Path("/proc/self/statm").exists():
    import resource
    size = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (size + (192 << 20), size + (192 << 20)))
for path in sys.argv[2:]:
    try:
        load_model(path)
    except ModelError as exc:
        print(exc)
"""
    done = subprocess.run([sys.executable, "-c", script, sound, *paths], cwd=ROOT, capture_output=True, text=True,
                          timeout=120, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr[-1500:]
    said = done.stdout.splitlines()
    assert len(said) == len(paths) and all("fit together" in line or "refused" in line for line in said), said


def test_truncated_and_mutated(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.pth", _esrgan())
    data = path.read_bytes()
    rng = random.Random(6)
    for cut in (0, 9, len(data) // 2, len(data) - 1, *(rng.randrange(len(data)) for _ in range(6))):
        path.write_bytes(data[:cut])
        with pytest.raises(ModelError):
            load_model(path)
    table = _esrgan()
    for _ in range(20):
        bent = dict(table)
        for key in rng.sample(list(table), 2):
            parts = key.split(".")
            parts[rng.randrange(len(parts))] = rng.choice(["0", "400", "99999", "", "²", "-1", "sub", "RDB1"])
            bent[".".join(parts)] = bent.pop(key)
        try:
            load_model(saved(path, bent))
        except ModelError as exc:
            assert str(exc).endswith(".")


# -- the library itself
def test_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it would have read is named; everything else is as it was."""
    real = _esrgan()

    def gone(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(nets.importlib, "import_module", gone)
    assert not nets.available()
    with pytest.raises(ModelError, match=r"ESRGAN.*spandrel"):
        load_model(saved(tmp_path / "x.pth", real))
    with pytest.raises(ModelError, match="does not know"):
        load_model(saved(tmp_path / "x.pth", {f"a.{i}.kernel": torch.zeros(4, 4, 3, 3) for i in range(8)}))


def test_half_precision_in_safetensors(tmp_path: Path) -> None:
    """As such files are passed on; the library's copy stays half as large too."""
    from safetensors.torch import save_file

    net = KINDS["compact"][1]()
    state = {k: t.half() for k, t in net.state_dict().items()}
    path = tmp_path / "2x-small.safetensors"
    save_file(state, path)
    net.load_state_dict({k: t.float() for k, t in state.items()})
    loaded = load_model(path)
    x = picture(12, 12)
    assert loaded.card.precision == "float16" and torch.equal(loaded.network.upscale(x), net(x).clamp(0, 1))
    library = Library(tmp_path / "none", tmp_path / "models")
    kept = run(library.import_file(path))
    copy = library.find(kept.sha256) or Path()
    assert copy.stat().st_size < path.stat().st_size + 4096
    assert torch.equal(load_model(copy).network.upscale(x), net(x).clamp(0, 1))
    default = library.default("upscaler")
    assert default is not None and default.sha256 == kept.sha256
