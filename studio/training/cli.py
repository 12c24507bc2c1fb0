"""``studio train``: the trainings that run without a window."""

from __future__ import annotations

import argparse
import ast
import dataclasses
import inspect
import itertools
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.base.errors import StudioError
from studio.base.steps import Loss, Preview, Progress, Steps

if TYPE_CHECKING:
    from studio.training.stylegan2 import Trained


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="studio train", description="Train a small model on pictures of your own.")
    sub = parser.add_subparsers(dest="command", required=True)
    p = sub.add_parser("stylegan2", help="a StyleGAN2 generator", description="Train a StyleGAN2 generator.")
    from studio.training.config import TrainConfig
    from studio.training.features_config import FeaturesConfig
    from studio.training.johnson_config import JohnsonConfig
    from studio.training.translate.command import add_commands
    from studio.training.translate.stargan_config import StarganConfig
    from studio.training.translate.upscale_config import SharpConfig, UpscaleConfig
    from studio.training.vae_config import VaeConfig

    training_options(p, TrainConfig)
    v = sub.add_parser("vae", help="an autoencoder", description="Train a variational (or other) autoencoder.")
    training_options(v, VaeConfig)
    f = sub.add_parser("features", help="a feature network", description="Train a feature network on named folders.")
    training_options(f, FeaturesConfig)
    j = sub.add_parser("johnson", help="a style network", description="Train a one-pass style network on one style.")
    training_options(j, JohnsonConfig)
    u = sub.add_parser("srresnet", help="a network that enlarges", description="Train a network that enlarges.")
    training_options(u, UpscaleConfig)
    g = sub.add_parser("srgan", help="its sharper sister", description="Give an enlarging network sharper texture.")
    training_options(g, SharpConfig)
    st = sub.add_parser("stargan", help="one network for many changes", description="Train a StarGAN on labels.")
    training_options(st, StarganConfig)
    add_commands(sub, training_options)
    e = sub.add_parser("export", help="an embedded model from a finished training", description="Score and export.")
    e.add_argument("--data", required=True, help="the pictures that it was trained on")
    e.add_argument("--second", default="", help="the second folder, where pairs or worlds are in two")
    e.add_argument("--back", default="", help="cyclegan: name of the model that leads back")
    e.add_argument("--out", required=True, help="name of the training (its folder in --runs)")
    e.add_argument("--runs", default="runs", help="where working folders are")
    e.add_argument("--weights", default="weights", help="folder for NAME.safetensors and NAME.json")
    e.add_argument("--name", required=True, help="name of the model")
    e.add_argument("--title", default="", help="the name that people see")
    e.add_argument("--about", default=None, help="JSON file with data, credit, licence, assumptions, training notes")
    e.add_argument("--judge-steps", type=int, default=1200, help="steps of the label judge (0: leave it out)")
    e.add_argument("--mapping-steps", type=int, default=0, help="anchored: last steps for the mapping alone")
    m = sub.add_parser("measure", help="the scores of an exported autoencoder", description="Measure an autoencoder.")
    m.add_argument("--model", required=True, help="NAME.safetensors")
    m.add_argument("--data", required=True, help="the pictures that it was trained on; their held-out tenth is used")
    m.add_argument("--judge-steps", type=int, default=1200, help="steps of the label judge (0: leave it out)")
    return parser


def training_options(
    p: argparse.ArgumentParser, settings: type[Any], *, data: bool = True, sparse: bool = False
) -> None:
    """What every training is told, and an option for each field of its ``settings`` (a dataclass).

    ``data`` False: its own ``--data`` is there already.  ``sparse``: what is not said is not in the result.
    """
    if data:
        told = "a folder or zip of pictures (its labels.csv is used when it has one)"
        p.add_argument("--data", required=True, help=told)
    p.add_argument("--out", required=True, help="name of the model; its working folder is runs/NAME unless --runs")
    p.add_argument("--runs", default="runs", help="where working folders are (snapshots, logs, sample sheets)")
    p.add_argument("--minutes", type=float, default=0.0, help="stop within this time (0: no limit)")
    p.add_argument("--save-minutes", type=float, default=4.0, help="time between snapshots")
    p.add_argument("--resume", action="store_true", help="continue from the last snapshot")
    p.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, mps")
    if data:
        p.add_argument("--labels", default=None, help="another labels.csv")
    words = field_words(settings)
    for field in dataclasses.fields(settings):
        name, says = "--" + field.name.replace("_", "-"), words.get(field.name)
        default = argparse.SUPPRESS if sparse else field.default
        if isinstance(field.default, bool):
            p.add_argument(name, action=argparse.BooleanOptionalAction, default=default, help=says)
        else:
            p.add_argument(name, type=type(field.default), default=default, help=says)


def field_words(settings: type[Any]) -> dict[str, str]:
    """The sentences under the fields of a dataclass and its bases, and their defaults, as help of the command line.

    Empty where the sources are not installed.
    """
    words: dict[str, str] = {}
    for cls in reversed(settings.__mro__[:-1]):
        try:
            body = ast.parse(inspect.getsource(cls)).body[0]
        except (OSError, SyntaxError):
            continue
        assert isinstance(body, ast.ClassDef)
        for before, line in itertools.pairwise(body.body):
            if not isinstance(before, ast.AnnAssign) or not isinstance(before.target, ast.Name):
                continue
            if (
                isinstance(line, ast.Expr)
                and isinstance(line.value, ast.Constant)
                and isinstance(line.value.value, str)
            ):
                words[before.target.id] = " ".join(line.value.value.replace("``", "").split())
    defaults = {f.name: f.default for f in dataclasses.fields(settings)}
    told = {k: v if defaults[k] == "" else f"{v} (default: {defaults[k]})" for k, v in words.items() if k in defaults}
    return {k: v.replace("%", "%%") for k, v in told.items()}


def main(argv: list[str]) -> int:
    """Run one training command; 0 when it ended as asked, 1 for a failure told in a sentence, 2 for wrong usage."""
    try:
        args = _parser().parse_args(argv)
    except SystemExit as stop:
        return int(stop.code or 0)
    try:
        return COMMANDS[args.command](args)
    except StudioError as exc:
        sys.stderr.write(exc.sentence() + "\n")
        return 1


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _stylegan2(args: argparse.Namespace) -> int:
    from studio.training.config import TrainConfig
    from studio.training.stylegan2 import train

    return _train(args, TrainConfig.from_dict(vars(args)), train)


def _vae(args: argparse.Namespace) -> int:
    from studio.training.vae import train_vae
    from studio.training.vae_config import VaeConfig

    cfg = VaeConfig.from_dict(vars(args))
    cfg.check()
    return _train(args, cfg, train_vae)


def _features(args: argparse.Namespace) -> int:
    from studio.training.features import train_features
    from studio.training.features_config import FeaturesConfig

    return _train(args, FeaturesConfig.from_dict(vars(args)), train_features)


def _johnson(args: argparse.Namespace) -> int:
    from studio.training.johnson import train_johnson
    from studio.training.johnson_config import JohnsonConfig

    cfg = JohnsonConfig.from_dict(vars(args))
    cfg.check()
    return _train(args, cfg, train_johnson)


def _pix2pix(args: argparse.Namespace) -> int:
    from studio.training.translate.command import run_pix2pix

    return run_pix2pix(args, _train)


def _cyclegan(args: argparse.Namespace) -> int:
    from studio.training.translate.command import run_cyclegan

    return run_cyclegan(args, _train)


def _srresnet(args: argparse.Namespace) -> int:
    from studio.training.translate.upscale import load_upscale, train_srresnet
    from studio.training.translate.upscale_config import UpscaleConfig

    cfg = UpscaleConfig.from_dict(vars(args))
    cfg.check()
    return _train(args, cfg, train_srresnet, load_upscale(args.data, cfg))


def _srgan(args: argparse.Namespace) -> int:
    from studio.training.translate.upscale import load_upscale
    from studio.training.translate.upscale_config import SharpConfig
    from studio.training.translate.upscale_sharp import train_srgan

    cfg = SharpConfig.from_dict(vars(args))
    cfg.check()
    return _train(args, cfg, train_srgan, load_upscale(args.data, cfg))


def _stargan(args: argparse.Namespace) -> int:
    from studio.training.translate.stargan import train_stargan
    from studio.training.translate.stargan_config import StarganConfig

    cfg = StarganConfig.from_dict(vars(args))
    cfg.check()
    return _train(args, cfg, train_stargan)


def _train(args: argparse.Namespace, cfg: Any, train: Callable[..., Steps[Trained]], data: Any = None) -> int:
    """Drive a training to its end or to a signal; ``train`` as :func:`studio.training.stylegan2.train`."""
    from studio.training.data import load_pictures

    data = load_pictures(args.data, cfg.size, labels=args.labels) if data is None else data
    _say(f"{len(data)} pictures at {cfg.size} px")
    asked: list[int] = []
    previous = {s: signal.signal(s, lambda number, _: asked.append(number)) for s in (signal.SIGINT, signal.SIGTERM)}
    steps = train(
        cfg,
        data,
        Path(args.runs) / args.out,
        device=args.device,
        minutes=args.minutes,
        resume=args.resume,
        save_minutes=args.save_minutes,
        stop=lambda: bool(asked),
    )
    try:
        shown = 0
        phase = ""
        while True:
            event = next(steps)
            if isinstance(event, Progress) and event.phase != phase:
                phase = event.phase
                _say(phase)
            if isinstance(event, Preview) and ". " in event.label:
                _say(event.label)
            if isinstance(event, Loss) and (event.step - shown >= 2000 or set(event.values) & HELD_OUT):
                shown = event.step
                _say(f"{event.step} " + " ".join(f"{k} {v:.4f}" for k, v in event.values.items()))
    except StopIteration as stop:
        result = stop.value
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    if asked:
        _say("Stopped as asked; --resume continues from here.")
    _say(f"{result.seen} pictures seen in {result.minutes:.1f} minutes; {result.snapshot}")
    return 0


def _export(args: argparse.Namespace) -> int:
    import json

    from studio.training.snapshot import load_snapshot

    about = json.loads(Path(args.about).read_text("utf-8")) if args.about else {}
    run = Path(args.runs) / args.out
    state = load_snapshot(run / "snapshot.pt")
    if state.get("trained") in ("pix2pix", "cyclegan"):
        from studio.training.translate.command import export

        places = [args.data, *([args.second] if args.second else [])]
        where = Path(args.weights)
        _say(export(state, places, where, args.name, back=args.back, title=args.title or args.name, about=about))
        return 0
    if state.get("trained") in ("srresnet", "srgan"):
        from studio.training.translate.upscale import load_upscale
        from studio.training.translate.upscale_config import UpscaleConfig
        from studio.training.translate.upscale_publish import export_upscaler

        data = load_upscale(args.data, UpscaleConfig.from_dict(state["config"]))
        card = export_upscaler(state, data, Path(args.weights), args.name, title=args.title, about=about)
        _say(json.dumps(card["scores"], indent=1))
        return 0
    if state.get("trained") == "stargan":
        from studio.training.data import load_pictures
        from studio.training.translate.stargan_publish import export_stargan

        data = load_pictures(args.data, state["config"]["size"])
        where = Path(args.weights)
        card = export_stargan(
            state, data, where, args.name, title=args.title, about=about, judge_steps=args.judge_steps
        )
        _say(json.dumps(card["scores"], indent=1))
        return 0
    if state.get("trained") == "vae":
        from studio.training.vae_publish import publish_vae

        card = publish_vae(
            state,
            run,
            Path(args.data),
            Path(args.weights),
            args.name,
            title=args.title or args.name,
            about=about,
            judge_steps=args.judge_steps,
        )
        _say(json.dumps(card["scores"], indent=1))
        return 0
    if state.get("trained") == "features":
        from studio.training.features import export_features

        card = export_features(state, Path(args.data), Path(args.weights), args.name, title=args.title, about=about)
        _say(json.dumps(card["scores"], indent=1))
        return 0
    if state.get("trained") == "johnson":
        from studio.training.johnson import export_johnson

        card = export_johnson(state, Path(args.data), Path(args.weights), args.name, title=args.title, about=about)
        _say(json.dumps(card["scores"], indent=1))
        return 0
    from studio.training.publish import publish

    card = publish(
        run,
        Path(args.data),
        Path(args.weights),
        args.name,
        title=args.title or args.name,
        about=about,
        judge_steps=args.judge_steps,
        mapping_steps=args.mapping_steps,
    )
    _say(json.dumps(card["scores"], indent=1))
    return 0


def _measure(args: argparse.Namespace) -> int:
    import json

    from studio.training.vae_publish import measure_file

    _say(json.dumps(measure_file(Path(args.model), Path(args.data), judge_steps=args.judge_steps), indent=1))
    return 0


HELD_OUT = {
    "held-out l1",
    "held-out cycle a",
    "active_units",
    "held-out accuracy",
    "held-out content",
    "held-out psnr_y",
    "held-out same",
}
"""Losses that come with a snapshot and are always shown."""

COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "stylegan2": _stylegan2,
    "vae": _vae,
    "features": _features,
    "johnson": _johnson,
    "pix2pix": _pix2pix,
    "cyclegan": _cyclegan,
    "srresnet": _srresnet,
    "srgan": _srgan,
    "stargan": _stargan,
    "export": _export,
    "measure": _measure,
}
