"""Checkpoint files of every layout, made from one small random StyleGAN2 by the layouts' own rules."""

from __future__ import annotations

import pickle
import sys
import types
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from studio.nets.stylegan2 import StyleGAN2

SEEDS = (0, 7)


def tiny(
    *,
    c_dim: int = 0,
    architecture: Any = "skip",
    clamp: float | None = None,
    channels: dict[int, int] | None = None,
    z_dim: int = 10,
    w_dim: int = 12,
    depth: int = 3,
    square: bool = False,
) -> StyleGAN2:
    """A random generator whose every tensor matters (no zero biases, no silent noise)."""
    torch.manual_seed(5)
    if square:
        z_dim = w_dim
    net = StyleGAN2(
        z_dim,
        w_dim,
        channels or {4: 10, 8: 9, 16: 6},
        c_dim=c_dim,
        mapping_layers=depth,
        architecture=architecture,
        conv_clamp=clamp,
    )
    with torch.no_grad():
        for name, t in net.state_dict().items():
            if name.endswith(("bias", "noise_strength", "w_avg")):
                t.add_(torch.randn(t.shape) * 0.3)
    return net.eval().requires_grad_(False)


def pictures(net: Any, psi: float = 0.7) -> torch.Tensor:
    """What a generator makes of two seeds."""
    z = torch.from_numpy(np.stack([np.random.RandomState(s).randn(net.z_dim) for s in SEEDS])).float()
    labels = torch.eye(net.c_dim)[: len(SEEDS)] if net.c_dim else None
    with torch.no_grad():
        return net.synthesize(net.map(z, labels, psi=psi))


# -- NVIDIA's PyTorch pickles
def _persistent_modules() -> dict[str, types.ModuleType]:
    """Stand-ins for torch_utils.persistence and dnnlib.util, so that pickle writes their names."""
    names = ("torch_utils", "torch_utils.persistence", "dnnlib", "dnnlib.util")
    modules = {n: types.ModuleType(n) for n in names}

    def rebuild(meta: Any) -> Any:
        raise AssertionError("the original loader ran")

    rebuild.__module__, rebuild.__qualname__ = "torch_utils.persistence", "_reconstruct_persistent_obj"
    modules["torch_utils.persistence"]._reconstruct_persistent_obj = rebuild  # type: ignore[attr-defined]

    class EasyDict(dict):
        pass

    EasyDict.__module__, EasyDict.__qualname__ = "dnnlib.util", "EasyDict"
    modules["dnnlib.util"].EasyDict = EasyDict  # type: ignore[attr-defined]
    return modules


@contextmanager
def standing(modules: dict[str, types.ModuleType]) -> Iterator[None]:
    """``modules`` are importable inside."""
    sys.modules.update(modules)
    try:
        yield
    finally:
        for name in modules:
            sys.modules.pop(name, None)


def nvidia_tree(net: nn.Module, modules: dict[str, types.ModuleType], attributes: dict[str, dict[str, Any]]) -> Any:
    """The network as an object that pickles as NVIDIA's persistent classes do."""
    rebuild = modules["torch_utils.persistence"]._reconstruct_persistent_obj
    easy = modules["dnnlib.util"].EasyDict
    source = "import os\nos.system('echo the embedded source ran')\n" + "# filler\n" * 9000

    class Persistent:
        def __init__(self, name: str, state: dict[str, Any]) -> None:
            self.name, self.state = name, state

        def __reduce__(self) -> Any:
            meta = {"type": "class", "version": 6, "module_src": source, "class_name": self.name, "state": self.state}
            return (rebuild, (meta,), None)

    def build(module: nn.Module, path: str) -> Any:
        state: dict[str, Any] = {
            "training": False,
            "_parameters": OrderedDict(module._parameters),
            "_buffers": OrderedDict(module._buffers),
            "_non_persistent_buffers_set": set(),
            "_backward_hooks": OrderedDict(),
            "_modules": OrderedDict((k, build(v, f"{path}.{k}".strip("."))) for k, v in module._modules.items()),
            "_init_args": (),
            "_init_kwargs": easy(w_dim=12, synthesis_kwargs=easy(num_fp16_res=4, conv_clamp=256)),
            "gain": np.float32(1.5),
            "taps": np.arange(4.0),
        }
        state.update(attributes.get(path, {}))
        return Persistent(type(module).__name__, state)

    return build(net, "")


def nvidia_pickle(
    path: Path, net: nn.Module, *, attributes: dict[str, dict[str, Any]] | None = None, others: bool = True
) -> Path:
    """A training snapshot: G and D (other numbers), G_ema (the right ones)."""
    modules = _persistent_modules()
    with standing(modules), path.open("wb") as out:
        tree = nvidia_tree(net, modules, attributes or {})
        data: dict[str, Any] = {"G_ema": tree}
        if others:
            wrong = nn.Module()
            wrong.mapping = nn.Linear(3, 3)
            data = {
                "G": nvidia_tree(tiny(depth=2), modules, {}),
                "D": nvidia_tree(wrong, modules, {}),
                "G_ema": tree,
                "training_set_kwargs": modules["dnnlib.util"].EasyDict(path="/data", resolution=16),
                "augment_pipe": None,
            }
        pickle.dump(data, out)
    return path


# -- TensorFlow pickles
def tf_variables(net: StyleGAN2) -> tuple[list[Any], list[Any], list[Any]]:
    """(own, mapping's, synthesis') variables in TensorFlow's shapes and orientations."""
    sd = {k: v.numpy() for k, v in net.state_dict().items()}
    own = [("lod", np.float32(0)), ("dlatent_avg", sd["mapping.w_avg"])]
    mapping: list[Any] = []
    if net.c_dim:
        mapping += [("LabelEmbed/weight", sd["mapping.embed.weight"].T), ("LabelEmbed/bias", sd["mapping.embed.bias"])]
    for i in range(net.mapping.num_layers):
        mapping += [(f"Dense{i}/weight", sd[f"mapping.fc{i}.weight"].T), (f"Dense{i}/bias", sd[f"mapping.fc{i}.bias"])]
    syn: list[Any] = [("4x4/Const/const", sd["synthesis.b4.const"][None])]

    def styled(there: str, here: str, *, flip: bool) -> None:
        w = sd[f"{here}.weight"].transpose(2, 3, 1, 0)
        syn.append((f"{there}/weight", w[::-1, ::-1] if flip else w))
        syn.append((f"{there}/bias", sd[f"{here}.bias"]))
        syn.append((f"{there}/mod_weight", sd[f"{here}.affine.weight"].T))
        syn.append((f"{there}/mod_bias", sd[f"{here}.affine.bias"] - 1))
        if f"{here}.noise_strength" in sd:
            syn.append((f"{there}/noise_strength", sd[f"{here}.noise_strength"]))

    for r in net.channels:
        log, here = r.bit_length() - 1, f"synthesis.b{r}"
        if r == 4:
            styled("4x4/Conv", f"{here}.conv1", flip=False)
            syn.append(("noise0", sd[f"{here}.conv1.noise_const"][None, None]))
        else:
            styled(f"{r}x{r}/Conv0_up", f"{here}.conv0", flip=True)
            styled(f"{r}x{r}/Conv1", f"{here}.conv1", flip=False)
            syn.append((f"noise{2 * log - 5}", sd[f"{here}.conv0.noise_const"][None, None]))
            syn.append((f"noise{2 * log - 4}", sd[f"{here}.conv1.noise_const"][None, None]))
        if f"{here}.torgb.weight" in sd:
            styled(f"{r}x{r}/ToRGB", f"{here}.torgb", flip=False)
        if f"{here}.skip.weight" in sd:
            syn.append((f"{r}x{r}/Skip/weight", sd[f"{here}.skip.weight"].transpose(2, 3, 1, 0)[::-1, ::-1]))
    return own, mapping, syn


class _Python2(pickle._Pickler):  # type: ignore[name-defined,misc]
    """Writes bytes as Python 2 did: as strings, which only encoding="latin1" reads."""

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)  # type: ignore[attr-defined]

    def save_bytes(self, obj: bytes) -> None:
        self.write(b"T" + len(obj).to_bytes(4, "little") + obj)
        self.memoize(obj)

    dispatch[bytes] = save_bytes

    def save_str(self, obj: str) -> None:
        data = obj.encode("ascii")
        self.write(
            b"U" + bytes([len(data)]) + data if len(data) < 256 else b"T" + len(data).to_bytes(4, "little") + data
        )
        self.memoize(obj)

    dispatch[str] = save_str


def tensorflow_pickle(
    path: Path, net: StyleGAN2, *, protocol: int = 4, alone: bool = False, python2: bool = False, **kwargs: Any
) -> Path:
    """(G, D, Gs) as dnnlib writes it, or one network alone."""
    module = types.ModuleType("dnnlib.tflib.network")

    class Network:
        def __init__(self, state: dict[str, Any]) -> None:
            self.state = state

        def __getstate__(self) -> dict[str, Any]:
            return self.state

        def __setstate__(self, state: Any) -> None:
            raise AssertionError("the original loader ran")

    Network.__module__, Network.__qualname__ = "dnnlib.tflib.network", "Network"
    module.Network = Network  # type: ignore[attr-defined]
    names = ("dnnlib", "dnnlib.tflib")
    modules = {**{n: types.ModuleType(n) for n in names}, "dnnlib.tflib.network": module}

    def network(name: str, variables: Any, components: Any) -> Any:
        return Network(
            {
                "version": 4,
                "name": name,
                "static_kwargs": {"resolution": net.resolution, "num_channels": 3, **kwargs},
                "components": components,
                "build_module_src": "raise SystemExit('the embedded source ran')\n",
                "build_func_name": "G_main",
                "variables": variables,
            }
        )

    own, mapping, syn = tf_variables(net)
    right = network("Gs", own, {"mapping": network("m", mapping, {}), "synthesis": network("s", syn, {})})
    wrong_own, wrong_mapping, wrong_syn = tf_variables(tiny(depth=2))
    parts = {"mapping": network("m", wrong_mapping, {}), "synthesis": network("s", wrong_syn, {})}
    value = right if alone else (network("G", wrong_own, parts), network("D", [], {}), right)
    with standing(modules), path.open("wb") as out:
        if python2:
            _Python2(out, 2).dump(value)
        else:
            pickle.dump(value, out, protocol=protocol)
    return path


# -- rosinality, genforce
def rosinality_state(net: StyleGAN2, *, noises: bool = True) -> dict[str, torch.Tensor]:
    """The network under rosinality's names and in its shapes (w and z are of one size there)."""
    sd, out = net.state_dict(), {}
    for i in range(net.mapping.num_layers):
        out[f"style.{i + 1}.weight"], out[f"style.{i + 1}.bias"] = (
            sd[f"mapping.fc{i}.weight"],
            sd[f"mapping.fc{i}.bias"],
        )
    out["input.input"] = sd["synthesis.b4.const"][None]

    def modulated(there: str, here: str) -> None:
        out[f"{there}.conv.weight"] = sd[f"{here}.weight"][None]
        out[f"{there}.conv.modulation.weight"] = sd[f"{here}.affine.weight"]
        out[f"{there}.conv.modulation.bias"] = sd[f"{here}.affine.bias"]

    def layer(there: str, here: str, index: int) -> None:
        modulated(there, here)
        out[f"{there}.activate.bias"] = sd[f"{here}.bias"]
        out[f"{there}.noise.weight"] = sd[f"{here}.noise_strength"][None]
        if noises:
            out[f"noises.noise_{index}"] = sd[f"{here}.noise_const"][None, None]

    for j, r in enumerate(net.channels):
        here = f"synthesis.b{r}"
        if j:
            layer(f"convs.{2 * j - 2}", f"{here}.conv0", 2 * j - 1)
            out[f"convs.{2 * j - 2}.conv.blur.kernel"] = sd[f"{here}.conv0.resample_filter"] * 4
            out[f"to_rgbs.{j - 1}.upsample.kernel"] = sd[f"{here}.resample_filter"] * 4
        layer(f"convs.{2 * j - 1}" if j else "conv1", f"{here}.conv1", 2 * j)
        rgb = f"to_rgbs.{j - 1}" if j else "to_rgb1"
        modulated(rgb, f"{here}.torgb")
        out[f"{rgb}.bias"] = sd[f"{here}.torgb.bias"].reshape(1, 3, 1, 1)
    return out


def genforce_state(net: StyleGAN2) -> dict[str, torch.Tensor]:
    """The network under genforce's names: odd layers turned around, style biases without their one."""
    sd, out = net.state_dict(), {"truncation.w_avg": net.w_avg, "synthesis.upsample.kernel": torch.ones(1, 1, 4, 4)}
    for i in range(net.mapping.num_layers):
        for leaf in ("weight", "bias"):
            out[f"mapping.dense{i}.{leaf}"] = sd[f"mapping.fc{i}.{leaf}"]
    out["synthesis.early_layer.const"] = sd["synthesis.b4.const"][None]

    def styled(there: str, here: str, *, flip: bool) -> None:
        w = sd[f"{here}.weight"]
        out[f"{there}.weight"] = w.flip(2, 3) if flip else w
        out[f"{there}.bias"] = sd[f"{here}.bias"]
        out[f"{there}.style.weight"] = sd[f"{here}.affine.weight"]
        out[f"{there}.style.bias"] = sd[f"{here}.affine.bias"] - 1

    for j, r in enumerate(net.channels):
        for which, k in ((0, 2 * j - 1), (1, 2 * j)):
            if k < 0:
                continue
            here, there = f"synthesis.b{r}.conv{which}", f"synthesis.layer{k}"
            styled(there, here, flip=which == 0)
            out[f"{there}.noise"] = sd[f"{here}.noise_const"][None, None]
            out[f"{there}.noise_strength"] = sd[f"{here}.noise_strength"]
            if which == 0:
                out[f"{there}.filter.kernel"] = torch.ones(1, 1, 4, 4)
        styled(f"synthesis.output{j}", f"synthesis.b{r}.torgb", flip=False)
    return out


# -- raw pickles with chosen calls
class Call:
    """Pickles as a call of ``name`` (``module.name``) with ``args``, then BUILD with ``state``."""

    def __init__(self, name: str, *args: Any, state: Any = None) -> None:
        self.name, self.args, self.state = name, args, state


class Global:
    """Pickles as the bare name."""

    def __init__(self, name: str) -> None:
        self.name = name


class Writer(pickle._Pickler):  # type: ignore[name-defined,misc]
    """A pickler that writes names and calls without having the things themselves."""

    def __init__(self, file: Any, protocol: int = 2, pid: Callable[[Any], Any] | None = None) -> None:
        super().__init__(file, protocol)
        self.pid = pid

    def persistent_id(self, obj: Any) -> Any:
        return self.pid(obj) if self.pid else None

    def save(self, obj: Any, save_persistent_id: bool = True) -> Any:
        if isinstance(obj, Global):
            module, _, name = obj.name.rpartition(".")
            self.write(f"c{module}\n{name}\n".encode())
            return None
        if isinstance(obj, Call):
            self.save(Global(obj.name) if isinstance(obj.name, str) else obj.name)
            self.save(tuple(obj.args))
            self.write(b"R")
            if obj.state is not None:
                self.save(obj.state)
                self.write(b"b")
            return None
        return super().save(obj, save_persistent_id)


def raw_pickle(value: Any, protocol: int = 2) -> bytes:
    """``value`` with :class:`Call` and :class:`Global` inside, pickled."""
    out = BytesIO()
    Writer(out, protocol).dump(value)
    return out.getvalue()


class Pid:
    """Pickles as a reference to a part outside the pickle."""

    def __init__(self, *value: Any) -> None:
        self.value = value


def storage(key: str, count: int, kind: str = "FloatStorage") -> Pid:
    """A run of numbers in another part of the file."""
    return Pid("storage", Global(f"torch.{kind}"), key, "cpu", count)


def tensor(numbers: Any, shape: tuple[int, ...], strides: tuple[int, ...] | None = None, offset: int = 0) -> Call:
    """A tensor over ``numbers`` (a :func:`storage`)."""
    if strides is None:
        strides = tuple(int(np.prod(shape[i + 1 :])) for i in range(len(shape)))
    return Call(
        "torch._utils._rebuild_tensor_v2", numbers, offset, shape, strides, False, Call("collections.OrderedDict")
    )


def data_pkl(value: Any) -> bytes:
    """``value`` with :class:`Pid` inside, as in a torch zip."""
    out = BytesIO()
    Writer(out, 2, lambda obj: obj.value if isinstance(obj, Pid) else None).dump(value)
    return out.getvalue()


def torch_zip(path: Path, pickled: bytes, parts: dict[str, bytes] | None = None, **others: bytes) -> Path:
    """A torch zip by hand."""
    import zipfile

    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", pickled)
        for key, data in (parts or {}).items():
            archive.writestr(f"archive/data/{key}", data)
        archive.writestr("archive/version", b"3\n")
        for name, data in others.items():
            archive.writestr(name, data)
    return path


def torch_old(path: Path, value: Any, parts: dict[str, tuple[int, bytes]]) -> Path:
    """torch's old format by hand; parts: key -> (announced count, bytes)."""
    from studio.checkpoints.formats.torch_old import MAGIC

    head = MAGIC + raw_pickle(1001) + raw_pickle({"little_endian": True, "protocol_version": 1001})
    body = data_pkl(value) + raw_pickle(list(parts))
    path.write_bytes(head + body + b"".join(n.to_bytes(8, "little", signed=True) + d for n, d in parts.values()))
    return path


def safetensors(path: Path, header: Any, data: bytes = b"", length: int | None = None) -> Path:
    """A safetensors file by hand; ``header`` is JSON data or raw bytes."""
    import json

    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(raw) if length is None else length).to_bytes(8, "little") + raw + data)
    return path
