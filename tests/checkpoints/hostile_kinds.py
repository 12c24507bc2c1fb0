"""Hostile files, continued: things that are no models, and no files."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np

from tests.checkpoints.hostile import CORPUS, hostile, write

# -- things that are no models
KINDS: dict[str, bytes] = {
    "text": b"just some words\n" * 20,
    "a poem in parentheses": b"(once upon a time)\n" * 20,
    "Python": b"import os\nos.system('echo hello')\n",
    "HTML": b"<!DOCTYPE html><html><head><title>Access denied</title></head></html>",
    "JSON": b'{"_class_name": "AutoencoderKL"}',
    "YAML": b"model:\n  z_dim: 512\n",
    "XML": b"<?xml version='1.0'?><svg/>",
    "Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
    "PNG": b"\x89PNG\r\n\x1a\n" + b"\0" * 100,
    "JPEG": b"\xff\xd8\xff\xe0" + b"\0" * 100,
    "WebP": b"RIFF\0\0\0\0WEBP" + b"\0" * 100,
    "GIF": b"GIF89a" + b"\0" * 100,
    "MP4": b"\0\0\0\x18ftypmp42" + b"\0" * 100,
    "PDF": b"%PDF-1.7\n" + b"\0" * 100,
    "gzip": b"\x1f\x8b\x08\0" + b"\0" * 100,
    "7-Zip": b"7z\xbc\xaf\x27\x1c" + b"\0" * 100,
    "tar": b"name" + b"\0" * 253 + b"ustar\x0000" + b"\0" * 300,
    "HDF5": b"\x89HDF\r\n\x1a\n" + b"\0" * 100,
    "GGUF": b"GGUF\x03\0\0\0" + b"\0" * 100,
    "a Windows program": b"MZ\x90\0" + b"\0" * 100,
    "a Linux program": b"\x7fELF\x02\x01\x01" + b"\0" * 100,
    "a database": b"SQLite format 3\0" + b"\0" * 100,
    "a numpy array": b"\x93NUMPY\x01\0v\0{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }"
    + b" " * 60
    + b"\n\0\0\0\0",
    "nothing": b"",
    "one byte": b"\x80",
    "zeros": b"\0" * 5000,
    "noise": bytes(np.random.RandomState(3).bytes(5000)),
}
for _name, _data in KINDS.items():
    CORPUS[f"no model: {_name}"] = lambda folder, d=_data: write(folder, d, "model.pt")


@hostile("no model: a project")
def _(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "m.pt", "w") as z:
        z.writestr("mimetype", b"application/x-studio")
        z.writestr("manifest.json", b"{}")
        z.writestr("session.json", b"{}")
    return folder / "m.pt"


@hostile("no model: a zip of pictures")
def _(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "m.zip", "w") as z:
        z.writestr("a.png", b"x")
    return folder / "m.zip"


@hostile("no file: a folder")
def _(folder: Path) -> Path:
    (folder / "model.pt").mkdir()
    return folder / "model.pt"


@hostile("no file: nothing there")
def _(folder: Path) -> Path:
    return folder / "missing.pt"


@hostile("no file: a name with a zero byte")
def _(folder: Path) -> Path:
    return folder / "a\0b.pt"


if hasattr(os, "mkfifo"):

    @hostile("no file: a pipe")
    def _(folder: Path) -> Path:
        os.mkfifo(folder / "model.pt")
        return folder / "model.pt"

    @hostile("no file: a link to an endless device")
    def _(folder: Path) -> Path:
        (folder / "model.pt").symlink_to("/dev/zero")
        return folder / "model.pt"

    @hostile("no file: a link to nowhere")
    def _(folder: Path) -> Path:
        (folder / "model.pt").symlink_to(folder / "gone")
        return folder / "model.pt"

    @hostile("no file: a link to itself")
    def _(folder: Path) -> Path:
        (folder / "model.pt").symlink_to(folder / "model.pt")
        return folder / "model.pt"

    @hostile("no file: seventeen gigabytes of nothing")
    def _(folder: Path) -> Path:
        with (folder / "model.pt").open("wb") as f:
            f.truncate(17 << 30)
        return folder / "model.pt"
