"""``studio train``: the trainings that run without a window."""

from __future__ import annotations

import argparse
import dataclasses
import signal
import sys
from pathlib import Path

from studio.base.errors import StudioError
from studio.base.steps import Loss


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="studio train", description="Train a small model on pictures of your own.")
    sub = parser.add_subparsers(dest="command", required=True)
    p = sub.add_parser("stylegan2", help="a StyleGAN2 generator", description="Train a StyleGAN2 generator.")
    p.add_argument("--data", required=True, help="a folder or zip of pictures (with labels.csv for --anchor)")
    p.add_argument("--out", required=True, help="name of the model; its working folder is runs/NAME unless --runs")
    p.add_argument("--runs", default="runs", help="where working folders are (snapshots, logs, sample sheets)")
    p.add_argument("--minutes", type=float, default=0.0, help="stop within this time (0: no limit)")
    p.add_argument("--save-minutes", type=float, default=4.0, help="time between snapshots")
    p.add_argument("--resume", action="store_true", help="continue from the last snapshot")
    p.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, mps")
    p.add_argument("--labels", default=None, help="another labels.csv")
    from studio.training.config import TrainConfig

    for field in dataclasses.fields(TrainConfig):
        name = "--" + field.name.replace("_", "-")
        if isinstance(field.default, bool):
            p.add_argument(name, action=argparse.BooleanOptionalAction, default=field.default)
        else:
            p.add_argument(name, type=type(field.default), default=field.default)
    e = sub.add_parser("export", help="an embedded model from a finished training", description="Score and export.")
    e.add_argument("--data", required=True, help="the pictures that it was trained on")
    e.add_argument("--out", required=True, help="name of the training (its folder in --runs)")
    e.add_argument("--runs", default="runs", help="where working folders are")
    e.add_argument("--weights", default="weights", help="folder for NAME.safetensors and NAME.json")
    e.add_argument("--name", required=True, help="name of the model")
    e.add_argument("--title", default="", help="the name that people see")
    e.add_argument("--about", default=None, help="JSON file with data, credit, licence, assumptions, training notes")
    e.add_argument("--judge-steps", type=int, default=1200, help="steps of the label judge (0: leave it out)")
    e.add_argument("--mapping-steps", type=int, default=0, help="anchored: last steps for the mapping alone")
    return parser


def main(argv: list[str]) -> int:
    """Run one training command; 0 when it ended as asked, 1 for a failure told in a sentence, 2 for wrong usage."""
    try:
        args = _parser().parse_args(argv)
    except SystemExit as stop:
        return int(stop.code or 0)
    try:
        return _stylegan2(args) if args.command == "stylegan2" else _export(args)
    except StudioError as exc:
        sys.stderr.write(exc.sentence() + "\n")
        return 1


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _stylegan2(args: argparse.Namespace) -> int:
    from studio.training.config import TrainConfig
    from studio.training.data import load_pictures
    from studio.training.stylegan2 import train

    cfg = TrainConfig.from_dict(vars(args))
    data = load_pictures(args.data, cfg.size, labels=args.labels)
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
        while True:
            event = next(steps)
            if isinstance(event, Loss) and event.step - shown >= 2000:
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

    from studio.training.publish import publish

    about = json.loads(Path(args.about).read_text("utf-8")) if args.about else {}
    card = publish(
        Path(args.runs) / args.out,
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
