"""Mutated project files: a sentence, or a project that says what is missing.  Never a crash, a hang, or silence.

``STUDIO_FUZZ=100000`` asks for more mutations, ``STUDIO_FUZZ_SEED=7`` for others.
"""

from __future__ import annotations

import copy
import hashlib
import io
import json
import os
import random
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from project_samples import sample_file

from studio.base.errors import StudioError
from studio.base.steps import run
from studio.project import plain, storage
from studio.project.session import Session, assets_of

MUTATIONS = int(os.environ.get("STUDIO_FUZZ", "2400"))
SEED = int(os.environ.get("STUDIO_FUZZ_SEED", "0"))

Members = list[tuple[str, bytes]]
VALUES: list[Any] = [
    None, True, False, 0, -1, 1e308, -0.0, 2**31, 2**63, -(2**63), 2**64, 10**25, "", "x" * 5000, "../../etc/passwd",
    "\u0000", "\ud7ff\U0010ffff", [], {}, [[]], [None], {"": {}}, {"type": "seed"}, {"type": "seed", "seed": 1.5},
    {"type": "mixed", "sources": [], "weights": []}, {"type": "blend", "parts": []}, {"type": "stored", "asset": "zz"},
]  # fmt: skip
RAW = [
    "NaN",
    "-Infinity",
    "1e999",
    "9" * 5000,
    "[" * 5000,
    '"\\ud800"',
    "tru",
    "1.5.5",
    "--1",
    "01",
    "{}{}",
    '{"a":1,"a":2}',
]


def members_of(data: bytes) -> Members:
    with zipfile.ZipFile(io.BytesIO(data)) as source:
        return [(info.filename, source.read(info)) for info in source.infolist()]


def zipped(members: Members, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as target:
        for name, data in members:
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            target.writestr(info, data)
    return buffer.getvalue()


def flip(rng: random.Random, data: bytes) -> bytes:
    raw = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 5, 30])):
        at = rng.randrange(len(raw))
        raw[at] = rng.randrange(256) if rng.random() < 0.5 else raw[at] ^ 1 << rng.randrange(8)
    return bytes(raw)


def cut(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data))]


def splice(rng: random.Random, data: bytes) -> bytes:
    a, b = sorted(rng.randrange(len(data)) for _ in range(2))
    b = min(b, a + rng.choice([1, 4, 30, 500, 10_000]))
    return rng.choice([data[:a] + data[b:], data[:b] + data[a:], data[:a] + bytes(b - a) + data[b:], data[a:]])


def directory(rng: random.Random, data: bytes) -> bytes:
    """Edit a field of the zip's directory, of a local header or of its end."""
    raw = bytearray(data)
    mark, size = rng.choice([(b"PK\1\2", 46), (b"PK\3\4", 30), (b"PK\5\6", 22)])
    places = [at for at in range(len(raw)) if raw.startswith(mark, at)] or [0]
    for _ in range(rng.choice([1, 1, 3])):
        at = rng.choice(places) + rng.randrange(4, size - 1)
        width = rng.choice([1, 2, 4])
        value = rng.choice([0, 1, 0xFF, 0xFFFF, 0xFFFFFFFF, 0x7FFFFFFF, rng.randrange(2**32), len(raw)])
        raw[at : at + width] = struct.pack("<I", value & 0xFFFFFFFF)[:width]
    return bytes(raw)


def swap(rng: random.Random, data: bytes) -> bytes:
    """Exchange, drop, double or rename members."""
    members = members_of(data)
    a, b = rng.randrange(len(members)), rng.randrange(len(members))
    action = rng.choice(["swap", "swap", "drop", "double", "rename", "empty", "shuffle", "truncate", "nested"])
    name, content = members[a]
    if action == "swap":
        members[a], members[b] = (name, members[b][1]), (members[b][0], content)
    elif action == "drop":
        del members[a]
    elif action == "double":
        members.insert(b, (name, rng.choice([content, b"", members[b][1]])))
    elif action == "rename":
        names = [
            "../" + name,
            "/etc/passwd",
            "C:\\x",
            name.upper(),
            "a" * 600,
            "assets/../../x.png",
            name + "\u202e",
            "session.json/x",
            "./session.json",
            "mimetype/",
            f"assets/{'0' * 64}.png",
            f"assets/{'0' * 64}.py/x",
        ]
        members[a] = (rng.choice(names), content)
    elif action == "empty":
        members[a] = (name, b"")
    elif action == "shuffle":
        rng.shuffle(members)
    elif action == "truncate":
        members[a] = (name, content[: rng.randrange(len(content) + 1)])
    else:
        members[a] = (name, data)
    with pytest.warns(UserWarning) if len({name for name, _ in members}) < len(members) else _nothing():
        return zipped(
            members, rng.choice([zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
        )


class _nothing:
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


def replaced(data: bytes, name: str, content: bytes) -> bytes:
    return zipped([(other, content if other == name else old) for other, old in members_of(data)])


def containers(tree: Any) -> list[Any]:
    found, todo = [], [tree]
    while todo:
        item = todo.pop()
        if isinstance(item, dict | list) and item:
            found.append(item)
            todo.extend(item.values() if isinstance(item, dict) else item)
    return found


def change(rng: random.Random, tree: Any) -> None:
    """Change a value, a key or a list somewhere in the tree."""
    place = rng.choice(containers(tree) or [{"x": 1}])
    key = rng.choice(list(place)) if isinstance(place, dict) else rng.randrange(len(place))
    action = rng.choice(["value", "value", "value", "drop", "other", "key", "number", "wrap"])
    if action == "value":
        place[key] = copy.deepcopy(rng.choice(VALUES))
    elif action == "drop":
        del place[key]
    elif action == "other":
        place[key] = copy.deepcopy(rng.choice(containers(tree)))
    elif action == "key" and isinstance(place, dict):
        place[rng.choice(["type", "id", "future", "", "latent", "x" * 300])] = place.pop(key)
    elif action == "number" and isinstance(place[key], int | float):
        place[key] *= rng.choice([-1, 0, 1.5, 10**9])
    elif action == "wrap":
        for _ in range(rng.choice([1, 50, 150])):
            place[key] = [place[key]] if rng.random() < 0.5 else {"parts": place[key], "type": "blend"}


def json_values(rng: random.Random, data: bytes) -> bytes:
    """Change values inside the session or the manifest; the zip stays whole."""
    name = rng.choice(["session.json"] * 5 + ["manifest.json"])
    tree = json.loads(dict(members_of(data))[name])
    try:
        for _ in range(rng.choice([1, 1, 2, 6])):
            change(rng, tree)
        text = json.dumps(tree).encode()
    except RecursionError:  # too deep for these tests: then very deep
        text = b'{"explore": {"latent": ' + b"[" * 2000 + b"]" * 2000 + b"}}"
    return replaced(data, name, text)


def json_text(rng: random.Random, data: bytes) -> bytes:
    """Damage the JSON text of the session or the manifest; the zip stays whole."""
    name = rng.choice(["session.json"] * 4 + ["manifest.json"])
    text = bytearray(dict(members_of(data))[name])
    at = rng.randrange(len(text))
    action = rng.choice(["flip", "raw", "cut"])
    if action == "flip":
        text[at] = rng.randrange(256)
    elif action == "raw":
        text[at : at + rng.randrange(8)] = rng.choice(RAW).encode()
    else:
        del text[at : at + rng.randrange(1, 60)]
    return replaced(data, name, bytes(text))


MUTATORS: list[Callable[[random.Random, bytes], bytes]] = [
    flip, flip, cut, splice, directory, directory, swap, json_values, json_values, json_values, json_text
]  # fmt: skip


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Session]:
    path = tmp_path_factory.mktemp("fuzz") / "a.studio"
    session = sample_file(path, 3)
    data = path.read_bytes()
    members = members_of(data)
    members.insert(4, ("plugin/notes.txt", b"kept"))
    return zipped(members), session


def sizes(opened: storage.Opened) -> int:
    archive = opened.assets.archive
    assert archive is not None
    return sum(info.file_size for info in archive.members.values())


def judge(path: Path, data: bytes, session: Session, elsewhere: Path | None) -> str:
    """What became of the file; any exception but a told one, and any silence, is a failure."""
    path.write_bytes(data)
    started = time.process_time()
    try:
        opened = storage.load(path)
    except StudioError as exc:
        assert exc.kind == "user" and exc.what.endswith((".", "?")), exc.sentence()
        assert "Traceback" not in exc.sentence() and len(exc.sentence()) < 1500
        return "refused"
    finally:
        assert time.process_time() - started < 5
    try:
        assert all(isinstance(note, str) and note.endswith(".") for note in opened.notes)
        for sha in assets_of(opened.session):
            try:
                found = opened.assets.get(sha)
            except StudioError:
                if not any("missing" in note for note in opened.notes):
                    # The file says that its assets are large: then the check in the background finds it.
                    assert sizes(opened) > storage.CHECK_AT_ONCE
                    assert "missing" in run(storage.check_assets(opened.session, opened.assets))[0]
            else:
                assert hashlib.sha256(found).hexdigest() == sha
        if not opened.notes and opened.session != session:
            # Then the file says so, properly, and every part of it was read.
            with zipfile.ZipFile(path) as archive:
                assert msgspec.json.decode(archive.read("session.json"), type=Session) == opened.session
        if elsewhere is not None:
            storage.save(elsewhere, opened.session, opened.assets)
            again = storage.load(elsewhere)
            assert again.session == opened.session and not again.read_only
            assert all("missing" in note for note in again.notes)
            again.assets.close()
        if opened.extras.protected is not None:
            with pytest.raises(StudioError, match="another name"):
                storage.save(path, opened.session, opened.assets)
        return "opened with notes" if opened.notes else "opened"
    finally:
        opened.assets.close()


@pytest.mark.parametrize("part", range(8))
def test_mutated_projects(part: int, tmp_path: Path, original: tuple[bytes, Session]) -> None:
    data, session = original
    rng = random.Random(f"{SEED}/{part}")
    outcomes: dict[str, int] = {}
    count = -(-MUTATIONS // 8)
    for number in range(count):
        mutator = rng.choice(MUTATORS)
        mutated = mutator(rng, data)
        if mutator is not swap and rng.random() < 0.15:
            mutated = rng.choice(MUTATORS[:6])(rng, mutated) if mutated else mutated
        try:
            outcome = judge(tmp_path / "a.studio", mutated, session, tmp_path / "b.studio" if number % 7 == 0 else None)
        except BaseException:
            print(f"mutation {number} by {mutator.__name__}: {tmp_path / 'a.studio'}")
            raise
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    assert len(outcomes) == 3 and min(outcomes.values()) > count // 50, outcomes  # none of the three is all there is


# Files that somebody made on purpose


def test_an_untouched_file_is_opened(tmp_path: Path, original: tuple[bytes, Session]) -> None:
    assert judge(tmp_path / "a.studio", original[0], original[1], tmp_path / "b.studio") == "opened"


@pytest.mark.parametrize(
    "data",
    [b"", b"PK", b"PK\5\6" + bytes(18), b"not a zip" * 1000, b"\x89PNG\r\n\x1a\n", bytes(100_000)],
    ids=["empty", "two bytes", "empty zip", "text", "png", "zeros"],
)
def test_other_files_are_told(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.studio"
    path.write_bytes(data)
    with pytest.raises(StudioError, match=r"“a\.studio” is not a project"):
        storage.load(path)


def test_other_zips_are_told(tmp_path: Path) -> None:
    path = tmp_path / "a.studio"
    path.write_bytes(zipped([("mimetype", b"application/epub+zip"), ("session.json", b"{}")]))
    with pytest.raises(StudioError, match="is not a project of Latent Studio"):
        storage.load(path)
    path.write_bytes(zipped([("word/document.xml", b"<x/>")]))
    with pytest.raises(StudioError, match="is not a project of Latent Studio"):
        storage.load(path)
    with pytest.raises(StudioError, match="not there any more"):
        storage.load(tmp_path / "gone.studio")
    with pytest.raises(StudioError, match="is a folder"):
        storage.load(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.studio")
        with pytest.raises(StudioError, match="is not a file"):
            storage.load(tmp_path / "pipe.studio")


def test_too_many_members(tmp_path: Path) -> None:
    path = tmp_path / "a.studio"
    entries = [(f"x{index}", b"") for index in range(50_001)]
    path.write_bytes(zipped([("session.json", b"{}"), *entries], zipfile.ZIP_STORED))
    with pytest.raises(StudioError, match="50002; at most 50000"):
        storage.load(path)


def test_a_huge_directory(tmp_path: Path) -> None:
    path = tmp_path / "a.studio"
    entry = b"PK\1\2" + bytes(42)
    path.write_bytes(entry * 600_000 + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 65535, 65535, 27_600_000, 0, 0))
    started = time.process_time()
    with pytest.raises(StudioError, match="At most 16 MB"):
        storage.load(path)
    assert time.process_time() - started < 1


def test_bombs(tmp_path: Path) -> None:
    import tracemalloc

    path = tmp_path / "a.studio"
    bomb = bytes(64 * 2**20)
    sha = hashlib.sha256(bomb).hexdigest()
    session = {"bookmarks": [{"id": "b", "name": "n", "model": "", "latent": {"type": "stored", "asset": sha}}]}
    path.write_bytes(zipped([("session.json", json.dumps(session).encode()), (f"assets/{sha}.npy", bomb)]))
    long_path = tmp_path / "long.studio"
    long_path.write_bytes(zipped([("session.json", b'{"x":"' + bomb + b'"}')]))
    tracemalloc.start()
    try:
        opened = storage.load(path)
        assert any("more than 200 times" in note for note in opened.notes) and opened.read_only
        assert not opened.assets.has(sha)
        opened.assets.close()
        with pytest.raises(StudioError, match="session"):
            storage.load(long_path)
        assert tracemalloc.get_traced_memory()[1] < 12 * 2**20
    finally:
        tracemalloc.stop()
    for text in (b"[]," * 1_000_001, b"{}," * 1_000_001, b"0," * 2_000_001):
        path.write_bytes(zipped([("session.json", b'{"x":[' + text + b"[]]}")], zipfile.ZIP_STORED))
        with pytest.raises(StudioError, match="At most 2 million values"):
            storage.load(path)
    path.write_bytes(zipped([("session.json", b'{"x":"' + b" " * 2**25 + b'"}')], zipfile.ZIP_STORED))
    with pytest.raises(StudioError, match="At most 32 MB"):
        storage.load(path)
    started = time.process_time()
    path.write_bytes(zipped([("session.json", b'{"x":[' + b"[]," * 990_000 + b"[]]}")], zipfile.ZIP_STORED))
    storage.load(path).assets.close()
    assert time.process_time() - started < 10


def test_a_size_that_lies(tmp_path: Path) -> None:
    """The directory says that a member is small; no more than that is unpacked."""
    path = tmp_path / "a.studio"
    data = bytearray(zipped([("session.json", b"{}" + b" " * 30_000_000)]))
    at = data.index(b"PK\1\2")
    data[at + 24 : at + 28] = struct.pack("<I", 2)
    path.write_bytes(data)
    with pytest.raises(StudioError, match="damaged"):
        storage.load(path)


def test_overlapping_members(tmp_path: Path) -> None:
    path = tmp_path / "a.studio"
    data = bytearray(zipped([("session.json", b"{}"), ("big", os.urandom(50_000))], zipfile.ZIP_STORED))
    end = data.index(b"PK\5\6")
    start = data.rindex(b"PK\1\2")
    entry = bytes(data[start:end])
    body = bytes(data[: data.index(b"PK\1\2")])
    entries = b"".join(entry.replace(b"big", b"b%02d" % index) for index in range(90))
    tail = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 90, 90, len(entries), len(body), 0)
    path.write_bytes(body + entries + tail)
    with pytest.raises(StudioError, match="overlap"):
        storage.load(path)


@pytest.mark.parametrize("name", ["../out.png", "/abs.png", "a/../../b", "a\\b", "C:x", "a//b", "a\u0007b", "x" * 501])
def test_names_that_leave_the_project(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "in" / "side"
    folder.mkdir(parents=True)
    path = folder / "a.studio"
    path.write_bytes(zipped([("session.json", b"{}"), (name, b"evil")]))
    opened = storage.load(path)
    assert "unsafe name" in opened.notes[0] and opened.read_only
    assert opened.extras.members == ()
    storage.save(folder / "b.studio", opened.session, opened.assets)
    assert sorted(file.name for file in tmp_path.rglob("*") if file.is_file()) == ["a.studio", "b.studio"]


def test_encrypted_and_unknown_packing(tmp_path: Path) -> None:
    path = tmp_path / "a.studio"
    data = bytearray(zipped([("session.json", b"{}"), ("x.txt", b"secret")]))
    at = data.rindex(b"PK\1\2")
    data[at + 8] |= 1
    path.write_bytes(data)
    opened = storage.load(path)
    assert opened.notes[0] == "“x.txt” is not used: it is encrypted." and opened.read_only
    data[at + 8] = 0
    data[data.index(b"PK\1\2") + 10] = 99
    data[8] = 99
    path.write_bytes(data)
    with pytest.raises(StudioError, match="damaged"):
        storage.load(path)


def test_depth_is_measured_without_recursion() -> None:
    tree: Any = 1
    for _ in range(100_000):
        tree = [tree]
    assert plain.depth(tree) == plain.MAX_DEPTH + 1
    while isinstance(tree, list):  # taken apart by hand, so that freeing it does not recurse either
        tree = tree[0]
