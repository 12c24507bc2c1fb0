"""The runner, one promise at a time."""

from __future__ import annotations

import threading

import pytest

from studio.base.errors import Cancelled
from studio.base.steps import Progress
from tests.worker.fakes import Ask, Bench


@pytest.fixture
def bench() -> Bench:
    """A runner on fake operations."""
    return Bench()


def test_a_live_request_is_answered(bench: Bench) -> None:
    job = bench.runner.live("explore", Ask(1, "pvr"))
    bench.drain()
    assert bench.what(job) == ["started", "progress", "preview", "finished"]
    assert bench.end(job).payload == ("result", Ask(1, "pvr"))
    assert bench.end(job).request == Ask(1, "pvr")
    assert len(bench.runner) == 0 and not bench.runner.tick()


def test_the_latest_live_request_wins_and_equal_ones_are_dropped(bench: Bench) -> None:
    first = bench.runner.live("explore", Ask(1))
    second = bench.runner.live("explore", Ask(2))
    assert bench.runner.live("explore", Ask(2)) == second
    bench.drain()
    assert bench.what(first) == ["replaced"]
    assert bench.end(second).what == "finished"
    assert Ask(1) not in bench.stage.steps


def test_returning_to_the_running_request_drops_the_waiting_one(bench: Bench) -> None:
    first = bench.runner.live("explore", Ask(1, "ppvr"))
    bench.runner.tick()
    second = bench.runner.live("explore", Ask(2))
    assert bench.runner.live("explore", Ask(1, "ppvr")) == first
    bench.drain()
    assert bench.end(first).what == "finished"
    assert bench.what(second) == ["replaced"]


def test_a_running_live_job_gives_way_only_after_it_has_shown_something(bench: Bench) -> None:
    first = bench.runner.live("explore", Ask(1, "ppvppppr"))
    bench.runner.tick()
    second = bench.runner.live("explore", Ask(2, "vr"))
    bench.drain()
    assert bench.what(first) == ["started", "progress", "progress", "preview", "replaced"]
    assert bench.end(second).what == "finished"
    assert bench.stage.begun == bench.stage.closed == 2


def test_an_endless_drag_keeps_showing_pictures(bench: Bench) -> None:
    for value in range(400):  # a newer request before every single step
        bench.runner.live("explore", Ask(value, "pvpppppr"))
        bench.runner.tick()
    previews = [event.job for event in bench.told if event.what == "preview"]
    assert len(previews) >= 400 / 3 - 1  # of every three steps, one shows a picture
    assert previews == sorted(previews)
    # What is shown was asked for at most three requests ago.
    assert 400 - previews[-1] <= 6


def test_an_operation_without_previews_is_not_starved_by_a_drag(bench: Bench) -> None:
    for value in range(200):
        bench.runner.live("explore", Ask(value, "pppppr"))
        bench.runner.tick()
    assert sum(event.what == "finished" for event in bench.told) >= 200 // 6 - 1


def test_live_requests_go_between_the_steps_of_a_long_job(bench: Bench) -> None:
    long = bench.runner.long(Ask(9, "p" * 20 + "r"), "Render")
    bench.runner.tick()
    bench.runner.tick()
    live = bench.runner.live("explore", Ask(1, "pppr"))
    bench.drain()
    at = [event.job for event in bench.told if event.what in ("progress", "finished")]
    assert at[:2] == [long, long] and at[2:6] == [live] * 4  # four steps of the live one in a row
    assert bench.end(long).what == "finished"


def test_neither_the_long_job_nor_a_refinement_starves_under_endless_live_requests(bench: Bench) -> None:
    long = bench.runner.long(Ask(-1, "p" * 1000 + "r", 0.1), "Train")
    refined = bench.runner.live("map", Ask(-2, "v" + "p" * 1000 + "r", 0.02))
    for value in range(3000):  # 30 s of dragging at 100 requests a second
        bench.runner.live("explore", Ask(value, "r", 0.01))
        bench.runner.tick()
    long_steps = sum(event.job == long and event.what == "progress" for event in bench.told)
    refine_steps = sum(event.job == refined and event.what == "progress" for event in bench.told)
    assert 8 <= long_steps <= 20  # one in two seconds: no stutter that could be felt, and no standstill
    assert refine_steps >= 100
    assert sum(event.what == "finished" for event in bench.told) > 2000


def test_two_live_lanes_share(bench: Bench) -> None:
    for value in range(100):
        bench.runner.live("explore", Ask(value, "r"))
        bench.runner.live("mix", Ask(value, "r"))
        bench.runner.tick()
    by_key = [event.key for event in bench.told if event.what == "finished"]
    assert abs(by_key.count("explore") - by_key.count("mix")) <= 1


def test_a_tile_lane_does_not_delay_a_drag(bench: Bench) -> None:
    tiles = bench.runner.live("map", Ask(7, "v" * 64 + "r"))
    bench.runner.tick()
    bench.runner.tick()
    picture = bench.runner.live("explore", Ask(1, "r"))
    bench.runner.tick()
    assert bench.end(picture).what == "finished"
    bench.drain()
    assert bench.end(tiles).what == "finished"


def test_long_jobs_run_in_order(bench: Bench) -> None:
    jobs = [bench.runner.long(Ask(i, "ppr"), f"job {i}") for i in range(5)]
    assert [view.behind for view in bench.runner.views()] == [0, 1, 2, 3, 4]
    bench.drain()
    assert [event.job for event in bench.told if event.what == "started"] == jobs
    assert [event.job for event in bench.told if event.what == "finished"] == jobs


def test_pause_keeps_the_place_and_lets_live_requests_go_on(bench: Bench) -> None:
    first = bench.runner.long(Ask(1, "pppppr"), "first")
    second = bench.runner.long(Ask(2, "pr"), "second")
    bench.runner.tick()
    assert bench.runner.pause(first) and not bench.runner.pause(first)
    live = bench.runner.live("explore", Ask(3))
    bench.drain()
    assert bench.end(live).what == "finished"
    assert bench.what(first) == ["started", "progress"] and bench.what(second) == []
    assert [view.state for view in bench.runner.views()] == ["paused", "waiting"]
    assert bench.runner.resume(first) and not bench.runner.resume(first)
    bench.drain()
    assert bench.end(first).what == bench.end(second).what == "finished"


def test_a_job_paused_before_it_began_does_not_begin(bench: Bench) -> None:
    job = bench.runner.long(Ask(1), "later")
    bench.runner.pause(job)
    bench.drain()
    assert bench.stage.steps == []
    bench.runner.resume(job)
    assert bench.runner.views()[0].state == "waiting"
    bench.drain()
    assert bench.end(job).what == "finished"


@pytest.mark.parametrize("pause", [False, True])
def test_cancel_closes_before_any_other_step(bench: Bench, pause: bool) -> None:
    job = bench.runner.long(Ask(1, "p" * 9 + "r"), "Render")
    after = bench.runner.long(Ask(2, "r"), "after")
    bench.runner.tick()
    if pause:
        bench.runner.pause(job)
    assert bench.runner.cancel(job) and not bench.runner.cancel(job)
    bench.runner.tick()
    assert bench.end(job).what == "cancelled" and bench.stage.closed >= 1
    assert bench.stage.steps.count(Ask(1, "p" * 9 + "r")) == 1
    bench.drain()
    assert bench.end(after).what == "finished"


def test_a_waiting_job_is_cancelled_at_once(bench: Bench) -> None:
    job = bench.runner.long(Ask(1), "never")
    bench.runner.cancel(job)
    assert bench.what(job) == ["cancelled"] and len(bench.runner) == 0


def test_cancel_within_the_last_step_wins_over_the_result(bench: Bench) -> None:
    job = bench.runner.long(Ask(1, "r"), "Render")
    bench.stage.in_step = lambda ask: bench.runner.cancel(job)  # type: ignore[assignment]
    bench.drain()
    assert bench.what(job) == ["started", "cancelled"]


def test_cancel_by_key(bench: Bench) -> None:
    keep = bench.runner.live("mix", Ask(5))
    gone = [bench.runner.live("explore", Ask(1)), bench.runner.long(Ask(2), "x", "explore")]
    assert bench.runner.cancel_key("explore") == 2
    bench.drain()
    assert [bench.end(job).what for job in gone] == ["cancelled"] * 2
    assert bench.end(keep).what == "finished"


def test_update_reaches_the_running_operation_and_the_result_says_so(bench: Bench) -> None:
    job = bench.runner.long(Ask(1, "ppppr"), "Style")
    bench.runner.tick()
    bench.runner.update(job, Ask(2, "ppppr"))
    bench.runner.update(job, Ask(3, "ppppr"))  # the latest counts
    bench.drain()
    assert bench.stage.sent == [(Ask(1, "ppppr"), Ask(3, "ppppr"))]
    assert bench.end(job).request == Ask(3, "ppppr")
    assert bench.end(job).payload == ("result", Ask(3, "ppppr"))


def test_update_before_the_first_step_replaces_the_request(bench: Bench) -> None:
    job = bench.runner.long(Ask(1), "Style")
    assert bench.runner.update(job, Ask(2))
    bench.drain()
    assert bench.stage.sent == [] and bench.end(job).payload == ("result", Ask(2))
    assert not bench.runner.update(job, Ask(3))


def test_update_within_the_first_step_is_sent_with_the_second(bench: Bench) -> None:
    job = bench.runner.long(Ask(1, "ppr"), "Style")
    asked = []

    def once(ask: Ask) -> None:
        if not asked:
            asked.append(bench.runner.update(job, Ask(2, "ppr")))

    bench.stage.in_step = once
    bench.drain()
    assert bench.stage.sent == [(Ask(1, "ppr"), Ask(2, "ppr"))]


def test_failures_are_told_by_kind_and_the_next_job_runs(bench: Bench) -> None:
    bad = bench.runner.long(Ask(1, "px"), "Render")
    good = bench.runner.long(Ask(2), "after")
    bench.drain()
    error = bench.end(bad).payload
    assert bench.end(bad).what == "failed" and error.kind == "internal"
    assert "“Render”" in error.what and "ValueError" in error.detail
    assert bench.end(good).what == "finished"


def test_an_operation_may_stop_by_itself(bench: Bench) -> None:
    job = bench.runner.long(Ask(1, "pc"), "Render")
    bench.drain()
    assert bench.end(job).what == "cancelled"


def test_an_operation_that_yields_something_else_fails(bench: Bench) -> None:
    def wrong(context: object) -> object:
        yield 5

    job = bench.runner.call(wrong, "Wrong")
    bench.drain()
    assert "Progress, Preview or Loss, not int" in bench.end(job).payload.detail


def test_out_of_memory_begins_again_more_modestly(bench: Bench) -> None:
    contexts = []
    real = bench.stage.start
    bench.stage.start = lambda context, ask: contexts.append(context) or real(context, ask)  # type: ignore[method-assign, func-returns-value]
    job = bench.runner.live("explore", Ask(1, "ppM"))
    bench.drain()
    assert bench.end(job).what == "finished"
    assert contexts == ["context", ("context", "smaller")]
    notes = [event.payload.note for event in bench.told if event.what == "progress"]
    assert "smaller" in notes


def test_the_end_of_the_ladder_is_a_sentence_and_can_be_retried(bench: Bench) -> None:
    job = bench.runner.long(Ask(1, "pm"), "Render")
    bench.drain()
    assert bench.end(job).what == "failed" and bench.end(job).payload.kind == "resource"
    assert "MemoryError" in bench.end(job).payload.detail
    assert bench.stage.begun == bench.stage.closed == 3  # once, and on two rungs
    again = bench.runner.retry(job)
    assert again is not None and bench.runner.retry(10_000) is None
    bench.drain()
    assert bench.end(again).what == "failed"


def test_a_fault_while_freeing_memory_ends_the_job(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    class Faulty:
        def up(self, context: object, request: object) -> None:
            raise RuntimeError("the card is gone")

    bench.runner._memory.Climb = Faulty  # type: ignore[union-attr, method-assign, assignment]
    job, after = bench.runner.long(Ask(1, "pm"), "Render"), bench.runner.long(Ask(2), "after")
    bench.drain()
    assert bench.end(job).what == "failed" and "the card is gone" in bench.end(job).payload.detail
    assert bench.end(after).what == "finished" and "could not be tried again" in caplog.text


def test_a_function_is_not_begun_again_when_memory_runs_out(bench: Bench) -> None:
    calls = []

    def function(context: object) -> None:
        calls.append(context)
        raise MemoryError

    job = bench.runner.call(function, "Import")
    bench.drain()
    assert calls == ["context"] and bench.end(job).payload.kind == "resource"


def test_the_failed_step_lets_its_memory_go_before_the_next_try(bench: Bench) -> None:
    import weakref

    class Big:
        pass

    alive: list[weakref.ref[Big]] = []
    seen: list[bool] = []

    def start(context: object, ask: Ask) -> object:
        seen.extend(ref() is not None for ref in alive)
        big = Big()
        alive.append(weakref.ref(big))
        yield Progress(1, 2)
        raise MemoryError

    bench.stage.start = start  # type: ignore[method-assign, assignment]
    bench.runner.long(Ask(1), "Render")
    bench.drain()
    assert len(alive) == 3 and not any(seen)


def test_functions_run_as_long_jobs_plain_or_in_steps(bench: Bench) -> None:
    def steps(context: object) -> object:
        yield Progress(1, 2, "reading")
        return "model"

    plain = bench.runner.call(lambda context: f"plain {context}", "Read")
    stepped = bench.runner.call(steps, "Import")
    bench.drain()
    assert bench.end(plain).payload == "plain context" and bench.end(plain).request is None
    assert bench.what(stepped) == ["started", "progress", "finished"]


def test_a_function_that_was_done_when_cancel_came_is_done(bench: Bench) -> None:
    def function(context: object) -> str:
        bench.runner.cancel(job)
        return "saved"

    job = bench.runner.call(function, "Save")
    bench.drain()
    assert bench.end(job).what == "finished"


def test_a_fault_while_stopping_does_not_take_the_runner(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    def stubborn(context: object) -> object:
        try:
            yield Progress(1, 3)
        finally:
            raise OSError("a temporary file stayed")

    job = bench.runner.call(stubborn, "Export")
    bench.runner.tick()
    bench.runner.cancel(job)
    bench.drain()
    assert bench.end(job).what == "cancelled" and "temporary file" in caplog.text


def test_controls_run_before_the_next_step(bench: Bench) -> None:
    order: list[str] = []
    bench.stage.in_step = lambda ask: order.append("step")  # type: ignore[assignment]
    bench.runner.long(Ask(1, "r"), "x")
    bench.runner.post(lambda: order.append("control"))
    bench.drain()
    assert order == ["control", "step"]


def test_closing_ends_everything_and_takes_no_more(bench: Bench) -> None:
    jobs = [bench.runner.long(Ask(i, "ppp"), "x") for i in range(3)] + [bench.runner.live("explore", Ask(7))]
    bench.runner.tick()
    bench.runner.ask_to_close()
    bench.runner.close()
    jobs.append(bench.runner.long(Ask(8), "late"))
    assert [bench.end(job).what for job in jobs] == ["cancelled"] * 5
    assert bench.stage.begun == bench.stage.closed
    assert not bench.runner.tick()


def test_serve_sleeps_until_woken_and_survives_our_own_defects(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    idle, done = threading.Event(), threading.Event()
    ticks: list[bool] = []

    def after(worked: bool) -> None:
        ticks.append(worked)
        if len(ticks) == 1:
            idle.set()
            raise RuntimeError("a defect of the bridge")
        if any(event.what == "finished" for event in bench.told):
            done.set()

    thread = threading.Thread(target=bench.runner.serve, args=(after,))
    thread.start()
    assert idle.wait(10)
    bench.runner.live("explore", Ask(1))
    assert done.wait(10)
    count = len(ticks)
    bench.runner.ask_to_close()
    thread.join(10)
    assert not thread.is_alive()
    assert count <= 5 and len(ticks) - count <= 2  # it does not spin
    assert "a defect of the bridge" in caplog.text


def test_eta_is_the_median_of_recent_steps_without_pauses(bench: Bench) -> None:
    job = bench.runner.long(Ask(1, "p" * 100 + "r", seconds=2.0), "Train")
    assert bench.runner.views()[0].eta_s is None
    for _ in range(2):
        bench.runner.tick()
    assert bench.runner.views()[0].eta_s is None  # one measured step is no measure
    for _ in range(8):
        bench.runner.tick()
    assert bench.runner.views()[0].eta_s == pytest.approx(180)
    bench.runner.pause(job)
    bench.clock.now += 5000
    assert bench.runner.views()[0].eta_s == pytest.approx(180)
    bench.runner.resume(job)
    bench.runner.tick()
    assert bench.runner.views()[0].eta_s == pytest.approx(178)
    bench.clock.now += 60  # one step hangs: the estimate stands still, it does not run to zero
    assert bench.runner.views()[0].eta_s == pytest.approx(176)


def test_a_stop_raised_by_a_plain_function_is_a_cancel(bench: Bench) -> None:
    def function(context: object) -> None:
        raise Cancelled

    job = bench.runner.call(function, "x")
    bench.drain()
    assert bench.end(job).what == "cancelled"
