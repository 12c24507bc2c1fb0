"""What reaches the UI thread: throttled states, nothing lost, nothing stale."""

from __future__ import annotations

import random

from studio.base.steps import Loss, Preview, Progress
from studio.worker.job import Happened
from studio.worker.outbox import Outbox
from tests.worker.fakes import PIXEL, Clock


class Desk:
    """An outbox with a clock of its own."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.rings = 0
        self.box = Outbox(self.ring, clock=self.clock)

    def ring(self) -> None:
        self.rings += 1

    def preview(self, job: int = 1, index: int = 0, label: str = "") -> Preview:
        """Put a preview in and return it."""
        made = Preview(PIXEL, label, index)
        self.box.put(Happened("preview", job, payload=made))
        return made

    def put(self, what: str, job: int = 1, payload: object = None) -> None:
        """Put anything in."""
        self.box.put(Happened(what, job, payload=payload))  # type: ignore[arg-type]

    def taken(self) -> list[Happened]:
        """Everything that may be delivered now."""
        out = []
        while (event := self.box.take()) is not None:
            out.append(event)
        return out


def test_the_first_preview_is_delivered_at_once_and_rings_once() -> None:
    desk = Desk()
    first = desk.preview()
    desk.put("loss", payload=Loss(1))
    assert desk.rings == 1
    assert [event.payload for event in desk.taken()] == [first, Loss(1)]
    assert desk.box.due() is None


def test_previews_are_thinned_and_the_last_one_arrives() -> None:
    desk = Desk()
    delivered = []
    last = None
    for _ in range(1010):  # one a millisecond for a second
        last = desk.preview()
        desk.clock.now += 0.001
        delivered += desk.taken()
    assert 19 <= len(delivered) <= 21
    assert desk.box.due() is not None and 0 < desk.box.due() <= 0.05  # type: ignore[operator]
    desk.clock.now += 0.05
    assert [event.payload for event in desk.taken()] == [last]
    assert desk.box.due() is None


def test_different_tiles_are_never_thinned() -> None:
    desk = Desk()
    sent = [desk.preview(index=index, label=label) for index in range(50) for label in ("a", "b")]
    assert [event.payload for event in desk.taken()] == sent


def test_an_undelivered_preview_is_replaced_in_its_place() -> None:
    desk = Desk()
    desk.preview()
    desk.put("loss", payload=Loss(1))
    newer = desk.preview()
    assert [event.payload for event in desk.taken()] == [newer, Loss(1)]


def test_the_end_comes_after_what_was_held_back() -> None:
    desk = Desk()
    desk.preview()
    desk.taken()
    held = desk.preview()
    desk.put("finished")
    assert [event.payload for event in desk.taken()] == [held, None]


def test_a_cancelled_job_takes_its_previews_with_it_but_a_replaced_one_keeps_what_was_ready() -> None:
    desk = Desk()
    desk.preview(job=1)
    ready = desk.preview(job=2)
    desk.put("cancelled", job=1)
    desk.put("replaced", job=2)
    assert [(event.what, event.job) for event in desk.taken()] == [("preview", 2), ("cancelled", 1), ("replaced", 2)]
    assert ready is not None
    desk.preview(job=3)
    desk.taken()
    desk.preview(job=3)
    desk.put("replaced", job=3)
    assert [event.what for event in desk.taken()] == ["replaced"]
    assert desk.box.due() is None


def test_jobs_are_thinned_apart() -> None:
    desk = Desk()
    first, second = desk.preview(job=1), desk.preview(job=2)
    assert [event.payload for event in desk.taken()] == [first, second]


def test_after_close_nothing_is_kept_or_rung() -> None:
    desk = Desk()
    desk.preview()
    desk.box.close()
    rings = desk.rings
    desk.preview()
    assert desk.taken() == [] and desk.rings == rings


def test_random_streams_lose_nothing_that_matters() -> None:
    for seed in range(300):
        chance = random.Random(seed)
        desk = Desk()
        out: list[Happened] = []
        losses, last, ended = [], {}, set()
        for step in range(200):
            job = chance.randrange(4)
            if job in ended:
                continue
            match chance.randrange(12):
                case 0 | 1 | 2 | 3:
                    index = chance.randrange(3)
                    last[job, index] = desk.preview(job, index)
                case 4 | 5:
                    desk.put("progress", job, Progress(step, 200))
                case 6:
                    losses.append((job, step))
                    desk.put("loss", job, (job, step))
                case 7 if step > 150:
                    ended.add(job)
                    desk.put("finished", job)
                case 8 | 9:
                    out += desk.taken()
                case _:
                    desk.clock.now += chance.random() * 0.04
        for _ in range(2):
            out += desk.taken()
            desk.clock.now += 1
        assert [event.payload for event in out if event.what == "loss"] == losses
        for (job, index), preview in last.items():
            shown = [e.payload for e in out if e.what == "preview" and e.job == job and e.payload.index == index]
            assert shown[-1] is preview, "the last preview was lost"
        for job in ended:
            story = [event.what for event in out if event.job == job]
            assert story.count("finished") == 1 and story[-1] == "finished"
