"""Masks of the Style panel: strokes as undo steps, filling, loading, what is shown."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from studio.base.steps import Preview
from studio.panels.parts.masking import as_mask, fitted
from studio.panels.style import StylePanel
from studio.project.style import StyleSource
from tests.panels.style.paper import StyleStudio, picture, with_pair

SHAPE = (341, 512)
"""Of the mask of a picture of 96 x 64."""


@pytest.fixture
def panel(panel: StylePanel, studio: StyleStudio) -> StylePanel:
    with_pair(panel, studio)
    return panel


def source(panel: StylePanel, index: int = 0) -> StyleSource:
    found: StyleSource = panel.state.run.look.styles[index]
    return found


def stroke(value: int, rows: int) -> np.ndarray:
    made = np.zeros(SHAPE, np.uint8)
    made[:rows] = value
    return made


def test_every_stroke_is_one_step_and_undo_brings_the_mask_back(panel: StylePanel, studio: StyleStudio) -> None:
    panel.masks.begin()
    assert panel.canvas.is_painting() and panel.canvas.image() is not None
    before = len(studio.document.steps)
    panel.canvas.stroked.emit(stroke(255, 100))
    studio.run_files()
    one = studio.document.session
    panel.canvas.stroked.emit(stroke(255, 200))
    studio.run_files()
    assert [text for text, _, _ in studio.document.steps[before:]] == ["Brush stroke"] * 2
    assert (studio.assets.image(source(panel).mask)[..., 0] == stroke(255, 200)).all()
    studio.document.amend(one)  # as undo does
    assert (panel.canvas.painted() == stroke(255, 100)).all()
    assert panel.request().look.styles[0].mask == source(panel).mask != ""


def test_two_quick_strokes_arrive_in_order(panel: StylePanel, studio: StyleStudio) -> None:
    panel.masks.begin()
    panel.canvas.set_painted(stroke(255, 200), "#ffffff")
    panel.canvas.stroked.emit(stroke(255, 100))
    panel.canvas.stroked.emit(stroke(255, 200))
    studio.run_files()
    assert (panel.canvas.painted() == stroke(255, 200)).all()
    assert (studio.assets.image(source(panel).mask)[..., 0] == stroke(255, 200)).all()


def test_fill_empty_invert_remove(panel: StylePanel, studio: StyleStudio) -> None:
    panel.masks._whole(0)
    studio.run_files()
    assert not studio.assets.image(source(panel).mask)[..., :3].any()
    panel.masks.invert()
    studio.run_files()
    assert (studio.assets.image(source(panel).mask)[..., 0] == 255).all()
    panel.masks.remove()
    assert source(panel).mask == ""
    panel.masks.invert()
    studio.run_files()
    assert not studio.assets.image(source(panel).mask)[..., 0].any(), "without a mask it was everywhere"


def test_each_style_has_a_mask_of_its_own(panel: StylePanel, studio: StyleStudio) -> None:
    panel.pictures.put(picture(77), "second", 1)
    studio.run_files()
    panel.masks.begin()
    panel.canvas.stroked.emit(stroke(255, 50))
    studio.run_files()
    panel.pictures.select(0)
    assert panel.canvas.painted() is None
    panel.masks._whole(255)
    studio.run_files()
    assert source(panel, 0).mask != source(panel, 1).mask != ""
    panel.masks.feather.value_changed.emit(30, True)
    panel.masks.beta.value_changed.emit(2.0, True)
    assert (source(panel, 0).feather, source(panel, 0).beta) == (30, 2.0)
    assert (source(panel, 1).feather, source(panel, 1).beta) == (12, 1.0)


def test_a_mask_from_a_file(panel: StylePanel, studio: StyleStudio, tmp_path: Path) -> None:
    from studio.media.images import save_image

    file = tmp_path / "mask.png"
    left = np.zeros((50, 75, 3), np.uint8)
    left[:, :37] = 255
    save_image(file, left, recipe=None)
    studio.files = [file]
    panel.masks.load()
    studio.run_files()
    mask = studio.assets.image(source(panel).mask)[..., 0]
    assert mask.shape == SHAPE and mask[100, 20] == 255 and mask[100, 500] == 0
    file.write_bytes(b"nothing")
    panel.masks.load()
    studio.run_files()
    assert studio.told[-1] and source(panel).mask, "the mask before stays"


def test_the_alpha_of_the_content(panel: StylePanel, studio: StyleStudio) -> None:
    panel.masks.from_content()
    assert "no alpha" in studio.told[-1]
    cut = np.dstack([picture(9), np.zeros((64, 96), np.uint8)])
    cut[:32, :, 3] = 255
    panel.pictures.put(cut, "cut out", -1)
    studio.run_files()
    panel.masks.from_content()
    studio.run_files()
    mask = studio.assets.image(source(panel).mask)[..., 0]
    assert mask[10, 10] == 255 and mask[330, 10] == 0


def test_another_content_takes_the_masks_away(panel: StylePanel, studio: StyleStudio) -> None:
    panel.masks._whole(0)
    studio.run_files()
    panel.pictures.put(picture(1), "other", -1)
    studio.run_files()
    assert source(panel).mask == ""


def test_a_missing_mask_is_a_sentence(panel: StylePanel, studio: StyleStudio) -> None:
    look = panel.state.run.look
    gone = msgspec.structs.replace(look.styles[0], mask="0" * 64)
    look = msgspec.structs.replace(look, styles=(gone,))
    panel.masks.section.set_open(True)
    panel.change("", run=msgspec.structs.replace(panel.state.run, look=look))
    studio.run_files()
    assert "missing" in panel.masks.note.text() and panel.canvas.painted() is None


def test_a_huge_mask_is_shown_small(panel: StylePanel, studio: StyleStudio) -> None:
    huge = studio.assets.put_image(np.full((1500, 2100, 3), 255, np.uint8))
    look = panel.state.run.look
    look = msgspec.structs.replace(look, styles=(msgspec.structs.replace(look.styles[0], mask=huge),))
    panel.change("", run=msgspec.structs.replace(panel.state.run, look=look))
    studio.run_files()
    panel.masks.begin()
    assert panel.canvas.painted().shape == (366, 512) and source(panel).mask == huge, "the mask itself stays"


def test_a_run_puts_the_brush_away_and_masks_follow_it(panel: StylePanel, studio: StyleStudio) -> None:
    panel.masks.begin()
    panel.start()
    assert not panel.canvas.is_painting()
    job, _ = studio.worker.last("style.run")
    grows = picture(5, 48, 32)
    studio.worker.preview.emit(job, Preview(grows, index=1))
    panel.masks.begin()
    assert panel.canvas.is_painting() and panel.canvas.image() is grows, "over the picture that grows"
    panel.canvas.stroked.emit(stroke(255, 9))
    studio.run_files()
    assert studio.worker.updates[-1][1].look.styles[0].mask == source(panel).mask != ""


def test_masks_from_pictures() -> None:
    grey = np.full((4, 6, 3), 128, np.uint8)
    assert (as_mask(grey) == 128).all()
    opaque = np.dstack([grey, np.full((4, 6), 255, np.uint8)])
    assert (as_mask(opaque) == 128).all(), "an alpha that says nothing"
    opaque[0, 0, 3] = 7
    assert as_mask(opaque)[0, 0] == 7 and as_mask(opaque)[3, 5] == 255
    assert fitted(as_mask(grey), (8, 12)).shape == (8, 12)
