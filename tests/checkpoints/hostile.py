"""Files made to do harm, to waste memory and time, or to be mistaken for models.

``CORPUS`` maps a name to a maker; each maker writes one file (or other thing) into a folder and returns its path.
None of them is a model, so each must end in a :class:`ModelError`.  Whatever runs would write ``folder/MARKER``.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import torch

from tests.checkpoints import makers
from tests.checkpoints.makers import Call, Global, data_pkl, raw_pickle, tensor, tiny, torch_zip

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
