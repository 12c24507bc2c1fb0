"""kill -9 at any instant of a save or an autosave: the file opens, and is the last version saved or the one on its way.

A small server process forks a child for every attempt; the child saves version after version and says after each one
that it is saved; the server kills it after a random time.  The parent then opens what is on the disk.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.project import recovery, storage
from studio.project.session import assets_of

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("STUDIO_KILLS", "200"))

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that can be forked and killed")

SERVER = '''
import os, select, signal, sys
from pathlib import Path
import msgspec, numpy as np
from studio.project import recovery, storage
from studio.project.assets import AssetStore
from studio.project.latents import Seed, Stored
from studio.project.requests import Render
from studio.project.session import ExploreState, GalleryItem, Session


def version(number, assets):
    """A project whose every part says which version it is."""
    rng = np.random.default_rng(number % 5)
    picture = assets.put(b"\\x89PNG" + rng.bytes(20_000) + str(number // 3).encode(), "png")
    code = assets.put_array(np.full((4, 8), number // 7, np.float32))
    request = Render(model="m", latent=Stored(asset=code))
    item = GalleryItem(id="g", title="", request=request, picture=picture, created=number)
    return Session(workspace=f"v{number}", explore=ExploreState(latent=Seed(seed=number)), gallery=(item,))


def saver(path, number):
    assets = storage.load(path).assets if path.exists() else AssetStore()
    while True:
        number += 1
        storage.save(path, version(number, assets), assets)
        yield number


def autosaver(folder, original, number):
    assets = storage.load(original).assets
    autosave = recovery.Autosave(folder)
    while True:
        number += 1
        autosave.write(version(number, assets), assets, original=original, title=f"v{number}")
        yield number


for line in sys.stdin:
    kind, path, first, microseconds = line.split()
    path, reports, said = Path(path), *os.pipe()
    pid = os.fork()
    if pid == 0:
        steps = saver(path, int(first)) if kind == "save" else autosaver(path.parent / "auto", path, int(first))
        for number in steps:
            os.write(said, b"%d " % number)
        os._exit(1)
    os.close(said)
    # The first version tells that the work has begun; the time runs from there.
    select.select([reports], [], [], 20)
    select.select([], [], [], int(microseconds) / 1e6)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    written = b""
    while piece := os.read(reports, 65536):
        written += piece
    os.close(reports)
    print(written.split()[-1].decode() if written else first, flush=True)
'''


class Server:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def kill(self, kind: str, path: Path, first: int, microseconds: int) -> int:
        """Let a child save from version ``first`` on, kill it; returns the last version that it said was saved."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(f"{kind} {path} {first} {microseconds}\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


@pytest.fixture
def server() -> Iterator[Server]:
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )
    yield Server(process)
    assert process.stdin and process.stdout
    process.stdin.close()
    process.wait(20)
    process.stdout.close()


def check(opened: storage.Opened, last: int) -> int:
    """What was opened is one whole version, ``last`` (which was said to be saved) or the one after it; returns it."""
    session = opened.session
    item = session.gallery[0]
    number = int(session.workspace[1:])
    assert number in (last, last + 1), "a version that was saved is lost"
    assert session.explore.latent.seed == item.created == number  # type: ignore[union-attr]
    assert opened.assets.get(item.picture).endswith(str(number // 3).encode())
    assert (opened.assets.array(item.request.latent.asset) == number // 7).all()  # type: ignore[union-attr]
    assert assets_of(session) <= opened.assets.shas()
    assert not opened.notes and not opened.read_only
    opened.assets.close()
    return number


def test_killed_saves_lose_nothing(tmp_path: Path, server: Server) -> None:
    path = tmp_path / "project" / "a.studio"
    path.parent.mkdir()
    rng = random.Random(1)
    number, torn = 0, 0
    for _ in range(KILLS):
        last = server.kill("save", path, number, int(rng.uniform(0, 9000)))
        torn += bool(list(path.parent.glob(".*")))
        number = check(storage.load(path), last)
    assert torn > KILLS // 10, "the kills must hit saves that are under way"
    opened = storage.load(path)
    storage.save(path, opened.session, opened.assets)
    assert [file.name for file in path.parent.iterdir()] == ["a.studio"]


def test_killed_autosaves_lose_nothing(tmp_path: Path, server: Server) -> None:
    path = tmp_path / "project" / "a.studio"
    auto = path.parent / "auto"
    auto.mkdir(parents=True)
    server.kill("save", path, 0, 1000)
    saved = storage.load(path)
    storage.save(path, saved.session, saved.assets)
    before = path.read_bytes()
    rng = random.Random(2)
    for attempt in range(KILLS):
        last = server.kill("autosave", path, 1000 * attempt, int(rng.uniform(0, 9000)))
        (entry,) = recovery.list_recoverable(auto)
        assert not entry.problem and entry.original == path
        number = check(recovery.restore(entry), last)
        assert entry.title == f"v{number}"
        recovery.discard(entry)
        assert path.read_bytes() == before
    recovery.Autosave(auto).close()
    recovery.list_recoverable(auto)
    assert list(auto.iterdir()) == []
