"""``studio train pix2pix`` and ``studio train cyclegan``: their words, and what is done with them."""

from __future__ import annotations

import argparse
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from studio.base.errors import StudioError
from studio.training.translate.presets import CYCLEGAN, PIX2PIX, Preset
from studio.training.translate.translate_config import CycleConfig, Pix2PixConfig, TranslateConfig

if TYPE_CHECKING:
    from studio.training.translate.pairs import Pairs
    from studio.training.translate.worlds import Worlds

Options = Callable[..., None]
Config = TypeVar("Config", bound=TranslateConfig)
PIX2PIX_WORDS = """Learn from examples in pairs: a line drawing and its painting, a map and its photograph.

The pairs are two folders (or zips) with pictures of the same names, one folder that has two such folders in it, or one
with pictures that show input and target side by side. A few hundred pairs are a good beginning; with few of them,
begin from an embedded model: --base ink_emoji."""
CYCLEGAN_WORDS = """Learn to turn one world of pictures into another and back, without pairs.

The worlds are two folders (or zips), or one with a folder A and a folder B in it. A few hundred pictures of each are a
good beginning. The two should show the same kind of thing at the same size and place: portraits and portraits.
With few pictures, begin from an embedded couple: --base emoji_to_3d,emoji_to_flat."""


def add_commands(sub: Any, options: Options) -> None:
    """The two parsers; ``options(parser, settings, data=False, sparse=True)`` adds what every training is told."""
    for name, words, short, settings in (
        ("pix2pix", PIX2PIX_WORDS, "a translator from pairs of pictures", Pix2PixConfig),
        ("cyclegan", CYCLEGAN_WORDS, "translators between two folders without pairs", CycleConfig),
    ):
        p = sub.add_parser(name, help=short, description=words, formatter_class=argparse.RawDescriptionHelpFormatter)
        flag = "--pairs" if name == "pix2pix" else "--worlds"
        p.add_argument(
            flag, "--data", dest="data", nargs="+", required=True, metavar="PLACE", help="one or two folders or zips"
        )
        options(p, settings, data=False, sparse=True)


def settings_of(args: argparse.Namespace, kind: type[Config]) -> Config:
    """The settings: what was said, else those of the model to begin with, else the preset's, else the usual ones."""
    from studio.training.translate.common import base_shape

    preset = preset_of(getattr(args, "preset", ""), kind)
    base = getattr(args, "base", "").split(",")[0]
    cfg = kind.from_dict({**(preset.settings if preset else {}), **(base_shape(base) if base else {}), **vars(args)})
    cfg.check()
    return cfg


def preset_of(name: str, kind: type[TranslateConfig]) -> Preset | None:
    """A preset by its name; none for none."""
    if not name:
        return None
    presets = PIX2PIX if kind is Pix2PixConfig else CYCLEGAN
    if name not in presets:
        raise StudioError(f"There is no preset “{name}”.", f"There are {', '.join(presets)}.")
    return presets[name]


def load_pix2pix(places: list[str], cfg: Pix2PixConfig) -> Pairs:
    """The pairs that the settings are for."""
    from studio.training.translate.pairs import ink_pairs, load_pairs

    preset = preset_of(cfg.preset, Pix2PixConfig)
    if preset is not None and preset.data == "emoji" and len(places) == 1 and is_emoji(places[0]):
        return ink_pairs(places[0], cfg.size)
    return load_pairs(places, cfg.size, direction=cfg.direction)


def load_cyclegan(places: list[str], cfg: CycleConfig) -> Worlds:
    """The worlds that the settings are for."""
    from studio.training.translate.worlds import emoji_worlds, load_worlds

    preset = preset_of(cfg.preset, CycleConfig)
    if preset is not None and preset.data == "emoji" and len(places) == 1 and is_emoji(places[0]):
        return emoji_worlds(places[0], cfg.size)
    return load_worlds(places, cfg.size)


def run_pix2pix(args: argparse.Namespace, train: Callable[..., int]) -> int:
    """The command; ``train(args, settings, training, data)`` drives it."""
    from studio.training.translate.pix2pix import train_pix2pix

    cfg = settings_of(args, Pix2PixConfig)
    return train(args, cfg, train_pix2pix, load_pix2pix(args.data, cfg))


def run_cyclegan(args: argparse.Namespace, train: Callable[..., int]) -> int:
    """The command; ``train(args, settings, training, data)`` drives it."""
    from studio.training.translate.cyclegan import train_cyclegan

    cfg = settings_of(args, CycleConfig)
    return train(args, cfg, train_cyclegan, load_cyclegan(args.data, cfg))


def is_emoji(place: str) -> bool:
    """Whether a folder or zip has the line drawings of the emoji set."""
    path = Path(place)
    if not path.exists():
        raise StudioError(f"The training pictures were not found: {place}.", todo="Choose a folder or a zip.")
    if path.is_dir():
        return any(p.is_dir() for p in (path / "high_contrast", *path.glob("*/high_contrast")))
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any("high_contrast/" in name for name in archive.namelist())


def export(
    state: dict[str, Any], places: list[str], weights: Path, name: str, *, back: str, title: str, about: dict[str, Any]
) -> str:
    """Write the model (or both) of a snapshot; returns the scores as text.

    ``about`` may have ``hyper``, ``back_title`` and parts of the card.
    """
    from studio.training.translate.publish import export_cyclegan, export_pix2pix

    about = dict(about)
    given = about.pop("hyper", {})
    back_title = about.pop("back_title", "")
    if state["trained"] == "pix2pix":
        cfg = Pix2PixConfig.from_dict(state["config"])
        preset = preset_of(cfg.preset, Pix2PixConfig)
        hyper = {**(preset.hyper if preset else {}), **given}
        card = export_pix2pix(state, load_pix2pix(places, cfg), weights, name, title=title, about=about, hyper=hyper)
        return json.dumps(card["scores"], indent=1)
    cycle = CycleConfig.from_dict(state["config"])
    preset = preset_of(cycle.preset, CycleConfig)
    hyper = {**(preset.hyper if preset else {}), **given}
    names = (name, back or f"{name}_back")
    cards = export_cyclegan(
        state, load_cyclegan(places, cycle), weights, names, titles=(title, back_title), about=about, hyper=hyper
    )
    return json.dumps({c["name"]: c["scores"] for c in cards}, indent=1)
