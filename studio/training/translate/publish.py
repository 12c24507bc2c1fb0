"""From a finished training of a translator to a model with a card: averaged weights in half precision, and scores."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from studio.checkpoints.facts import facts
from studio.nets.roles import FeatureNet, Statistics
from studio.nets.translator_ops import PictureTranslator
from studio.training.export import half_state, write_model
from studio.training.frechet import METHOD as FRECHET_METHOD
from studio.training.frechet import RandomFeatures, frechet_distance, gaussian
from studio.training.translate import common
from studio.training.translate.common import Generator
from studio.training.translate.cyclegan import CycleTrainer
from studio.training.translate.pairs import Pairs
from studio.training.translate.pix2pix import Pix2PixTrainer
from studio.training.translate.scores import METHOD, l1, mean_color, pair_scores
from studio.training.translate.strokes import inked
from studio.training.translate.translate_config import CycleConfig, Pix2PixConfig, TranslateConfig
from studio.training.translate.worlds import Worlds

CALIBRATION = 24
"""Batches whose statistics are stored."""
CPU = torch.device("cpu")


def rounded(net: Generator) -> Generator:
    """The network as it will be read: its numbers in half precision."""
    state = {k: v.float() if v.is_floating_point() else v for k, v in half_state(net).items()}
    return type(net).from_state_dict(state, dropout=net.hyper.get("dropout"))


@torch.no_grad()
def translated(net: PictureTranslator, inputs: Tensor, statistics: Statistics = "stored") -> Tensor:
    """What a network makes of uint8 or [0, 1] pictures, in [0, 1]."""
    x = inputs.float() / 255 if inputs.dtype == torch.uint8 else inputs
    parts = [net.translate(p * 2 - 1, statistics) for p in x.split(16)]
    return (torch.cat(parts) * 0.5 + 0.5).clamp(0, 1)


def export_pix2pix(
    state: Mapping[str, Any],
    data: Pairs,
    weights: Path,
    name: str,
    *,
    title: str = "",
    about: Mapping[str, Any],
    hyper: Mapping[str, Any],
) -> dict[str, Any]:
    """``NAME.safetensors`` and ``NAME.json`` from a snapshot of :class:`Pix2PixTrainer`; returns the card.

    ``hyper`` are facts that the network does not know (``source_title``, ``target_title``, ``input``), ``about`` parts
    of the card (credit, licence, data, notes).  The stored statistics are taken anew from training pairs.
    """
    t = Pix2PixTrainer(Pix2PixConfig.from_dict({**state["config"], "perceptual_weight": 0.0, "base": ""}), data, CPU)
    t.load(dict(state))
    net = t.ema.net
    t.gen.manual_seed(1)
    common.recalibrate(net, [t.batch()[0] for _ in range(CALIBRATION)], t.dtype)
    ready = rounded(net)
    features = common.load_features("embedded", torch.float32)
    held = t.held if len(t.held) else t.pairs
    scores, advised = score_pix2pix(ready, held, features, train=t.pairs, ink=t.cfg.ink)
    told: dict[str, Any] = {"size": t.cfg.size, **hyper}
    if ready.has_stored_statistics:
        told["statistics"] = advised
    return _write(ready, weights, name, title, t.cfg, state, told, scores, about, pictures=len(t.pairs))


def score_pix2pix(
    net: Generator, held: Pairs, features: FeatureNet, *, train: Pairs, ink: bool
) -> tuple[dict[str, Any], float]:
    """Scores on held-out pairs, and the better of stored (0.0) and own (1.0) statistics by perceptual distance."""
    truth, inputs = held.targets.float() / 255, held.inputs.float() / 255
    found = {"stored": pair_scores(features, translated(net, inputs), truth)}
    if net.has_stored_statistics:
        found["own"] = pair_scores(features, translated(net, inputs, "own"), truth)
    best = min(found, key=lambda k: found[k]["perceptual"])
    color = mean_color(train.targets).expand_as(truth) / 255
    out: dict[str, Any] = {
        "held_out": len(held),
        **found[best],
        "statistics": best,
        **({"other_statistics": next(v for k, v in found.items() if k != best)} if len(found) > 1 else {}),
        "copying_the_input": pair_scores(features, inputs, truth),
        "mean_color": pair_scores(features, color, truth),
    }
    if ink:
        gen = torch.Generator().manual_seed(3)
        other = inked(inputs, None, gen)
        out["in_other_hands"] = pair_scores(features, translated(net, other, cast(Statistics, best)), truth)
    out["method"] = METHOD
    return out, float(best == "own")


def export_cyclegan(
    state: Mapping[str, Any],
    data: Worlds,
    weights: Path,
    names: tuple[str, str],
    *,
    titles: tuple[str, str] = ("", ""),
    about: Mapping[str, Any],
    hyper: Mapping[str, Any],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two models, there and back, that name each other; returns both cards.

    ``hyper`` as for :func:`export_pix2pix`, of the first direction; its titles change places for the second.
    """
    t = CycleTrainer(CycleConfig.from_dict({**state["config"], "base": ""}), data, CPU)
    t.load(dict(state))
    nets = []
    for net, pictures, chances in ((t.ema_there.net, data.a, data.weights_a), (t.ema_back.net, data.b, data.weights_b)):
        t.gen.manual_seed(1)
        common.recalibrate(net, [t.draw(pictures, chances) for _ in range(CALIBRATION)], t.dtype)
        nets.append(rounded(net))
    features = common.load_features("embedded", torch.float32)
    cards = []
    for i, worlds in enumerate((data, data.turned())):
        turned = dict(hyper)
        if i and "source_title" in hyper and "target_title" in hyper:
            turned |= {"source_title": hyper["target_title"], "target_title": hyper["source_title"]}
        told = {"size": t.cfg.size, **turned, "partner": names[1 - i]}
        if nets[i].has_stored_statistics:
            told["statistics"] = 0.0  # as it is measured
        scores = score_cycle(nets[i], nets[1 - i], worlds, features)
        cards.append(
            _write(nets[i], weights, names[i], titles[i], t.cfg, state, told, scores, about,
                   pictures=len(worlds.a), others=len(worlds.b))
        )  # fmt: skip
    return cards[0], cards[1]


def score_cycle(
    net: Generator, back: Generator, worlds: Worlds, features: FeatureNet, most: int = 400
) -> dict[str, Any]:
    """Scores of one direction on held-out pictures of ``worlds.a``."""
    n = min(most, len(worlds.held_a), len(worlds.held_b))
    inputs, others = worlds.held_a[:n].float() / 255, worlds.held_b[:n].float() / 255
    made = translated(net, inputs)
    out: dict[str, Any] = {"held_out": n, "cycle_l1": round(l1(translated(back, made), inputs), 4)}
    if worlds.paired:
        out |= pair_scores(features, made, others)
        out["copying_the_input"] = pair_scores(features, inputs, others)
        out["method"] = METHOD + ". True pairs were used for these scores only"
    if n >= 20:
        look = RandomFeatures(inputs.shape[-1])
        target = gaussian(look(others * 2 - 1))

        def distance(x: Tensor) -> float:
            return round(frechet_distance(target, gaussian(look(x * 2 - 1))), 5)

        out["frechet"] = {
            "made": distance(made),
            "copying_the_input": distance(inputs),
            "training_pictures": distance(worlds.b[torch.arange(n) * len(worlds.b) // n].float() / 255),
            "method": FRECHET_METHOD,
        }
    return out


def _write(
    net: Generator,
    weights: Path,
    name: str,
    title: str,
    cfg: TranslateConfig,
    state: Mapping[str, Any],
    told: Mapping[str, Any],
    scores: Mapping[str, Any],
    about: Mapping[str, Any],
    *,
    pictures: int,
    others: int = 0,
) -> dict[str, Any]:
    recipe = cfg.to_dict()
    recipe["base"] = ",".join(Path(b).name for b in str(state["config"]["base"]).split(",") if b)
    recipe["features"] = Path(recipe["features"]).name
    training = {
        "pictures": pictures,
        **({"pictures_of_the_other_world": others} if others else {}),
        "pictures_seen": state["seen"],
        "steps": state["steps"],
        "minutes": round(state["minutes"], 1),
        "config": recipe,
    }
    about = dict(about)
    training |= about.pop("training", {})
    card = {
        "title": title or name,
        "role": "translator",
        "architecture": ARCHITECTURES[state["trained"], cfg.network],
        "hyper": {**facts("translator", net), **told},
        "scores": dict(scores),
        "training": training,
        **about,
    }
    made = write_model(cast(nn.Module, net), weights, name, card)
    return made


ARCHITECTURES = {
    ("pix2pix", "unet"): "pix2pix-unet",
    ("pix2pix", "resnet"): "pix2pix-resnet",
    ("cyclegan", "unet"): "pix2pix-unet",
    ("cyclegan", "resnet"): "cyclegan-resnet",
}
"""As :mod:`studio.checkpoints.facts` names them."""
