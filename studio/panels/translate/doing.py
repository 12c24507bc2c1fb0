"""The picture: asked for while hands move, made in full when asked, shown, compared, kept in the history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from PySide6.QtCore import QElapsedTimer, QTimer

from studio.base.errors import StudioError
from studio.base.steps import Preview, UInt8Image
from studio.panels.parts.labels import said
from studio.panels.translate.bar import FullBar
from studio.panels.translate.part import Part
from studio.panels.translate.values import longer_side, sounding, work_size, worlds
from studio.project.session import TranslateState
from studio.project.translate import Cycle, Translate, Upscale
from studio.widgets.jobstrip import time_left

if TYPE_CHECKING:
    from studio.panels.translate.panel import TranslatePanel
    from studio.worker.bridge import JobView

REST_MS = 1500
"""A drawing that was left alone for so long is a result."""
WORTH_S = 2.0
"""Seconds from which the time of the full size is told."""
SLOW_MS = 2000.0
BY_ITSELF_S = 5.0
"""Seconds up to which the full size is made without being asked for, when the hand rests."""
TILED = 2_500_000
"""Pixels from which the full size goes through in tiles."""


class Doing(Part):
    """``picture``: what was made last, its request, and the whole result."""

    keys = frozenset({"live", "full", "warm"})

    def __init__(self, panel: TranslatePanel) -> None:
        super().__init__(panel)
        self.picture: tuple[UInt8Image, msgspec.Struct, Any] | None = None
        self.ms = 0.0
        """From asking to the picture, of the last live one."""
        self._asked: dict[int, tuple[QElapsedTimer, msgspec.Struct]] = {}
        self._rates: dict[str, float] = {}
        self._full = -1
        self._full_title = ""
        self._failed: msgspec.Struct | None = None
        self._settled = False
        self._due = False
        """Somebody did something whose outcome is not in the history yet."""
        self._preview: UInt8Image | None = None
        self._said = ""
        self._warm = ""
        self.bar = FullBar()
        self.bar.start_asked.connect(self.run)
        self.bar.stop_asked.connect(self.stop)
        self.rest = QTimer(self)
        self.rest.setSingleShot(True)
        self.rest.setInterval(REST_MS)
        self.rest.timeout.connect(self.rested)

    # Asking --------------------------------------------------------------------------------------------------

    def ask(self) -> None:
        """The live picture of the session, unless it is there already."""
        if not self.panel.active or self.panel.labels.waiting():
            return
        request = self.panel.request(full=False)
        if request is None:
            if not (self.picture is not None and self.picture[1] == self.panel.request(full=True)):
                self.picture = None
            return
        if self.shows(request):
            if self._settled:
                self.keep()
        elif request != self._failed:
            self._send(request)

    def _send(self, request: msgspec.Struct) -> None:
        clock = QElapsedTimer()
        clock.start()
        job = self.panel.live(request, "live")
        self._asked = {at: asked for at, asked in self._asked.items() if self.panel.owns(at)}
        self._asked.setdefault(job, (clock, request))

    def warm_up(self) -> None:
        """Have the network ready before the first stroke: blank paper goes through it, and nobody sees what comes."""
        card = self.panel.card
        if self.panel.state.mode == "draw" and card is not None and self._warm != card.sha256:
            self._warm = card.sha256
            side = self.panel.paper.side
            blank = self.studio.assets.put_image(np.full((side, side, 3), 255, np.uint8))
            look = sounding(self.panel.state.look, card)
            precision = self.panel.precision
            self.panel.live(
                Translate(model=card.sha256, precision=precision, picture=blank, look=look, size=side), "warm"
            )

    def in_flight(self) -> bool:
        """Whether a live picture is on its way."""
        return any(self.panel.owns(job) for job in self._asked)

    def shows(self, request: msgspec.Struct) -> bool:
        """Whether the picture at hand is that of a request, or the same in full."""
        return self.picture is not None and self.picture[1] in (request, self.panel.request(full=True))

    def whole(self) -> bool:
        """Whether the picture at hand is what the session asks for in full."""
        if self.picture is None or (self.panel.state.mode == "draw" and self.panel.paper.source() is not None):
            return False  # a frame on its way is no recipe
        return bool(self.picture[1] == self.panel.request(full=True))

    def forget(self) -> None:
        """What failed may succeed now (models came, a picture was found)."""
        self._failed = None

    def forget_model_pictures(self) -> None:
        """Models came, went or are understood otherwise: the picture at hand may be another one now."""
        self._failed = None
        self.picture = None

    def leave_mode(self) -> None:
        """Another way of working: the picture at hand is an outcome of the other one."""
        if not self.whole():
            self.picture = None

    def settle(self, final: bool) -> None:
        """A control moved; at the end of the gesture its picture is a result."""
        self._settled = self._due = final
        if final:
            self.rest.start()
            if self.whole():
                self.keep()

    def drew(self) -> None:
        """A stroke is in the project: what the hand rests on becomes a result."""
        self._due = True
        self.rest.start()

    def rested(self) -> None:
        """The hand has rested: the drawing is a result, and what only slows it down may follow."""
        self._settled = self._due
        if self.panel.active and not self.panel.paper.busy():
            if self.whole() and self._due:
                self.keep()
            elif self._due and self.panel.state.mode != "draw" and self._is_quick():
                self.run()
            self.panel.labels.ask()
            self.panel.varying.ask()

    def _is_quick(self) -> bool:
        """Whether the full size takes so little, by what was measured, that nobody needs to press a button."""
        width, height = self.outcome_size()
        seconds = self.seconds(width * height)
        return seconds is not None and seconds <= BY_ITSELF_S and not self.running and not self.in_flight()

    def keep(self) -> None:
        """The picture at hand goes into the history."""
        if self.picture is not None:
            image, request, _ = self.picture
            self.panel.paper.hold(str(getattr(request, "picture", "")))
            self._settled = self._due = False
            self.studio.add_result(request, image, self.title(), self.panel.name)

    def keep_now(self) -> None:
        """Ctrl+Enter: in full, into the history."""
        if self.whole():
            self.keep()
            return
        full = self.panel.request(full=True)
        if self.panel.state.mode == "draw" and full is not None and full == self.panel.request(full=False):
            self._settled = True
            self.ask()
        else:
            self.run()

    def run(self) -> None:
        """Make it in full."""
        request = self.panel.request(full=True)
        if request is None:
            self.studio.notify(self.panel.ready_sentence())
        elif self.running:
            return
        elif self.whole():
            self.keep()
        else:
            title = self.tr("Enlarging") if isinstance(request, Upscale) else self.tr("Translating")
            self._full = self.panel.long(request, title, "full")
            self._full_title = self.title()
            self._said = ""
            self.bar.line.set_part(0.0)
            self.show_bar()

    @property
    def running(self) -> bool:
        """Whether the full picture is being made."""
        return self.panel.owns(self._full)

    def stop(self) -> None:
        """End it."""
        self.panel.cancel("full")

    # Showing -------------------------------------------------------------------------------------------------

    def show(self, state: TranslateState) -> None:
        self.show_bar()

    def show_bar(self) -> None:
        """The bar below the canvas."""
        state: TranslateState = self.panel.state
        full = self.panel.request(full=True) if state.mode != "draw" else None
        needed = full is not None and not self.whole() and full != self.panel.request(full=False)
        text = self.tr("Enlarge") if state.mode == "enlarge" else self.tr("Make the full size")
        self.bar.show_state(
            running=self.running, needed=needed, text=text, said=self._said if self.running else self.cost_words()
        )

    def outcome_size(self) -> tuple[int, int]:
        """Width and height of the full outcome; (0, 0) while nothing is known."""
        state: TranslateState = self.panel.state
        own = self.panel.own_size()
        if not all(own):
            return 0, 0
        if state.mode == "enlarge":
            scale = int(self.panel.card.hyper.get("scale", 1)) if self.panel.card is not None else 1
            return own[0] * scale, own[1] * scale
        share = longer_side(work_size(state, self.panel.card, own), own) / max(own)
        return max(1, round(own[0] * share)), max(1, round(own[1] * share))

    def cost_words(self) -> str:
        """The size of the outcome, and what it takes where that is worth a word."""
        state: TranslateState = self.panel.state
        width, height = self.outcome_size()
        if state.mode == "draw" or not width or self.panel.card is None:
            return ""
        words = [f"{width} × {height} px"]
        seconds = self.seconds(width * height)
        if seconds is not None and seconds >= WORTH_S:
            words.append(self.tr("about {0}").format(clock(seconds)))
        if width * height > TILED:
            words.append(self.tr("in tiles, {0} MB for the picture").format(max(1, round(width * height * 7 / 2**20))))
        elif seconds is None and width * height > 1_000_000:
            words.append(self.tr("may take a while"))
        return " · ".join(words)

    def seconds(self, pixels: int) -> float | None:
        """How long so many pixels of the outcome take, by what was measured here; None: nothing was."""
        card = self.panel.card
        rate = self._rates.get(card.sha256) if card is not None else None
        return None if rate is None else rate * pixels

    def _measure(self, request: Any, image: UInt8Image, seconds: float) -> None:
        rate = seconds / max(1, image.shape[0] * image.shape[1])
        if isinstance(request, Cycle):
            rate /= 2
        # The first one loads the network; the quickest of the later ones tells best.
        known = self._rates.get(request.model)
        self._rates[request.model] = rate if known is None else min(known * 1.1, rate)

    def file_title(self) -> str:
        """The same for a file; one that is only a preview says so."""
        return self.title() if self.whole() else f"{self.title()} ({self.tr('preview')})"

    def title(self) -> str:
        """A short name of what is shown: "harbour → 3D emoji"."""
        state: TranslateState = self.panel.state
        name = state.picture_name or self.tr("picture")
        if state.mode == "enlarge":
            scale = self.panel.card.hyper.get("scale", 1) if self.panel.card is not None else 1
            return f"{name} · {scale}×"
        target = said(worlds(self.panel.card)[1])
        if state.mode == "draw":
            name = self.tr("drawing")
        return f"{name} → {target}" if target != "B" else f"{name} · {self.panel.model_name()}"

    def caption(self) -> str:
        """The line above the result."""
        if self.picture is None:
            return ""
        state: TranslateState = self.panel.state
        if state.mode == "draw":
            told = 0 < self.ms < SLOW_MS  # the first one loads the network, which says nothing of the next
            return self.tr("live · {0} ms").format(round(self.ms)) if told else self.tr("live")
        words = [self.title()]
        if not self.whole():
            words.append(self.tr("preview"))
        return " · ".join(words)

    # Jobs ----------------------------------------------------------------------------------------------------

    def progress(self, key: str, job: int, view: JobView) -> None:
        if key == "full" and view.total:
            self.bar.line.set_part(view.done / view.total)
            self._said = " · ".join(filter(None, (self.panel.say_phase(view.phase), time_left(view.eta_s))))
            self.bar.said.setText(self._said)

    def preview(self, key: str, job: int, preview: Preview) -> None:
        if key == "full":
            self._preview = preview.image
            self.panel.show_canvas()

    @property
    def growing(self) -> UInt8Image | None:
        """What the full picture looks like on its way."""
        return self._preview if self.running else None

    def result(self, key: str, job: int, request: Any, result: Any) -> None:
        if key == "warm":
            return
        started = self._asked.pop(job, None)
        self._failed = None
        if key == "full":
            self._full, self._preview = -1, None
            if request != self.panel.request(full=True):
                # Somebody went on to something else meanwhile: it is a result, but not the picture in hand.
                self.studio.add_result(request, result.image, self._full_title, self.panel.name)
                self.panel.show_canvas()
                self.show_bar()
                return
        elif self.panel.request(full=False) is None and self.panel.request(full=True) is None:
            self.panel.paper.frame_ended()
            return  # the paper was emptied meanwhile
        self.picture = (result.image, request, result)
        if started is not None:
            self.ms = float(started[0].elapsed())
            self._measure(request, result.image, self.ms / 1000)
        if key == "full" or (self._settled and self.whole()):
            self.keep()
        self.panel.result_came(request)
        if key == "live" and not self.in_flight() and not self.shows(self.panel.request(full=False)):
            self.ask()  # a stroke may have been taken back meanwhile

    def failed(self, key: str, job: int, error: StudioError) -> bool:
        # Not again and again: what failed is asked for anew only when something changes.
        if job in self._asked:
            self._failed = self._asked[job][1]
        return key == "warm"  # the first stroke will tell

    def ended(self, key: str, job: int) -> None:
        if key == "warm":
            return
        self._asked.pop(job, None)
        if key == "full":
            self._full, self._preview = -1, None
        self.panel.paper.frame_ended()
        self.panel.show_canvas()
        self.show_bar()


def clock(seconds: float) -> str:
    """ "12 s", "3:20 min"."""
    whole = max(1, round(seconds))
    return f"{whole} s" if whole < 90 else f"{whole // 60}:{whole % 60:02d} min"
