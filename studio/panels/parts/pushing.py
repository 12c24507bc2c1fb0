"""Finding, importing and showing directions: the jobs behind the Directions section."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from studio.base.steps import Preview
from studio.panels.parts.directions import PICTURES, REACH, DirectionsSection
from studio.panels.parts.generator import TILE, Role
from studio.project.latents import Push
from studio.project.requests import FilmStrip, FindDirections

if TYPE_CHECKING:
    from studio.panels.parts.latent import LatentPanel


def same_push(a: Push, b: Push) -> bool:
    """Whether two pushes are the same slider."""
    return (a.direction, a.first, a.last) == (b.direction, b.first, b.last)


def merged(sliders: tuple[Push, ...], pushes: tuple[Push, ...]) -> tuple[Push, ...]:
    """The sliders standing as ``pushes`` say, with those added that had no slider yet."""
    kept = tuple(next((q for q in pushes if same_push(p, q)), msgspec.structs.replace(p, amount=0.0)) for p in sliders)
    return kept + tuple(q for q in pushes if not any(same_push(p, q) for p in sliders))


def _reader(path: Path) -> Callable[[Any], tuple[str, list[str]]]:
    def read(ctx: Any) -> tuple[str, list[str]]:
        from studio.checkpoints.directions import read_directions

        found = read_directions(path)
        return ctx.assets.put_array(found.vectors), list(found.names)

    return read


class Pushing(Role):
    """Directions of a panel."""

    keys = frozenset({"find", "import", "strip"})

    def __init__(self, panel: LatentPanel, section: DirectionsSection) -> None:
        super().__init__(panel)
        self.section = section
        self._asked: FilmStrip | None = None
        self._suggest_for: Push | None = None
        section.changed.connect(lambda pushes, text, drag, final: panel.edit(text, drag, final, directions=pushes))
        section.find_asked.connect(self.find)
        section.import_wanted.connect(self._choose)
        section.strip_needed.connect(lambda _: self.ask_strip())
        section.range_wanted.connect(self._suggest)

    def find(self, method: str) -> None:
        """Look for directions in the background; the next few get sliders."""
        request = FindDirections(
            model=self.panel.sha,
            precision=self.panel.precision,
            method="principal" if method == "principal" else "factor",
        )
        self.panel.long(request, self.tr("Finding directions"), "find")

    def read(self, path: Path) -> None:
        """Directions from a file."""
        self.panel.call(_reader(path), self.tr("Reading directions"), "import", "io")

    def _choose(self) -> None:
        files = self.studio.choose_files(
            "directions", self.tr("Directions"), self.tr("Directions (*.pt *.pth *.npy *.safetensors)")
        )
        for path in files[:1]:
            self.read(path)

    def ask_strip(self) -> None:
        """The film strip of the direction in hand, when there is one and it changed."""
        pushes: tuple[Push, ...] = self.panel.state.directions
        at = self.section.current
        if self.panel.card is None or not 0 <= at < len(pushes):
            return
        push = pushes[at]
        look = msgspec.structs.replace(
            self.panel.state.look, pushes=tuple(p for p in pushes if p.amount and not same_push(p, push))
        )
        request = FilmStrip(
            model=self.panel.sha,
            precision=self.panel.precision,
            latent=self.panel.state.latent,
            look=look,
            direction=push.direction,
            first=push.first,
            last=push.last,
            reach=REACH,
            count=PICTURES,
            tile=TILE,
        )
        if request != self._asked:
            self._asked = request
            self.section.strip.set_stale()
            self.panel.live(request, "strip")

    def _suggest(self, index: int) -> None:
        self._suggest_for = self.panel.state.directions[index]
        self._asked = None
        if self.section.current != index:
            self.section.show_strip(index)
        else:
            self.ask_strip()

    def preview(self, key: str, job: int, preview: Preview) -> None:
        if key == "strip":
            self.section.set_strip_picture(preview.index, preview.image)

    def result(self, key: str, job: int, request: Any, result: Any) -> None:
        if key == "find":
            found = self.section.found(result.method, len(result.vectors))
            self.panel.change(self.tr("Find directions"), directions=found)
        elif key == "import":
            asset, names = result
            self.panel.change(self.tr("Import directions"), directions=self.section.imported(asset, names))
        else:
            for i, image in enumerate(result.images):
                self.section.set_strip_picture(i, image)
            self._suggested(request, result.info)

    def ended(self, key: str, job: int) -> None:
        if key == "strip":
            self._asked = None

    def _suggested(self, request: FilmStrip, info: Any) -> None:
        push = self._suggest_for
        if push is None or push.direction != request.direction or "suggested" not in info:
            return
        self._suggest_for = None
        first, last = (int(x) for x in info["suggested"])
        pushes = tuple(
            msgspec.structs.replace(p, first=first, last=last) if same_push(p, push) else p
            for p in self.panel.state.directions
        )
        self.panel.change(self.tr("Suggested layers"), directions=pushes)
