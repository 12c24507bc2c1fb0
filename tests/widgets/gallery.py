"""Every widget in one window with real-looking content, for looking at.

    python tests/widgets/gallery.py OUT.png [--scale 2] [--size 1440x1760] [--part NAME]

Pictures come from the team's shared folder where it is there, and are drawn otherwise.
"""

from __future__ import annotations

import argparse
import colorsys
import io
import os
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).resolve().parents[2]
UInt8 = npt.NDArray[np.uint8]


def drawn_face(seed: int, size: int = 128) -> UInt8:
    """A simple face, different for every seed."""
    rng = np.random.RandomState(seed)
    y, x = np.mgrid[0:size, 0:size] / size

    def colour(hue: float, light: float, saturation: float) -> npt.NDArray[np.float64]:
        return np.array(colorsys.hls_to_rgb(hue, light, saturation)) * 255

    picture = np.ones((size, size, 3)) * colour(rng.rand(), 0.86, 0.6)
    skin, hair, shirt = (
        colour(0.06, rng.uniform(0.4, 0.8), 0.5),
        colour(rng.rand(), 0.4, 0.5),
        colour(rng.rand(), 0.5, 0.7),
    )
    picture[((x - 0.5) / 0.36) ** 2 + ((y - 1.1) / 0.35) ** 2 < 1] = shirt
    picture[((x - 0.5) / 0.25) ** 2 + ((y - 0.42) / 0.3) ** 2 < 1] = hair
    picture[((x - 0.5) / 0.21) ** 2 + ((y - 0.5) / 0.27) ** 2 < 1] = skin
    for eye in (0.42, 0.58):
        picture[((x - eye) / 0.025) ** 2 + ((y - 0.47) / 0.03) ** 2 < 1] = 20
    picture[((x - 0.5) / 0.08) ** 2 + ((y - 0.63) / rng.uniform(0.01, 0.04)) ** 2 < 1] = (150, 40, 60)
    return picture.astype(np.uint8)


def faces(count: int) -> list[UInt8]:
    """Real avatars where the shared data is here, drawn ones otherwise."""
    archive = ROOT.parent / "shared" / "data" / "avatars_personas.zip"
    if not archive.is_file():
        return [drawn_face(seed) for seed in range(count)]
    from PIL import Image

    with zipfile.ZipFile(archive) as box:
        names = [name for name in box.namelist() if name.endswith(".webp")][:count]
        return [np.asarray(Image.open(io.BytesIO(box.read(name))).convert("RGB")) for name in names]


@dataclass
class Job:
    """What the worker would tell."""

    id: int
    title: str
    state: str = "running"
    phase: str = ""
    done: int = 0
    total: int = 0
    eta_s: float | None = None
    behind: int = 0
    note: str = ""


def build(part: str = "all"):  # type: ignore[no-untyped-def]
    """The gallery window (needs a running application)."""
    from PySide6.QtWidgets import (
        QCheckBox,
        QComboBox,
        QHBoxLayout,
        QLineEdit,
        QProgressBar,
        QRadioButton,
        QSpinBox,
        QTabBar,
        QVBoxLayout,
        QWidget,
    )

    from studio.base.errors import ModelError
    from studio.widgets.canvas import Canvas
    from studio.widgets.chips import ChipRow
    from studio.widgets.drawing.drawcanvas import DrawCanvas
    from studio.widgets.drawing.stage import SplitStage
    from studio.widgets.empty import DropArea, EmptyState
    from studio.widgets.filmstrip import FilmStrip
    from studio.widgets.jobstrip import JobStrip
    from studio.widgets.latentmap import LatentMap
    from studio.widgets.layerboard import BoardColumn, BoardRow, LayerBoard
    from studio.widgets.parts import icon_button, text_button
    from studio.widgets.picture import PictureView
    from studio.widgets.plot import Histogram, LossPlot
    from studio.widgets.section import Inspector
    from studio.widgets.slider import NumberSlider
    from studio.widgets.strip import Thumb, ThumbStrip
    from studio.widgets.tilegrid import TileGrid
    from studio.widgets.timeline import Timeline
    from studio.widgets.toast import Notices
    from studio.widgets.xypad import XYPad

    pictures = faces(60)
    window = QWidget()
    columns = QHBoxLayout(window)
    columns.setContentsMargins(0, 0, 0, 0)
    columns.setSpacing(0)

    left = QVBoxLayout()
    left.setSpacing(0)
    columns.addLayout(left, 1)
    canvas = Canvas()
    canvas.set_image(pictures[3])
    canvas.set_compare(pictures[4])
    canvas.set_mode("wipe")
    canvas.set_wipe(0.45)
    canvas.set_caption("seed 4127 · ψ 0.70 · w space")
    left.addWidget(canvas, 3)
    side = Canvas()
    side.set_image(pictures[7])
    side.set_compare(pictures[8])
    side.set_mode("side")
    left.addWidget(side, 2)
    paper, result = DrawCanvas(), Canvas()
    paper.set_size(128, 128)
    paper.set_palette([("background", "#ffffff"), ("skin", "#f2b48c"), ("hair", "#5a3a22"), ("clothes", "#44aa66")])
    paper.set_picture(pictures[5][..., :3])
    result.set_image(pictures[5])
    result.set_compare(paper.picture(), "drawn", "made")
    result.set_mode("lens")
    result.set_lens_factor(2)
    stage = SplitStage(paper, result)
    stage.set_captions("draw here", "live · 31 ms")
    left.addWidget(stage, 4)
    board = LayerBoard()
    names = ["Seed 12", "Seed 905", "My photo", "Blend 3"]
    sources = [
        BoardColumn(str(i), name, pictures[10 + i], i, solo=False, mute=i == 3, locked=i == 2)
        for i, name in enumerate(names)
    ]
    sizes = [4, 8, 8, 16, 16, 32, 32, 64, 64, 128, 128, 128]
    rows = [BoardRow(f"{s} px", "coarse" if i < 4 else "middle" if i < 8 else "fine") for i, s in enumerate(sizes)]
    weights = np.zeros((12, 4))
    weights[:5, 0] = (1, 1, 0.8, 0.6, 0.3)
    weights[2:8, 1] = (0.2, 0.4, 0.7, 1, 0.6, 0.2)
    weights[6:11, 2] = (0.4, 0.8, 1, 0.7, 0.2)
    weights[9:, 3] = (0.3, 0.8, 1)
    board.set_board(sources, rows, weights)
    board.set_bands(mute=(), locked=["fine"])
    left.addWidget(board, 4)
    jobs = JobStrip(patience_ms=0)
    jobs.set_jobs(
        [
            Job(1, "Finding the face in “me.jpg”", phase="W+", done=214, total=400, eta_s=41),
            Job(2, "Walk to MP4", state="paused", phase="frames", done=30, total=96),
            Job(3, "Sheet of 64 seeds", state="waiting", behind=2),
            Job(4, "Another", state="waiting", behind=3),
        ]
    )
    jobs.set_preview(1, pictures[20])
    left.addWidget(jobs)
    strip = ThumbStrip(name="History")
    strip.set_items(
        [
            Thumb(str(i), p, f"seed {i}", starred=i in (0, 3, 7), badge="W+" if i == 5 else "")
            for i, p in enumerate(pictures)
        ]
    )
    strip.set_current("1")
    left.addWidget(strip)

    explore = Inspector("Explore", "Wander through every picture this model can make.")
    columns.addWidget(explore)
    explore.setFixedWidth(324)
    section = explore.add_section("Latent map", "drag · wheel zooms")
    plane = LatentMap()
    plane.setFixedHeight(176)
    plane.tiles_needed.connect(
        lambda tiles: [plane.set_tile(*t, pictures[(t[0] + 7 * t[1]) % 60]) for t in tiles if (t[0] + t[1]) % 7 != 5]
    )
    section.add(plane)
    seed = NumberSlider("Seed", 0, 2**32 - 1, 0, 1, 0, per_pixel=1)
    seed.set_range(0, 9999)
    seed.set_value(4127)
    space = ChipRow([("z", "z"), ("w", "w")])
    space.set_current("w")
    section.add_row(seed, icon_button("dice", "Another seed", framed=True), space)
    section = explore.add_section("Truncation and noise")
    psi = NumberSlider("Truncation ψ", -1, 2, 1)
    psi.set_value(0.7)
    section.add(psi)
    section.add(NumberSlider("Cutoff layer", 0, 12, 12, 1, 0, text_of=lambda v: f"{v:.0f} of 12"))
    section.add(NumberSlider("Noise strength", 0, 2, 1))
    section = explore.add_section("Directions")
    section.add_action("+ import", lambda: None)
    section.add_action("+ from piles", lambda: None)
    for name, value in (
        ("Smile", 1.4),
        ("Glasses", 0),
        ("PC 3 · layers 0–5", -0.8),
        ("A long name that an artist gave to a direction", 2),
    ):
        slider = NumberSlider(name, -4, 4, 0, 0.1, 1, "σ", center=0)
        slider.set_value(value)
        if name == "Glasses":
            slider.set_histogram(np.exp(-(np.linspace(-3, 3, 60) ** 2) / 2))
        section.add(slider)
    off = NumberSlider("Not now", 0, 1, 0.5)
    off.setEnabled(False)
    section.add(off)
    film = FilmStrip()
    for i in range(6):
        film.set_frame(i, pictures[30 + i])
    film.set_mark(1.4)
    section.add(film)
    section = explore.add_section("Walk", "loop · 4.0 s · PPL 61")
    timeline = Timeline()
    timeline.set_keys(
        [
            ("0", 0, "seed 1", "smooth"),
            ("1", 1, "seed 2", "in"),
            ("2", 2.2, "photo", "linear"),
            ("3", 3.1, "seed 4", "out"),
        ],
        4,
        loop=True,
    )
    for i in range(4):
        timeline.set_thumbnail(str(i), pictures[40 + i])
    timeline.set_playhead(1.6)
    section.add(timeline)
    section = explore.add_section("Photo")
    section.add(DropArea("Drop a picture to find it here", icon_name="portrait"))
    row = section.add_row(
        PictureView("content", aspect=1.5), PictureView("style · weight 1.00", aspect=1.5), stretch=-1
    )
    for index, view in enumerate((row.itemAt(0).widget(), row.itemAt(1).widget())):
        view.set_image(pictures[50 + index])  # type: ignore[union-attr]
    explore.add_section("Folded", "nothing to see", opened=False)

    mix = Inspector("Mix", "Borrow shape from one picture, colour from another.")
    columns.addWidget(mix)
    mix.setFixedWidth(324)
    section = mix.add_section("Presets")
    presets = ChipRow(["Coarse", "Middle", "Fine", "Crossover 6", "Something long", "Last"])
    presets.set_current("Middle")
    section.add(presets)
    section = mix.add_section("Where layer 7 acts", "hover a row")
    one, two = PictureView(), PictureView(hint="hover a layer to see where it acts")
    one.set_image(pictures[14])
    y, x = np.mgrid[0:32, 0:32] / 32
    one.set_overlay(np.exp(-((x - 0.5) ** 2 + (y - 0.5) ** 2) * 14))
    section.add_row(one, two, stretch=-1)
    section = mix.add_section("Matrix", "layers 4–7 · click to adopt")
    matrix = TileGrid(4, 4)
    colours = ["#f2a65a", "#6fb1fc", "#b48cf2", "#7bc98f"]
    matrix.set_headers(pictures[10:14], pictures[10:14], colours, colours)
    for i in range(16):
        if i not in (9, 14, 15):
            matrix.set_tile(i // 4, i % 4, pictures[20 + i])
    matrix.set_selected((1, 2))
    section.add(matrix)
    section = mix.add_section("Loss", "content 0.41 · style 0.18")
    loss = LossPlot()
    for step in range(200):
        loss.add(
            step,
            {"content": 2.2 * np.exp(-step / 40) + 0.2 + 0.02 * np.sin(step), "style": 1.1 * np.exp(-step / 25) + 0.15},
        )
    section.add(loss)
    log = LossPlot(log=True)
    for step in range(1, 300):
        log.add(step * 50, {"distance": 10 / step, "far": 0.3 / step**0.5})
    section.add(log)
    histogram = Histogram()
    histogram.set_samples(np.random.RandomState(0).randn(2000), normal=True)
    histogram.set_mark(0.7)
    section.add(histogram)
    section = mix.add_section("Qt's own")
    combo = QComboBox()
    combo.addItems(["Ink → emoji", "avatars-128"])
    section.add(combo)
    spin = QSpinBox()
    section.add_row(QLineEdit("a name"), spin)
    check, check2, radio = QCheckBox("Loop"), QCheckBox("Noise drifts"), QRadioButton("Radio")
    check.setChecked(True)
    radio.setChecked(True)
    section.add_row(check, check2, radio)
    section.add_row(text_button("Export", kind="primary", icon_name="export"), text_button("Compare"))
    section.add_row(text_button("Quiet", kind="quiet"), text_button("Delete", kind="danger"))
    disabled = [text_button("Export", kind="primary"), text_button("Compare")]
    for button in disabled:
        button.setEnabled(False)
    section.add_row(*disabled, icon_button("loop", "Loop", checkable=True, framed=True))
    bar = QProgressBar()
    bar.setValue(40)
    bar.setTextVisible(False)
    section.add(bar)
    tabs = QTabBar()
    tabs.addTab("General")
    tabs.addTab("Device")
    tabs.addTab("Keys")
    section.add(tabs)
    pad_column = QVBoxLayout()
    pad = XYPad(4, 5, 5)
    for i in range(25):
        if i not in (7, 18):
            pad.set_tile(i // 5, i % 5, pictures[i])
    pad.set_point(0.45, 0.4)
    section.add(pad)
    three, line_pad = XYPad(3, 5, 5), XYPad(2, 1, 7)
    section.add_row(three, line_pad, stretch=-1)
    empty = EmptyState("library", "No models here yet", "Drop a checkpoint, or begin with the one that came along.")
    empty.add_action("Open a model", lambda: None, primary=True)
    empty.add_action("Read more", lambda: None)
    section.add(empty)
    del pad_column
    notices = Notices(window)
    notices.tell("Saved to harbour faces.studio", "good")
    notices.tell_error(
        ModelError(
            "“faces.pkl” was not opened.",
            "It holds code that is not part of a network.",
            "Ask for a safetensors file.",
            detail="posix.system",
        )
    )
    window.setWindowTitle("Widgets")
    if part != "all":
        return {
            "canvas": canvas,
            "board": board,
            "explore": explore,
            "mix": mix,
            "strip": strip,
            "jobs": jobs,
            "stage": stage,
        }[part]
    return window


def main() -> int:
    """Grab the gallery to a PNG."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--scale", default="1")
    parser.add_argument("--size", default="1440x1760")
    parser.add_argument("--show", action="store_true", help="a real window instead of a picture")
    args = parser.parse_args()
    if not args.show:
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    os.environ["QT_SCALE_FACTOR"] = args.scale
    sys.path.insert(0, str(ROOT))
    from PySide6.QtWidgets import QApplication

    from studio.widgets.theme import apply_theme

    app = QApplication([])
    apply_theme(app)
    window = build()
    window.resize(*(int(v) for v in args.size.split("x")))
    window.show()
    if args.show:
        return app.exec()
    from PySide6.QtCore import QDeadlineTimer

    deadline = QDeadlineTimer(1200)
    while not deadline.hasExpired():
        app.processEvents()
    window.grab().save(str(args.out))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
