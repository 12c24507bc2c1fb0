"""Does the frozen program work?  ``python packaging/smoke.py dist/LatentStudio/studio``

Runs it as a person without this checkout would: no Python path, data in an empty folder.  It must know its version,
find its devices and embedded models, draw a sheet, and draw it again from its own recipe to the very same pixels.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path


def run(program: Path, folder: Path, *words: str, seconds: float = 180.0) -> str:
    """One command of the frozen program; its output.  Raises when it fails."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    environment = {**kept, "STUDIO_DATA": str(folder / "data"), "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(
        [str(program), *words],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(words) or 'window'}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def main() -> int:
    """Run all the looks; 0 when every one is fine."""
    program = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(run(program, folder, "--version").strip())
        report = json.loads(run(program, folder, "doctor", "--json"))
        print(f"doctor: {len(report)} facts")
        run(program, folder, "explore", "--seeds", "0-3", "--out", "sheet.png")
        run(program, folder, "render", "sheet.png", "--out", "again.png")
        from PIL import Image

        with Image.open(folder / "sheet.png") as first, Image.open(folder / "again.png") as second:
            if first.tobytes() != second.tobytes():
                raise SystemExit("the same recipe gave another picture")
        print("the recipe gives the same picture")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
