"""A run from Start to its last picture: changed on the way, paused, stopped, looked back on, branched from."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from PySide6.QtCore import QCoreApplication

from studio.base.steps import Loss, Preview, UInt8Image
from studio.panels.style.bar import RunBar
from studio.panels.style.forecast import clock_text
from studio.panels.style.part import Part
from studio.panels.style.values import branch, curves_of, shown_look
from studio.project.session import KeptIterate, StyleState
from studio.project.style import Stylize
from studio.widgets.iterates import Iterate
from studio.widgets.parts import restyle
from studio.widgets.plot import LossPlot
from studio.widgets.section import Section
from studio.widgets.tokens import Theme

if TYPE_CHECKING:
    from studio.panels.style.panel import StylePanel
    from studio.worker.bridge import JobView

GLANCE = 640
"""Pictures on the way are kept for looking back with at most this many pixels on the longer side."""
MOST_GLANCES = 200
CURVES = {"content": Theme.SECOND, "style": Theme.ACCENT, "tv": Theme.DIM}


_SCALE = re.compile(r"Scale (\d+) of (\d+) · (\d+) px")


def glance(pixels: UInt8Image) -> UInt8Image:
    """A small copy, quick enough for the UI thread."""
    step = -(-max(pixels.shape[:2]) // GLANCE)
    return np.ascontiguousarray(pixels[::step, ::step])


class Running(Part):
    """Owns the bar below the canvas and the section Loss."""

    keys = frozenset({"run"})

    def __init__(self, panel: StylePanel) -> None:
        super().__init__(panel)
        tr = self.tr
        self.bar = RunBar()
        self.section = Section(tr("Loss"))
        self.plot = LossPlot(log=True)
        self.section.add(self.plot)
        self.sent: Stylize | None = None
        """The run as the worker has it; None while none goes on."""
        self.paused = False
        self._stopping = False
        self._then: int | None = None
        """The iterate that is to be branched from when the run has ended."""
        self.live: UInt8Image | None = None
        self.picture: tuple[UInt8Image, Stylize] | None = None
        """The finished picture in the colours of its request."""
        self._job = -1
        self._view: JobView | None = None
        self._glances: dict[int, UInt8Image] = {}
        self._solid: dict[int, KeptIterate] = {}
        self._looked: int | None = None
        self._known: dict[Stylize, tuple[KeptIterate, ...]] = {}
        self._shown_made: tuple[Stylize | None, tuple[KeptIterate, ...]] = (None, ())
        bar = self.bar
        bar.start_asked.connect(panel.start)
        bar.stop_asked.connect(panel.stop)
        bar.pause_asked.connect(self.pause)
        bar.branch_asked.connect(self.branch_here)
        bar.strip.looked.connect(self._look)
        bar.strip.live_asked.connect(lambda: self._look(None))

    # Showing -------------------------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether a run goes on (a paused one too)."""
        return self.sent is not None

    def show(self, state: StyleState) -> None:
        if not self.running and (state.made, state.kept) != self._shown_made:
            # Another project, or a recalled run: what was remembered belongs to the one before.
            self._forget()
            self._shown_made = (state.made, state.kept)
            self._solid = {kept.at: kept for kept in state.kept}
            self.picture = None
        self.section.setVisible(state.mode == "run")
        self.show_strip()
        self.show_bar()

    def _forget(self) -> None:
        self._glances.clear()
        self._solid.clear()
        self._looked = None
        self.live = None
        self.bar.strip.set_current(None)

    def show_strip(self) -> None:
        """The iterates: those that are kept, and those that only were seen."""
        bank = self.panel.bank
        ats = sorted(self._glances.keys() | self._solid.keys())
        frames = []
        for at in ats:
            kept = self._solid.get(at)
            image = self._glances.get(at)
            if image is None and kept is not None:
                image = bank.get(kept.picture)
            tip = self.tr("Iteration {0}").format(at)
            if kept is None or not kept.start:
                tip += "\n" + self.tr("only to look at; one cannot go on from here")
            frames.append(Iterate(at, image, kept is not None and bool(kept.start), tip))
        self.bar.strip.set_frames(frames)

    def show_bar(self) -> None:
        """Buttons and words below the canvas."""
        panel = self.panel
        if panel.state.mode == "pass":
            busy = panel.passing.running
            self.bar.show_state(
                running=busy,
                possible=panel.passing.request(full=True) is not None,
                iterates=False,
                pausable=False,
                start=self.tr("Paint"),
            )
            self.bar.start.setToolTip(self.tr("Paint at the chosen size (Ctrl+Enter)"))
            self.bar.line.set_part(0.0)
            said = panel.passing.ready_sentence()
            if self.running:
                said = self.tr("A run goes on meanwhile.") + " " + said
            self._say(said, warning=panel.passing.card is None)
            return
        self.bar.start.setToolTip(self.tr("Start (Ctrl+Enter)"))
        self.bar.show_state(
            running=self.running,
            paused=self.paused,
            possible=panel.request() is not None,
            branch=self.can_branch(),
        )
        self._show_words()

    def _show_words(self) -> None:
        view = self._view
        if self.running:
            part = view.done / view.total if view is not None and view.total else 0.0
            self.bar.line.set_part(part, resting=self.paused)
            if self._stopping:
                self._say(self.tr("ending after this iteration"))
            elif self.paused:
                self._say(self.tr("paused"))
            elif view is not None and view.eta_s is not None and view.total:
                note = QCoreApplication.translate("Memory", view.note) if view.note else ""
                left = self.tr("{0} left").format(clock_text(view.eta_s))
                self._say(f"{left} · {note}" if note else left)
            else:
                waits = view is None
                self._say(self.tr("waits for its turn") if waits else self.tr("getting ready"))
            return
        self.bar.line.set_part(0.0)
        self._say(self.panel.ready_sentence(), warning=self.panel.forecasting.warning)

    def _say(self, text: str, *, warning: bool = False) -> None:
        said = self.bar.said
        said.setText(text)
        role = "error" if warning else "dim"
        if said.property("role") != role:
            said.setProperty("role", role)
            restyle(said)

    # Starting, changing, ending -----------------------------------------------------------------------------

    def start(self, request: Stylize | None = None) -> None:
        """Begin a run (from the session, or a branch)."""
        branched = request is not None
        run = request or self.panel.request()
        if run is None or self.running:
            return
        self.panel.masks.leave()
        self.panel.work_begins()
        if branched and run.resume is not None:
            at = run.resume.at
            self._glances = {a: image for a, image in self._glances.items() if a <= at}
            self._solid = {a: kept for a, kept in self._solid.items() if a <= at}
        else:
            self._forget()
            self.plot.clear()
        self._looked = None
        self.bar.strip.set_current(None)
        self.live = None
        self.picture = None
        self.paused, self._view = False, None
        self.panel.board.show_loss(None)
        self.sent = run
        self._job = self.panel.long(run, self.tr("Painting {0}").format(self.panel.title_of()), "run")
        self.show_strip()
        self.show_bar()
        self.panel.show_canvas()

    def follow(self) -> None:
        """The session changed: sliders, masks, styles and colours go into the run that goes on."""
        now = self.panel.request()
        if self.sent is None or now is None or now.content != self.sent.content:
            return
        look = now.changes[-1].look if now.changes else now.look
        if (look, now.colours) != (shown_look(self.sent), self.sent.colours):
            # Without the changes of a branch: the look that is sent is the one that holds from here on.
            self._send(msgspec.structs.replace(self.sent, look=look, changes=(), colours=now.colours))

    def _send(self, changed: Stylize) -> None:
        self.sent = changed
        self.studio.worker.update(self._job, changed)

    def pause(self, on: bool) -> None:
        """Let the run rest, or go on."""
        if not self.running:
            return
        (self.studio.worker.pause if on else self.studio.worker.resume)(self._job)
        self.paused = on
        self.show_bar()

    def stop(self) -> None:
        """End it and keep the picture as it is; one that shows nothing yet (or is asked twice) is given up."""
        if self.sent is None:
            return
        if self._stopping or self.live is None:
            self.panel.cancel("run")
            return
        self._stopping = True
        self._send(msgspec.structs.replace(self.sent, stop=1))
        if self.paused:
            self.pause(False)
        self.show_bar()

    def end_gently(self, job: int) -> bool:
        """Escape: the first time the run ends with its picture, then it is given up."""
        if job != self._job or self._stopping or self.live is None:
            return False
        self.stop()
        return True

    # Looking back --------------------------------------------------------------------------------------------

    def _look(self, at: int | None) -> None:
        self._looked = at
        self.panel.show_canvas()
        self.show_bar()
        self.studio.picture_changed(self.panel)

    def is_looking(self) -> bool:
        """Whether an iterate is looked at."""
        return self._looked is not None

    def looked(self) -> tuple[UInt8Image, str] | None:
        """The iterate that is looked at, with its caption."""
        if self._looked is None:
            return None
        kept = self._solid.get(self._looked)
        image = self.panel.colours.get(kept.picture, self._content()) if kept is not None else None
        if image is None:
            image = self._glances.get(self._looked)
        return None if image is None else (image, self.tr("iteration {0}").format(self._looked))

    def _content(self) -> str:
        state: StyleState = self.panel.state
        run = self.sent or state.made or state.run
        return run.content

    def looked_picture(self) -> tuple[UInt8Image, Stylize] | None:
        """The kept iterate that is looked at as a picture of its own: its recipe is the run up to there."""
        state: StyleState = self.panel.state
        kept = self._solid.get(self._looked) if self._looked is not None else None
        if kept is None or state.made is None or self.running:
            return None
        image = self.panel.colours.get(kept.picture, self._content())
        changes = tuple(change for change in state.made.changes if change.at < kept.at)
        run = msgspec.structs.replace(state.made, stop=kept.at, changes=changes, colours=state.run.colours)
        return None if image is None else (image, run)

    def can_branch(self) -> bool:
        """Whether the iterate that is looked at can be gone on from."""
        kept = self._solid.get(self._looked) if self._looked is not None else None
        return kept is not None and bool(kept.start) and (self.running or self.panel.state.made is not None)

    def branch_here(self) -> None:
        """Go on from the iterate that is looked at, with the sliders as they are now.

        A run that goes on ends first: its picture is kept, and it tells what was changed on its way.
        """
        if self._looked is None or not self.can_branch():
            return
        if self.running:
            self._then = self._looked
            self.stop()
        else:
            self._branch(self._looked)

    def _branch(self, at: int) -> None:
        base, now = self.panel.state.made, self.panel.request()
        if base is not None and now is not None and at in self._solid:
            self.start(branch(base, self._solid[at], shown_look(now), now.colours))

    # What comes back -----------------------------------------------------------------------------------------

    def progress(self, key: str, job: int, view: JobView) -> None:
        if job == self._job:
            self._view = view
            self._show_words()
            if self._looked is None:
                self.panel.canvas.set_caption(self.caption())

    def preview(self, key: str, job: int, preview: Preview) -> None:
        if job != self._job:
            return
        self.live = preview.image
        at = preview.index
        every = self.sent.keep if self.sent is not None and self.sent.keep else 25
        newest = max(self._glances, default=-every)
        kept = getattr(preview, "kept", None)
        if isinstance(kept, KeptIterate):
            self._solid[at] = kept
        if (at - newest >= every or at in self._solid) and len(self._glances) < MOST_GLANCES:
            self._glances[at] = glance(preview.image)
            self.show_strip()
        if self._looked is None:
            self.panel.show_canvas()

    def loss(self, key: str, job: int, loss: Loss) -> None:
        if job != self._job:
            return
        words = {"content": self.tr("content"), "style": self.tr("style"), "tv": "TV"}
        curves = curves_of(loss.values)
        self.plot.add(loss.step, {words[name]: value for name, value in curves.items()})
        for name in curves:
            self.plot.set_colour(words[name], CURVES[name])
        self.panel.board.show_loss(loss)

    def result(self, key: str, job: int, request: Any, result: Any) -> None:
        if job != self._job:
            return
        made: Stylize = msgspec.structs.replace(result.info.get("run", request), resume=None)
        then = self._then
        self._end()
        self._solid |= {kept.at: kept for kept in result.kept}
        kept = tuple(self._solid[at] for at in sorted(self._solid))
        self.picture = (result.image, made)
        self._known[msgspec.structs.replace(made, colours="style")] = kept
        self._shown_made = (made, kept)
        session = self.studio.document.session
        style = msgspec.structs.replace(session.style, made=made, kept=kept)
        # Undo passes over it: it takes sliders back, never a finished picture.
        self.studio.document.amend(msgspec.structs.replace(session, style=style))
        self.studio.add_result(made, result.image, self.panel.title_of(), self.panel.name)
        self.show_strip()
        self.show_bar()
        self.panel.show_canvas()
        self.studio.picture_changed(self.panel)
        self.panel.work_ends()
        if then is not None:
            self._branch(then)

    def ended(self, key: str, job: int) -> None:
        if job != self._job:
            return
        self._end()
        self.show_bar()
        self.panel.show_canvas()
        self.panel.work_ends()

    def _end(self) -> None:
        self.sent = None
        self._job = -1
        self._view = None
        self._then = None
        self.paused = self._stopping = False

    # The picture ---------------------------------------------------------------------------------------------

    def caption(self) -> str:
        """A few words about the picture on the canvas."""
        view = self._view
        if self.running:
            if view is None or not view.total:
                return self.tr("getting ready")
            text = self.tr("iteration {0} of {1}").format(view.done, view.total)
            scale = _SCALE.match(view.phase)
            return f"{text} · {self.tr('scale {0} of {1} · {2} px').format(*scale.groups())}" if scale else text
        return self.panel.title_of()

    def finished(self) -> tuple[UInt8Image, Stylize] | None:
        """The last run's picture in the colours of the session, asking for it where it is not at hand."""
        state: StyleState = self.panel.state
        made = state.made
        if made is None or (not state.kept and self.picture is None):
            return None
        wanted = msgspec.structs.replace(made, colours=state.run.colours)
        if self.picture is not None and self.picture[1] == wanted:
            return self.picture
        if not state.kept:
            return self.picture
        image = self.panel.colours.get(state.kept[-1].picture, made.content)
        if image is not None:
            self.picture = (image, wanted)
        return self.picture

    def known(self, run: Stylize) -> tuple[KeptIterate, ...]:
        """The iterates of a run that was finished before, so that recalling it shows its picture at once."""
        plain = msgspec.structs.replace(run, colours="style")
        kept = self._known.get(plain, ())
        if kept and self.studio.assets.has(kept[-1].picture):
            return kept
        for item in self.studio.document.session.gallery:
            if item.request == plain:
                return (KeptIterate(at=run.stop or 0, picture=item.picture),)
        return ()

    def recoloured(self, picture: str, colours: str, image: UInt8Image) -> None:
        """A picture in other colours has come."""
        state: StyleState = self.panel.state
        if state.made is None or not state.kept or state.kept[-1].picture != picture or colours != state.run.colours:
            self.panel.show_canvas()
            return
        made = msgspec.structs.replace(state.made, colours=state.run.colours)
        self.picture = (image, made)
        self.studio.add_result(made, image, self.panel.title_of(), self.panel.name)
        self.panel.show_canvas()
        self.studio.picture_changed(self.panel)

    def picture_came(self, sha: str) -> None:
        """A picture is at hand now: it may be an iterate."""
        if any(kept.picture == sha for kept in self._solid.values()):
            self.show_strip()
