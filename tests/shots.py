"""Draws the real window with real content to PNG files, to be looked at.

``python tests/shots.py OUTDIR [--size 1280x800] [--size 1920x1080] [--lang ko] [--panel explore] [--dialogs]``

The real worker makes the pictures with the embedded model; where no weights are at hand, with a small network of
random numbers.  Each scene drives its panel as a person would, waits until the worker is idle, and grabs the window.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 120.0
"""Seconds to wait for a scene before it is drawn as it is."""


def main(argv: list[str]) -> int:
    """Draw the scenes; 0 when all were drawn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", action="append", default=[], metavar="WxH")
    parser.add_argument("--lang", default="en")
    parser.add_argument("--panel", action="append", default=[], help="only this scene (may be given again)")
    parser.add_argument("--dialogs", action="store_true", help="the dialogs too")
    options = parser.parse_args(argv)
    options.out.mkdir(parents=True, exist_ok=True)
    sizes = [tuple(map(int, size.split("x"))) for size in options.size or ["1280x800", "1920x1080"]]
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    with tempfile.TemporaryDirectory(prefix="studio-shots-") as data:
        os.environ["STUDIO_DATA"] = data
        sys.path.insert(0, str(ROOT))
        return _draw(options, sizes)


def _draw(options: argparse.Namespace, sizes: list[tuple[int, int]]) -> int:
    from studio.app import start
    from studio.app.logs import LogBook
    from studio.app.settings import Settings

    _stand_in()
    settings = Settings()
    settings.set("language", options.lang)
    settings.sync()
    app = start._application()
    window = start.build(app, LogBook(app))
    window.resize(*sizes[0])
    window.show()
    window.begin()
    scenes: dict[str, Callable[[Any], Iterator[str]]] = {
        "explore": explore,
        "mix": mix,
        "style": style,
        "morph": morph,
        "translate": translate,
        "library": library,
    }
    if options.dialogs or "dialogs" in options.panel:
        scenes["dialogs"] = dialogs
    wanted = options.panel or list(scenes)
    drawn = 0
    for name in wanted:
        for step in scenes[name](window):
            settle(app, window)
            for width, height in sizes:
                window.resize(width, height)
                settle(app, window)
                path = options.out / f"{name}{'-' + step if step else ''}-{width}x{height}-{options.lang}.png"
                window.grab().save(str(path))
                _grab_dialogs(app, window, path)
                print(path)
                drawn += 1
    for widget in app.topLevelWidgets():
        if widget is not window:
            widget.close()
    window.worker.stop()
    return 0 if drawn else 1


def settle(app: Any, window: Any) -> None:
    """Until the worker has nothing to do for a moment."""
    end = time.monotonic() + PATIENCE
    quiet_since = time.monotonic()
    while time.monotonic() < end:
        app.processEvents()
        if any(job.state != "paused" for job in window.worker.jobs()):
            quiet_since = time.monotonic()
        elif time.monotonic() - quiet_since > 0.4:
            return
        time.sleep(0.01)
    print("not idle in time", file=sys.stderr)


def _grab_dialogs(app: Any, window: Any, path: Path) -> None:
    from PySide6.QtWidgets import QDialog

    for number, dialog in enumerate(w for w in app.topLevelWidgets() if isinstance(w, QDialog) and w.isVisible()):
        dialog.grab().save(str(path.with_stem(f"{path.stem}-dialog{number or ''}")))


def _stand_in() -> None:
    """Where the embedded model is missing: a small network of random numbers in its place."""
    from studio.base import paths
    from studio.base.steps import run
    from studio.checkpoints.library import Library

    library = Library(paths.weights(), paths.models_dir())
    if library.default("generator") is None:
        run(library.import_file(ROOT / "tests" / "fixtures" / "stylegan2_uncond_32px.safetensors"))


# Scenes: each yields when the window is ready to be drawn -----------------------------------------------------------


def explore(window: Any) -> Iterator[str]:
    """The first picture, then one that was worked on, with history and a walk."""
    from PySide6.QtWidgets import QApplication, QScrollArea

    window.show_panel("explore")
    yield "first"
    for seed in (12, 905, 33, 7, 64, 2048, 99, 4127):
        _seed(window, seed)
        settle(QApplication.instance(), window)
        if seed in (905, 33, 64, 4127):
            window.run_action("explore.key")
            settle(QApplication.instance(), window)
    items = window.history.items()
    for item in items[1:6:2]:
        window.commands.star_item(item.id)
    window.run_action("explore.components")
    yield ""
    for area in window.panel.inspector.findChildren(QScrollArea)[:1]:
        area.verticalScrollBar().setValue(area.verticalScrollBar().maximum())
        yield "end"
        area.verticalScrollBar().setValue(0)


def mix(window: Any) -> Iterator[str]:
    """A board with sources and weights."""
    window.show_panel("mix")
    yield ""


def morph(window: Any) -> Iterator[str]:
    """As it begins; worked on, with a walk and attributes; an own picture; the inspector further down."""
    from PySide6.QtWidgets import QApplication, QScrollArea

    window.show_panel("morph")
    yield "first"
    app, panel = QApplication.instance(), window.panel
    panel.padding.walk_around()
    panel.padding.pad.moved.emit(0.2, 0.1, True)
    settle(app, window)
    sliders = panel.pushing.section
    for index, amount in ((0, 2.0), (3, -1.0)):
        if sliders.slider_of(index) is not None:
            sliders._moved(index, amount, True)
            settle(app, window)
    for at in (0, 1, 2):
        panel.sampling.take(at)
        settle(app, window)
    panel.padding.pad.moved.emit(0.6, 0.4, True)
    yield ""
    area = panel.inspector.findChildren(QScrollArea)[0]
    panel.spacing.dimensions.set_open(True)
    panel.piling.section.set_open(True)
    for index in range(3):
        panel.piling.add("having", panel.traying.resolve(f"example:{index}"))
        panel.piling.add("lacking", panel.traying.resolve(f"example:{index + 9}"))
    settle(app, window)
    for part, name in ((panel.piling.section, "piles"), (panel.spacing.section, "space")):
        area.verticalScrollBar().setValue(area.verticalScrollBar().maximum())
        settle(app, window)
        area.verticalScrollBar().setValue(part.y())
        yield name
    area.verticalScrollBar().setValue(area.verticalScrollBar().maximum())
    yield "end"
    area.verticalScrollBar().setValue(0)
    window.take([_portrait()])
    settle(app, window)
    yield "picture"


def _portrait() -> Any:
    """A picture that is no face: the encoder should say that it is unsure."""
    import numpy as np

    y, x = np.mgrid[0:300, 0:420]
    round_face = ((x - 210) ** 2 + (y - 140) ** 2 < 90**2)[..., None]
    picture = np.where(round_face, (240, 190, 160), (120, 170, 220)).astype(np.uint8)
    return picture


def style(window: Any) -> Iterator[str]:
    """As it opens, a run on its way, a finished one, a mask, the sheet, the settings, one pass."""
    from PySide6.QtCore import QPointF
    from PySide6.QtWidgets import QApplication, QScrollArea

    from tests.widgets.hands import drag

    app: Any = QApplication.instance()
    window.show_panel("style")
    panel = window.panel
    settle(app, window)
    if not panel.state.run.content:  # no example pictures ship with this copy
        panel.accept_picture(_landscape(), "hills")
        panel.accept_picture(_marks(), "marks")
        settle(app, window)
    window.notices.clear()
    yield "first"
    panel.edit_run("Small", "", True, size=128, iterations=20, keep=10)
    panel.start()
    _until(app, lambda: panel.running.live is not None and len(panel.running.bar.strip.frames()) > 2)
    panel.running.pause(True)
    app.processEvents()
    yield "running"
    panel.running.pause(False)
    _until(app, lambda: not panel.running.running)
    yield ""
    frames = panel.running.bar.strip.frames()
    if frames:
        panel.running.bar.strip.set_current(frames[len(frames) // 2].at)
        panel.running.bar.strip.looked.emit(frames[len(frames) // 2].at)
        yield "looked"
        panel.running.bar.strip.set_current(None)
        panel.running.bar.strip.live_asked.emit()
    panel.masks.begin()
    canvas = panel.canvas
    a, b = QPointF(16, 20), QPointF(90, 40)
    drag(canvas, [canvas.from_picture(a), canvas.from_picture((a + b) / 2), canvas.from_picture(b)])
    settle(app, window)
    panel.inspector.show_widget(panel.masks.section)
    yield "mask"
    panel.masks.leave()
    panel.sheet.section.set_open(True)
    panel.sheet.ask()
    settle(app, window)
    panel.inspector.show_widget(panel.sheet.section)
    yield "sheet"
    panel.sheet.section.set_open(False)
    panel.settings.section.set_open(True)
    panel.settings.advanced.set_open(True)
    app.processEvents()
    for area in panel.inspector.findChildren(QScrollArea)[:1]:
        area.verticalScrollBar().setValue(area.verticalScrollBar().maximum())
        yield "settings"
        area.verticalScrollBar().setValue(0)
    window.run_action("style.mode")
    settle(app, window)
    yield "pass"


def translate(window: Any) -> Iterator[str]:
    """Blank paper, a face of ten strokes, a tracing, a picture with its attributes, there and back, larger."""
    from PySide6.QtWidgets import QApplication

    app: Any = QApplication.instance()
    window.show_panel("translate")
    panel = window.panel
    settle(app, window)
    window.notices.clear()
    yield "first"
    draw_face(panel.paper.canvas)
    settle(app, window)
    panel.doing.rested()
    settle(app, window)
    yield ""
    panel.tracing.take(_landscape(), "hills")
    settle(app, window)
    window.notices.clear()
    yield "trace"
    panel.tracing.remove()
    panel.folder.section.set_open(True)
    panel.set_mode("picture")
    settle(app, window)
    window.notices.clear()
    yield "picture"
    panel.canvas.set_mode("wipe")
    yield "wipe"
    panel.canvas.set_mode("single")
    panel.masks.take(0)
    settle(app, window)
    yield "mask"
    panel.masks.leave()
    if panel.modelling.models.back is not None:
        panel.cycle()
        panel.cycling.look("lost")
        settle(app, window)
        yield "cycle"
        panel.cycle()
    if (many := next((c for c in window.of_role("translator") if c.hyper.get("c_dim")), None)) is not None:
        panel.accept_model(many)
        settle(app, window)
        yield "labels"
    panel.set_mode("enlarge")
    settle(app, window)
    yield "enlarge"


def draw_face(paper: Any) -> None:
    """A smiling face of ten strokes, as a newcomer draws it."""
    import math

    from PySide6.QtCore import QPointF

    from tests.widgets.hands import drag

    side = paper.picture().shape[0]

    def stroke(*points: tuple[float, float]) -> None:
        drag(paper, [paper.from_picture(QPointF(x * side, y * side)) for x, y in points])

    def arc(x: float, y: float, rx: float, ry: float, start: float, end: float) -> list[tuple[float, float]]:
        turns = [math.radians(start + (end - start) * i / 16) for i in range(17)]
        return [(x + rx * math.cos(t), y + ry * math.sin(t)) for t in turns]

    stroke(*arc(0.5, 0.5, 0.36, 0.36, -90, 90))
    stroke(*arc(0.5, 0.5, 0.36, 0.36, 90, 270))
    for eye in (0.38, 0.62):
        stroke(*arc(eye, 0.43, 0.03, 0.05, 0, 180))
        stroke(*arc(eye, 0.43, 0.03, 0.05, 180, 360))
        stroke((eye - 0.06, 0.31), (eye, 0.29), (eye + 0.06, 0.31))
    stroke(*arc(0.5, 0.54, 0.2, 0.17, 20, 160))
    stroke((0.5, 0.5), (0.49, 0.54))


def _until(app: Any, done: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and not done():
        app.processEvents()
        time.sleep(0.01)


def _landscape() -> Any:
    """A sky over hills, for a copy without example pictures."""
    import numpy as np

    y, x = np.mgrid[0:256, 0:384] / 256.0
    hills = y > 0.6 + 0.1 * np.sin(6 * x) + 0.04 * np.sin(17 * x)
    sky = np.stack([120 + 90 * y, 150 + 60 * y, 235 - 40 * y], axis=-1)
    land = np.stack([90 * y, 60 + 110 * y, 40 + 30 * x], axis=-1)
    return np.where(hills[..., None], land, sky).clip(0, 255).astype(np.uint8)


def _marks() -> Any:
    """Coloured stripes that bend."""
    import numpy as np

    y, x = np.mgrid[0:256, 0:384] / 256.0
    wave = np.sin(40 * (x + 0.3 * np.sin(5 * y)) + 9 * y)
    return np.stack([150 + 100 * wave, 90 + 60 * wave * y, 120 - 90 * wave], axis=-1).clip(0, 255).astype(np.uint8)


def library(window: Any) -> Iterator[str]:
    """Every shelf."""
    window.show_panel("explore")
    for seed in (3, 5, 8):
        _seed(window, seed)
        from PySide6.QtWidgets import QApplication

        settle(QApplication.instance(), window)
        window.commands.bookmark_current()
        window.commands.star_current()
        settle(QApplication.instance(), window)
    window.notices.clear()
    window.show_panel("library")
    for shelf in ("models", "bookmarks", "gallery", "catalogue"):
        window.panel.show_shelf(shelf)
        yield shelf


def dialogs(window: Any) -> Iterator[str]:
    """The palette, the notices and every dialog."""
    from PySide6.QtWidgets import QApplication, QDialog

    from studio.base.errors import StudioError
    from studio.project.session import ModelRef

    window.show_panel("explore")

    def close() -> None:
        for widget in QApplication.topLevelWidgets():
            if isinstance(widget, QDialog):
                widget.close()

    window.open_palette()
    yield "palette"
    window.palette_box.field.setText("ex")
    yield "palette-typed"
    window.palette_box.dismiss()
    for name in ("show_settings", "show_shortcuts", "show_about", "show_log"):
        getattr(window.commands, name)()
        yield name.removeprefix("show_")
        close()
    window.exporter.show_dialog()
    yield "export"
    close()
    _seed(window, 77)
    window.files.guarded(lambda: None)
    yield "unsaved"
    close()
    from studio.app.models import MissingModels

    refs = [ModelRef(sha256="ab" * 32, name="ffhq-1024", path="/home/me/models/ffhq.pkl", architecture="stylegan2")]
    MissingModels(window, refs, lambda _: None).open()
    yield "missing"
    close()
    from studio.app.autosave import RecoveryDialog
    from studio.project.recovery import Recoverable

    entries = [
        Recoverable(Path("a.studio"), Path("/home/me/harbour faces.studio"), "harbour faces", 1.75e9),
        Recoverable(Path("b.studio"), None, "", 1.75e9 - 90_000),
    ]
    RecoveryDialog(window, entries, window.recovery).open()
    yield "recovery"
    close()
    window.notify("The picture is on the clipboard.", good=True)
    window.notify(
        StudioError(
            "The model “sunset.pkl” cannot be read.",
            "It is not a checkpoint that this program knows.",
            "Ask whoever made it which program it belongs to.",
            detail="Traceback (most recent call last): ...",
            kind="model",
        )
    )
    yield "notices"
    window.notices.clear()


def _seed(window: Any, seed: int) -> None:
    import msgspec

    from studio.project.latents import Seed

    session = window.document.session
    state = msgspec.structs.replace(session.explore, latent=Seed(seed=seed))
    window.document.edit(msgspec.structs.replace(session, explore=state), f"Seed {seed}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
