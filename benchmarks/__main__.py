"""``python -m benchmarks``: what can be measured.  ``python -m benchmarks NAME ...`` runs one, ``--all`` runs each."""

from __future__ import annotations

import ast
import runpy
import subprocess
import sys
from pathlib import Path


def available() -> dict[str, str]:
    """Name -> first line of what it says about itself, for every module of this folder (none is imported)."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("[!_]*.py")):
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        found[path.stem] = text.partition("\n")[0]
    return found


def main(argv: list[str]) -> int:
    """List, run one in this process, or run all, each in a process of its own."""
    known = available()
    if not argv:
        width = max(map(len, known))
        print("python -m benchmarks NAME [options]\n")
        for name, line in known.items():
            print(f"  {name:{width}}  {line}")
        print("\nBackground work on the machine shows in every figure: run them when it is quiet.")
        return 0
    if argv[0] == "--all":
        codes = []
        for name in known:
            print(f"\n== {name}", flush=True)
            codes.append(subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode)
        return max(codes, default=0)
    if argv[0] not in known:
        print(f"There is no benchmark “{argv[0]}”; there are {', '.join(known)}.", file=sys.stderr)
        return 2
    sys.argv = [f"benchmarks.{argv[0]}", *argv[1:]]
    runpy.run_module(f"benchmarks.{argv[0]}", run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
