"""What of a picture an autoencoder sees."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from morph_tiny import picture

from studio.base.errors import StudioError
from studio.engine.morph.framing import box_of, framed
from studio.project.latents import Frame


def test_without_a_frame_the_largest_square_in_the_middle() -> None:
    assert box_of(None, 300, 200) == (50.0, 0.0, 250.0, 200.0)
    assert box_of(Frame(), 300, 200) == box_of(None, 300, 200)
    assert box_of(None, 300, 200, 1.5) == (0.0, 0.0, 300.0, 200.0)
    pixels = picture(height=20, width=32)
    assert np.array_equal(framed(pixels, None, 20, 20), pixels[:, 6:26])


def test_nothing_is_ever_stretched() -> None:
    box = box_of(Frame(left=0.1, right=0.9, top=0.2, bottom=0.4), 1000, 500)
    assert (box[2] - box[0]) == pytest.approx(box[3] - box[1]) == pytest.approx(100)
    assert (box[0] + box[2]) / 2 == pytest.approx(500) and (box[1] + box[3]) / 2 == pytest.approx(150)


def test_outside_is_the_edge_or_a_colour() -> None:
    pixels = np.full((10, 10, 3), 50, dtype=np.uint8)
    pixels[:, 0] = (200, 0, 0)
    wide = Frame(left=-1.0, right=2.0, top=-1.0, bottom=2.0)
    edge = framed(pixels, wide, 30, 30)
    assert np.array_equal(edge[10:20, 10:20], pixels)
    assert (edge[10:20, :10] == (200, 0, 0)).all() and (edge[10:20, 20:] == 50).all()
    coloured = framed(pixels, Frame(left=-1, right=2, top=-1, bottom=2, fill="colour", colour="#102030"), 30, 30)
    assert np.array_equal(coloured[10:20, 10:20], pixels) and (coloured[:10] == (16, 32, 48)).all()


def test_transparency_lies_on_the_colour() -> None:
    pixels = np.zeros((8, 8, 4), dtype=np.uint8)
    assert (framed(pixels, None, 8, 8) == 255).all()
    assert (framed(pixels, Frame(colour="#ff0000"), 8, 8) == (255, 0, 0)).all()


def test_a_frame_moves_smoothly() -> None:
    pixels = picture(height=200, width=200)
    seen = [
        framed(pixels, Frame(left=0.2 + d, right=0.7 + d, top=0.2, bottom=0.7), 50, 50) for d in (0.0, 0.001, 0.002)
    ]
    steps = [np.abs(a.astype(int) - b).max() for a, b in itertools.pairwise(seen)]
    assert 0 < max(steps) < 12


@pytest.mark.parametrize(
    "frame",
    [
        Frame(left=0.5, right=0.5),
        Frame(left=0.8, right=0.2),
        Frame(left=2.0, right=3.0),
        Frame(left=float("nan")),
        Frame(colour="blueish", left=-1.0),
    ],
)
def test_frames_that_cannot_be_are_told(frame: Frame) -> None:
    with pytest.raises(StudioError):
        framed(picture(), frame, 16, 16)
