"""Feature networks side by side: contents x styles, with several networks and statistics, as one contact sheet.

    python -m benchmarks.style_features --out sheet.png [--size 192] [--iterations 30] [--contents A,B] [--styles C,D]

Without names: the example pictures that ship.  Rows are contents, columns styles; in each cell the variants stand
beside each other in the order of ``--variants`` (network:statistic, "fixed" is the network without learned weights).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

CONTENTS = ("lake", "fruit", "portrait", "street")
STYLES = ("swirls", "waves", "glass", "dots")
VARIANTS = "fixed:covariance,features:covariance,fixed:sliced,features:sliced"


def main() -> None:
    """Run all combinations and write the sheet."""
    from studio.base import paths
    from studio.base.steps import run
    from studio.checkpoints.library import Library
    from studio.engine.context import Context
    from studio.engine.registry import start
    from studio.media.images import load_image
    from studio.project.assets import AssetStore
    from studio.project.style import FIXED_FEATURES, StyleLook, StyleSource, Stylize, preset

    examples = paths.resources() / "examples"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True)
    parser.add_argument("--size", type=int, default=192)
    parser.add_argument("--iterations", type=int, default=30, help="of each size")
    parser.add_argument("--contents", default=",".join(str(examples / f"content_{n}.jpg") for n in CONTENTS))
    parser.add_argument("--styles", default=",".join(str(examples / f"style_{n}.jpg") for n in STYLES))
    parser.add_argument("--variants", default=VARIANTS)
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--beta", type=float, default=StyleLook().beta)
    args = parser.parse_args()

    library = Library(paths.weights(), paths.models_dir())
    ctx = Context(assets=AssetStore(), library=library)
    embedded = library.default("features")
    rows = []
    for content in args.contents.split(","):
        cells = []
        for style in args.styles.split(","):
            shown = []
            for variant in args.variants.split(","):
                network, statistic = variant.split(":")
                model = FIXED_FEATURES if network == "fixed" else (embedded.sha256 if embedded else "")
                names = ctx.features(model).layer_names
                source = StyleSource(picture=ctx.assets.put_image(load_image(style).pixels[..., :3]))
                request = Stylize(
                    model=model,
                    content=ctx.assets.put_image(load_image(content).pixels[..., :3]),
                    look=StyleLook(styles=(source,), layers=preset(args.preset, names), beta=args.beta),
                    statistic=statistic,
                    size=args.size,
                    iterations=args.iterations,
                    keep=0,
                )
                begun = time.perf_counter()
                result = run(start(ctx, request))
                print(
                    f"{Path(content).stem} {Path(style).stem} {variant} {time.perf_counter() - begun:.1f} s", flush=True
                )
                shown.append(_framed(result.image, args.size, variant))
            cells.append(np.concatenate(shown, axis=1))
        rows.append(np.concatenate(cells, axis=1))
        Image.fromarray(np.concatenate(rows)).save(args.out)


def _framed(pixels: np.ndarray, size: int, text: str) -> np.ndarray:
    """The picture in a square with its name."""
    square = Image.new("RGB", (size + 4, size + 16), (24, 24, 26))
    square.paste(Image.fromarray(pixels), ((size - pixels.shape[1]) // 2 + 2, (size - pixels.shape[0]) // 2 + 2))
    ImageDraw.Draw(square).text((4, size + 3), text, fill=(200, 200, 205))
    return np.asarray(square)


if __name__ == "__main__":
    main()
