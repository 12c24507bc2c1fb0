"""The run against a plain loop, tiles against the whole, resumed against uninterrupted, changed against recorded."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor

from studio.base.errors import StudioError
from studio.base.steps import Loss, Preview, Progress
from studio.engine.pictures import resized, tensor
from studio.engine.registry import start
from studio.engine.results import KeptPreview, StyleRun
from studio.engine.style.costs import Costs, Evaluation, Setting
from studio.engine.style.masks import Regions
from studio.engine.style.network import Network
from studio.project.style import Change, LayerWeight, Resume, Start, StyleSource
from tests.engine.style.parts import LAYERS, SmallContext, events, finish, network, painting, photograph, request


def _run_to(ctx: SmallContext, **more: Any) -> StyleRun:
    return finish(ctx, request(ctx, **more))


@pytest.mark.parametrize("scaled", ["zeros", "reflect"])
def test_follows_a_plain_reference_loop(scaled: str) -> None:
    """The seed's formulas with torch.optim.Adam, on a network with VGG's pooling and random weights, for 20 steps."""
    net = network(3, padding=scaled, pooling="max", preprocessing="torchvision")
    ctx = SmallContext(net)
    run = request(
        ctx, statistic="gram", scaling="gatys", iterations=20, average=0.0, look={"alpha": 1.0, "beta": 1e3, "tv": 0.0}
    )
    ours: list[dict[str, float]] = []
    steps = start(ctx, run)
    shown: Any = None
    try:
        while True:
            event = next(steps)
            if isinstance(event, Loss):
                ours.append(event.values)
    except StopIteration as stop:
        shown = stop.value
    content = tensor(ctx.assets.image(run.content))
    style = resized(tensor(painting()), (50, 64))

    def look(x: Tensor) -> dict[str, Tensor]:
        return net.features(x, [w.name for w in LAYERS], padding="reflect")

    with torch.no_grad():
        p, a = look(content), look(style)
    x = content.clone().requires_grad_()
    adam = torch.optim.Adam([x], lr=run.look.step, betas=(0.9, 0.99))
    for i in range(20):
        found = look(x)
        total = torch.zeros(())
        for w in LAYERS:
            f = found[w.name][0]
            c, h, width = f.shape
            if w.content:
                total = total + w.content * (f - p[w.name][0]).square().sum() / (4 * h * width * c)
            if w.style:
                g = f.flatten(1) @ f.flatten(1).T
                s = a[w.name][0].flatten(1)
                target = (s @ s.T) * (h * width / s.shape[1])  # the painting has another number of places
                total = total + 1e3 * w.style * (g - target).square().sum() / (4 * c**2 * (h * width) ** 2)
        assert ours[i]["total"] == pytest.approx(float(total.detach()), rel=1e-3)
        adam.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        adam.step()
        with torch.no_grad():
            x.clamp_(0, 1)
    expected = x.detach()[0].permute(1, 2, 0).numpy()
    assert np.abs(shown.raw / 255.0 - expected).max() < 1e-3 + 0.5 / 255


def _evaluate(costs: Costs, x: Tensor, look: Any, step: int = 1) -> Evaluation:
    for _ in costs.prepare(look):
        pass
    return events(costs.evaluate(x, look, step))[1]  # type: ignore[no-any-return]


@pytest.mark.parametrize("statistic", ["gram", "covariance", "moments", "sliced"])
@pytest.mark.parametrize(("size", "pooling"), [((101, 87), "average"), ((96, 120), "max")])
def test_tiles_give_the_gradient_of_the_whole(statistic: Any, size: tuple[int, int], pooling: str) -> None:
    ctx = SmallContext(network(1, pooling=pooling))
    content = photograph(*size, seed=4)
    mask = np.zeros((40, 40, 3), np.uint8)
    mask[:, :25] = 255
    look = request(ctx).look
    second = StyleSource(
        picture=ctx.assets.put_image(painting(seed=8)), mask=ctx.assets.put_image(mask), alpha=0.2, weight=0.6
    )
    look = msgspec.structs.replace(look, styles=(*look.styles, second))

    def evaluation(tile: int) -> Evaluation:
        net = Network(ctx.features("f" * 64), "cpu", low=False)
        styles = {s.picture: tensor(ctx.assets.image(s.picture)) for s in look.styles}
        setting = Setting(net, tensor(content), styles, statistic, "gatys", 0, tile=tile)
        x = (tensor(content) + 0.1 * torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(1))).clamp(0, 1)
        return _evaluate(Costs(setting, size, Regions(ctx)), x, look)

    whole, tiled = evaluation(0), evaluation(32)
    assert torch.allclose(tiled.grad, whole.grad, rtol=0, atol=1e-4 * float(whole.grad.abs().max()))
    for name, value in whole.values.items():
        assert tiled.values[name] == pytest.approx(value, rel=1e-4)


@pytest.mark.parametrize(
    "more", [{}, {"optimiser": "lbfgs"}, {"pyramid": True, "size": 90, "keep": 3}, {"statistic": "sliced"}]
)
def test_resumed_equals_uninterrupted(more: dict[str, Any]) -> None:
    ctx = SmallContext()
    run = request(ctx, **more)
    whole = finish(ctx, run)
    assert np.array_equal(finish(ctx, run).image, whole.image)
    assert len(whole.kept) >= 3
    for kept in whole.kept[:-1]:
        again = finish(ctx, msgspec.structs.replace(run, resume=Resume(at=kept.at, start=kept.start)))
        assert np.array_equal(again.image, whole.image), kept.at
        assert again.losses == whole.losses
    assert np.array_equal(ctx.assets.image(whole.kept[-1].picture), whole.raw)


def test_what_is_changed_on_the_way_is_in_the_recipe() -> None:
    ctx = SmallContext()
    run = request(ctx, iterations=8, keep=2, statistic="sliced")
    other = ctx.assets.put_image(painting(seed=9))
    steps = start(ctx, run)
    sent: Any = None
    made = None
    try:
        while True:
            event = steps.send(sent)
            sent = None
            if isinstance(event, Loss) and event.step == 3:
                layers = (*LAYERS[:2], LayerWeight(name="relu3_1", style=3.0), LayerWeight(name="relu1_2", content=1.0))
                sent = msgspec.structs.replace(run, look=msgspec.structs.replace(run.look, layers=layers, tv=2.0))
            if isinstance(event, Loss) and event.step == 5:
                both = (StyleSource(picture=other), *run.look.styles)
                look = msgspec.structs.replace(run.look, styles=both, step=0.05)
                sent = msgspec.structs.replace(run, look=look)
    except StopIteration as stop:
        made = stop.value
    assert isinstance(made, StyleRun)
    recorded = made.info["run"]
    assert [c.at for c in recorded.changes] == [3, 5]
    assert recorded.changes[0].look.tv == 2.0
    assert np.array_equal(finish(ctx, recorded).image, made.image)
    for kept in made.kept[:-1]:
        resumed = msgspec.structs.replace(recorded, resume=Resume(at=kept.at, start=kept.start))
        assert np.array_equal(finish(ctx, resumed).image, made.image), kept.at
    assert not np.array_equal(finish(ctx, run).image, made.image)


def test_a_branch_shares_the_way_and_leaves_it() -> None:
    ctx = SmallContext()
    run = request(ctx, iterations=6)
    kept = finish(ctx, run).kept[1]
    changed = (Change(at=kept.at, look=msgspec.structs.replace(run.look, beta=0.5)),)
    branch = msgspec.structs.replace(run, changes=changed)
    resumed = finish(ctx, msgspec.structs.replace(branch, resume=Resume(at=kept.at, start=kept.start)))
    assert np.array_equal(resumed.image, finish(ctx, branch).image)
    assert resumed.info["run"] == branch


def test_stops_where_it_is_told_to() -> None:
    ctx = SmallContext()
    run = request(ctx, iterations=9)
    steps = start(ctx, run)
    sent: Any = None
    try:
        while True:
            event = steps.send(sent)
            sent = msgspec.structs.replace(run, stop=1) if isinstance(event, Loss) and event.step == 4 else None
    except StopIteration as stop:
        made = stop.value
    assert made.info["iterations"] == made.info["run"].stop == 4
    assert np.array_equal(finish(ctx, made.info["run"]).image, made.image)


def test_events_of_a_run() -> None:
    ctx = SmallContext()
    found, made = events(start(ctx, request(ctx, pyramid=True, size=90, colours="luminance")))
    assert isinstance(found[0] if isinstance(found[0], Preview) else found[1], Preview)
    losses = [e for e in found if isinstance(e, Loss)]
    assert [e.step for e in losses] == list(range(1, 11))
    names = ["content relu2_2", "style relu1_1", "style relu2_1", "style relu3_1", "tv", "total"]
    assert sorted(losses[0].values) == sorted(names)
    assert losses[0].values["total"] == pytest.approx(sum(v for k, v in losses[0].values.items() if k != "total"))
    phases = [e for e in found if isinstance(e, Progress)]
    assert phases[-1].done == phases[-1].total == 10
    assert phases[-1].phase.startswith("Scale 2 of 2 · 90 px")
    kept = [e.kept for e in found if isinstance(e, KeptPreview)]
    assert [k.at for k in kept if k is not None] == [k.at for k in made.kept[:-1]]
    assert made.image.shape == (90, 90, 3)
    assert not np.array_equal(made.image, made.raw)


def test_the_style_comes_nearer() -> None:
    ctx = SmallContext()
    for statistic in ("gram", "covariance", "moments", "sliced"):
        losses = _run_to(ctx, statistic=statistic, iterations=25).losses
        before = sum(curve[0] for name, curve in losses.items() if name.startswith("style"))
        after = sum(curve[-1] for name, curve in losses.items() if name.startswith("style"))
        assert after < 0.6 * before, statistic


def test_lbfgs_finds_it_faster_than_it_began() -> None:
    losses = _run_to(SmallContext(), optimiser="lbfgs", iterations=25).losses["total"]
    assert losses[-1] < 0.5 * losses[0]


def test_equal_lambdas_pull_equally_hard_at_first() -> None:
    ctx = SmallContext()
    run = request(ctx)
    look = msgspec.structs.replace(run.look, layers=(*LAYERS[:2], LAYERS[3]), tv=0.0, beta=1.0)
    net = Network(ctx.features("f" * 64), "cpu", low=False)
    styles = {s.picture: tensor(ctx.assets.image(s.picture)) for s in look.styles}
    content = tensor(photograph())
    costs = Costs(Setting(net, content, styles, "covariance", "balanced", 0), (64, 64), Regions(ctx))
    noise = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(4711))
    x = (content + 0.1 * noise).clamp(0, 1)
    for name in ("relu1_1", "relu2_1", "relu3_1"):
        alone = msgspec.structs.replace(look, layers=(LayerWeight(name=name, style=1.0),))
        assert float(_evaluate(costs, x, alone).grad.abs().mean()) == pytest.approx(1.0, rel=1e-3)


def test_masked_styles_stay_in_their_places() -> None:
    ctx = SmallContext()
    run = request(ctx, iterations=15)
    mask = np.zeros((64, 64, 3), np.uint8)
    mask[:, :32] = 255
    here = msgspec.structs.replace(run.look.styles[0], mask=ctx.assets.put_image(mask), feather=0.0)
    look = msgspec.structs.replace(run.look, styles=(here,), tv=0.0)
    made = finish(ctx, msgspec.structs.replace(run, look=look))
    moved = np.abs(made.raw.astype(int) - photograph().astype(int)).mean(axis=(0, 2))
    assert moved[:28].mean() > 5 * moved[44:].mean()  # what is left is the reach of the deepest layer


@pytest.mark.parametrize("kind", ["noise", "style", "picture"])
def test_starts(kind: Any) -> None:
    ctx = SmallContext()
    other = ctx.assets.put_image(photograph(seed=9))
    begin = Start(kind=kind, picture=other if kind == "picture" else "")
    found, _ = events(start(ctx, request(ctx, start=begin, iterations=1, seed=4)))
    first = next(e.image for e in found if isinstance(e, Preview))
    if kind == "picture":
        assert np.array_equal(first, photograph(seed=9))
    again, _ = events(start(ctx, request(ctx, start=begin, iterations=1, seed=4)))
    assert np.array_equal(first, next(e.image for e in again if isinstance(e, Preview)))


def test_wrong_requests_end_in_sentences() -> None:
    ctx = SmallContext()
    run = request(ctx)
    cases = [
        msgspec.structs.replace(run, content=""),
        msgspec.structs.replace(run, look=msgspec.structs.replace(run.look, styles=())),
        msgspec.structs.replace(
            run, look=msgspec.structs.replace(run.look, layers=(LayerWeight(name="relu9_9", style=1),))
        ),
        msgspec.structs.replace(run, resume=Resume(at=2, start=ctx.assets.put(b"no state at all", "npz"))),
    ]
    for case in cases:
        with pytest.raises(StudioError) as told:
            finish(ctx, case)
        assert told.value.kind != "internal"
    kept = finish(ctx, run).kept[0]
    for wrong in (Resume(at=kept.at + 1, start=kept.start),):
        with pytest.raises(StudioError):
            finish(ctx, msgspec.structs.replace(run, resume=wrong))
    with pytest.raises(StudioError):
        again = msgspec.structs.replace(run, optimiser="lbfgs", resume=Resume(at=kept.at, start=kept.start))
        finish(ctx, again)
