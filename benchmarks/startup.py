"""From the command to the window, and to the first picture.  ``python -m benchmarks.startup [--runs 5]``

Each run is a process of its own with an empty data folder; times count from the start of the process, as the operating
system saw it.  Goals (DESIGN section 7): window on the screen <= 1 s, first picture from an embedded model <= 4 s on
2 cores.  Without a display Qt's offscreen platform stands in, which is said.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

_CHILD = """
import json, os, sys, time
import psutil
born = psutil.Process().create_time()
from PySide6.QtCore import QTimer
from studio.app import start
from studio.app.logs import LogBook
app = start._application()
book = LogBook(app)
window = start.build(app, book)
seen = {}
def picture():
    seen["picture"] = time.time() - born
    seen["torch_before_window"] = torch_loaded
    print(json.dumps(seen), flush=True)
    app.quit()
window.first_picture.connect(picture)
window.show()
app.processEvents()
seen["window"] = time.time() - born
torch_loaded = "torch" in sys.modules
QTimer.singleShot(0, window.begin)
QTimer.singleShot(60000, app.quit)
app.exec()
window.worker.stop()
os._exit(0)
"""


def once() -> dict[str, float]:
    """One cold start: seconds to ``window`` and to ``picture``."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "STUDIO_DATA": folder}
        if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            environment.setdefault("QT_QPA_PLATFORM", "offscreen")
        done = subprocess.run(
            [sys.executable, "-c", _CHILD], env=environment, capture_output=True, text=True, timeout=120, check=False
        )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        raise SystemExit(f"The program did not show a picture.\n{done.stderr}")
    found: dict[str, float] = json.loads(lines[-1])
    return found


def main(argv: list[str] | None = None) -> int:
    """Print the median of several starts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args(argv)
    once()  # the files are in the page cache from here on, as on the second start of a day
    runs = [once() for _ in range(options.runs)]
    platform = "a real display" if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") else "offscreen"
    for what, goal in (("window", 1.0), ("picture", 4.0)):
        values = [run[what] for run in runs]
        spread = f"min {min(values):.2f}, max {max(values):.2f}; goal {goal:.0f} s"
        print(f"{what:8} median {statistics.median(values):.2f} s  ({spread})")
    early = any(run["torch_before_window"] for run in runs)
    print(f"{options.runs} starts on {platform}; torch loaded before the window: {early}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
