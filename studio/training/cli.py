"""``studio train``: the trainings that run without a window."""

from __future__ import annotations

import argparse
import dataclasses
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
    return parser


def main(argv: list[str]) -> int:
    """Run one training command; 0 when it ended as asked, 1 for a failure told in a sentence, 2 for wrong usage."""
    try:
        args = _parser().parse_args(argv)
    except SystemExit as stop:
        return int(stop.code or 0)
    try:
        return _stylegan2(args)
    except StudioError as exc:
        print(exc.sentence(), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped. The last snapshot is kept; --resume continues from it.", file=sys.stderr)
        return 130


def _stylegan2(args: argparse.Namespace) -> int:
    from studio.training.config import TrainConfig
    from studio.training.data import load_pictures
    from studio.training.stylegan2 import train

    cfg = TrainConfig.from_dict(vars(args))
    data = load_pictures(args.data, cfg.size, labels=args.labels)
    print(f"{len(data)} pictures at {cfg.size} px", flush=True)
    steps = train(
        cfg,
        data,
        Path(args.runs) / args.out,
        device=args.device,
        minutes=args.minutes,
        resume=args.resume,
        save_minutes=args.save_minutes,
    )
    try:
        shown = 0
        while True:
            event = next(steps)
            if isinstance(event, Loss) and event.step - shown >= 2000:
                shown = event.step
                print(event.step, " ".join(f"{k} {v:.4f}" for k, v in event.values.items()), flush=True)
    except StopIteration as stop:
        result = stop.value
    print(f"{result.seen} pictures seen in {result.minutes:.1f} minutes; {result.snapshot}", flush=True)
    return 0
