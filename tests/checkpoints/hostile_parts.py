"""Hostile files, continued: tensors, archives and headers that lie."""

from __future__ import annotations

import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.checkpoints import makers
from tests.checkpoints.hostile import CORPUS, Maker, hostile, python, write
from tests.checkpoints.makers import Call, data_pkl, raw_pickle, safetensors, storage, tensor, tiny, torch_zip

# -- tensors that lie
ONE = b"\0" * 64


def _tensors(value: Any, parts: dict[str, bytes] | None = None) -> Maker:
    return lambda folder: torch_zip(folder / "m.pt", data_pkl(value), {"0": ONE} if parts is None else parts)


LIES: dict[str, Any] = {
    "a million by a million": {"w": tensor(storage("0", 16), (1_000_000, 1_000_000))},
    "storage of 2^60 numbers": {"w": tensor(storage("0", 1 << 60), (4,))},
    "storage larger than its part": {"w": tensor(storage("0", 17), (17,))},
    "negative size": {"w": tensor(storage("0", 16), (-4,))},
    "negative count": {"w": tensor(storage("0", -16), (4,))},
    "negative stride": {"w": tensor(storage("0", 16), (4,), (-1,))},
    "negative offset": {"w": tensor(storage("0", 16), (4,), None, -4)},
    "offset behind the end": {"w": tensor(storage("0", 16), (4,), None, 14)},
    "stride 0 a thousand million times": {"w": tensor(storage("0", 16), (1_000_000_000,), (0,))},
    "stride over the end": {"w": tensor(storage("0", 16), (4, 4), (8, 1))},
    "strides missing": {"w": tensor(storage("0", 16), (4, 4), (4,))},
    "a size that is a text": {"w": tensor(storage("0", 16), ("4",), (1,))},  # type: ignore[arg-type]
    "a size that is a fraction": {"w": tensor(storage("0", 16), (2.0,), (1,))},  # type: ignore[arg-type]
    "a size that is a truth": {"w": tensor(storage("0", 16), (True,), (1,))},
    "nine dimensions": {"w": tensor(storage("0", 16), (1,) * 9)},
    "an empty size beside a huge one": {"w": tensor(storage("0", 16), (0, 1 << 40))},
    "a part that is missing": {"w": tensor(storage("7", 16), (4,))},
    "a part with a path": {"w": tensor(storage("../../../etc/passwd", 16), (4,))},
    "an unknown kind of number": {"w": tensor(storage("0", 16, "EvilStorage"), (4,))},
    "quantised": {"w": tensor(storage("0", 16, "QInt8Storage"), (4,))},
    "sparse": {"w": Call("torch._utils._rebuild_sparse_tensor", 1, (2, 3))},
    "without numbers": {"w": Call("torch._utils._rebuild_meta_tensor_no_storage", 1, 2, 3, 4)},
    "a storage that is a number": {"w": tensor(3, (4,))},
    "arguments missing": {"w": Call("torch._utils._rebuild_tensor_v2", storage("0", 16))},
    "no tensors at all": {"epoch": 3, "lr": 0.1, "name": "nothing"},
}
for _name, _value in LIES.items():
    CORPUS[f"tensor: {_name}"] = _tensors(_value)


@hostile("tensor: old format, count lies")
def _(folder: Path) -> Path:
    return makers.torch_old(folder / "m.pt", {"w": tensor(storage("0", 4), (4,))}, {"0": (1 << 40, b"\0" * 16)})


@hostile("tensor: old format, numbers missing")
def _(folder: Path) -> Path:
    return makers.torch_old(folder / "m.pt", {"w": tensor(storage("0", 4), (4,))}, {})


@hostile("tensor: old format, one part twice")
def _(folder: Path) -> Path:
    path = makers.torch_old(folder / "m.pt", {"w": tensor(storage("0", 4), (4,))}, {"0": (4, b"\0" * 16)})
    path.write_bytes(path.read_bytes().replace(raw_pickle(["0"]), raw_pickle(["0", "0"])))
    return path


@hostile("tensor: one large part under two hundred names")
def _(folder: Path) -> Path:
    """A whole StyleGAN2 at 1024 px whose convolutions are all the same numbers."""
    one = storage("0", 256 * 256 * 9)
    sd: dict[str, Any] = {}
    shapes = _stylegan2_shapes({4 << i: 256 for i in range(8)})
    for name, shape in shapes.items():
        sd[name] = tensor(one, shape)
    return torch_zip(folder / "m.pt", data_pkl(sd), {"0": np.zeros(256 * 256 * 9, np.float32).tobytes()})


def _stylegan2_shapes(channels: dict[int, int]) -> dict[str, tuple[int, ...]]:
    from studio.checkpoints.skeleton import Hollow
    from studio.nets.stylegan2 import StyleGAN2

    with Hollow(1 << 31):
        net = StyleGAN2(64, 64, channels, mapping_layers=2)
    return {k: tuple(v.shape) for k, v in net.state_dict().items()}


@hostile("tensor: small ones that describe a huge network")
def _(folder: Path) -> Path:
    sd = dict(tiny().state_dict().items())
    for r in (4, 8, 16):
        sd[f"synthesis.b{r}.conv1.weight"] = torch.zeros(60_000, 1, 3, 3)
    torch.save(sd, folder / "m.pt")
    return folder / "m.pt"


@hostile("tensor: empty ones that describe a huge network")
def _(folder: Path) -> Path:
    sd = dict(tiny().state_dict().items())
    for r in (4, 8, 16):
        sd[f"synthesis.b{r}.conv1.weight"] = torch.zeros(60_000, 0, 3, 3)
    torch.save(sd, folder / "m.pt")
    return folder / "m.pt"


@hostile("tensor: a mapping of ten thousand layers")
def _(folder: Path) -> Path:
    sd = dict(tiny().state_dict().items())
    w, b = torch.zeros(12, 12), torch.zeros(12)
    for i in range(1, 10_000):
        sd[f"mapping.fc{i}.weight"], sd[f"mapping.fc{i}.bias"] = w, b
    torch.save(sd, folder / "m.pt", _use_new_zipfile_serialization=False)
    return folder / "m.pt"


@hostile("tensor: a picture of a million pixels a side")
def _(folder: Path) -> Path:
    sd = dict(tiny().state_dict().items())
    for r in (32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 1 << 20):
        for name in [n for n in sd if ".b16." in n]:
            sd[name.replace(".b16.", f".b{r}.")] = torch.zeros(1)
    torch.save(sd, folder / "m.pt")
    return folder / "m.pt"


NAMES = {
    "five thousand digits": "main." + "9" * 5000 + ".weight",
    "digits that are none": "main.\u00b2.weight",
    "a line break": "main\n.0.weight",
    "ten thousand letters": "a" * 10_000,
    "huge numbers": "synthesis.b99999999999999999999.conv1.weight",
}
for _name, _entry in NAMES.items():

    @hostile(f"names: {_name}")
    def _(folder: Path, name: str = _entry) -> Path:
        sd = {k: v for k, v in tiny().state_dict().items() if "b8" in k or "b4" in k or "mapping" in k}
        torch.save({**sd, name: torch.zeros(4, 4, 4, 4), "main.0.weight": torch.zeros(4, 4, 4, 4)}, folder / "m.pt")
        return folder / "m.pt"


@hostile("names: digits that are none, in a DCGAN")
def _(folder: Path) -> Path:
    names = ("l1.0.weight", "conv_blocks.0.weight", "conv_blocks.\u00b2.weight", "conv_blocks." + "1" * 400 + ".weight")
    torch.save({n: torch.zeros(4, 4) for n in names}, folder / "m.pt")
    return folder / "m.pt"


for _kind, _number in (("NaN", float("nan")), ("infinity", float("inf"))):

    @hostile(f"numbers: {_kind} in a sound network")
    def _(folder: Path, number: float = _number) -> Path:
        sd = {k: v.clone() for k, v in tiny().state_dict().items()}
        sd["synthesis.b8.conv0.weight"].view(-1)[7] = number
        torch.save(sd, folder / "m.pt")
        return folder / "m.pt"


@hostile("numbers: whole numbers for weights")
def _(folder: Path) -> Path:
    torch.save({k: v.to(torch.int32) for k, v in tiny().state_dict().items()}, folder / "m.pt")
    return folder / "m.pt"


@hostile("numbers: complex weights")
def _(folder: Path) -> Path:
    torch.save({k: v.to(torch.complex64) for k, v in tiny().state_dict().items()}, folder / "m.pt")
    return folder / "m.pt"


@hostile("numbers: sparse weights in a sound network")
def _(folder: Path) -> Path:
    sd: dict[str, Any] = dict(tiny().state_dict())
    sd["mapping.fc1.weight"] = sd["mapping.fc1.weight"].to_sparse()
    torch.save(sd, folder / "m.pt")
    return folder / "m.pt"


# -- zips
def _sound(folder: Path) -> bytes:
    torch.save(tiny().state_dict(), folder / "sound.pt")
    return (folder / "sound.pt").read_bytes()


@hostile("zip: compressed without end")
def _(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "m.pt", "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("archive/data.pkl", data_pkl({"w": tensor(storage("0", 1 << 24), (1 << 24,))}))
        z.writestr("archive/data/0", b"\0" * (1 << 26))
    return folder / "m.pt"


@hostile("zip: compressed bookkeeping")
def _(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "m.pt", "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("archive/data.pkl", b"\x80\x02" + b"N0" * (1 << 22) + b"N.")
    return folder / "m.pt"


ZIP_NAMES = {
    "leads out": "archive/../../../../tmp/escaped",
    "absolute": "/tmp/escaped",
    "backslashes": "archive\\..\\..\\escaped",
    "a drive": "C:/escaped",
}
for _name, _entry in ZIP_NAMES.items():

    @hostile(f"zip: a name that {_name}")
    def _(folder: Path, entry: str = _entry) -> Path:
        return torch_zip(folder / "m.pt", data_pkl({"a": 1}), **{entry: b"x"})


@hostile("zip: a link")
def _(folder: Path) -> Path:
    info = zipfile.ZipInfo("archive/data/0")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(folder / "m.pt", "w") as z:
        z.writestr("archive/data.pkl", data_pkl({"w": tensor(storage("0", 2), (2,))}))
        z.writestr(info, "/etc/passwd")
    return folder / "m.pt"


@hostile("zip: one name twice")
def _(folder: Path) -> Path:
    path = torch_zip(folder / "m.pt", data_pkl({"a": 1}), {"0": b"x"}, **{"archive/data/1": b"y"})
    path.write_bytes(path.read_bytes().replace(b"archive/data/1", b"archive/data/0"))
    return path


@hostile("zip: two checkpoints")
def _(folder: Path) -> Path:
    return torch_zip(folder / "m.pt", data_pkl({"a": 1}), **{"other/data.pkl": data_pkl({"a": 2})})


@hostile("zip: parts over each other")
def _(folder: Path) -> Path:
    path = torch_zip(folder / "m.pt", data_pkl({"w": tensor(storage("0", 16), (16,))}), {"0": ONE, "1": ONE})
    data = bytearray(path.read_bytes())
    first = data.find(b"PK\x01\x02")
    second = data.find(b"PK\x01\x02", first + 4)
    third = data.find(b"PK\x01\x02", second + 4)
    data[third + 42 : third + 46] = data[second + 42 : second + 46]
    path.write_bytes(data)
    return path


def _zip_lie(at: int, value: bytes) -> Maker:
    def make(folder: Path) -> Path:
        data = bytearray(_sound(folder))
        end = data.rfind(b"PK\x05\x06")
        data[end + at : end + at + len(value)] = value
        return write(folder, bytes(data), "m.pt")

    return make


CORPUS["zip: 65,534 parts announced"] = _zip_lie(10, b"\xfe\xff")
CORPUS["zip: table of contents of 4 GB"] = _zip_lie(12, b"\xfe\xff\xff\xff")
CORPUS["zip: table of contents elsewhere"] = _zip_lie(16, b"\x07\x00\x00\x00")


@hostile("zip: sizes announced elsewhere and not there")
def _(folder: Path) -> Path:
    path = torch_zip(folder / "m.pt", data_pkl({"a": 1}))
    data = bytearray(path.read_bytes())
    end = data.rfind(b"PK\x05\x06")
    data[end + 16 : end + 20] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    return path


@hostile("zip: no table of contents")
def _(folder: Path) -> Path:
    data = _sound(folder)
    return write(folder, data[: data.rfind(b"PK\x05\x06")], "m.pt")


@hostile("zip: sixty thousand parts")
def _(folder: Path) -> Path:
    head = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    local = struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0, 0, 0, 0, 0, 0, 0, 1, 0) + b"a"
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 60_000, 60_000, 60_000 * len(head), len(local), 0)
    return write(folder, local + head * 60_000 + end, "m.pt")


@hostile("zip: locked")
def _(folder: Path) -> Path:
    path = torch_zip(folder / "m.pt", data_pkl({"a": 1}))
    data = bytearray(path.read_bytes())
    data[data.find(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    return path


@hostile("zip: empty")
def _(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "m.pt", "w"):
        pass
    return folder / "m.pt"


@hostile("TorchScript")
def _(folder: Path) -> Path:
    code = f"def forward(self):\n  {python(folder)}\n".encode()
    others = {"archive/code/__torch__.py": code, "archive/constants.pkl": raw_pickle(())}
    return torch_zip(folder / "m.pt", data_pkl({"a": 1}), **others)


@hostile("exported program, .pt2")
def _(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "m.pt2", "w") as z:
        z.writestr("archive/archive_format", b"pt2")
        z.writestr("archive/models/model.json", b"{}")
        z.writestr("archive/data.pkl", raw_pickle({}))
    return folder / "m.pt2"


@hostile("byte order of another machine")
def _(folder: Path) -> Path:
    return torch_zip(folder / "m.pt", data_pkl({"a": 1}), **{"archive/byteorder": b"big"})


# -- safetensors
F32 = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
EIGHT = b"\0" * 8
HEADERS: dict[str, tuple[Any, bytes, int | None]] = {
    "header of 2^63 bytes": (F32, EIGHT, 1 << 63),
    "header of 99 MB in a small file": (b"{}", b"", 99_000_000),
    "header of 101 MB": (b"{}", b"", 101_000_000),
    "header of 0 bytes": (b'{"a":1}', b"", 0),
    "not JSON": (b"{" + b"x" * 50, b"", None),
    "a list": (b'{"a"' + b" " * 20, b"", None),
    "deep JSON": (b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}", b"", None),
    "a million commas": (b'{"a":[' + b"0," * 1_500_000 + b"0]}", b"", None),
    "a million brackets": (b'{"a":[' + b"[]," * 1_200_000 + b"[]]}", b"", None),
    "one name twice": (b'{"a":' + json.dumps(F32).encode() + b',"a":' + json.dumps(F32).encode() + b"}", EIGHT, None),
    "over each other": ({"a": F32, "b": F32}, EIGHT, None),
    "a hole": ({"a": F32, "b": {**F32, "data_offsets": [16, 24]}}, EIGHT * 3, None),
    "data behind the end": ({"a": F32}, EIGHT * 2, None),
    "data missing": ({"a": F32}, b"\0" * 4, None),
    "backwards": ({"a": {**F32, "data_offsets": [8, 0]}}, EIGHT, None),
    "negative place": ({"a": {**F32, "data_offsets": [-8, 0]}}, EIGHT, None),
    "place of 2^62": ({"a": {**F32, "data_offsets": [1 << 62, (1 << 62) + 8]}}, EIGHT, None),
    "dtype lies": ({"a": {**F32, "dtype": "F64"}}, EIGHT, None),
    "dtype unknown": ({"a": {**F32, "dtype": "F4"}}, EIGHT, None),
    "dtype is no text": ({"a": {**F32, "dtype": ["F32"]}}, EIGHT, None),
    "shape lies": ({"a": {**F32, "shape": [3]}}, EIGHT, None),
    "shape of a million by a million": ({"a": {**F32, "shape": [1_000_000, 1_000_000]}}, EIGHT, None),
    "shape negative": ({"a": {**F32, "shape": [-1, -2]}}, EIGHT, None),
    "shape of fractions": ({"a": {**F32, "shape": [2.0]}}, EIGHT, None),
    "shape overflows": ({"a": {**F32, "shape": [1 << 32, 1 << 32, 2]}}, EIGHT, None),
    "places missing": ({"a": {"dtype": "F32", "shape": [2]}}, EIGHT, None),
    "notes that are no text": ({"__metadata__": {"a": [1]}, "a": F32}, EIGHT, None),
    "thirty thousand empty tensors": (
        {f"t{i}": {**F32, "shape": [0], "data_offsets": [0, 0]} for i in range(30_000)},
        b"",
        None,
    ),
    "six thousand empty tensors": (
        {f"t{i}": {**F32, "shape": [0], "data_offsets": [0, 0]} for i in range(6_000)},
        b"",
        None,
    ),
    "only notes": ({"__metadata__": {"a": "b"}}, b"", None),
}
for _name, (_header, _data2, _length) in HEADERS.items():
    CORPUS[f"safetensors: {_name}"] = lambda folder, h=_header, d=_data2, n=_length: safetensors(
        folder / "m.safetensors", h, d, n
    )


@hostile("safetensors: notes that lie about a DCGAN")
def _(folder: Path) -> Path:
    block = {"n_in": 1 << 30, "n_out": 1 << 30, "kernel": 1 << 20}
    header = {
        "__metadata__": {"blocks": json.dumps([block] * 3), "z_dim": "100", "stem": "[1000000, 1000000]"},
        "blocks.0.conv.weight": F32,
    }
    return safetensors(folder / "m.safetensors", header, EIGHT)
