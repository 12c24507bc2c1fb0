"""Pictures too large for floating point: strips, tiles, files that vanish.  Made small here by lower limits."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image

from studio.base.errors import ResourceError
from studio.base.steps import Progress, run
from studio.engine.registry import start
from studio.engine.translate import blend, canvas, network
from studio.engine.translate.blend import Strengths
from studio.project.translate import Amount, Cycle, Translate, TranslateLook, Variations
from tests.engine.translate.parts import Shelf, events, photograph, resnet, unet


@pytest.fixture
def as_if_large(monkeypatch: pytest.MonkeyPatch) -> Any:
    """From now on pictures of a hundred pixels count as large."""

    def lower(room: int = 1 << 28) -> None:
        monkeypatch.setattr(network, "SMALL", 100)
        monkeypatch.setattr(network, "ROOM", (room, room))
        monkeypatch.setattr(canvas, "STRIP", 700)
        monkeypatch.setattr(canvas.strips, "__defaults__", (700,))
        monkeypatch.setattr(blend, "MASK_SIDE", 40)

    return lower


def rgba(height: int = 70, width: int = 90) -> Any:
    pixels = photograph(height, width, channels=4)
    pixels[:20, :, 3], pixels[50:, :, 3] = 0, 255
    return pixels


def differ(a: Any, b: Any) -> int:
    return int(np.abs(a.astype(int) - b.astype(int)).max())


@pytest.mark.parametrize("make", [resnet, unet])
def test_a_large_picture_is_what_a_small_one_would_be(shelf: Shelf, as_if_large: Any, make: Any) -> None:
    sha = shelf.put(make())
    mask = np.zeros((70, 90, 3), np.uint8)
    mask[:, 45:] = 255
    look = TranslateLook(
        strength=Amount(mask=shelf.image(mask), outside=0.3, feather=40.0), keep_colours=Amount(value=0.6), seed=4
    )
    wishes = [
        Translate(precision="exact", model=sha, picture=picture, look=wished)
        for picture in (shelf.image(photograph(70, 90)), shelf.image(rgba()))
        for wished in (TranslateLook(), look)
    ]
    small = [run(start(shelf.ctx, wish)) for wish in wishes]
    as_if_large()
    shelf.ctx.free()
    for before, wish in zip(small, wishes, strict=True):
        found, made = events(start(shelf.ctx, msgspec.structs.replace(wish, tile=32)))
        # Masks are smaller now, and paper under what is transparent was rounded before the network saw it.
        plain = wish.look == TranslateLook() and before.image.shape[2] == 3
        assert before.image.shape == made.image.shape and differ(before.image, made.image) <= (1 if plain else 20)
        assert np.abs(before.image.astype(float) - made.image).mean() < 1.0
        progress = [e for e in found if isinstance(e, Progress) and e.total]
        assert len(progress) > 5 and all(e.done <= e.total for e in progress)


def test_sixteen_bits_of_a_large_picture_stay(shelf: Shelf, as_if_large: Any) -> None:
    sha = shelf.put(resnet())
    ramp = np.linspace(0, 65535, 60 * 60).reshape(60, 60).astype(np.uint16)
    request = Translate(precision="exact", model=sha, picture=shelf.file(Image.fromarray(ramp)))
    small = run(start(shelf.ctx, request))
    as_if_large()
    large = run(start(shelf.ctx, msgspec.structs.replace(request, tile=32)))
    assert large.deep.dtype == np.uint16 and differ(large.deep, small.deep) <= 8


def test_a_large_cycle_and_large_variations(shelf: Shelf, as_if_large: Any) -> None:
    there, home, picture = shelf.put(unet(), "a"), shelf.put(resnet(), "b"), shelf.image(photograph(70, 90))
    round_trip = Cycle(precision="exact", model=there, back=home, picture=picture)
    some = Variations(precision="exact", model=there, picture=picture, seeds=(5, 6), thumbnail=45)
    small, few = run(start(shelf.ctx, round_trip)), run(start(shelf.ctx, some))
    as_if_large()
    large, many = run(start(shelf.ctx, round_trip)), run(start(shelf.ctx, some))
    assert differ(small.image, large.image) <= 1 and large.l1 == pytest.approx(small.l1, abs=0.003)
    assert large.image.shape == large.back.shape == large.source.shape == (70, 90, 3)
    for a, b in zip(few.images, many.images, strict=True):
        assert a.shape == (35, 45, 3) and differ(a, b) <= 1


def test_maps_on_a_file_leave_nothing_behind(
    shelf: Shelf, as_if_large: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    request = Translate(precision="exact", model=shelf.put(resnet()), picture=shelf.image(photograph(70, 90)), tile=32)
    expected = run(start(shelf.ctx, request)).image
    as_if_large(room=2000)
    made = run(start(shelf.ctx, request)).image
    assert differ(expected, made) <= 1 and not list(scratch.iterdir())
    steps = start(shelf.ctx, request)
    for _ in range(6):
        next(steps)
    steps.close()
    assert not list(scratch.iterdir()) and torch.is_grad_enabled()


def test_a_full_disk_is_told(shelf: Shelf, as_if_large: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    request = Translate(precision="exact", model=shelf.put(resnet()), picture=shelf.image(photograph(70, 90)), tile=32)
    as_if_large(room=2000)
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 0})())
    with pytest.raises(ResourceError, match="not enough room"):
        run(start(shelf.ctx, request))


def test_short_memory_means_smaller_pieces(shelf: Shelf) -> None:
    assert network.tile_for(shelf.ctx) == network.TILE
    assert network.tile_for(shelf.ctx.derive(parts=4)) == network.TILE // 2
    assert network.tile_for(shelf.ctx.derive(parts=16), 64) == 64  # as small as was asked for, never less
    assert network.tile_for(shelf.ctx.derive(parts=16)) == network.SMALLEST


def test_masks_of_large_pictures_are_those_of_small_ones(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    mask = shelf.image(photograph(50, 64))
    amount = Amount(value=0.9, outside=0.1, mask=mask, feather=60.0)
    whole = Strengths(shelf.ctx, amount, (100, 128)).rows(0, 100)
    monkeypatch.setattr(blend, "MASK_SIDE", 64)
    pieces = Strengths(shelf.ctx, amount, (100, 128))
    again = torch.cat([pieces.rows(top, top + 20) for top in range(0, 100, 20)], dim=2)
    assert whole.shape == again.shape == (1, 1, 100, 128)
    assert float((whole - again).abs().max()) < 0.02
    assert 0.1 <= float(whole.min()) < float(whole.max()) <= 0.9
