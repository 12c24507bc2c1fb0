"""Files made to do harm, to waste memory and time, or to be mistaken for models.

``CORPUS`` maps a name to a maker; each maker writes one file (or other thing) into a folder and returns its path.
None of them is a model, so each must end in a :class:`ModelError`.  Whatever runs would write ``folder/MARKER``.
"""

from __future__ import annotations

import json
import os
import struct
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.checkpoints import makers
from tests.checkpoints.makers import Call, Global, data_pkl, raw_pickle, safetensors, storage, tensor, tiny, torch_zip

Maker = Callable[[Path], Path]
CORPUS: dict[str, Maker] = {}
EVIL_MODULE = "evil_on_import"


def evil_module(folder: Path) -> None:
    """A module whose import, functions, classes and magic methods all leave the mark."""
    mark = f"open({str(folder / 'MARKER')!r}, 'a').write('x')"
    (folder / f"{EVIL_MODULE}.py").write_text(
        f"{mark}\n\ndef run(*a, **k):\n    {mark}\n\n"
        f"class Evil(dict):\n    def __init__(self, *a, **k):\n        {mark}\n"
        f"    def __setstate__(self, s):\n        {mark}\n    def __setitem__(self, k, v):\n        {mark}\n"
        f"    def append(self, v):\n        {mark}\n    def extend(self, v):\n        {mark}\n"
        f"    def __reduce__(self):\n        {mark}\n"
    )


def hostile(name: str) -> Callable[[Maker], Maker]:
    """Add a maker to the corpus."""

    def add(fn: Maker) -> Maker:
        assert name not in CORPUS
        CORPUS[name] = fn
        return fn

    return add


def command(folder: Path) -> str:
    """A shell command that leaves the mark."""
    return f"echo x >> {folder / 'MARKER'}"


def python(folder: Path) -> str:
    """An expression that leaves the mark."""
    return f"open({str(folder / 'MARKER')!r}, 'a').write('x')"


def write(folder: Path, data: bytes, name: str = "model.pkl") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


# -- pickles that call something
CALLS: dict[str, Callable[[Path], Any]] = {
    "os.system": lambda f: Call("os.system", command(f)),
    "posix.system": lambda f: Call("posix.system", command(f)),
    "nt.system": lambda f: Call("nt.system", command(f)),
    "builtins.eval": lambda f: Call("builtins.eval", python(f)),
    "builtins.exec": lambda f: Call("builtins.exec", python(f)),
    "__builtin__.eval of Python 2": lambda f: Call("__builtin__.eval", python(f)),
    "builtins.compile": lambda f: Call("builtins.compile", python(f), "x", "eval"),
    "builtins.open": lambda f: Call("builtins.open", str(f / "MARKER"), "w"),
    "builtins.__import__": lambda f: Call("builtins.__import__", EVIL_MODULE),
    "importlib": lambda f: Call("importlib.import_module", EVIL_MODULE),
    "subprocess.Popen": lambda f: Call("subprocess.Popen", command(f), -1, None, None, None, None, None, True, True),
    "subprocess.check_output": lambda f: Call("subprocess.check_output", ["touch", str(f / "MARKER")]),
    "pty.spawn": lambda f: Call("pty.spawn", ["touch", str(f / "MARKER")]),
    "runpy.run_path": lambda f: Call("runpy.run_path", str(f / f"{EVIL_MODULE}.py")),
    "shutil.rmtree": lambda f: Call("shutil.rmtree", str(f)),
    "webbrowser.open": lambda f: Call("webbrowser.open", "http://127.0.0.1:9/"),
    "socket": lambda f: Call("socket.create_connection", ("127.0.0.1", 9)),
    "timeit": lambda f: Call("timeit.timeit", python(f)),
    "code.InteractiveInterpreter": lambda f: Call("code.InteractiveInterpreter"),
    "numpy runstring": lambda f: Call("numpy.testing._private.utils.runstring", python(f), {}),
    "torch.load inside": lambda f: Call("torch.serialization.load", str(f / "other.pt")),
    "torch.hub.load": lambda f: Call("torch.hub.load", "evil/repository", "model"),
    "torch jit script": lambda f: Call("torch.jit._serialization.load", str(f / "other.pt")),
    "functools.partial": lambda f: Call(Call("functools.partial", Global("os.system"), command(f))),
    "operator.methodcaller": lambda f: Call(Call("operator.methodcaller", "system", command(f)), Global("os.path")),
    "getattr chain": lambda f: Call(
        Call("builtins.getattr", Call("importlib.import_module", "os"), "system"), command(f)
    ),
    "getattr of a name": lambda f: Call(Call("builtins.getattr", Global("os.path"), "os"), command(f)),
    "map and list": lambda f: Call("builtins.list", Call("builtins.map", Global("os.system"), [command(f)])),
    "a module on the path": lambda f: Call(f"{EVIL_MODULE}.run"),
    "a name on the path": lambda f: Global(f"{EVIL_MODULE}.run"),
    "__setstate__": lambda f: Call(f"{EVIL_MODULE}.Evil", state={"x": 1}),
    "BUILD into a class": lambda f: Call("builtins.getattr", Global(f"{EVIL_MODULE}.Evil"), "__init__", state={"a": 1}),
    "BUILD __class__": lambda f: Call("argparse.Namespace", state={"__class__": Global(f"{EVIL_MODULE}.Evil")}),
    "BUILD with slots": lambda f: Call("argparse.Namespace", state=(None, {"__dict__": Global("os.system")})),
    "in a state dict": lambda f: {"state_dict": {"weight": Call("os.system", command(f))}},
    "as a key": lambda f: {Call("os.system", command(f)): 1},
    "inside an ordered dict": lambda f: Call("collections.OrderedDict", [["a", Call("os.system", command(f))]]),
    "defaultdict with a factory": lambda f: Call("collections.defaultdict", Global("os.system")),
    "a tensor type": lambda f: Call(
        "torch._tensor._rebuild_from_type_v2", Global("os.system"), Global("torch.Tensor"), (command(f),), {}
    ),
    "torch rebuild with a callable": lambda f: Call(
        "torch._utils._rebuild_parameter", Call("os.system", command(f)), 1, 2
    ),
    "numpy object array": lambda f: Call(
        "numpy.core.multiarray._reconstruct",
        Global("numpy.ndarray"),
        (0,),
        b"b",
        state=(1, (1,), Call("numpy.dtype", "O8", False, True, state=(3, "|")), False, [Call("os.system", command(f))]),
    ),
    "persistence with source": lambda f: Call(
        "torch_utils.persistence._reconstruct_persistent_obj",
        {"type": "class", "version": 6, "module_src": python(f), "class_name": "Generator", "state": {}},
    ),
    "persistence hook": lambda f: Call("torch_utils.persistence.import_hook", Global(f"{EVIL_MODULE}.run")),
    "TensorFlow with source": lambda f: Call(
        "dnnlib.tflib.network.Network",
        state={"version": 4, "build_module_src": python(f), "variables": [], "static_kwargs": {}, "components": {}},
    ),
    "cloudpickle": lambda f: Call("cloudpickle.cloudpickle._make_function", b"code", {}, "f", None, None),
    "dill": lambda f: Call("dill._dill._create_function", b"code", {}),
    "types.CodeType": lambda f: Call("types.CodeType", 0, 0, 0, 0, 0, 0, b"", (), (), (), "x", "x", 1, b""),
}


def _call(name: str, protocol: int) -> Maker:
    return lambda folder: write(folder, raw_pickle(CALLS[name](folder), protocol))


for _name in CALLS:
    CORPUS[f"pickle: {_name}"] = _call(_name, 2)
for _name in ("os.system", "builtins.eval", "getattr chain", "__setstate__"):
    CORPUS[f"text pickle: {_name}"] = _call(_name, 0)
    CORPUS[f"torch zip: {_name}"] = lambda folder, n=_name: torch_zip(
        folder / "m.pt", data_pkl({"a": CALLS[n](folder)})
    )
    CORPUS[f"old torch: {_name}"] = lambda folder, n=_name: makers.torch_old(
        folder / "m.pth", {"a": CALLS[n](folder)}, {}
    )


@hostile("nested _load_from_bytes with a call")
def _(folder: Path) -> Path:
    inner = raw_pickle(Call("os.system", command(folder)))
    return write(folder, raw_pickle({"G_ema": tensor(Call("torch.storage._load_from_bytes", inner), (2,))}))


@hostile("nested _load_from_bytes, a call in the old format")
def _(folder: Path) -> Path:
    inner = makers.torch_old(folder / "inner", Call("os.system", command(folder)), {}).read_bytes()
    return write(folder, raw_pickle({"G_ema": tensor(Call("torch.storage._load_from_bytes", inner), (2,))}))


@hostile("_load_from_bytes inside itself, many times")
def _(folder: Path) -> Path:
    data = raw_pickle(1)
    for i in range(12):
        value = Call("torch.storage._load_from_bytes", data)
        data = makers.torch_old(folder / f"inner{i}", value, {}).read_bytes()
    return write(folder, data, "m.pt")


@hostile("INST instruction")
def _(folder: Path) -> Path:
    return write(folder, b"(S'" + command(folder).encode() + b"'\nios\nsystem\n.")


@hostile("OBJ instruction")
def _(folder: Path) -> Path:
    return write(folder, b"(cos\nsystem\nS'" + command(folder).encode() + b"'\no.")


@hostile("NEWOBJ instruction")
def _(folder: Path) -> Path:
    return write(
        folder, b"\x80\x02cos\nsystem\nU" + bytes([len(command(folder))]) + command(folder).encode() + b"\x85\x81."
    )


@hostile("NEWOBJ_EX instruction")
def _(folder: Path) -> Path:
    return write(folder, b"\x80\x04c" + f"{EVIL_MODULE}\nEvil\n".encode() + b")}\x92.")


@hostile("STACK_GLOBAL instruction")
def _(folder: Path) -> Path:
    text = command(folder).encode()
    return write(folder, b"\x80\x04\x8c\x02os\x8c\x06system\x93X" + struct.pack("<I", len(text)) + text + b"\x85R.")


@hostile("extension registry")
def _(folder: Path) -> Path:
    return write(folder, b"\x80\x02\x82\xf0)R.")


@hostile("APPENDS and SETITEMS on an object")
def _(folder: Path) -> Path:
    name = f"c{EVIL_MODULE}\nEvil\n".encode()
    return write(folder, b"\x80\x02" + name + b")\x81(K\x01K\x02e(K\x01K\x02ub" + b".")


@hostile("persistent id outside a container")
def _(folder: Path) -> Path:
    return write(folder, b"\x80\x02U\x03abcQ.")


@hostile("harm beside a sound network")
def _(folder: Path) -> Path:
    sd = dict(tiny().state_dict().items())
    buffer = BytesIO()
    torch.save(sd, buffer, _use_new_zipfile_serialization=False)
    inner = Call("torch.storage._load_from_bytes", buffer.getvalue())
    return write(folder, raw_pickle({"G_ema": inner, "extra": Call("os.system", command(folder))}))


@hostile("harm in a TensorFlow network")
def _(folder: Path) -> Path:
    state = {"variables": [("x", Call("os.system", command(folder)))], "static_kwargs": {}, "components": {}}
    return write(folder, raw_pickle(Call("dnnlib.tflib.network.Network", state=state)))


# -- pickles that never end or grow without end
BOMBS: dict[str, bytes] = {
    "BINBYTES8 of 2^60": b"\x80\x04\x8e" + struct.pack("<Q", 1 << 60) + b"x.",
    "BINBYTES of 4 GB": b"\x80\x03B\xff\xff\xff\xffx.",
    "BINUNICODE8 of 2^62": b"\x80\x04\x8d" + struct.pack("<Q", 1 << 62) + b"x.",
    "BYTEARRAY8 of 2^63": b"\x80\x05\x96" + struct.pack("<Q", 1 << 63) + b"x.",
    "BINSTRING of negative length": b"\x80\x02T\xff\xff\xff\xffx.",
    "LONG4 of 2 GB": b"\x80\x02\x8b\xff\xff\xff\x7fx.",
    "LONG4 of 3 MB": b"\x80\x02\x8b" + struct.pack("<i", 3 << 20) + b"\x7f" * (3 << 20) + b".",
    "LONG4 negative": b"\x80\x02\x8b\x00\x00\x00\x80x.",
    "decimal number of a million digits": b"I" + b"9" * 1_000_000 + b"\n.",
    "memo number 2^31": b"\x80\x02Nr\xff\xff\xff\x7f" + b"0" + b"N.",
    "memo number of a thousand digits": b"\x80\x02Np" + b"9" * 5000 + b"\n.",
    "memo that is not there": b"\x80\x02h\x07.",
    "FRAME of 2^50": b"\x80\x04\x95" + struct.pack("<Q", 1 << 50) + b"N.",
    "tuples 300,000 deep": b"\x80\x02N" + b"\x85" * 300_000 + b".",
    "lists 200,000 deep": b"\x80\x02" + b"]" * 200_000 + b"a" * 199_999 + b".",
    "a deep tuple as a key": b"\x80\x02}N" + b"\x85" * 50_000 + b"Ns.",
    "a set of deep tuples": b"\x80\x04\x8f(N" + b"\x85" * 50_000 + b"\x90.",
    "two million instructions": b"\x80\x02" + b"N0" * 1_000_000 + b"N.",
    "half a million dicts": b"\x80\x02(" + b"}" * 500_000 + b"t.",
    "half a million marks": b"\x80\x02" + b"(" * 500_000 + b"t.",
    "DUP half a million times": b"\x80\x02N" + b"2" * 500_000 + b"t.",
    "a list in itself": b"\x80\x02]q\x00h\x00a.",
    "a dict in itself": b"\x80\x02}q\x00X\x05\x00\x00\x00modelh\x00s.",
    "POP from nothing": b"\x80\x020.",
    "STOP at once": b"\x80\x02.",
    "STOP with more on the stack": b"\x80\x02NN.",
    "MARK without an end": b"\x80\x02(N.",
    "no STOP": b"\x80\x02N",
    "unknown instruction": b"\x80\x02\xfe.",
    "out-of-band buffer": b"\x80\x05\x97.",
    "protocol 9": b"\x80\x09N.",
    "name of a megabyte": b"\x80\x02c" + b"a" * (1 << 20) + b"\nb\n.",
    "name that is not text": b"\x80\x02c\xff\xfe\nb\n.",
    "SETITEMS with a key alone": b"\x80\x02}(Nu.",
    "APPEND to a number": b"\x80\x02K\x01Na.",
    "REDUCE of a number": b"\x80\x02K\x01)R.",
    "data behind the end": b"\x80\x02N." + b"\x80\x02N." * 100,
}
for _name, _data in BOMBS.items():
    CORPUS[f"pickle: {_name}"] = lambda folder, d=_data: write(folder, d)


@hostile("pickle: a billion laughs")
def _(folder: Path) -> Path:
    data = b"\x80\x02}q\x00"
    for i in range(60):
        data += b"}" + b"q" + bytes([i + 1])
        for key in (b"model", b"netG", b"generator", b"state_dict", b"params"):
            data += b"U" + bytes([len(key)]) + key + b"h" + bytes([i]) + b"s"
    return write(folder, data + b".")


@hostile("pickle: modules that contain themselves")
def _(folder: Path) -> Path:
    state = b"U\x08_modules}(U\x01ah\x00U\x01bh\x00u"
    return write(folder, b"\x80\x02cx\nNet\n)\x81q\x00}(" + state + b"ub.")


@hostile("pickle: TensorFlow networks that contain themselves")
def _(folder: Path) -> Path:
    state = b"U\x09variables]U\x0dstatic_kwargs}U\x0acomponents}(U\x01ah\x00U\x01bh\x00u"
    return write(folder, b"\x80\x02cdnnlib.tflib.network\nNetwork\n)\x81q\x00}(" + state + b"ub.")


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
