"""Films: every frame that goes in comes out, for as long as it should; and nothing is left when they are stopped."""

from __future__ import annotations

import errno
import itertools
import os
import subprocess
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

from studio.base.errors import ResourceError, StudioError
from studio.base.steps import Progress, run
from studio.media import animation, video
from studio.media.animation import frame_rate
from studio.media.images import load_image, read_recipe
from studio.media.video import animation_writer, encoder, encoders, write_animation

RNG = np.random.default_rng(3)
needs_encoder = pytest.mark.skipif(encoder() is None, reason="no film encoder is installed here")


def noise(count: int = 5, channels: int = 3, height: int = 17, width: int = 23) -> list[np.ndarray]:
    """Different frames, then the last one twice more: writers like to drop repeated ones."""
    frames = [RNG.integers(0, 256, (height, width, channels), dtype=np.uint8) for _ in range(count)]
    return [*frames, frames[-1], frames[-1].copy()]


def read(path: Path) -> tuple[list[np.ndarray], list[float], PILImage.Image]:
    """Frames, milliseconds, the opened file."""
    with PILImage.open(path) as image:
        frames, durations = [], []
        for index in range(image.n_frames):
            image.seek(index)
            image.load()
            frames.append(np.asarray(image.convert("RGBA")))
            durations.append(image.info["duration"])
        return frames, durations, image


def rgba(frame: np.ndarray) -> np.ndarray:
    return frame if frame.shape[2] == 4 else np.dstack([frame, np.full(frame.shape[:2], 255, np.uint8)])


@pytest.mark.parametrize("suffix", [".png", ".webp"])
@pytest.mark.parametrize("channels", [3, 4])
def test_lossless_films_hold_exactly_the_frames(tmp_path: Path, suffix: str, channels: int) -> None:
    frames = noise(channels=channels)
    path = run(write_animation(tmp_path / f"film{suffix}", frames, 24))
    found, durations, _ = read(path)
    assert len(found) == len(frames)
    for a, b in zip(found, frames, strict=True):
        assert np.array_equal(a, rgba(b))
    assert abs(sum(durations) - 1000 * len(frames) / 24) < 1
    assert np.array_equal(load_image(path).pixels, frames[0])


def test_gif_keeps_few_colours_exactly_and_many_nearly(tmp_path: Path) -> None:
    palette = RNG.integers(0, 256, (200, 3), dtype=np.uint8)
    few = [palette[RNG.integers(0, 200, (16, 16))] for _ in range(4)]
    found, durations, image = read(run(write_animation(tmp_path / "few.gif", few, 24)))
    assert len(found) == 4
    for a, b in zip(found, few, strict=True):
        assert np.array_equal(a[..., :3], b)
    assert set(durations) <= {40, 50} and image.info["loop"] == 0

    y, x = np.mgrid[0:64, 0:64] * 4
    many = np.dstack([x, y, 255 - x]).astype(np.uint8)
    found, _, _ = read(run(write_animation(tmp_path / "many.gif", [many, many[::-1]], 10)))
    assert np.abs(found[0][..., :3].astype(float) - many).mean() < 6


def test_gif_with_holes(tmp_path: Path) -> None:
    frames = []
    for index in range(3):
        frame = np.full((8, 8, 4), (10 * index, 20, 30, 255), np.uint8)
        frame[index, :, 3] = 0
        frames.append(frame)
    frames.append(np.zeros((8, 8, 4), np.uint8))
    found, _, _ = read(run(write_animation(tmp_path / "holes.gif", frames, 10)))
    for a, b in zip(found, frames, strict=True):
        assert np.array_equal(a[..., 3], b[..., 3])
        assert np.array_equal(a[a[..., 3] > 0], b[b[..., 3] > 0])


@pytest.mark.parametrize("fps", [1, 7, 12, 23.976, 24, 25, 29.97, 30, 50])
@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_durations_never_drift(tmp_path: Path, fps: float, suffix: str) -> None:
    frames = [np.full((2, 2, 3), i * 3, np.uint8) for i in range(60)]
    _, durations, _ = read(run(write_animation(tmp_path / f"film{suffix}", frames, fps)))
    tick = {".gif": 10.0, ".webp": 1.0, ".png": 0.01}[suffix]
    for count, total in enumerate(itertools.accumulate(durations), 1):
        assert abs(total - 1000 * count / fps) <= 0.51 * tick + 0.002 * count


def test_frame_rates() -> None:
    assert frame_rate(24) == 24
    assert frame_rate(23.976) == Fraction(24000, 1001)
    assert frame_rate(29.97) == Fraction(30000, 1001)
    assert frame_rate(12.5) == Fraction(25, 2)
    for wrong in (0, -1, 2000, float("nan"), float("inf")):
        with pytest.raises(StudioError, match="not possible"):
            frame_rate(wrong)


@pytest.mark.parametrize("loop", [True, False])
def test_looping(tmp_path: Path, loop: bool) -> None:
    frames = noise(2)
    for suffix, forever, once in ((".png", 0, 1), (".webp", 0, 1), (".gif", 0, None)):
        _, _, image = read(run(write_animation(tmp_path / f"film{suffix}", frames, 10, loop=loop)))
        assert image.info.get("loop") == (forever if loop else once)


def test_lossy_webp_is_smaller(tmp_path: Path) -> None:
    frames = noise(2, height=64, width=64)
    exact = run(write_animation(tmp_path / "a.webp", frames, 10)).stat().st_size
    lossy = run(write_animation(tmp_path / "b.webp", frames, 10, quality=50))
    assert lossy.stat().st_size < exact / 2
    assert len(read(lossy)[0]) == len(frames)


@pytest.mark.parametrize("channels", [3, 4])
def test_a_folder_of_files_that_sort(tmp_path: Path, channels: int) -> None:
    frames = noise(12, channels)
    folder = run(write_animation(tmp_path / "walk", frames, 24, recipe="r"))
    files = sorted(folder.iterdir())
    assert [file.name for file in files[:2]] == ["walk_000001.png", "walk_000002.png"]
    for file, frame in zip(files, frames, strict=True):
        picture = load_image(file)
        assert np.array_equal(picture.pixels, frame)
        assert picture.text["latent-studio"] == "r"
    with pytest.raises(StudioError, match="not empty"):
        run(write_animation(folder, frames, 24))
    (tmp_path / "empty").mkdir()
    assert len(list(run(write_animation(tmp_path / "empty", frames, 24)).iterdir())) == len(frames)
    with pytest.raises(StudioError, match=r"saved as “\.avi”"):
        run(write_animation(tmp_path / "film.avi", frames, 24))


def test_a_long_recipe_is_in_the_first_file_only(tmp_path: Path) -> None:
    folder = run(write_animation(tmp_path / "walk", noise(), 24, recipe="r" * 30_000))
    assert [read_recipe(file) is not None for file in sorted(folder.iterdir())] == [True] + [False] * 6


@pytest.mark.parametrize("suffix", [".png", ".webp", ".gif", pytest.param(".mp4", marks=needs_encoder)])
@pytest.mark.parametrize("recipe", ["{}", "x" + "한" * 40_000])
def test_recipes_travel_in_films(tmp_path: Path, suffix: str, recipe: str) -> None:
    path = run(write_animation(tmp_path / f"film{suffix}", noise(height=32, width=32), 10, recipe=recipe))
    assert read_recipe(path) == recipe
    path = run(write_animation(tmp_path / f"bare{suffix}", noise(height=32, width=32), 10))
    assert read_recipe(path) is None


def decoded(path: Path, width: int, height: int) -> np.ndarray:
    found = encoder()
    assert found is not None
    colours = "scale=in_color_matrix=bt709:in_range=tv:flags=accurate_rnd+full_chroma_int"
    command = [found[0], "-v", "error", "-i", str(path), "-vf", colours, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, height, width, 3)


def gradients(count: int, height: int, width: int) -> list[np.ndarray]:
    y, x = np.mgrid[0:height, 0:width]
    return [
        np.dstack([x * 200 / width + i, y * 200 / height, 255 - x * 99 / width]).astype(np.uint8) for i in range(count)
    ]


@needs_encoder
@pytest.mark.parametrize(("height", "width"), [(64, 96), (65, 97)])
def test_mp4_has_every_frame_in_the_right_colours(tmp_path: Path, height: int, width: int) -> None:
    frames = gradients(13, height, width)
    path = run(write_animation(tmp_path / "film.mp4", frames, 23.976))
    found = decoded(path, width + width % 2, height + height % 2)
    assert len(found) == 13
    error = found[:, :height, :width].astype(float) - np.stack(frames)
    assert 10 * np.log10(255**2 / (error**2).mean()) > 38
    assert np.abs(error.mean(axis=(0, 1, 2))).max() < 1.5  # no colour cast: the matrix is the one that the tags name
    if encoder()[1] == "libx264":  # type: ignore[index]
        said = subprocess.run([encoder()[0], "-i", str(path)], capture_output=True, text=True).stderr  # type: ignore[index]
        assert "bt709" in said and "23.98 fps" in said and "yuv420p" in said


@needs_encoder
def test_mp4_says_what_the_encoder_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "encoder", lambda: (encoder.__wrapped__()[0], "no_such_codec"))
    with pytest.raises(ResourceError, match="encoder stopped"):
        run(write_animation(tmp_path / "film.mp4", gradients(40, 256, 256), 24))
    assert list(tmp_path.iterdir()) == []


def test_no_encoder_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "encoder", lambda: None)
    assert encoders() == {"mp4": False, "webp": True, "gif": True, "png": True, "folder": True}
    with pytest.raises(StudioError, match="Install ffmpeg"):
        run(write_animation(tmp_path / "film.mp4", noise(), 24))
    assert list(tmp_path.iterdir()) == []


def test_programs_are_found_elsewhere_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "_programs", lambda: iter(["/nonexistent/ffmpeg"]))
    assert encoder.__wrapped__() is None


ALL = [".png", ".webp", ".gif", "", pytest.param(".mp4", marks=needs_encoder)]


@pytest.mark.parametrize("suffix", ALL)
def test_stopping_at_any_step_leaves_what_was_there(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def noted(*args: object, **options: object) -> subprocess.Popen[bytes]:
        started.append(popen(*args, **options))  # type: ignore[call-overload]
        return started[-1]

    monkeypatch.setattr(video.subprocess, "Popen", noted)
    path = tmp_path / f"film{suffix}"
    if suffix:
        path.write_bytes(b"the old film")
    closed = []

    def frames() -> Iterator[np.ndarray]:
        try:
            yield from gradients(30, 64, 64)
        finally:
            closed.append(True)

    for steps in (0, 1, 2, 17, 30):
        job = write_animation(path, frames(), 24, total=30)
        for _ in range(steps):
            assert isinstance(next(job), Progress)
        job.close()
        assert [file.name for file in tmp_path.iterdir()] == (["film" + suffix] if suffix else [])
        assert all(process.returncode is not None for process in started)
    if suffix:
        assert path.read_bytes() == b"the old film"
    if suffix == ".mp4":
        assert len(started) == 4


@pytest.mark.parametrize("suffix", ALL)
def test_a_failing_source_leaves_nothing(tmp_path: Path, suffix: str) -> None:
    def frames() -> Iterator[np.ndarray]:
        yield from gradients(3, 32, 32)
        raise ResourceError("The device is gone.")

    with pytest.raises(ResourceError, match="device is gone"):
        run(write_animation(tmp_path / f"film{suffix}", frames(), 24))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", ALL)
def test_wrong_frames_are_told(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"film{suffix}"
    with pytest.raises(StudioError, match="same size"):
        run(write_animation(path, [*gradients(2, 32, 32), *gradients(1, 16, 32)], 24))
    with pytest.raises(StudioError, match="no pictures"):
        run(write_animation(path, [], 24))
    with pytest.raises(ValueError, match="not a picture"):
        run(write_animation(path, [np.zeros((4, 4), np.uint8)], 24))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".png", ".webp", ".gif", ""])
def test_a_full_disk_is_a_sentence(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = itertools.count()

    def full(frame: np.ndarray, *args: object, **options: object) -> bytes:
        if next(calls) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return original(frame, *args, **options)  # type: ignore[arg-type]

    original = {".png": animation.encode_image, "": animation.encode_image}.get(suffix, animation._ticks)
    monkeypatch.setattr(animation, original.__name__, full)
    with pytest.raises(ResourceError, match="disk is full"):
        run(write_animation(tmp_path / f"film{suffix}", noise(), 24))
    assert list(tmp_path.iterdir()) == []


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(StudioError):
        run(write_animation(tmp_path / "no" / "film.png", noise(), 24))


def test_progress_counts(tmp_path: Path) -> None:
    events = list(write_animation(tmp_path / "film.png", noise(), 24))
    assert [(event.done, event.total) for event in events if event.phase == "Writing pictures"] == [  # type: ignore[union-attr]
        (i, 7) for i in range(1, 8)
    ]
    events = list(write_animation(tmp_path / "film.png", iter(noise()), 24))
    assert events[0] == Progress(1, 0, "Writing pictures")


def test_frames_can_be_pushed(tmp_path: Path) -> None:
    with animation_writer(tmp_path / "film.webp", 10) as writer:
        for frame in noise():
            writer.add(frame)
    assert len(read(tmp_path / "film.webp")[0]) == 7


def test_too_fast_for_gif(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="at most 50"):
        run(write_animation(tmp_path / "film.gif", noise(), 60))
