"""Translators in tiles give what one pass over the whole picture gives, in bounded memory, and leave nothing behind."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from studio.base.errors import ResourceError
from studio.base.steps import Progress, run
from studio.nets import translator_tiles
from studio.nets.resnet_generator import ResNetGenerator
from studio.nets.stargan import StarGAN
from studio.nets.translator_graph import Span, graph_of
from studio.nets.translator_ops import Pass, PictureTranslator
from studio.nets.translator_plan import make_plan
from studio.nets.translator_tiles import NotFinite, translate_steps
from studio.nets.unet_generator import UNetGenerator


def noise(*shape: int, seed: int = 1) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def grown(net: PictureTranslator) -> Any:
    """With weights that neither die out nor saturate, and statistics and scales that are not neutral."""
    g = torch.Generator().manual_seed(0)
    for name, t in net.state_dict().items():
        if name.endswith("filt"):
            continue
        if t.ndim == 4:
            t.copy_(torch.randn(t.shape, generator=g) * (2.0 / t[0].numel()) ** 0.5)
        else:
            t.copy_(torch.rand(t.shape, generator=g) + 0.5 if "var" in name else torch.randn(t.shape, generator=g) / 3)
    return net.eval().requires_grad_(False)


def resnet(**hyper: Any) -> ResNetGenerator:
    return grown(ResNetGenerator(**{"ngf": 3, "n_blocks": 2, **hyper}))  # type: ignore[no-any-return]


def unet(**hyper: Any) -> UNetGenerator:
    return grown(UNetGenerator(**{"widths": (3, 4, 5, 6, 6, 6), **hyper}))  # type: ignore[no-any-return]


NETS: dict[str, Callable[[], Any]] = {
    "strided": lambda: resnet(norm="instance"),
    "antialias": lambda: resnet(norm="instance", down="antialias", up="antialias"),
    "blurs": lambda: resnet(norm="batch", down="antialias", up="antialias", down_taps=4, up_taps=7),
    "odd blurs": lambda: resnet(norm="batch", down="antialias", up="antialias", down_taps=6, up_taps=3),
    "resize": lambda: resnet(norm="instance_affine", up="resize", padding="replicate"),
    "dropout": lambda: resnet(norm="batch", dropout=True, padding="zero"),
    "deep": lambda: resnet(norm="batch", dropout=True, n_downsampling=3),
    "flat": lambda: resnet(norm="batch", n_downsampling=0),
    "bare": lambda: resnet(norm="none", n_downsampling=1),
    "bgr": lambda: resnet(norm="instance", colors="bgr"),
    "unet": lambda: unet(),
    "unet resize": lambda: unet(norm="instance", up="resize"),
    "unet bare": lambda: unet(norm="none", dropout=False),
    "labels": lambda: grown(StarGAN(c_dim=3, conv_dim=3, repeat_num=2)),
}


def tiled(net: PictureTranslator, x: Tensor, *args: Any, **how: Any) -> Tensor:
    """In tiles, however small the picture is."""
    plain = translator_tiles.is_light
    translator_tiles.is_light = lambda *_: False
    try:
        out: Tensor = run(translate_steps(net, x, *args, **how))
    finally:
        translator_tiles.is_light = plain
    return out


@pytest.mark.parametrize("name", NETS)
def test_tiles_equal_the_whole(name: str) -> None:
    """Every statistics, with and without dropout, for maps that are kept, computed anew, or on file."""
    net = NETS[name]()
    labels = torch.tensor([[0.3, -1.0, 2.0]]) if net.c_dim else None
    for n, (h, w) in enumerate([(70, 45), (37, 130)]):
        x = noise(2, 3, h, w, seed=n)
        for statistics in ("stored", "own", 0.4) if net.has_stored_statistics else ("own",):
            for seed in (None, [5, 6]) if net.has_dropout and statistics == "own" else (None,):
                want = net.translate(x, statistics, seed, labels)
                for tile, room in [(24, 1 << 30), (33, 0), (40, 60_000)]:
                    got = tiled(net, x, statistics, seed, labels, tile=tile, room=room)
                    assert got.shape == want.shape and got.dtype == torch.float32
                    assert float((got - want).abs().max()) < 1e-4


@pytest.mark.parametrize("size", [(1, 1), (1, 90), (3, 2), (90, 1), (17, 4)])
@pytest.mark.parametrize("name", ["strided", "unet", "labels", "flat"])
def test_any_size(name: str, size: tuple[int, int]) -> None:
    """Sizes that no network was made for: padding and cropping are not the caller's business."""
    net, x = NETS[name](), noise(1, 3, *size)
    want = net.translate(x, "own")
    assert float((run(net.translate_steps(x, "own")) - want).abs().max()) < 1e-4
    if min(size) > 1 or name == "unet":
        assert float((tiled(net, x, "own", tile=16) - want).abs().max()) < 1e-4


def test_statistics_of_a_tile_alone_would_show() -> None:
    """What is tested above can fail."""
    net, x = NETS["strided"](), noise(1, 3, 64, 64)
    x[..., :32] *= 0.1
    left = net.translate(x[..., :32], "own")
    assert float((left - net.translate(x, "own")[..., :32]).abs().max()) > 0.05


@pytest.mark.parametrize("name", ["strided", "antialias", "unet", "labels", "resize"])
def test_every_part_of_every_map(name: str) -> None:
    """The largest map that is kept falls with the room, and bands are never lower than what they read beside them."""
    net = NETS[name]()
    graph = graph_of(net, torch.float32)
    whole = (256, 192)
    peaks = []
    for room in (1e12, 2e5, 0):
        plan = make_plan(graph, Pass("own"), whole, (250, 190), 64, room)
        peaks.append(plan.peak)
        for visit in plan.visits:
            seen = torch.zeros(whole[0] >> visit.node.halvings, whole[1] >> visit.node.halvings)
            for rows, columns in visit.boxes:
                seen[rows.start : rows.end, columns.start : columns.end] += 1
                assert not visit.halo or rows.length >= visit.halo
            cut = (250, 190) if visit.node is graph.goal else tuple(seen.shape)
            assert bool((seen[: cut[0], : cut[1]] == 1).all()) and seen.sum() == cut[0] * cut[1]
    assert peaks[0] > 2 * peaks[-1]


def test_residual_blocks_need_two_maps() -> None:
    """The stream, and one map in whose place the other convolution's is written."""
    graph = graph_of(ResNetGenerator(ngf=8, n_blocks=3), torch.float32)
    plan = make_plan(graph, Pass("own"), (256, 256), (256, 256), 64, 0)
    assert plan.peak == 2 * 32 * 64 * 64


class Largest(TorchDispatchMode):
    """The most numbers in a tensor that an operation made (views of what there was before are none)."""

    def __init__(self) -> None:
        super().__init__()
        self.numel = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        known = {a.untyped_storage().data_ptr() for a in args if isinstance(a, Tensor)}
        for t in out if isinstance(out, tuple | list) else (out,):
            if isinstance(t, Tensor) and t.untyped_storage().data_ptr() not in known:
                self.numel = max(self.numel, t.numel())
        return out


@pytest.mark.parametrize("name", ["strided", "unet", "labels"])
def test_memory_is_that_of_a_tile(name: str) -> None:
    """Four times as many pixels need pieces about as large, and they are far smaller than a map at full size."""
    net = NETS[name]()
    found = []
    for n in (256, 512):
        pixels = np.random.RandomState(0).randint(0, 256, (n, n, 3), np.uint8)
        with Largest() as seen:
            run(translate_steps(net, pixels, "own", tile=48, room=0))
        found.append(seen.numel)
    assert found[1] < 2 * found[0]
    assert found[1] < 3 * 512 * 512 / 2


def test_pixels_of_both_depths() -> None:
    """Pixels are read and written tile by tile, rounded once."""
    net = NETS["bgr"]()
    for kind, top in ((np.uint8, 255), (np.uint16, 65535)):
        pixels = np.random.RandomState(0).randint(0, top + 1, (40, 61, 3)).astype(kind)
        got = run(translate_steps(net, pixels, "own", tile=24))
        x = torch.from_numpy(pixels.astype(np.float32) / top * 2 - 1).permute(2, 0, 1)[None]
        want = (net.translate(x, "own")[0].permute(1, 2, 0) + 1) / 2 * top
        assert got.dtype == kind and got.shape == pixels.shape
        assert float((torch.from_numpy(got.astype(np.float32)) - want).abs().max()) < 0.51 + 1e-4 * top / 2


def test_steps_tell_the_truth_and_gradients_stay() -> None:
    """Every step is announced, the share rises to one, and no step leaves the thread without gradients."""
    steps = translate_steps(NETS["strided"](), noise(1, 3, 90, 70), "own", tile=24, room=0)
    events: list[Any] = []
    with pytest.raises(StopIteration):
        while True:
            events.append(next(steps))
            assert torch.is_grad_enabled()
    assert all(isinstance(e, Progress) for e in events)
    assert [e.done for e in events] == list(range(1, events[-1].total + 1))
    assert [e.share for e in events] == sorted(e.share for e in events)
    assert events[-1].share == pytest.approx(1)


def test_files_are_gone_after_a_stop(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Stopped in the middle with maps on file: the folder is empty, and the maps are closed."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    opened: list[Any] = []
    real = tempfile.TemporaryFile

    def watched(*args: Any, **kwargs: Any) -> Any:
        opened.append(real(*args, **kwargs))
        return opened[-1]

    monkeypatch.setattr(tempfile, "TemporaryFile", watched)
    steps = translate_steps(NETS["unet"](), noise(1, 3, 128, 128), "own", tile=32, room=0)
    for _ in range(12):
        next(steps)
    assert opened and not all(f.closed for f in opened)
    steps.close()
    assert all(f.closed for f in opened) and not list(tmp_path.iterdir())


def test_a_disk_that_fills_up_gets_its_room_back_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []
    real = tempfile.TemporaryFile
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda *a, **k: opened.append(real(*a, **k)) or opened[-1])

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(translator_tiles.os, "posix_fallocate", full, raising=False)
    with pytest.raises(ResourceError, match="not enough room"):
        run(translate_steps(NETS["unet"](), noise(1, 3, 128, 128), "own", tile=32, room=0))
    assert opened and all(f.closed for f in opened)


def test_maps_do_not_go_where_files_are_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert translator_tiles.spill_folder() == str(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", "/tmp")
    for allowed, expected in ((True, "/var/tmp"), (False, "/tmp")):
        monkeypatch.setattr(translator_tiles.os, "access", lambda *_, yes=allowed: yes)
        assert translator_tiles.spill_folder() == expected


def test_half_precision_ends_in_fine_steps() -> None:
    net, x = NETS["bare"](), noise(1, 3, 96, 96) * 0.2
    y = run(translate_steps(net, x, tile=32, dtype=torch.bfloat16))
    assert y.dtype == torch.float32 and not torch.equal(y, y.bfloat16().float())


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translator_tiles, "RESERVE", 1 << 60)
    with pytest.raises(ResourceError, match="not enough room"):
        run(translate_steps(NETS["unet"](), noise(1, 3, 128, 128), "own", tile=32, room=0))


def test_overflow_of_half_precision_is_noticed() -> None:
    net = NETS["bare"]()
    net.model[1].weight.mul_(1e6)
    with pytest.raises(NotFinite):
        run(translate_steps(net, noise(1, 3, 40, 40), tile=16, dtype=torch.float16))


def test_wrong_pictures_are_refused() -> None:
    net = NETS["labels"]()
    for x in (noise(1, 4, 8, 8), np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8, 3), np.int32)):
        with pytest.raises(ValueError, match="are"):
            run(translate_steps(net, x, tile=4))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="labels"):
        run(translate_steps(net, noise(1, 3, 40, 40), labels=torch.zeros(1, 2), tile=4))


def test_spans() -> None:
    assert Span(-3, 5).inside(4) == Span(0, 4) and Span(2, 4).within(Span(1, 9)) == slice(1, 3)
