"""Drag to picture, in the real window.  ``python -m benchmarks.live [--model NAME] [--seconds 8]``

A hand drags the truncation slider (every layer changes), the latent map, and one cell of the mixing board in its fine
layers (prefix reuse), 60 moves a second; and it draws with the pen on the paper of Translate, in strokes of a second.
For every picture that reaches the canvas: the time from the move that asked for it (drawing: from the first move that
it shows and the one before it does not) to its arrival in the UI thread.  And how long the UI thread was away.  Goals
(DESIGN section 7, embedded models, 2 cores): p95 <= 50 ms to the picture (100 ms from the pen), no stall above 50 ms.
Without a display Qt's offscreen platform stands in.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import tempfile
import time

if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


def percentile(values: list[float], share: float) -> float:
    """The value below which ``share`` of the sorted values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def main(argv: list[str] | None = None) -> int:
    """Drag, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--model", default="", help="name or sha256 of a model in the library (default: the embedded one)"
    )
    parser.add_argument("--seconds", type=float, default=8.0)
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["STUDIO_DATA"] = folder
        return run(options)


def run(options: argparse.Namespace) -> int:
    """The window, two drags, the figures."""
    from PySide6.QtCore import QEvent, QEventLoop, QPointF, Qt, QTimer
    from PySide6.QtGui import QMouseEvent

    from studio.app import start
    from studio.app.logs import LogBook

    app = start._application()
    window = start.build(app, LogBook(app))
    window.resize(1440, 900)
    window.show()
    worker = window.worker
    window.begin()
    asked: dict[int, float] = {}
    waits: list[float] = []
    key = "explore.picture"
    drawn: list[float] = []
    real_live = worker.live

    def live(at: str, request: object) -> int:
        job = real_live(at, request)
        if at == key:
            asked.setdefault(job, drawn[0] if drawn else time.perf_counter())
            drawn.clear()
        return job

    def landed(job: int, _request: object, _result: object) -> None:
        if job in asked:
            waits.append(1000 * (time.perf_counter() - asked.pop(job)))

    worker.live = live  # type: ignore[method-assign]
    worker.finished.connect(landed)

    def wait(condition: object, seconds: float) -> None:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end and not condition():  # type: ignore[operator]
            app.processEvents()
            time.sleep(0.002)

    stalls: list[float] = []
    last = time.perf_counter()

    def beat() -> None:
        nonlocal last
        now = time.perf_counter()
        stalls.append(1000 * (now - last))
        last = now

    def drag(move: object) -> None:
        nonlocal last
        waits.clear()
        stalls.clear()
        asked.clear()
        heart = QTimer()
        heart.setInterval(5)
        heart.timeout.connect(beat)
        hand = QTimer()
        hand.setInterval(16)
        moves = [0]

        def step() -> None:
            moves[0] += 1
            move(moves[0])  # type: ignore[operator]

        hand.timeout.connect(step)
        last = time.perf_counter()
        heart.start()
        hand.start()
        loop = QEventLoop()  # an event loop as the window has it; quitting the application would stop the worker
        QTimer.singleShot(int(1000 * options.seconds), loop.quit)
        loop.exec()
        hand.stop()
        wait(lambda: not asked, 2.0)
        heart.stop()

    def report(what: str) -> None:
        if not waits:
            print(f"{what}: no picture arrived")
            return
        picture = f"median {percentile(waits, 0.5):.0f} ms, p95 {percentile(waits, 0.95):.0f} ms"
        away = f"p99 {percentile(stalls, 0.99):.0f} ms, worst {max(stalls):.0f} ms"
        print(f"{what:28} {len(waits) / options.seconds:4.0f} pictures/s   to picture {picture}   UI away {away}")

    wait(lambda: window.current_picture() is not None, 30.0)
    wait(lambda: False, 3.0)
    explore = window.panels["explore"]
    if options.model:
        card = next(c for c in window.generators() if options.model in (c.name, c.sha256))
        explore.accept_model(card)
        wait(lambda: False, 5.0)
    print(f"{explore.model_line()} · {worker.status.device} · {worker.status.precision}")

    def truncation(i: int) -> None:
        explore.look.psi.value_changed.emit(0.7 + 0.3 * ((i % 120) / 60 - 1), False)  # type: ignore[attr-defined]

    drag(truncation)
    report("truncation (every layer)")

    def place(i: int) -> None:
        explore.place.map.moved.emit(1 + i * 0.013, 0.4, False)  # type: ignore[attr-defined]

    drag(place)
    report("latent map")
    key = "mix.picture"
    window.show_panel("mix")
    wait(lambda: window.current_picture() is not None, 10.0)
    wait(lambda: False, 2.0)
    mix = window.panels["mix"]
    row = 2 * len(mix.layers) // 3  # type: ignore[attr-defined]

    def cell(i: int) -> None:
        mix.board.weight_changed.emit(row, 2, (i % 60) / 60, False)  # type: ignore[attr-defined]

    drag(cell)
    report(f"mixing board, layer {row}")
    key = "translate.live"
    window.show_panel("translate")
    wait(lambda: False, 3.0)
    paper = window.panels["translate"].paper.canvas  # type: ignore[attr-defined]

    def pen(i: int) -> None:
        """One move along a spiral; the pen is lifted once a second."""
        middle, angle = paper.rect().center(), i / 9
        reach = (0.1 + 0.25 * ((i % 600) / 600)) * min(paper.width(), paper.height())
        at = QPointF(middle.x() + reach * math.cos(angle), middle.y() + reach * math.sin(angle))
        kinds = {0: QEvent.Type.MouseButtonRelease, 1: QEvent.Type.MouseButtonPress}
        kind = kinds.get(i % 60, QEvent.Type.MouseMove)
        left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
        held = none if i % 60 == 0 else left
        moving = kind == QEvent.Type.MouseMove
        if not drawn:
            drawn.append(time.perf_counter())
        event = QMouseEvent(
            kind, at, paper.mapToGlobal(at), none if moving else left, held, Qt.KeyboardModifier.NoModifier
        )
        app.sendEvent(paper, event)

    drag(pen)
    report("pen on paper")
    worker.stop()
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    raise SystemExit(main())
