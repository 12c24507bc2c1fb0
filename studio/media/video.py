"""Films: MP4 by an encoder in a process of its own, everything else by ``animation``; always whole or not at all."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sized
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import features

from studio.base.errors import ResourceError, StudioError, as_studio_error
from studio.base.files import clean_leftovers, replacing, temporary_name
from studio.base.steps import Progress, Steps, UInt8Image
from studio.media.animation import ApngWriter, GifWriter, SequenceWriter, WebpWriter, Writer, frame_rate
from studio.media.images import flatten
from studio.media.metadata import mp4_box

FILM_SUFFIXES = (".mp4", ".webp", ".gif", ".png")
"""What :func:`write_animation` writes; a path without a suffix is a folder of PNG files."""

_NO_WINDOW = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # no console flashes up on Windows


@functools.cache
def encoder() -> tuple[str, str] | None:
    """The program that makes MP4 files and the codec it has, best first; None when there is none.

    The first call starts the program to ask it (a tenth of a second): not on the UI thread.
    """
    for program in _programs():
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            known = subprocess.run(
                [program, "-hide_banner", "-encoders"],
                capture_output=True,
                text=True,
                timeout=20,
                check=True,
                stdin=subprocess.DEVNULL,
                creationflags=_NO_WINDOW,
            ).stdout.split()
            for codec in ("libx264", "libopenh264", "h264_videotoolbox", "h264_mf", "mpeg4"):
                if codec in known:
                    return program, codec
    return None


def _programs() -> Iterator[str]:
    try:
        import imageio_ffmpeg

        yield imageio_ffmpeg.get_ffmpeg_exe()
    except (ImportError, RuntimeError):
        pass  # then perhaps the system has one
    if (found := shutil.which("ffmpeg")) is not None:
        yield found


def encoders() -> dict[str, bool]:
    """Which films can be written here: "mp4", "webp", "gif", "png" (APNG), "folder" (PNG files).

    Asks for an encoder like :func:`encoder`: not on the UI thread.
    """
    webp = bool(features.check("webp"))
    return {"mp4": encoder() is not None, "webp": webp, "gif": True, "png": True, "folder": True}


class Mp4Writer:
    """H.264 in MP4, 4:2:0, BT.709.  Odd sizes get one more line or column; transparency is laid on black."""

    def __init__(self, path: Path, rate: Fraction, recipe: str | None) -> None:
        found = encoder()
        if found is None:
            raise StudioError(
                "MP4 films cannot be made here.",
                "No film encoder was found.",
                "Install ffmpeg, or choose animated WebP, GIF, or a folder of PNG files.",
            )
        self._program, self._codec = found
        self._path, self._rate, self._recipe = path, rate, recipe
        self._process: subprocess.Popen[bytes] | None = None
        self._messages = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self._shape: tuple[int, ...] = ()

    def add(self, frame: UInt8Image) -> None:
        frame = flatten(frame, (0, 0, 0))
        height, width = frame.shape[:2]
        if height % 2 or width % 2:
            frame = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        if self._process is None:
            self._process = self._start(frame.shape[1], frame.shape[0])
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(np.ascontiguousarray(frame).data)
        except OSError as exc:  # it has gone, and left a message
            raise self._failure() from exc

    def _start(self, width: int, height: int) -> subprocess.Popen[bytes]:
        source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-video_size", f"{width}x{height}"]
        source += ["-framerate", str(self._rate), "-i", "pipe:0"]
        quality = {"libx264": ["-preset", "medium", "-crf", "14"], "mpeg4": ["-q:v", "2"]}
        target = ["-an", "-c:v", self._codec, *quality.get(self._codec, ["-b:v", str(8 * width * height)])]
        # Players take untagged films for BT.601 or BT.709 by their size; converted and tagged, colours are right.
        target += ["-vf", "scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd+full_chroma_int"]
        target += ["-pix_fmt", "yuv420p", "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"]
        target += ["-movflags", "+faststart", "-f", "mp4", str(self._path)]
        try:
            return subprocess.Popen(
                [self._program, "-y", "-hide_banner", "-loglevel", "error", *source, *target],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=self._messages,
                creationflags=_NO_WINDOW,
            )
        except OSError as exc:
            raise as_studio_error(exc, doing="Starting the film encoder") from exc

    def finish(self) -> Iterator[None]:
        process = self._process
        assert process is not None and process.stdin is not None
        try:
            process.stdin.close()
        except OSError as exc:
            raise self._failure() from exc
        while process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.1)
            yield
        if process.returncode != 0:
            raise self._failure()
        self._messages.close()
        if self._recipe is not None:
            with self._path.open("ab") as file:
                file.write(mp4_box(self._recipe))

    def _failure(self) -> ResourceError:
        assert self._process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        self._messages.seek(0)
        said = self._messages.read().decode("utf-8", "replace").strip()
        last = said.splitlines()[-1] if said else "It gave no reason."
        return ResourceError(
            "The film encoder stopped before the film was done.",
            last[:300],
            "Look whether the disk is full, or choose another format.",
            detail=said[-5000:],
        )

    def abort(self) -> None:
        process = self._process
        if process is not None:
            process.kill()
            if process.stdin is not None:
                with contextlib.suppress(OSError):
                    process.stdin.close()
            process.wait()
        self._messages.close()


class _Uniform:
    """Holds a writer to frames of one size and kind."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._shape: tuple[int, ...] = ()
        self.finished = False

    def add(self, frame: UInt8Image) -> None:
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] not in (3, 4) or 0 in frame.shape:
            raise ValueError(f"not a picture: {frame.dtype} {frame.shape}, expected uint8 [H, W, 3|4]")
        self._shape = self._shape or frame.shape
        if frame.shape != self._shape:
            raise StudioError(
                "The pictures of a film must all have the same size.",
                f"One has {frame.shape[1]} × {frame.shape[0]} pixels, the first {self._shape[1]} × {self._shape[0]}.",
            )
        self._writer.add(frame)

    def finish(self) -> Iterator[None]:
        if not self._shape:
            raise StudioError("There are no pictures to make a film of.")
        yield from self._writer.finish()
        self.finished = True

    def abort(self) -> None:
        self._writer.abort()


@contextlib.contextmanager
def animation_writer(
    path: str | Path, fps: float, *, loop: bool = True, recipe: str | None = None, quality: int | None = None
) -> Iterator[Writer]:
    """A film to add frames to, one by one; it takes its place when the block ends, and vanishes on any exception.

    Arguments as :func:`write_animation`.
    """
    path = Path(path)
    rate = frame_rate(fps)
    try:
        with contextlib.suppress(OSError):
            clean_leftovers(path.parent)
        place = _new_file(path) if path.suffix.lower() in FILM_SUFFIXES and not path.is_dir() else _new_folder(path)
        with place as temp, _opened_writer(temp, path, rate, loop, recipe, quality) as writer:
            try:
                yield writer
                if not writer.finished:
                    for _ in writer.finish():
                        pass
            except BaseException:
                writer.abort()
                raise
    except OSError as exc:
        raise as_studio_error(exc, doing=f"Writing “{path.name}”") from exc


@contextlib.contextmanager
def _opened_writer(
    temp: Path, path: Path, rate: Fraction, loop: bool, recipe: str | None, quality: int | None
) -> Iterator[_Uniform]:
    suffix = path.suffix.lower()
    if temp.is_dir():
        yield _Uniform(SequenceWriter(temp, path.name, recipe))
    elif suffix == ".mp4":
        yield _Uniform(Mp4Writer(temp, rate, recipe))
    else:
        with temp.open("wb") as file:
            if suffix == ".webp":
                yield _Uniform(WebpWriter(file, rate, loop, recipe, quality))
            elif suffix == ".gif":
                yield _Uniform(GifWriter(file, rate, loop, recipe))
            else:
                yield _Uniform(ApngWriter(file, rate, loop, recipe))


def _new_file(path: Path) -> contextlib.AbstractContextManager[Path]:
    return replacing(path)


@contextlib.contextmanager
def _new_folder(path: Path) -> Iterator[Path]:
    """A folder that appears, complete, under its name when the block ends."""
    if path.suffix and not path.is_dir():
        known = ", ".join(FILM_SUFFIXES)
        raise StudioError(f"Films cannot be saved as “{path.suffix}”.", todo=f"Choose {known}, or a folder.")
    if path.is_file() or (path.is_dir() and any(path.iterdir())):
        raise StudioError(f"“{path.name}” is there already and not empty.", todo="Choose a new folder.")
    temp = temporary_name(path.parent)
    temp.mkdir()
    try:
        yield temp
        if path.is_dir():
            path.rmdir()
        os.replace(temp, path)  # noqa: PTH105 - a rename that may not fall back to copying
    except BaseException:
        shutil.rmtree(temp, ignore_errors=True)
        raise


def write_animation(
    path: str | Path,
    frames: Iterable[UInt8Image],
    fps: float,
    *,
    loop: bool = True,
    total: int = 0,
    recipe: str | None = None,
    quality: int | None = None,
) -> Steps[Path]:
    """Write a film by its suffix: .mp4, .webp, .gif, .png (APNG), or none for a folder of PNG files.

    ``frames`` ``[H, W, 3|4]`` uint8, all of one size, taken one at a time; ``total`` how many (0: ``len(frames)`` when
    it has one); ``loop`` for ever or once (MP4 leaves that to the player); ``recipe`` restores the walk when the film
    is dropped back; ``quality`` 1..100 makes a WebP lossy (None: lossless).  A step is a frame.  Closing the generator
    stops the encoder and leaves what was there before.  StudioError with a sentence.
    """
    path = Path(path)
    total = total or (len(frames) if isinstance(frames, Sized) else 0)
    done = 0
    with animation_writer(path, fps, loop=loop, recipe=recipe, quality=quality) as writer:
        for frame in frames:
            writer.add(frame)
            done += 1
            yield Progress(done, max(total, done) if total else 0, "Writing pictures")
        for _ in writer.finish():
            yield Progress(done, done, "Finishing the film")
    return path
