"""Hostile files, continued: autoencoders that lie about themselves."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from tests.checkpoints import autoencoders as make
from tests.checkpoints.hostile import hostile
from tests.checkpoints.makers import safetensors

State = dict[str, Tensor]


@cache
def _kl() -> State:
    return make.kl_state()


@cache
def _tiny() -> State:
    encoder, decoder = make.tiny_halves(gn=True)
    return {f"{s}.{k}": v for s, n in (("encoder", encoder), ("decoder", decoder)) for k, v in n.state_dict().items()}


@cache
def _vae() -> State:
    return dict(make.Vanilla().state_dict())


def z(*shape: int) -> Tensor:
    return torch.zeros(shape)


def without(state: State, *prefixes: str) -> State:
    return {k: v for k, v in state.items() if not k.startswith(prefixes)}


def renamed(state: State, a: str, b: str) -> State:
    return {k.replace(a, b): v for k, v in state.items()}


MID = "encoder.mid_block.attentions.0"
CASES: dict[str, Callable[[], State]] = {
    # -- AutoencoderKL
    "kl: half the tensors": lambda: dict(list(_kl().items())[::2]),
    "kl: attention under both names": lambda: {**_kl(), f"{MID}.query.weight": z(64, 64)},
    "kl: attention of another shape": lambda: {**_kl(), f"{MID}.to_q.weight": z(64, 64, 3, 3)},
    "kl: a level with a number of nine digits": lambda: renamed(
        make.compvis(_kl()), "decoder.up.2.", "decoder.up.999999999."
    ),
    "kl: a level beyond the last": lambda: renamed(make.compvis(_kl()), "decoder.up.1.block", "decoder.up.77.block"),
    "kl: no latent": lambda: {
        **_kl(), "decoder.conv_in.weight": z(64, 0, 3, 3), "encoder.conv_out.weight": z(0, 64, 3, 3)
    },
    "kl: empty channels": lambda: {**_kl(), "encoder.down_blocks.1.resnets.0.conv1.weight": z(0, 32, 3, 3)},
    "kl: widths that no norm divides": lambda: {
        **_kl(), "encoder.down_blocks.1.resnets.0.conv1.weight": z(31, 32, 3, 3)
    },
    "numbers: kl: one number instead of a convolution": lambda: {**_kl(), "encoder.conv_in.weight": z()},
    "kl: one number for a level": lambda: {**_kl(), "encoder.down_blocks.0.resnets.0.conv1.weight": z()},
    "kl: thousands of layers": lambda: {
        **_kl(), **{f"encoder.down_blocks.0.resnets.{i}.conv1.weight": z(32, 32, 1, 1) for i in range(5000)}
    },
    "kl: a wrong width in a single layer": lambda: {**_kl(), "decoder.mid_block.resnets.0.norm1.weight": z(65)},
    "numbers: kl: infinity": lambda: {**_kl(), "decoder.conv_out.bias": torch.full((3,), torch.inf)},
    "numbers: kl: complex": lambda: {**_kl(), "decoder.conv_out.bias": torch.zeros(3, dtype=torch.complex64)},
    "kl: sparse": lambda: {**_kl(), "decoder.conv_out.bias": torch.ones(3).to_sparse()},
    # -- TAESD
    "tiny: a layer with the number 999": lambda: renamed(_tiny(), "decoder.19.", "decoder.999."),
    "tiny: layers that do not follow from each other": lambda: {
        **_tiny(), "decoder.7.weight": z(9, 8, 3, 3), "decoder.12.weight": z(8, 7, 3, 3)
    },
    "tiny: no latent": lambda: {
        **_tiny(), "decoder.1.weight": z(8, 0, 3, 3), "encoder.14.weight": z(0, 8, 3, 3), "encoder.14.bias": z(0)
    },
    "tiny: a kernel of 1001": lambda: {**_tiny(), "decoder.7.weight": z(1, 1, 1001, 1001)},
    "tiny: a branch that four does not divide": lambda: {**_tiny(), "decoder.3.pool.0.weight": z(31, 8, 1, 1)},
    "tiny: doubled fifty times": lambda: {
        **without(_tiny(), "decoder.19."), "decoder.62.weight": z(3, 8, 3, 3), "decoder.62.bias": z(3)
    },
    "tiny: one number instead of a convolution": lambda: {**_tiny(), "encoder.0.weight": z()},
    "tiny: half a block": lambda: without(_tiny(), "encoder.3.conv.4"),
    "numbers: tiny: not a number": lambda: {**_tiny(), "encoder.14.bias": torch.full((4,), torch.nan)},
    # -- PyTorch-VAE
    "vae: no latent": lambda: {**_vae(), "fc_mu.weight": z(0, 32), "fc_mu.bias": z(0)},
    "vae: no channels": lambda: {**_vae(), "encoder.0.0.weight": z(0, 3, 3, 3)},
    "vae: one number instead of a layer": lambda: {**_vae(), "encoder.1.0.weight": z()},
    "vae: a decoder of another": lambda: {**_vae(), "decoder.0.0.weight": z(8, 9, 3, 3)},
    "vae: a hundred layers": lambda: {**_vae(), **{f"encoder.{i}.0.weight": z(8, 8, 3, 3) for i in range(3, 100)}},
    "numbers: vae: a variance that is no number": lambda: {
        **_vae(), "encoder.0.1.running_var": torch.full((4,), -torch.inf)
    },
}  # fmt: skip


def _add(name: str, state: Callable[[], State]) -> None:
    @hostile(name if name.startswith("numbers:") else f"autoencoder: {name}")
    def _(folder: Path) -> Path:
        torch.save(state(), folder / "model.pt")
        return folder / "model.pt"


for _name, _state in CASES.items():
    _add(_name, _state)


@hostile("autoencoder: cut off")
def _(folder: Path) -> Path:
    torch.save(_kl(), folder / "model.pt")
    whole = (folder / "model.pt").read_bytes()
    (folder / "model.pt").write_bytes(whole[: len(whole) // 2])
    return folder / "model.pt"


@hostile("autoencoder: settings that are too deep, and a file that is none")
def _(folder: Path) -> Path:
    (folder / "config.json").write_text("[" * 200_000)
    torch.save({"encoder.conv_in.weight": z(1)}, folder / "model.pt")
    return folder / "model.pt"


@hostile("autoencoder: settings that ask for a million groups")
def _(folder: Path) -> Path:
    (folder / "config.json").write_text(json.dumps({**make.CONFIG, "norm_num_groups": 4096, "act_fn": "os.system"}))
    torch.save(_kl(), folder / "model.pt")
    return folder / "model.pt"


@hostile("autoencoder: widths of a terabyte")
def _(folder: Path) -> Path:
    header: dict[str, object] = {}
    for name in _kl():
        shape = [1 << 15, 1 << 15, 3, 3] if name.endswith("conv1.weight") else [0]
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]}
    return safetensors(folder / "model.safetensors", header)
