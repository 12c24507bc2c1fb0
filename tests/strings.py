"""Every sentence that a person can read, taken from the source by its syntax tree.

``python tests/strings.py ko`` lists what a language lacks (and what it has too much); ``--all`` prints everything.

* In rooms that know Qt: literal arguments of ``tr``, ``translate`` and ``QT_TRANSLATE_NOOP``.
* In rooms that do not: literals and f-strings of errors and of progress phases (an f-string's holes become ``{0}``,
  ``{1}`` …, which :func:`studio.app.language.say` fills in again), and tuples called ``TEXTS``.
"""

from __future__ import annotations

import argparse
import ast
import json
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
QT_ROOMS = ("app", "panels", "widgets", "worker")
SHOWN = (*QT_ROOMS, "weights")
ERRORS = {
    "StudioError",
    "ModelError",
    "ResourceError",
    "OutOfMemory",
    "InternalError",
    "NotEnoughMemory",
    "Damaged",
    "MissingAssetError",
}


class NotLiteral(Exception):
    """A ``tr`` whose text cannot be read from the source."""


def _text(node: ast.expr) -> str | None:
    """A literal, or an f-string with numbered holes."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts: list[str] = []
        holes = 0
        for value in node.values:
            if isinstance(value, ast.Constant):
                parts.append(str(value.value))
            else:
                parts.append(f"{{{holes}}}")
                holes += 1
        return "".join(parts)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _text(node.left), _text(node.right)
        return left + right if left is not None and right is not None else None
    if isinstance(node, ast.IfExp):
        return None
    return None


def _options(node: ast.expr) -> Iterator[str]:
    """The texts of an argument: of both branches where it is a choice."""
    if isinstance(node, ast.IfExp):
        yield from _options(node.body)
        yield from _options(node.orelse)
        return
    text = _text(node)
    if text is not None:
        yield text


def _called(node: ast.Call) -> str:
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def from_file(path: Path) -> Iterator[tuple[str, int]]:
    """(text, line) of every sentence of one file.  NotLiteral: a ``tr`` of something that is no literal."""
    room = path.relative_to(ROOT / "studio").parts[0]
    knows_qt = room in QT_ROOMS
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = {target.id for target in targets if isinstance(target, ast.Name)}
            if "TEXTS" in names and isinstance(node.value, ast.Tuple):
                for element in node.value.elts:
                    for text in _options(element):
                        yield text, element.lineno
        if not isinstance(node, ast.Call):
            continue
        name = _called(node)
        places: list[ast.expr] = []
        if knows_qt and name == "tr" and node.args:
            # A bare tr with two arguments is a short name of QCoreApplication.translate(context, text).
            places = node.args[1:2] if isinstance(node.func, ast.Name) and len(node.args) > 1 else node.args[:1]
        elif knows_qt and name in ("translate", "QT_TRANSLATE_NOOP") and len(node.args) >= 2:
            places = node.args[1:2]
        elif name in ERRORS or name.endswith("Error"):
            places = node.args[:3] if name in ERRORS else []
        elif name == "Progress":
            places = node.args[2:3] + [word.value for word in node.keywords if word.arg == "phase"]
        elif name == "as_studio_error":
            places = [word.value for word in node.keywords if word.arg == "doing"]
        for place in places:
            found = list(_options(place))
            if not found and name == "tr" and not _is_passed_on(place):
                raise NotLiteral(f"{path.relative_to(ROOT)}:{node.lineno}: tr() of something that is no literal")
            for text in found:
                if any(letter.isalpha() for letter in text.replace("{0}", "")):
                    yield text, node.lineno


def _is_passed_on(node: ast.expr) -> bool:
    # A local function named tr hands its own argument on.
    return isinstance(node, ast.Name) and node.id in ("text", "words")


@cache
def collect() -> dict[str, list[str]]:
    """Text -> where it stands ("app/window.py:12")."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "studio").rglob("*.py")):
        relative = path.relative_to(ROOT / "studio")
        if relative.parts[0] in ("cli", "training", "__main__.py", "cli.py", "_shipped"):
            continue  # a terminal speaks English
        for text, line in from_file(path):
            found.setdefault(text, []).append(f"{relative.as_posix()}:{line}")
    for card in sorted((ROOT / "weights").glob("*.json")):
        for word in from_card(json.loads(card.read_text(encoding="utf-8"))):
            found.setdefault(word, []).append(f"weights/{card.name}")
    return found


def from_card(card: dict[str, Any]) -> Iterator[str]:
    """Words of a model that ships: titles and names of its attributes, the bands of its layers."""
    for group in card.get("label_groups", []):
        yield from (word for word in (group.get("title", ""), *group.get("names", [])) if word and word[0] != "#")
    hyper = card.get("hyper", {})
    yield from (layer["band"] for layer in hyper.get("layers", []))
    yield from (known["title"] for known in hyper.get("attributes", []) if known.get("title"))


def ui_only(found: dict[str, list[str]]) -> dict[str, list[str]]:
    """Those of the rooms with Qt and of shipped models: a missing one is a defect; others fall back to English."""
    return {text: at for text, at in found.items() if any(place.split("/")[0] in SHOWN for place in at)}


def table(language: str) -> dict[str, str]:
    """The language's file."""
    loaded: dict[str, str] = json.loads((ROOT / "resources" / "i18n" / f"{language}.json").read_text(encoding="utf-8"))
    return loaded


def lacking(language: str, found: dict[str, list[str]]) -> dict[str, list[str]]:
    """What the language does not have."""
    has = table(language)
    return {text: at for text, at in found.items() if not has.get(text)}


def superfluous(language: str) -> list[str]:
    """What is translated and said nowhere."""
    known = collect()
    keys = (key for key in table(language) if not key.startswith("@"))
    return [key for key in keys if key.split("::", 1)[-1] not in known]


def main() -> int:
    """Print the lists; 1 when something is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("language", nargs="?", default="ko")
    parser.add_argument("--all", action="store_true", help="print every sentence as JSON")
    options = parser.parse_args()
    found = collect()
    if options.all:
        print(json.dumps(found, indent=1, ensure_ascii=False))
        return 0
    missing = lacking(options.language, found)
    for text, at in missing.items():
        print(json.dumps(text, ensure_ascii=False), "  #", at[0])
    extra = superfluous(options.language)
    for text in extra:
        print("not used:", json.dumps(text, ensure_ascii=False))
    print(f"{len(found)} sentences, {len(missing)} missing, {len(extra)} not used", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
