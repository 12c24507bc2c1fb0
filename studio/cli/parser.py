"""The words of the command line.  argparse only, so that help and mistakes are answered at once."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence
from pathlib import Path

EPILOG = """\
examples:
  studio                                              open the window
  studio my.studio                                    open a project (a picture or a model works too)
  studio explore --seeds 0-63 --psi .7 --out sheet.png
  studio mix --sources 1,5 --preset crossover:4 --out mixed.png
  studio walk --seeds 1,2,3 --frames 96 --loop --out loop.mp4
  studio invert photo.jpg --out found.png
  studio style --content a.jpg --style b.jpg --style c.jpg:0.3 --layer relu3_1=0.5 --out d.png
  studio morph a.png b.png --frames 48 --loop --out m.webp
  studio attributes a.png --set glasses=2 --out b.png
  studio translate --model ink_emoji drawing.png --out emoji.png
  studio upscale photos/ --scale 4 --out large/       a folder; what is there already is not made again
  studio render found.png --out again.png             a picture that we exported carries its recipe

exit codes: 0 done, 1 failed (the reason is on stderr), 2 wrong usage, 130 cancelled
"""

STYLE_PRESETS = "“balanced”, “fine texture”, “bold shapes”, “Gatys”, “neural-style”"
"""The names of ``studio.project.style.PRESETS``, which a help text does not import (a test holds them equal)."""

COMMANDS = (
    "render",
    "explore",
    "mix",
    "walk",
    "invert",
    "directions",
    "style",
    "morph",
    "encode",
    "sample",
    "attributes",
    "translate",
    "upscale",
    "trace",
    "models",
    "info",
    "doctor",
    "train",
)


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The command and its options; ``run`` names the function that does it.  SystemExit as argparse does."""
    parser = build()
    first = words[0] if words else ""
    if not words or (first not in COMMANDS and not first.startswith("-")):
        missing = [word for word in words if not word.startswith("-") and not Path(word).exists()]
        if missing:
            near = difflib.get_close_matches(missing[0], COMMANDS, 1)
            hint = f" Did you mean “{near[0]}”?" if near else " “studio --help” lists the commands."
            parser.error(f"“{missing[0]}” is neither a command nor a file.{hint}")
        return argparse.Namespace(run="window:open_window", paths=list(words))
    args = parser.parse_args(list(words))
    if not hasattr(args, "run"):
        parser.error("a command or a file is needed; “studio --help” lists the commands.")
    return args


def build() -> argparse.ArgumentParser:
    """The whole grammar."""
    parser = argparse.ArgumentParser(
        prog="studio",
        description="Latent Studio: explore, mix and keep the pictures of generative networks. "
        "Without a command the window opens.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    sub = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")

    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="print the result as JSON")
    common.add_argument("--debug", action="store_true", help="print technical details of a failure")
    drawing = argparse.ArgumentParser(add_help=False, parents=[common])
    drawing.add_argument("--device", default="auto", metavar="NAME", help="auto, cpu, cuda, cuda:1, mps")
    drawing.add_argument("--precision", choices=("fast", "exact"), default=None, help="default: fast")
    model = argparse.ArgumentParser(add_help=False)
    model.add_argument(
        "--model", default="", metavar="M", help="name, start of the sha256, or file (default: embedded)"
    )
    look = argparse.ArgumentParser(add_help=False)
    _look_options(look)

    p = _command(sub, "render", "pictures:render", [drawing], "make a picture again from its recipe")
    p.add_argument("source", metavar="RECIPE|PICTURE|PROJECT", help="a recipe, a picture exported by us, or a project")
    p.add_argument("--out", required=True, metavar="FILE", help="what to write (a folder with --all)")
    p.add_argument("--size", type=_size, default=None, metavar="PX", help="another size")
    p.add_argument("--model", default="", metavar="M", help="another model than the recipe's")
    p.add_argument("--models", default="", metavar="FOLDER", help="where to look for models that are missing")
    p.add_argument("--all", action="store_true", help="of a project: every starred picture of the gallery")
    p.add_argument("--panel", choices=("explore", "mix"), default="explore", help="of a project: whose picture")

    p = _command(sub, "explore", "pictures:explore", [drawing, model, look], "pictures of many seeds")
    p.add_argument("--seeds", default="0-63", metavar="LIST", help="such as 0-63 or 1,5,9 (default 0-63)")
    p.add_argument("--out", required=True, metavar="FILE|FOLDER", help="one contact sheet, or a folder of pictures")
    p.add_argument("--tile", type=_size, default=0, metavar="PX", help="size of each picture (default: full)")
    p.add_argument("--columns", type=int, default=0, metavar="N", help="columns of the sheet (default: near square)")

    p = _command(sub, "mix", "pictures:mix", [drawing, model, look], "mix sources layer by layer")
    p.add_argument("--sources", required=True, metavar="LIST", help="seeds and exported pictures: 1,5,pic.png")
    how = p.add_mutually_exclusive_group(required=True)
    how.add_argument("--layers", default="", metavar="MAP", help="layers to sources, counted from 0: 0-3:0,4-11:1")
    how.add_argument("--preset", default="", metavar="P", help="coarse, middle, fine, even or crossover:K")
    how.add_argument("--matrix", default="", metavar="A-B", help="every source with layers A-B of every other")
    p.add_argument("--tile", type=_size, default=0, metavar="PX", help="size of each cell of the matrix")
    p.add_argument("--size", type=_size, default=0, metavar="PX", help="size of the picture (default: full)")
    p.add_argument("--out", required=True, metavar="FILE", help="the picture to write")

    p = _command(sub, "walk", "film:walk", [drawing, model, look], "a film from seed to seed")
    p.add_argument("--seeds", "--sources", dest="sources", required=True, metavar="LIST", help="keys: 1,2,pic.png")
    p.add_argument("--frames", type=int, default=96, metavar="N", help="length in frames (default 96)")
    p.add_argument("--fps", type=int, default=24, metavar="N", help="frames per second (default 24)")
    p.add_argument("--loop", action=argparse.BooleanOptionalAction, default=True, help="return to the first key")
    p.add_argument("--curve", choices=("linear", "slerp", "cubic"), default="cubic", help="default: cubic")
    p.add_argument("--easing", choices=("linear", "smooth", "in", "out"), default="smooth", help="default: smooth")
    p.add_argument("--even", action="store_true", help="change evenly from frame to frame (instead of an easing)")
    p.add_argument("--noise-loop", action="store_true", help="let the noise drift (with --noise seed:N)")
    p.add_argument("--size", type=_size, default=0, metavar="PX", help="size of the frames (default: full)")
    p.add_argument("--out", required=True, metavar="FILE|FOLDER", help=".mp4, .webp, .gif, .png, or a folder")
    p.add_argument("--recipe", default="", metavar="FILE", help="also write the recipe of the film (.json)")

    p = _command(sub, "invert", "film:invert", [drawing, model], "find a photograph in the latent space")
    p.add_argument("picture", metavar="PICTURE", help="a picture file")
    p.add_argument("--out", required=True, metavar="FILE", help="the picture that was found (a PNG keeps the code)")
    p.add_argument("--space", choices=("w", "w+"), default="w+", help="default: w+")
    p.add_argument("--editability", type=_share, default=0.5, metavar="0..1", help="0: most faithful, 1: most editable")
    p.add_argument("--steps", type=int, default=300, metavar="N", help="default 300")
    p.add_argument("--seed", type=int, default=0, metavar="N", help="of the search")
    p.add_argument("--code", default="", metavar="FILE", help="also write ws as .npy")

    p = _command(sub, "directions", "film:directions", [drawing, model, look], "find directions of w")
    p.add_argument("--method", choices=("principal", "factor"), default="principal", help="default: principal")
    p.add_argument("--count", type=int, default=10, metavar="N", help="default 10")
    p.add_argument("--range", default="", metavar="A-B", help="layers A-B (of factors, and of the strips)")
    p.add_argument("--out", default="", metavar="FILE", help="also write the vectors as .npy [n, w_dim]")
    p.add_argument("--strips", default="", metavar="FILE", help="also draw each from -3 to +3 sigmas")
    p.add_argument("--seed", type=int, default=1, metavar="N", help="whose picture the strips push (default 1)")

    p = sub.add_parser("models", help="list, inspect, import and remove models", description="The model library.")
    verbs = p.add_subparsers(dest="verb", metavar="VERB", required=True)
    _command(verbs, "list", "models:list_models", [common], "what is here")
    v = _command(verbs, "inspect", "models:inspect_model", [common], "print the card of a file or model as JSON")
    v.add_argument("file", metavar="FILE|M", help="a model file, or the name or sha256 of an imported model")
    v = _command(verbs, "import", "models:import_model", [common], "take a model file into the library")
    v.add_argument("file", metavar="FILE", help="any file that “inspect” understands")
    v = _command(verbs, "remove", "models:remove_model", [common], "remove an imported model from the library")
    v.add_argument("model", metavar="M", help="its name or the start of its sha256")

    p = _command(sub, "info", "info:info", [common], "say what a file is")
    p.add_argument("file", metavar="FILE", help="a picture, recipe, project, model or file of directions")
    _style_command(sub, [drawing])
    _morph_commands(sub, [drawing, model])
    _translate_commands(sub, [drawing])
    _command(sub, "doctor", "doctor:doctor", [common], "check this installation")
    sub.add_parser("train", help="train a small model (studio train --help)", add_help=False)
    return parser


def _style_command(
    sub: argparse._SubParsersAction[argparse.ArgumentParser], parents: list[argparse.ArgumentParser]
) -> None:
    p = _command(sub, "style", "style:style", parents, "a picture in the style of others")
    p.add_argument("pictures", nargs="*", metavar="PICTURE|FOLDER", help="to be painted in one pass (needs --model)")
    p.add_argument("--content", default="", metavar="FILE", help="the content picture of a run")
    p.add_argument("--style", action="append", default=[], metavar="FILE[:WEIGHT]", help="a style picture; repeatable")
    p.add_argument("--mask", action="append", default=[], metavar="FILE", help="where the style goes (white), or -")
    p.add_argument("--style-scale", type=float, default=1.0, metavar="X", help="size of the strokes (default 1)")
    p.add_argument("--preset", default="", metavar="P", help=f"{STYLE_PRESETS} or none")
    p.add_argument(
        "--layer", action="append", default=[], metavar="L=X", help="relu3_1=0.5 (style) or content:relu2_2=0.3"
    )
    p.add_argument("--alpha", type=float, default=None, metavar="X", help="weight of the content")
    p.add_argument("--beta", type=float, default=None, metavar="X", help="weight of the style")
    p.add_argument("--tv", type=float, default=None, metavar="X", help="weight of smoothness")
    p.add_argument("--step", type=float, default=None, metavar="X", help="step size of Adam")
    p.add_argument("--size", type=_size, default=0, metavar="PX", help="longer side (default 384; one pass: its own)")
    p.add_argument("--statistic", choices=("gram", "covariance", "moments", "sliced"), default="", help="of a layer")
    p.add_argument("--scaling", choices=("balanced", "gatys"), default="balanced", help="default: balanced")
    p.add_argument("--model", default="", metavar="M", help="feature network, painting network, or fixed")
    p.add_argument("--iterations", type=_size, default=0, metavar="N", help="of each size")
    p.add_argument("--optimiser", choices=("adam", "lbfgs"), default="adam", help="default: adam")
    p.add_argument("--pyramid", action=argparse.BooleanOptionalAction, default=True, help="grow from 64 px")
    p.add_argument("--start", choices=("content", "noise", "style"), default="content", help="default: content")
    p.add_argument(
        "--colours", choices=("style", "luminance", "match", "histogram"), default="style", help="default: style"
    )
    p.add_argument("--strength", type=_share, default=1.0, metavar="0..1", help="in one pass (default 1)")
    p.add_argument("--seed", type=int, default=0, metavar="N", help="default 0")
    p.add_argument("--tile", type=_size, default=0, metavar="PX", help="side of exact tiles (default: as memory asks)")
    p.add_argument("--overwrite", action="store_true", help="replace pictures that are in the folder already")
    p.add_argument("--out", required=True, metavar="FILE|FOLDER", help="what to write")


def _morph_commands(
    sub: argparse._SubParsersAction[argparse.ArgumentParser], parents: list[argparse.ArgumentParser]
) -> None:
    """What autoencoders can do (``--model``: the embedded one if it is not given)."""
    seeing = argparse.ArgumentParser(add_help=False)
    seeing.add_argument("--fit", choices=("cover", "whole"), default="cover", help="the middle (default), or all of it")
    seeing.add_argument("--background", default="edge", metavar="C", help="beside it: edge (default) or #rrggbb")
    seeing.add_argument("--sample", type=int, default=None, metavar="SEED", help="a draw instead of the mean")

    p = _command(sub, "morph", "morph:morph", [*parents, seeing], "a film from picture to picture")
    p.add_argument("pictures", nargs="+", metavar="PICTURE", help="picture files; also seeds and codes (.npy)")
    p.add_argument("--frames", type=int, default=48, metavar="N", help="length in frames (default 48)")
    p.add_argument("--fps", type=int, default=24, metavar="N", help="frames per second (default 24)")
    p.add_argument("--loop", action=argparse.BooleanOptionalAction, default=False, help="return to the first picture")
    p.add_argument(
        "--even", action=argparse.BooleanOptionalAction, default=True, help="change evenly from frame to frame"
    )
    p.add_argument(
        "--curve", choices=("slerp", "linear", "cubic"), default=None, help="default: slerp for two, cubic for more"
    )
    p.add_argument("--size", type=_size, default=0, metavar="PX", help="size of the frames (default: full)")
    p.add_argument("--out", default="", metavar="FILE|FOLDER", help=".webp, .gif, .mp4, .png, or a folder")
    p.add_argument("--strip", default="", metavar="FILE", help="also a picture of in-betweens in rows")
    p.add_argument("--count", type=int, default=7, metavar="N", help="pictures in a row of it (default 7)")

    p = _command(sub, "encode", "morph:encode", [*parents, seeing], "the code of a picture")
    p.add_argument("picture", metavar="PICTURE", help="a picture file")
    p.add_argument("--out", default="", metavar="FILE", help="the code as .npy")
    p.add_argument("--reconstruction", default="", metavar="FILE", help="what the model makes of the code")
    p.add_argument("--error", default="", metavar="FILE", help="where the two differ, as a grey picture")
    p.add_argument("--tile", type=_size, default=0, metavar="PX", help="at its own size, in tiles (spatial models)")

    p = _command(sub, "sample", "morph:sample", parents, "draw pictures from an autoencoder")
    p.add_argument("--count", type=int, default=16, metavar="N", help="default 16")
    p.add_argument("--temperature", type=float, default=0.8, metavar="X", help="0: all average, 1: as trained (0.8)")
    p.add_argument("--seed", type=int, default=1, metavar="N", help="of the first picture (default 1)")
    p.add_argument("--tile", type=_size, default=0, metavar="PX", help="size of each picture (default: full)")
    p.add_argument("--columns", type=int, default=0, metavar="N", help="columns of the sheet (default: near square)")
    p.add_argument("--out", required=True, metavar="FILE|FOLDER", help="one contact sheet, or a folder of pictures")

    p = _command(sub, "attributes", "morph:attributes", [*parents, seeing], "change a picture along named directions")
    p.add_argument("picture", nargs="?", default="", metavar="PICTURE", help="a picture file, a seed or a code (.npy)")
    p.add_argument("--set", nargs="+", default=[], metavar="NAME=X", help="so many sigmas; NAME may be a .npy file")
    p.add_argument("--clean", action="store_true", help="without what an attribute shares with the others")
    p.add_argument("--out", default="", metavar="FILE", help="the picture, or with --make the direction (.npy)")
    p.add_argument("--list", action="store_true", help="what the model knows")
    p.add_argument("--make", default=None, metavar="NAME", help="make a direction from two folders")
    p.add_argument("--with", dest="having", default="", metavar="FOLDER", help="pictures that have it")
    p.add_argument("--without", dest="lacking", default="", metavar="FOLDER", help="pictures that lack it")


def _translate_commands(
    sub: argparse._SubParsersAction[argparse.ArgumentParser], parents: list[argparse.ArgumentParser]
) -> None:
    """Pictures into pictures: files, folders, or what a recipe says."""
    files = argparse.ArgumentParser(add_help=False)
    files.add_argument("pictures", nargs="*", metavar="PICTURE|FOLDER", help="picture files and folders of them")
    files.add_argument("--out", required=True, metavar="FILE|FOLDER", help="what to write")
    files.add_argument("--recipe", default="", metavar="FILE", help="do what this recipe or exported picture says")
    files.add_argument("--recursive", action="store_true", help="folders within folders, too")
    files.add_argument("--format", default="", metavar="F", help="in a folder: png, jpg, webp, tiff (default: alike)")
    files.add_argument("--suffix", default=None, metavar="TEXT", help="in a folder: after each name (default: _MODEL)")
    files.add_argument("--overwrite", action="store_true", help="replace what is there (default: another name)")
    files.add_argument("--srgb", action="store_true", help="write sRGB (default: the colour profile of the file)")
    model = argparse.ArgumentParser(add_help=False)
    model.add_argument("--model", default="", metavar="M", help="name, start of the sha256, or file")
    model.add_argument("--models", default="", metavar="FOLDER", help="where to look for a recipe's missing models")
    model.add_argument("--tile", type=_size, default=0, metavar="PX", help="side of tiles (default: as memory asks)")

    p = _command(sub, "translate", "translate:translate", [*parents, model, files], "pictures into another world")
    p.add_argument("--back", action="store_true", help="the other way, with the model that goes back")
    p.add_argument("--cycle", action="store_true", help="there and back, and where that lost something")
    p.add_argument("--heat", default="", metavar="FILE", help="of a cycle: also what was lost, as a heat map")
    p.add_argument("--partner", default="", metavar="M", help="which model goes back (default: the other of the pair)")
    p.add_argument(
        "--statistics", type=_statistics, default=None, metavar="S", help="stored, own, or 0..1 between (default: card)"
    )
    many = p.add_mutually_exclusive_group()
    many.add_argument("--seed", type=_whole, default=None, metavar="N", help="of the dropout (default: none)")
    many.add_argument("--variations", type=_whole, default=0, metavar="N", help="N seeds on one sheet")
    p.add_argument("--label", action="append", default=[], metavar="NAME=X", help="smiling=1; may be repeated")
    p.add_argument(
        "--rest", choices=("picture", "card"), default="picture", help="other labels: as the picture has them (default)"
    )
    p.add_argument("--strength", type=_share, default=1.0, metavar="0..1", help="how much of it (default 1)")
    p.add_argument("--keep-colours", type=_share, default=0.0, metavar="0..1", help="the picture's own (default 0)")
    p.add_argument("--size", type=_size, default=0, metavar="PX", help="longer side to work at (default: its own)")

    p = _command(sub, "upscale", "translate:upscale", [*parents, model, files], "make pictures larger")
    p.add_argument("--scale", type=int, choices=(2, 3, 4, 8), default=None, help="without --model (default 2)")
    p.add_argument("--sharpness", type=_share, default=0.0, metavar="0..1", help="towards the sharper sister")

    p = _command(sub, "trace", "translate:trace", [*parents, files], "photographs as drawings to go on from")
    p.add_argument("--kind", choices=("edges", "segments"), default="edges", help="lines (default), or flat areas")
    p.add_argument("--detail", type=_share, default=0.5, metavar="0..1", help="how weak a line may be (default 0.5)")
    p.add_argument("--smooth", type=_share, default=0.35, metavar="0..1", help="blurred away before (default 0.35)")
    p.add_argument("--width", type=float, default=2.0, metavar="PX", help="of the lines (default 2)")
    p.add_argument("--colours", type=int, default=6, metavar="N", help="of the areas (default 6)")
    p.add_argument("--palette", nargs="+", default=[], metavar="#RRGGBB", help="these colours and no others")
    p.add_argument("--size", type=_size, default=256, metavar="PX", help="longer side (default 256)")


def _command(
    sub: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    run: str,
    parents: list[argparse.ArgumentParser],
    words: str,
) -> argparse.ArgumentParser:
    p = sub.add_parser(name, parents=parents, help=words, description=f"{words[0].upper()}{words[1:]}.")
    p.set_defaults(run=run)
    return p


def _look_options(p: argparse.ArgumentParser) -> None:
    p.add_argument("--psi", type=float, default=0.7, metavar="X", help="truncation, -1..2 (default 0.7)")
    p.add_argument("--cutoff", type=int, default=None, metavar="K", help="truncate layers below K only")
    p.add_argument("--space", choices=("z", "w"), default="w", help="where blends happen (default w)")
    p.add_argument("--labels", nargs="+", default=[], metavar="NAME=X", help="class labels by name or number")
    p.add_argument("--noise", default="const", metavar="MODE", help="const, none or seed:N")
    p.add_argument("--noise-strength", type=float, default=1.0, metavar="X", help="default 1")
    p.add_argument(
        "--push",
        action="append",
        default=[],
        metavar="D=X[@A-B]",
        help="X sigmas along principal:N, factor:N or FILE:N, in layers A-B; may be repeated",
    )


def _size(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 16384:
        raise argparse.ArgumentTypeError("a size between 0 and 16384 px is needed")
    return value


def _whole(text: str) -> int:
    value = int(text)
    if not 0 <= value < 2**31:
        raise argparse.ArgumentTypeError("a whole number from 0 on is needed")
    return value


def _statistics(text: str) -> float:
    return {"stored": 0.0, "own": 1.0}[text] if text in ("stored", "own") else _share(text)


def _share(text: str) -> float:
    value = float(text)
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError("a number between 0 and 1 is needed")
    return value


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *args: object, **kwargs: object) -> None:
        import studio

        print(f"Latent Studio {studio.__version__}")
        parser.exit(0)
