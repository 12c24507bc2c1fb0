"""Walks: keyframes on a timeline, played live, rendered exactly as they were shown."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QWidget

from studio.base.steps import UInt8Image
from studio.engine.explore.walks import frame_count
from studio.project.latents import Key, Latent, Walk
from studio.project.names import describe
from studio.widgets.chips import ChipRow
from studio.widgets.dropitems import Resolver
from studio.widgets.parts import icon_button, label, text_button
from studio.widgets.section import Section
from studio.widgets.slider import NumberSlider
from studio.widgets.timeline import Timeline


class WalkSection(Section):
    """The timeline with its ``transport`` (play, loop, add, render), curve and speed.

    ``lifted``: timeline and transport are not in the section, so that a panel can put them on its stage.
    """

    changed = Signal(object, str, str, bool)
    """``(walk, text, drag, final)``."""
    key_wanted = Signal()
    """Add the present picture as a key."""
    key_asked = Signal(float)
    """Put the present picture at this second."""
    visited = Signal(object)
    """Go to this key's latent."""
    play = Signal(bool)
    scrubbed = Signal(int)
    """Show this frame."""
    render_asked = Signal()
    measure = Signal()
    dropped_at = Signal(float, object)
    """Something was dropped at this second: a list of what it is."""
    hint_changed = Signal(str)

    def __init__(self, *, lifted: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(self.tr("Walk"), parent=parent)
        self._walk = Walk()
        self.timeline = Timeline()
        self.timeline.setMinimumHeight(64)
        self.player = icon_button("play", self.tr("Play"), checkable=True, framed=True)
        self.adder = text_button(
            self.tr("+ key"), self.key_wanted.emit, tip=self.tr("Add the present picture as a key")
        )
        self.renderer = text_button(
            self.tr("Render…"),
            self.render_asked.emit,
            tip=self.tr("MP4, WebP, GIF or PNG, exactly as played"),
        )
        self.loop = icon_button("loop", self.tr("Closed loop"), checkable=True, framed=True)
        self.curve = ChipRow(
            [("linear", self.tr("Straight")), ("slerp", self.tr("Arc")), ("cubic", self.tr("Smooth"))],
            name=self.tr("Curve of the walk"),
        )
        self.easing = ChipRow(
            [
                ("linear", self.tr("Even")),
                ("smooth", self.tr("Ease")),
                ("in", self.tr("Slow start")),
                ("out", self.tr("Slow end")),
            ],
            name=self.tr("Easing"),
        )
        self.seconds = NumberSlider(self.tr("Seconds per key"), 0.1, 10.0, 1.0, 0.1, 1, "s")
        self.fps = NumberSlider(self.tr("Frames per second"), 5, 60, 24, 1, 0)
        self.noise_loop = QCheckBox(self.tr("Noise drifts"))
        self.noise_loop.setToolTip(self.tr("Let the noise turn around a circle of its own (noise from a seed)"))
        self.length = text_button(self.tr("Measure path length"), self.measure.emit)
        self.figures = label("", "dim", wrap=True)
        self.figures.hide()
        self.speed = ChipRow(
            [("keys", self.tr("Timed by the keys")), ("even", self.tr("Constant speed"))], name=self.tr("Speed")
        )
        self.speed.setToolTip(
            self.tr("Constant: the picture changes by the same amount from frame to frame; keys keep their order only.")
        )
        self.transport = QWidget()
        buttons = QHBoxLayout(self.transport)
        buttons.setContentsMargins(0, 0, 0, 0)
        buttons.setSpacing(8)
        for part in (self.player, self.loop, self.adder, self.renderer):
            buttons.addWidget(part, 1 if part is self.adder else 0)
        if not lifted:
            self.add(self.timeline)
            self.add(self.transport)
        self.add(self.curve)
        self.add(self.speed)
        self.add(self.easing)
        self.add(self.seconds)
        self.add(self.fps)
        self.add_row(self.noise_loop, self.length, stretch=1)
        self.add(self.figures)

        self.player.toggled.connect(self._play)
        self.loop.clicked.connect(lambda on: self._edit(self.tr("Closed loop"), loop=bool(on)))
        self.noise_loop.clicked.connect(lambda on: self._edit(self.tr("Noise drifts"), noise_loop=bool(on)))
        self.curve.changed.connect(lambda c: self._edit(self.tr("Curve of the walk"), curve=c))
        self.speed.changed.connect(lambda s: self._edit(self.tr("Speed"), speed=s))
        self.easing.changed.connect(
            lambda e: self._edit(
                self.tr("Easing"), keys=tuple(msgspec.structs.replace(k, easing=e) for k in self._walk.keys)
            )
        )
        self.seconds.value_changed.connect(
            lambda v, f: self._edit(
                self.tr("Seconds per key"),
                "seconds",
                f,
                keys=tuple(msgspec.structs.replace(k, seconds=v) for k in self._walk.keys),
            )
        )
        self.fps.value_changed.connect(lambda v, f: self._edit(self.tr("Frames per second"), "fps", f, fps=int(v)))
        self.timeline.key_moved.connect(self._key_moved)
        self.timeline.key_removed.connect(self._key_removed)
        self.timeline.key_activated.connect(self._key_activated)
        self.timeline.playhead_moved.connect(lambda seconds, _: self._scrub(seconds))
        self.timeline.key_asked.connect(self.key_asked)
        self.timeline.play_toggled.connect(self.player.toggle)
        self.timeline.dropped.connect(self.dropped_at)
        self.show_walk(self._walk, {})

    def show_walk(self, walk: Walk, thumbnails: Mapping[Latent, UInt8Image]) -> None:
        """Show a walk (silently), with the pictures of its keys that are known."""
        self._walk = walk
        times, at = [], 0.0
        for key in walk.keys:
            times.append(at)
            at += key.seconds
        total = at if walk.loop else (times[-1] if times else 0.0)
        self.timeline.set_keys(
            [
                (str(i), t, key.name or describe(key.latent, self.tr), key.easing)
                for i, (t, key) in enumerate(zip(times, walk.keys, strict=True))
            ],
            total,
            loop=walk.loop,
            fps=walk.fps,
        )
        for i, key in enumerate(walk.keys):
            if key.latent in thumbnails:
                self.timeline.set_thumbnail(str(i), thumbnails[key.latent])
        self.loop.setChecked(walk.loop)
        self.noise_loop.setChecked(walk.noise_loop)
        self.curve.set_current(walk.curve)
        self.speed.set_current(walk.speed)
        self.easing.setEnabled(walk.speed == "keys")
        easings = {k.easing for k in walk.keys}
        self.easing.set_current(next(iter(easings)) if len(easings) == 1 else "")
        if walk.keys:
            self.seconds.set_value(walk.keys[0].seconds)
        self.fps.set_value(walk.fps)
        ready = len(walk.keys) >= 2
        for widget in (self.player, self.renderer, self.length):
            widget.setEnabled(ready)
        if not walk.keys:
            hint = self.tr("add keys, then play")
        elif not ready:
            hint = self.tr("one more key")
        else:
            kind = self.tr("loop") if walk.loop else self.tr("one way")
            hint = self.tr("%1 · %2 s · %3 frames").replace("%1", kind).replace("%2", f"{total:.1f}")
            hint = hint.replace("%3", str(frame_count(walk)))
            if walk.speed == "even":
                hint += " · " + self.tr("constant speed")
        self.set_hint(hint)
        self.hint_changed.emit(hint)

    def set_resolver(self, resolver: Resolver) -> None:
        """What knows the thumbnails that are dragged onto the timeline."""
        self.timeline.set_resolver(resolver)

    def set_playing(self, playing: bool) -> None:
        """Show whether it plays (silently)."""
        self.player.blockSignals(True)
        self.player.setChecked(playing)
        self.player.blockSignals(False)

    def set_frame(self, frame: int) -> None:
        """Move the playhead."""
        self.timeline.set_playhead(frame / max(1, self._walk.fps))

    def set_figures(self, text: str) -> None:
        """What the path length came to."""
        self.figures.setText(text)
        self.figures.setVisible(bool(text))

    def _edit(self, text: str, drag: str = "", final: bool = True, **changes: object) -> None:
        walk: Walk = msgspec.structs.replace(self._walk, **changes)
        self.changed.emit(walk, text, drag, final)

    def _play(self, on: bool) -> None:
        self.play.emit(on)

    def _scrub(self, seconds: float) -> None:
        self.scrubbed.emit(round(seconds * self._walk.fps))

    def _key_moved(self, key: str, seconds: float, final: bool) -> None:
        at = int(key)
        if at == 0 or at >= len(self._walk.keys):
            return
        keys = list(self._walk.keys)
        start = sum(k.seconds for k in keys[: at - 1])
        end = start + keys[at - 1].seconds + keys[at].seconds
        last = at == len(keys) - 1
        before = max(0.1, seconds - start)
        if not last or self._walk.loop:
            before = min(before, end - start - 0.1)
            keys[at] = msgspec.structs.replace(keys[at], seconds=round(end - start - before, 3))
        keys[at - 1] = msgspec.structs.replace(keys[at - 1], seconds=round(before, 3))
        self._edit(self.tr("Move key"), f"key{at}", final, keys=tuple(keys))

    def _key_removed(self, key: str) -> None:
        keys = tuple(k for i, k in enumerate(self._walk.keys) if i != int(key))
        self._edit(self.tr("Remove key"), keys=keys)

    def _key_activated(self, key: str) -> None:
        keys: tuple[Key, ...] = self._walk.keys
        if int(key) < len(keys):
            self.visited.emit(keys[int(key)].latent)
