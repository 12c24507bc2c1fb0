"""Finding the network inside a checkpoint: which of its tables holds the weights, and under which prefix."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from studio.base.errors import ModelError
from studio.checkpoints.formats.contents import Contents
from studio.checkpoints.lazy import Lazy
from studio.checkpoints.limits import MAX_ENTRIES, MAX_NAME, damaged, plain, too_much
from studio.checkpoints.pickles.nodes import Node, NotDense
from studio.checkpoints.pickles.rebuild import ArrayRef, TensorRef, state_dict_of

ORDER = (
    *("model_state_dict", "state_dict", "params_ema", "params-ema", "params", "g_ema", "G_ema"),
    *("generator_smooth", "netG", "generator", "model", "net"),
)
"""Keys that hold the network, the best first (averaged weights before training ones)."""
LATER = ("ema", "G", "g", "gen", "netG_A", "network", "weights", "vae", "decoder", "encoder")
SKIPPED = (
    "optimizer",
    "optim",
    "d_optim",
    "g_optim",
    "D",
    "d",
    "discriminator",
    "netD",
    "lr_schedulers",
    "args",
    "opts",
)
PREFIXES = (
    *("module.", "netG.", "_orig_mod.", "model.", "decoder.", "generator.", "g_ema.", "G_ema.", "net."),
    *("first_stage_model.", "vae."),
)
PARTS = (
    *("first_stage_model.", "vae.", "decoder.", "generator.", "g_ema.", "G_ema.", "netG.", "generator_ema."),
    *("model_ema.", "G.", "gen."),
)
"""Networks that stand beside others in one table."""


@dataclass(eq=False, slots=True)
class Candidate:
    """A table of weights found in a file, before anybody knows what it is."""

    tensors: dict[str, Lazy]
    trail: tuple[str, ...] = ()
    """The keys that led to it."""
    outer: dict[str, Any] = field(default_factory=dict)
    """The table around it (``latent_avg`` stands there)."""
    metadata: dict[str, str] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    """The settings that stand beside the file (``config.json``), unchecked."""
    modules: dict[str, Node] = field(default_factory=dict)
    """For pickled modules: every sub-module by dotted name."""
    tensorflow: dict[str, Any] | None = None
    """For TensorFlow networks: the arguments they were built with."""
    bad: dict[str, str] = field(default_factory=dict)
    """Tensors that are no ordinary tensors, and what they are."""
    left: int = 0
    """Tensors of other networks in the same table."""

    def __contains__(self, key: str) -> bool:
        return key in self.tensors or key in self.bad

    def attribute(self, module: str, name: str) -> Any:
        """A plain attribute of a pickled module, or ``None``."""
        node = self.modules.get(module)
        return None if node is None else node.attributes.get(name)


def to_lazy(value: Any) -> Lazy | None:
    """A tensor of any origin, or ``None`` for everything else."""
    if isinstance(value, Lazy):
        return value
    if isinstance(value, TensorRef | ArrayRef):
        return value.lazy()
    return None


def candidates(contents: Contents) -> list[Candidate]:
    """Every table of weights in the file, the likeliest first; each also without its prefix."""
    out: list[Candidate] = []
    seen: set[int] = set()
    for found in _walk(contents.root, (), {}, contents.metadata, 0, seen):
        stripped = _strip(found)
        out.append(found)
        if stripped is not found:
            out.append(stripped)
        for prefix in PARTS:
            inside = {k[len(prefix) :]: v for k, v in stripped.tensors.items() if k.startswith(prefix)}
            bad = {k[len(prefix) :]: v for k, v in stripped.bad.items() if k.startswith(prefix)}
            if inside and len(inside) < len(stripped.tensors):
                part = Candidate(inside, (*stripped.trail, prefix[:-1]), stripped.outer, stripped.metadata, bad=bad)
                part.left = len(stripped.tensors) - len(inside)
                out.append(_strip(part))
        if len(out) > 64:
            break
    return out


def _walk(
    value: Any, trail: tuple[str, ...], outer: dict[str, Any], metadata: dict[str, str], depth: int, seen: set[int]
) -> Iterator[Candidate]:
    # Tables may contain each other and themselves; each is looked at once.
    if depth > 5 or id(value) in seen or len(seen) > 256:
        return
    seen.add(id(value))
    if isinstance(value, tuple) and 1 <= len(value) <= 3 and all(isinstance(v, Node) for v in value):
        # TensorFlow's (G, D, Gs): the last is the average, the first the training weights.
        for at in dict.fromkeys((len(value) - 1, 0)):
            yield from _walk(value[at], (*trail, str(at)), outer, metadata, depth + 1, seen)
        return
    if isinstance(value, Node):
        yield from _node(value, trail, outer, metadata, depth, seen)
        return
    if not isinstance(value, dict):
        return
    if len(value) > MAX_ENTRIES:
        raise too_much(f"it has {len(value):,} tensors", f"{MAX_ENTRIES:,} tensors")
    tables = [k for k, v in value.items() if isinstance(v, dict | Node | tuple) and not isinstance(v, ArrayRef)]
    tensors, bad = _tensors(value)
    chosen = [k for k in ORDER if k in tables]
    if (tensors or bad) and not chosen:
        yield Candidate(tensors, trail, outer, metadata, bad=bad)
    later = [k for k in LATER if k in tables]
    rest = [k for k in tables if k not in chosen and k not in later and k not in SKIPPED]
    for key in (*chosen, *later, *rest[:16]):
        yield from _walk(value[key], (*trail, plain(key, 40)), value, metadata, depth + 1, seen)
    if (tensors or bad) and chosen:
        yield Candidate(tensors, trail, outer, metadata, bad=bad)


def _node(
    node: Node, trail: tuple[str, ...], outer: dict[str, Any], metadata: dict[str, str], depth: int, seen: set[int]
) -> Iterator[Candidate]:
    inside = node.attributes
    if isinstance(inside.get("variables"), list) and "static_kwargs" in inside:
        yield _tensorflow(node, trail)
        return
    if isinstance(inside.get("_modules"), dict):
        raw, modules = state_dict_of(node)
        tensors, bad = _tensors(raw)
        yield Candidate(tensors, trail, outer, metadata, modules=modules, bad=bad)
        return
    # A training state object: its attributes may hold a state dict.
    yield from _walk(inside, trail, outer, metadata, depth + 1, seen)


def _tensors(table: dict[Any, Any]) -> tuple[dict[str, Lazy], dict[str, str]]:
    tensors: dict[str, Lazy] = {}
    bad: dict[str, str] = {}
    made: dict[int, Lazy | None] = {}
    for key, value in table.items():
        name = key if isinstance(key, str) else str(key) if isinstance(key, int) else ""
        if len(name) > MAX_NAME:
            raise too_much("a name in it is too long", f"{MAX_NAME} characters")
        if not name.isprintable():
            raise damaged(f"a name in it cannot be written: “{plain(name)}”")
        if isinstance(value, NotDense):
            bad[name] = value.what
            continue
        try:
            # One tensor under many names is one tensor.
            lazy = made[id(value)] if id(value) in made else made.setdefault(id(value), to_lazy(value))
        except ModelError as exc:
            exc.detail = f"{plain(name)}\n{exc.detail}".strip()
            raise
        if lazy is not None:
            tensors[name] = lazy
    return tensors, bad


def _tensorflow(node: Node, trail: tuple[str, ...]) -> Candidate:
    """All variables of a TensorFlow network and its components, with the components' names as prefixes."""
    found: dict[str, Any] = {}
    todo: list[tuple[str, Node, int]] = [("", node, 0)]
    seen = 0
    while todo:
        prefix, at, depth = todo.pop()
        seen += 1
        if seen > 64 or depth > 4:
            raise too_much("its networks contain each other", "64 of them")
        variables = at.attributes.get("variables")
        for pair in variables if isinstance(variables, list) else []:
            if isinstance(pair, tuple | list) and len(pair) == 2 and isinstance(pair[0], str):
                found[prefix + pair[0]] = pair[1]
        parts = at.attributes.get("components")
        if isinstance(parts, dict):
            todo.extend((f"{prefix}{k}/", v, depth + 1) for k, v in parts.items() if isinstance(v, Node))
    tensors, bad = _tensors(found)
    kwargs = node.attributes.get("static_kwargs")
    return Candidate(tensors, trail, bad=bad, tensorflow=kwargs if isinstance(kwargs, dict) else {})


def _strip(found: Candidate) -> Candidate:
    """The same table without the prefixes that all its keys share."""
    names = [*found.tensors, *found.bad]
    cut = 0
    while True:
        for prefix in PREFIXES:
            if names and all(n.startswith(prefix, cut) and len(n) > cut + len(prefix) for n in names):
                cut += len(prefix)
                break
        else:
            break
    if cut == 0:
        return found
    tensors = {k[cut:]: v for k, v in found.tensors.items()}
    bad = {k[cut:]: v for k, v in found.bad.items()}
    return dataclasses.replace(found, tensors=tensors, bad=bad)
