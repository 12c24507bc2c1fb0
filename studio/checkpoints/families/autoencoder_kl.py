"""The autoencoders of Stable Diffusion, SDXL, SD3 and FLUX: diffusers' names (new and old) and CompVis's.

Every layout is renamed to diffusers' names; the plan of the network is read from the shapes.  Settings that stand
beside the file (``config.json``) only add what shapes cannot tell.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from studio.base.errors import ModelError
from studio.checkpoints.card import Assumption
from studio.checkpoints.families.base import Recognised, Values, ours, stored_assumptions, stored_value
from studio.checkpoints.lazy import Lazy
from studio.checkpoints.unwrap import Candidate

if TYPE_CHECKING:
    from torch import Tensor, nn

MAX_LEVELS = 8
MAX_LAYERS = 8
GROUPS = 32
_LEVELS = "Downwards it halves {down} times, upwards it doubles {up} times."
_IGNORED = ("loss.", "bn.", "model_ema.", "ema.", "discriminator.")
"""What stands beside the network: the training loss and its critic, FLUX.2's scale of latents, counters."""
_ACTS = ("silu", "swish", "mish", "gelu", "relu")
_OLD_ATTENTION = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
_ATTENTION = {"norm": "group_norm", "q": "to_q", "k": "to_k", "v": "to_v", "proj_out": "to_out.0"}
_BLOCK = re.compile(r"(encoder|decoder)\.(down|up)\.(\d{1,2})\.(block|attn)\.(\d{1,2})\.(\w+)\.(weight|bias)")
_RESIZE = re.compile(r"(encoder|decoder)\.(down|up)\.(\d{1,2})\.(downsample|upsample)\.conv\.(weight|bias)")
_MID_BLOCK = re.compile(r"(encoder|decoder)\.mid\.block_([12])\.(\w+)\.(weight|bias)")
_MID_ATTENTION = re.compile(r"(encoder|decoder)\.mid\.attn_1\.(\w+)\.(weight|bias)")
_LINEAR = re.compile(r".*\.attentions\.\d+\.(to_[qkv]|to_out\.0)\.weight")


def detect(c: Candidate) -> Recognised | None:
    """Both halves, under either family of names."""
    first = _shape(c, "encoder.conv_in.weight")
    if len(first) != 4 or len(_shape(c, "decoder.conv_in.weight")) != 4:
        return None
    if "encoder.down_blocks.0.resnets.0.conv1.weight" in c and "decoder.up_blocks.0.resnets.0.conv1.weight" in c:
        layout, tensors = "diffusers' layout", _diffusers(c)
    elif "encoder.down.0.block.0.conv1.weight" in c and "decoder.up.0.block.0.conv1.weight" in c:
        layout, tensors = "CompVis's layout", _compvis(c)
    else:
        return None
    latent, moments = tensors["decoder.conv_in.weight"].shape[1], _rows(tensors, "encoder.conv_out.weight")
    if moments != 2 * latent:
        return None  # a code book's, or a plain one's: said elsewhere
    return _recognised(c, tensors, layout)


def _shape(c: Candidate, name: str) -> tuple[int, ...]:
    found = c.tensors.get(name)
    return () if found is None else found.shape


def _rows(tensors: Mapping[str, Lazy], name: str) -> int:
    return tensors[name].shape[0] if name in tensors and tensors[name].shape else 0


def _diffusers(c: Candidate) -> dict[str, Lazy]:
    out: dict[str, Lazy] = {}
    for name, tensor in _own(c).items():
        parts = name.split(".")
        if "attentions" in parts and parts[-2] in _OLD_ATTENTION:
            parts[-2] = _OLD_ATTENTION[parts[-2]]
        _put(out, ".".join(parts), tensor)
    return out


def _compvis(c: Candidate) -> dict[str, Lazy]:
    levels = _count(c.tensors, "decoder.up.{}.block.0.conv1.weight", MAX_LEVELS)
    out: dict[str, Lazy] = {}
    for name, tensor in _own(c).items():
        _put(out, _renamed(name, levels), tensor)
    return out


def _own(c: Candidate) -> dict[str, Lazy]:
    return {n: t for n, t in c.tensors.items() if not n.startswith(_IGNORED)}


def _put(out: dict[str, Lazy], name: str, tensor: Lazy) -> None:
    if name in out:
        raise ModelError("This autoencoder names one of its tensors twice.", f"It is {name[:80]}.")
    if _LINEAR.fullmatch(name) and len(tensor.shape) == 4 and tensor.shape[2:] == (1, 1):
        tensor = tensor.reshape(*tensor.shape[:2])
    out[name] = tensor


def _renamed(name: str, levels: int) -> str:
    """A name of CompVis's in diffusers' words; every other name as it is (and told as unexpected later)."""

    def place(side: str, way: str, level: str) -> str:
        # CompVis counts the way up from the finest level, diffusers from the coarsest.
        return f"{side}.down_blocks.{level}" if way == "down" else f"{side}.up_blocks.{levels - 1 - int(level)}"

    if m := _BLOCK.fullmatch(name):
        side, way, level, kind, n, leaf, end = m.groups()
        if kind == "attn":
            return f"{place(side, way, level)}.attentions.{n}.{_ATTENTION.get(leaf, leaf)}.{end}"
        return f"{place(side, way, level)}.resnets.{n}.{_shortcut(leaf)}.{end}"
    if m := _RESIZE.fullmatch(name):
        side, way, level, kind, end = m.groups()
        return f"{place(side, way, level)}.{kind}rs.0.conv.{end}"
    if m := _MID_BLOCK.fullmatch(name):
        side, n, leaf, end = m.groups()
        return f"{side}.mid_block.resnets.{int(n) - 1}.{_shortcut(leaf)}.{end}"
    if m := _MID_ATTENTION.fullmatch(name):
        side, leaf, end = m.groups()
        return f"{side}.mid_block.attentions.0.{_ATTENTION.get(leaf, leaf)}.{end}"
    return re.sub(r"^(encoder|decoder)\.norm_out\.", r"\1.conv_norm_out.", name)


def _shortcut(leaf: str) -> str:
    return "conv_shortcut" if leaf == "nin_shortcut" else leaf


def _count(tensors: Mapping[str, Lazy], pattern: str, most: int) -> int:
    n = 0
    while n <= most and pattern.format(n) in tensors:
        n += 1
    if n > most:
        raise ModelError("This autoencoder is larger than any that exists.", f"It has more than {most} levels.")
    return n


def plan_of(tensors: Mapping[str, Lazy]) -> dict[str, Any]:
    """The plan of the network (see :data:`studio.nets.autoencoder_kl.PLAN`) from the shapes under diffusers' names."""
    down = _count(tensors, "encoder.down_blocks.{}.resnets.0.conv1.weight", MAX_LEVELS)
    up = _count(tensors, "decoder.up_blocks.{}.resnets.0.conv1.weight", MAX_LEVELS)
    if down != up:
        raise ModelError(
            "The two halves of this autoencoder do not belong together.", _LEVELS.format(down=down - 1, up=up - 1)
        )
    channels = [_rows(tensors, f"encoder.down_blocks.{i}.resnets.0.conv1.weight") for i in range(down)]
    back = [_rows(tensors, f"decoder.up_blocks.{up - 1 - i}.resnets.0.conv1.weight") for i in range(up)]

    def kinds(half: str, word: str) -> list[str]:
        attends = [f"{half}.{i}.attentions.0.to_q.weight" in tensors for i in range(down)]
        return [f"Attn{word}Block2D" if yes else f"{word}Block2D" for yes in attends]

    plan: dict[str, Any] = {
        "in_channels": tensors["encoder.conv_in.weight"].shape[1],
        "out_channels": _rows(tensors, "decoder.conv_out.weight"),
        "down_block_types": kinds("encoder.down_blocks", "DownEncoder"),
        "up_block_types": kinds("decoder.up_blocks", "UpDecoder"),
        "block_out_channels": channels,
        "layers_per_block": _count(tensors, "encoder.down_blocks.0.resnets.{}.conv1.weight", MAX_LAYERS),
        "latent_channels": tensors["decoder.conv_in.weight"].shape[1],
        "mid_block_add_attention": "encoder.mid_block.attentions.0.to_q.weight" in tensors,
        "use_quant_conv": "quant_conv.weight" in tensors,
        "use_post_quant_conv": "post_quant_conv.weight" in tensors,
        "act_fn": "silu",
        "norm_num_groups": GROUPS,
    }
    if back != channels:
        plan["decoder_block_out_channels"] = back
    if min(*channels, *back, plan["latent_channels"]) < 1:
        raise ModelError("This looks like an AutoencoderKL, but one of its layers is empty.")
    if plan["in_channels"] != 3 or plan["out_channels"] != 3:
        raise ModelError(
            "This autoencoder is not for pictures of three colours.",
            f"It takes {plan['in_channels']} channels and makes {plan['out_channels']}.",
        )
    return plan


def _agrees(config: Mapping[str, Any], plan: Mapping[str, Any]) -> bool:
    """Whether settings can be those of this network: nothing that both state differs."""
    for name in ("latent_channels", "block_out_channels", "layers_per_block", "in_channels", "out_channels"):
        if name in config and config[name] != plan[name]:
            return False
    return str(config.get("_class_name", "AutoencoderKL")).startswith("AutoencoderKL")


def _recognised(c: Candidate, tensors: dict[str, Lazy], layout: str) -> Recognised:
    plan = plan_of(tensors)
    own = ours(c, "autoencoder-kl")
    stored = stored_value(c, "plan", {}) if own else c.config
    config: Mapping[str, Any] = stored if isinstance(stored, dict) else {}
    notes: list[str] = []
    hyper: dict[str, Any] = {}
    assumptions: tuple[Assumption, ...] = ()
    if config and not _agrees(config, plan):
        notes.append("The settings beside the file (config.json) are those of another network and were not used.")
        config = {}
    groups = config.get("norm_num_groups")
    listed = stored_assumptions(c).get("norm_num_groups") if own else None
    if listed is not None:
        assumptions = (listed,)
    elif type(groups) is int and 0 < groups <= 4096:
        plan["norm_num_groups"] = groups
    else:
        assumptions = (_groups(plan),)
    act = config.get("act_fn")
    if isinstance(act, str) and act in _ACTS:
        plan["act_fn"] = act
    for name in ("scaling_factor", "shift_factor"):
        value = config.get(name) if not own else stored_value(c, name, None)
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e6:
            hyper[name] = float(value)
    if any(n.startswith("bn.running_") for n in c.tensors):
        notes.append("What scales latents for FLUX.2's drawing model is left out; pictures do not pass through it.")

    def make(meta: Mapping[str, Tensor], values: Values) -> nn.Module:
        from studio.nets.autoencoder_kl import AutoencoderKL

        chosen = {n: values[n] for n in ("norm_num_groups",) if n in values}
        return AutoencoderKL.from_state_dict(meta, {**plan, **chosen})

    return Recognised(
        "autoencoder",
        "autoencoder-kl",
        f"AutoencoderKL, {layout}",
        tensors,
        make,
        assumptions=assumptions,
        notes=tuple(notes),
        hyper=hyper,
    )


def _groups(plan: Mapping[str, Any]) -> Assumption:
    widths = [*plan["block_out_channels"], *plan.get("decoder_block_out_channels", ())]
    fits = [n for n in (32, 16, 8, 4, 2, 1) if all(w % n == 0 for w in widths)]
    why = "The file does not hold the number of groups of its norms; that of all known autoencoders of this kind is 32."
    return Assumption("norm_num_groups", fits[0], why, tuple(fits))
