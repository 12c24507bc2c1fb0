"""What a file is, by its first bytes, and the sentence for everything that is no checkpoint."""

from __future__ import annotations

import json
from typing import Literal, NoReturn

from studio.base.errors import ModelError
from studio.checkpoints.files import OpenFile
from studio.checkpoints.formats.safetensors import looks_like_safetensors
from studio.checkpoints.formats.torch_old import MAGIC

Container = Literal["safetensors", "zip", "torch_old", "pickle", "npy"]

_PICTURE = "This is a picture, not a model."
_PACKED = "This file is packed."
_WRONG: tuple[tuple[int, bytes, str, str], ...] = (
    (0, b"\x89PNG", _PICTURE, "Drop it on the canvas instead."),
    (0, b"\xff\xd8\xff", _PICTURE, "Drop it on the canvas instead."),
    (0, b"GIF8", _PICTURE, "Drop it on the canvas instead."),
    (8, b"WEBP", _PICTURE, "Drop it on the canvas instead."),
    (0, b"BM", _PICTURE, "Drop it on the canvas instead."),
    (0, b"II*\0", _PICTURE, "Drop it on the canvas instead."),
    (0, b"MM\0*", _PICTURE, "Drop it on the canvas instead."),
    (0, b"8BPS", _PICTURE, "Drop it on the canvas instead."),
    (4, b"ftyp", "This is a video or a picture, not a model.", "Choose a checkpoint file."),
    (0, b"%PDF", "This is a PDF document, not a model.", "Choose a checkpoint file."),
    (0, b"\x1f\x8b", _PACKED, "Unpack it (gzip) and choose the model file inside."),
    (0, b"BZh", _PACKED, "Unpack it (bzip2) and choose the model file inside."),
    (0, b"\xfd7zXZ", _PACKED, "Unpack it (xz) and choose the model file inside."),
    (0, b"7z\xbc\xaf", _PACKED, "Unpack it (7-Zip) and choose the model file inside."),
    (0, b"Rar!", _PACKED, "Unpack it (RAR) and choose the model file inside."),
    (0, b"\x28\xb5\x2f\xfd", _PACKED, "Unpack it (zstandard) and choose the model file inside."),
    (257, b"ustar", "This is a tar archive.", "Unpack it and choose the model file inside."),
    (0, b"\x89HDF", "This is a Keras or HDF5 file.", "Latent Studio reads PyTorch checkpoints and safetensors."),
    (0, b"GGUF", "This is a GGUF file, made for language models.", "Latent Studio reads image networks."),
    (0, b"\x7fELF", "This is a program, not a model.", "Do not run it. Choose a checkpoint file."),
    (0, b"MZ", "This is a program, not a model.", "Do not run it. Choose a checkpoint file."),
    (0, b"SQLite", "This is a database, not a model.", "Choose a checkpoint file."),
    (0, b"ID3", "This is a sound, not a model.", "Choose a checkpoint file."),
    (0, b"OggS", "This is a sound, not a model.", "Choose a checkpoint file."),
)


def sniff(file: OpenFile) -> Container:
    """The container of a model file; :class:`ModelError` with a sentence for anything else."""
    if file.size == 0:
        raise ModelError("This file is empty.", "", "Download or copy it again.")
    head = file.read(0, min(file.size, 4096))
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return "zip"
    if head.startswith(MAGIC):
        return "torch_old"
    if head.startswith(b"\x93NUMPY"):
        return "npy"
    for at, magic, what, todo in _WRONG:
        if head[at : at + len(magic)] == magic and not looks_like_safetensors(head):
            raise ModelError(what, "", todo)
    if looks_like_safetensors(head):
        return "safetensors"
    if head[0] == 0x80 and len(head) > 1 and head[1] <= 5:
        return "pickle"
    if head[0] == 0x80 and len(head) > 1:
        raise ModelError(
            "This file is written in a newer way than any known one.", "", "Update Latent Studio, or save it again."
        )
    _text(head, file.size)
    if b"onnx" in head[:256] or b"pytorch" in head[:64]:
        raise ModelError("This looks like an ONNX file.", "", "PyTorch checkpoints and safetensors are read.")
    if head[:1] in b"(c]}lI":
        return "pickle"
    if set(head) == {0}:
        raise ModelError("This file contains nothing but zeros.", "The copy failed.", "Download or copy it again.")
    raise ModelError(
        "This is not a model file that Latent Studio knows.",
        "It begins like none of them.",
        "Choose a .pkl, .pt, .pth, .ckpt or .safetensors.",
    )


def _text(head: bytes, size: int) -> None:
    """The sentences for text files; pickles of the oldest protocol are text too and pass."""
    if b"\0" in head:
        return
    try:
        text = head.decode("utf-8", "strict" if size <= len(head) else "ignore").lstrip("\ufeff \r\n\t")
    except UnicodeDecodeError:
        return
    low = text[:200].lower()
    if text.startswith("version https://git-lfs"):
        raise ModelError(
            "This is a note that stands for a large file, not the file itself.",
            "It comes from a Git repository whose large files were not fetched.",
            "Fetch them with “git lfs pull”, or download the model file itself.",
        )
    if low.startswith(("<!doctype html", "<html")) or "<head" in low:
        raise ModelError(
            "This is a web page, not a model.",
            "The download gave a page (an error, a login, a warning) instead of the file.",
            "Download the model again in the browser.",
        )
    if low.startswith(("<?xml", "<svg")):
        raise ModelError("This is an XML file, not a model.", "", "Choose a checkpoint file.")
    if text.startswith(("{", "[")):
        _json(text, size <= len(head))
    if head[:1] not in b"(c]}lI" or " " in text[:64].split("\n")[0].strip():
        raise ModelError("This is a text file, not a model.", "", "Choose a .pkl, .pt, .pth, .ckpt or .safetensors.")


def _json(text: str, whole: bool) -> NoReturn:
    try:
        value = json.loads(text) if whole else None
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict) and {"role", "architecture"} <= set(value):
        raise ModelError("This is a model's card, not the model.", "", "Choose the .safetensors beside it.")
    raise ModelError("This is a settings file (JSON), not a model.", "", "Choose the checkpoint file beside it.")
