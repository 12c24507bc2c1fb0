"""The jobs behind the latent space: its statistics, where the picture lies in it, how data lies along each slider."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import numpy.typing as npt

from studio.base.steps import Steps
from studio.panels.morph.space import REACH, DimensionsSection, SpaceSection
from studio.panels.parts.blending import shifted
from studio.panels.parts.generator import Role
from studio.project.latents import DataPoint, Direction, Latent, Push, Stored
from studio.project.morph import LatentSpace
from studio.project.requests import ReadWs

if TYPE_CHECKING:
    from studio.engine.results import Space
    from studio.panels.morph.panel import MorphPanel

BINS = 49
LASSO_MOST = 256
"""Pictures of each pile that a lasso makes at most (evenly taken)."""
Measured = dict[Direction, tuple[npt.NDArray[np.float32], float]]


def measurer(sha: str, precision: Any, directions: Sequence[Direction]) -> Callable[[Any], Steps[Measured]]:
    """What finds the unit vector and the sigma of directions, where the network is."""

    def measure(ctx: Any) -> Steps[Measured]:
        from studio.base.errors import StudioError
        from studio.engine.explore.codes import open_model
        from studio.engine.explore.directions import resolve

        model = open_model(ctx, sha, precision)
        found: Measured = {}
        for direction in directions:
            try:
                vector = yield from resolve(model, direction)
            except StudioError:
                # A direction that cannot be made has no distribution; drawing a picture with it says why.
                continue
            found[direction] = (vector.rows.mean(dim=0).float().cpu().numpy(), float(vector.sigma))
        return found

    return measure


def density(values: npt.NDArray[Any], shift: float) -> npt.NDArray[np.float64]:
    """Counts of ``values`` (in sigmas) from -REACH to REACH around ``shift``, smoothed a little."""
    at = np.floor((values - shift + REACH) * (BINS / (2 * REACH))).astype(np.int64)
    counts = np.bincount(at[(at >= 0) & (at < BINS)], minlength=BINS).astype(float)
    smooth: npt.NDArray[np.float64] = np.convolve(np.pad(counts, 2, mode="edge"), (1, 2, 3, 2, 1), "valid")
    return smooth


def evenly(indices: npt.NDArray[Any], most: int) -> tuple[int, ...]:
    """At most ``most`` of these, spread over all of them."""
    if len(indices) > most:
        indices = indices[np.linspace(0, len(indices) - 1, most).round().astype(int)]
    return tuple(int(i) for i in indices)


class Spacing(Role):
    """The latent space of the Morph panel."""

    keys = frozenset({"space", "code", "measure"})

    panel: MorphPanel

    def __init__(self, panel: MorphPanel, section: SpaceSection, dimensions: DimensionsSection) -> None:
        super().__init__(panel)
        self.section, self.dimensions = section, dimensions
        self.space: Space | None = None
        self._space_of: LatentSpace | None = None
        self._asked: LatentSpace | None = None
        self._axes: tuple[str, ...] = ()
        self._mean: npt.NDArray[np.float32] | None = None
        self._code: tuple[ReadWs, npt.NDArray[np.float32]] | None = None
        self._code_asked: ReadWs | None = None
        self._measured: dict[tuple[str, Direction], tuple[npt.NDArray[np.float32], float]] = {}
        self._measuring: set[tuple[str, Direction]] = set()
        self._from: tuple[Latent, tuple[float, float]] | None = None
        self._along: dict[Direction, npt.NDArray[Any]] = {}
        """Where the data lies along each direction, in sigmas from its mean."""
        self._shown_for: list[Direction] = []
        self._lassos = 0
        self._hovered = -1
        section.axes_chosen.connect(lambda x, y: panel.change(self.tr("Components of the map"), axis_x=x, axis_y=y))
        section.map.dot_clicked.connect(self._dot)
        section.map.moved.connect(self._moved)
        section.map.lassoed.connect(self.lasso)
        section.map.dot_hovered.connect(self._peek)
        section.toggled.connect(lambda _: self.show())
        dimensions.toggled.connect(lambda _: self.show())
        dimensions.moved.connect(self._dimension)
        dimensions.reset_asked.connect(self._reset)
        dimensions.more.clicked.connect(lambda: self.show())
        panel.thumbs.came.connect(lambda: self._peek(self._hovered))

    # Asking --------------------------------------------------------------------------------------------------

    def pictures(self) -> tuple[Any, ...]:
        """The data: none when the model brought its own, else what is on the tray."""
        panel = self.panel
        if panel.data_count:
            return ()
        return tuple(panel.traying.latent_of(item) for item in panel.traying.items)

    def wanted(self) -> LatentSpace | None:
        """The statistics that the session asks for; None when there is no data."""
        panel = self.panel
        pictures = self.pictures()
        if panel.card is None or panel.spatial or (not panel.data_count and len(pictures) < 2):
            return None
        state = panel.state
        return LatentSpace(
            model=panel.sha,
            precision=panel.precision,
            pictures=pictures,
            axis_x=state.axis_x,
            axis_y=state.axis_y,
        )

    def show(self) -> None:
        """Bring the sections to the session, silently, and ask for what is missing."""
        panel = self.panel
        wanted = self.wanted()
        if wanted is None:
            self.space, self._space_of = None, None
            self.section.show_space(None, 0, 1, {})
            self.section.map.set_placeholder(self.tr("Two pictures on the tray, and they appear here as dots."))
        elif wanted not in (self._space_of, self._asked) and panel.active:
            self._asked = wanted
            if self._space_of is None or self._space_of.model != wanted.model:
                self.section.map.set_placeholder(self.tr("Looking at the latent space …"))
            panel.live(wanted, "space")
        amounts = {p.direction.index: p.amount for p in panel.state.directions if p.direction.kind == "axis"}
        self.dimensions.set_amounts(amounts)
        if self._shown_for != self.directions():
            self._show_histograms()
        if self.space is not None:
            self._ask_code()
            self._ask_measures()

    def _ask_code(self) -> None:
        request = self.panel.request()
        if request is None:
            return
        read = ReadWs(model=request.model, precision=request.precision, latent=request.latent, look=request.look)
        if read != self._code_asked:
            self._code_asked = read
            self.panel.live(read, "code")

    def directions(self) -> list[Direction]:
        """Every direction whose slider is to be seen."""
        found = [push.direction for push in self.panel.state.directions]
        if self.dimensions.is_open():
            found += [Direction(kind="axis", index=d) for d in self.dimensions.shown()]
        return list(dict.fromkeys(found))

    def _ask_measures(self) -> None:
        sha = self.panel.sha
        missing = [d for d in self.directions() if (sha, d) not in self._measured and (sha, d) not in self._measuring]
        if missing:
            self._measuring.update((sha, d) for d in missing)
            function = measurer(sha, self.panel.precision, missing)
            self.panel.call(function, self.tr("Measuring directions"), "measure")

    # What comes back -----------------------------------------------------------------------------------------

    def result(self, key: str, job: int, request: Any, result: Any) -> None:
        if key == "space":
            self._take_space(request, result)
        elif key == "code":
            if request == self._code_asked:
                self._code = (request, np.asarray(result.values, np.float32).reshape(-1))
                self._show_place()
                self._show_histograms()
        else:
            sha = self.panel.sha
            for direction, found in result.items():
                self._measured[sha, direction] = found
                self._along.pop(direction, None)
            self._show_histograms()

    def ended(self, key: str, job: int) -> None:
        if key == "code":
            self._code_asked = None

    def _take_space(self, request: LatentSpace, space: Space) -> None:
        if request != self._asked:
            return
        self.space, self._space_of = space, request
        self._mean = space.mu.mean(axis=0)
        self._along.clear()
        self._code = None
        self.section.show_space(space, request.axis_x, request.axis_y, self.panel.attribute_titles())
        active = [int(d) for d in space.order if space.active[d]]
        self.dimensions.set_dimensions(active, [float(v) for v in space.kl])
        self._code_asked = None
        self.show()

    def place_of(self, code: npt.NDArray[np.float32]) -> tuple[float, float] | None:
        """Where a code lies on the map."""
        space, mean = self.space, self._mean
        if space is None or mean is None or code.shape != mean.shape:
            return None
        axes = space.info.get("axes", (0, 1))
        x, y = ((code - mean) @ space.components[[int(a) for a in axes]].T) / space.steps
        return float(x), float(y)

    def _show_place(self) -> None:
        if self._code is not None and self._from is None:
            self.section.map.set_place(self.place_of(self._code[1]))

    def _show_histograms(self) -> None:
        self._shown_for = self.directions()
        space, mean = self.space, self._mean
        if space is None or mean is None:
            return
        code = self._code[1] if self._code is not None and self._code[1].shape == mean.shape else mean
        amounts = {push.direction: push.amount for push in self.panel.state.directions}
        behind: dict[Direction, npt.NDArray[np.float64]] = {}
        for direction in self.directions():
            found = self._measured.get((self.panel.sha, direction))
            if found is None or found[0].shape != mean.shape or found[1] <= 0:
                continue
            vector, sigma = found
            along = self._along.get(direction)
            if along is None:
                along = self._along[direction] = (space.mu - mean) @ vector / sigma
            here = float((code - mean) @ vector / sigma) - amounts.get(direction, 0.0)
            behind[direction] = density(along, here)
        self.panel.pushing.section.set_histograms(behind)
        self.dimensions.set_histograms({d.index: h for d, h in behind.items() if d.kind == "axis"})

    # What the hand does --------------------------------------------------------------------------------------

    def latent_of_dot(self, index: int) -> Latent:
        """The picture that a dot stands for."""
        pictures = self._space_of.pictures if self._space_of is not None else ()
        return pictures[index] if pictures else DataPoint(index=index)

    def _dot(self, index: int) -> None:
        self.panel.show_latent(self.latent_of_dot(index))

    def _peek(self, index: int) -> None:
        self._hovered = index
        if index < 0 or self._space_of is None:
            return
        latent = self.latent_of_dot(index)
        image = self.panel.thumbs.get(latent)
        if image is not None:
            self.section.map.set_peek(index, image)
        else:
            self.panel.thumbs.want("peek", (latent,))

    def _moved(self, x: float, y: float, final: bool) -> None:
        space = self.space
        if space is None:
            return
        if self._from is None:
            self._axes = self._kept_axes(space)
            place = self.place_of(self._code[1]) if self._code is not None else None
            asset = str(space.info.get("mean", ""))
            if place is not None and self.panel.request() is not None:
                self._from = (self.panel.state.latent, place)
            elif asset and self.studio.assets.has(asset):
                self._from = (Stored(asset=asset, form="w", name=self.tr("middle of the data")), (0.0, 0.0))
            else:
                return
        latent, (x0, y0) = self._from
        steps = (x - x0) * float(space.steps[0]), (y - y0) * float(space.steps[1])
        if final:
            self._from = None
        self.panel.go(shifted(latent, self._axes, steps), self.tr("Move on the map"), "map", final)

    def _kept_axes(self, space: Space) -> tuple[str, ...]:
        """The components of the map as codes of the document at hand (another one may have been opened since)."""
        components = [np.asarray(space.components[int(a)], np.float32)[None] for a in space.info.get("axes", (0, 1))]
        return tuple(self.studio.assets.put_array(component) for component in components)

    def lasso(self, chosen: npt.NDArray[Any]) -> None:
        """Dots inside a line against those outside: an attribute."""
        if self.space is None:
            return
        outside = np.setdiff1d(np.arange(len(self.space.points)), chosen)
        if min(len(chosen), len(outside)) < 2:
            self.studio.notify(self.tr("Draw the line around some of the dots: at least two inside and two outside."))
            return
        having = tuple(self.latent_of_dot(i) for i in evenly(chosen, LASSO_MOST))
        lacking = tuple(self.latent_of_dot(i) for i in evenly(outside, LASSO_MOST))
        self._lassos += 1
        self.section.lasso.setChecked(False)
        self.panel.piling.ask(having, lacking, self.tr("Lasso %1").replace("%1", str(self._lassos)))

    def _dimension(self, dimension: int, amount: float, final: bool) -> None:
        direction = Direction(kind="axis", index=dimension)
        pushes: tuple[Push, ...] = self.panel.state.directions
        if any(push.direction == direction for push in pushes):
            changed = tuple(
                msgspec.structs.replace(push, amount=amount) if push.direction == direction else push for push in pushes
            )
        else:
            changed = (*pushes, Push(direction=direction, name=f"z{dimension + 1}", amount=amount))
        if final:
            changed = tuple(p for p in changed if p.direction.kind != "axis" or p.amount)
        self.panel.edit(f"z{dimension + 1}", f"z{dimension}", final, directions=changed)

    def _reset(self) -> None:
        left = tuple(p for p in self.panel.state.directions if p.direction.kind != "axis")
        self.panel.change(self.tr("Dimensions to 0"), directions=left)
