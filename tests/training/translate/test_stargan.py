"""StarGAN: labels from tables and folders, the paper's training, made pairs, resuming and the card."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor

from studio.base.errors import StudioError
from studio.base.steps import run
from studio.nets.stargan import StarGAN
from studio.training.anchor import AnchorSpec
from studio.training.data import Pictures, load_pictures, to_float
from studio.training.translate.stargan import StarCritic, StarganTrainer, train_stargan, turned
from studio.training.translate.stargan_config import StarganConfig
from studio.training.translate.stargan_labels import labelled
from studio.training.translate.stargan_publish import agreement, export_stargan, read, score, train_judge
from studio.training.translate.stargan_twins import Twins, color_share, rgb, transition

ROOT = Path(__file__).parents[3]
TINY: dict[str, Any] = {
    "size": 16, "conv_dim": 4, "repeat_num": 1, "n_downsampling": 1, "critic_width": 4, "critic_layers": 2, "batch": 4,
    "precision": "fp32", "lr": 1e-3, "lr_critic": 1e-3,
}  # fmt: skip
COLORS = ("#ff0000", "#00ff00", "#3040ff")


def drawings(n: int = 40, size: int = 16) -> Pictures:
    """A tiny world with the columns of the personas: hair on top, eyes in the middle, a beard below."""
    gen = torch.Generator().manual_seed(4)

    def pick(values: tuple[str, ...]) -> str:
        return values[int(torch.randint(len(values), (), generator=gen))]

    images = torch.empty(n, 3, size, size)
    rows = []
    for i in range(n):
        row = {
            "background": pick(("pale", "dim")), "clothes": "small", "eyes": pick(("open", "glasses", "sunglasses")),
            "facialHair": pick(("none", "none", "beardMustache")), "hair": pick(("shortCombover", "beanie", "long")),
            "mouth": pick(("smile", "frown")), "nose": "small", "color_clothing": "#456dff",
            "color_facialHair": pick(COLORS), "color_hair": pick(COLORS), "color_skin": pick(("#e5a07e", "#623d36")),
        }  # fmt: skip
        x = images[i]
        x[:] = 0.6 if row["background"] == "pale" else 0.1
        x[:, 2:14, 3:13] = rgb(row["color_skin"])[:, None, None]
        x[:, 10:12, 6:10] = -0.4 if row["mouth"] == "smile" else 0.9
        if row["facialHair"] != "none":
            x[:, 12:14, 5:11] = rgb(row["color_facialHair"])[:, None, None]
        if row["hair"] != "beanie":
            x[:, 0 : 4 if row["hair"] == "long" else 3, 2:14] = rgb(row["color_hair"])[:, None, None]
        else:
            x[:, 0:3, 2:14] = rgb("#aa2222")[:, None, None]
        x[:, 6:8, 4:12] = {"open": 0.0, "glasses": 0.95, "sunglasses": -0.95}[row["eyes"]]
        rows.append(
            {
                "file": f"{i:03d}.png",
                **row,
                "a_glasses": str(int(row["eyes"] == "glasses")),
                "a_sunglasses": str(int(row["eyes"] == "sunglasses")),
                "a_hat": str(int(row["hair"] == "beanie")),
                "a_facial_hair": str(int(row["facialHair"] != "none")),
            }
        )
    return Pictures((images * 127.5 + 128).clamp(0, 255).byte(), tuple(r["file"] for r in rows), tuple(rows))


CHOSEN: dict[str, Any] = {"toggles": "a_glasses,a_sunglasses,a_hat,a_facial_hair", "choices": "color_hair"}


def twin_file(folder: Path, data: Pictures) -> Path:
    """What a perfect teacher would have drawn: every picture with its eyes changed to glasses or open ones."""
    spec = AnchorSpec(data.rows)
    column = next(i for i, f in enumerate(spec.factors) if f.name == "eyes")
    values = spec.factors[column].values
    made, value = [], []
    for i, row in enumerate(data.rows):
        new = "glasses" if row["eyes"] != "glasses" else "open"
        x = data.images[i].clone()
        x[:, 6:8, 4:12] = int((0.95 if new == "glasses" else 0.0) * 127.5 + 128)
        made.append(x)
        value.append(values.index(new))
    n = len(data)
    save_file(
        {"source": torch.arange(n), "twin": torch.stack(made), "column": torch.full((n,), column),
         "value": torch.tensor(value), "off": torch.tensor([0.01] * (n - 1) + [0.9])},
        folder / "twins.safetensors",
    )  # fmt: skip
    return folder / "twins.safetensors"


def test_labels_of_a_table() -> None:
    data = drawings()
    plan, labels, _ = labelled(data, **CHOSEN)
    assert plan.label_names() == [
        "glasses",
        "sunglasses",
        "hat",
        "facial_hair",
        *(f"color_hair:{c}" for c in sorted(COLORS)),
    ]
    assert labels.shape == (40, 7)
    assert labels[:, 4:].sum(dim=1).tolist() == [1.0] * 40
    assert [bool(v) for v in labels[:, 2]] == [r["a_hat"] == "1" for r in data.rows]
    everything, _, _ = labelled(data)
    assert everything.toggles == ("a_glasses", "a_sunglasses", "a_hat", "a_facial_hair")
    assert {c for c, _ in everything.choices} == {"color_facialHair", "color_hair", "color_skin"}
    assert labelled(data, choices="-")[0].c_dim == 4


def test_groups_are_written_as_those_of_the_avatars() -> None:
    plan, labels, _ = labelled(drawings(), **CHOSEN)
    groups = plan.label_groups(labels, {"color_hair:#ff0000": "red"})
    known = json.loads((ROOT / "weights" / "avatars.json").read_text("utf-8"))["label_groups"]
    assert groups[0].keys() == known[0].keys()
    assert groups[1].keys() == next(g for g in known if g["title"] == "Hair colour").keys()
    assert groups[1]["title"] == "Hair colour"
    assert "red" in groups[1]["names"]
    assert groups[1]["indices"] == [4, 5, 6]
    assert sum(groups[1]["prior"]) == pytest.approx(1, abs=1e-3)


def test_folders_are_a_choice(tmp_path: Path) -> None:
    for kind, shade in (("day", 230), ("night", 20)):
        (tmp_path / kind).mkdir()
        for i in range(6):
            Image.new("RGB", (20, 20), (shade, shade, shade)).save(tmp_path / kind / f"{i}.png")
    plan, labels, data = labelled(load_pictures(tmp_path, 16))
    assert plan.choices == (("kind", ("day", "night")),)
    assert (data.images[:, 0, 0, 0] > 100).tolist() == (labels[:, 0] == 1).tolist()
    with pytest.raises(StudioError, match="no labels"):
        labelled(load_pictures(tmp_path / "day", 16))


def test_bad_tables_and_settings_are_told_in_sentences() -> None:
    data = drawings()
    with pytest.raises(StudioError, match="no column"):
        labelled(data, toggles="a_wings")
    with pytest.raises(StudioError, match="other values than 0 and 1"):
        labelled(data, toggles="hair")
    with pytest.raises(StudioError, match="values"):
        labelled(data, choices="file")
    with pytest.raises(StudioError, match="nothing to choose"):
        labelled(data, toggles="-", choices="-")
    for wrong, words in (
        ({"loss": "hinge"}, "no loss"), ({"up": "shuffle"}, "cannot grow"), ({"size": 17}, "multiple"),
        ({"size": 16, "critic_layers": 5}, "too small"), ({"twins": "cats"}, "no twins"),
        ({"twins": "personas"}, "teacher"),
    ):  # fmt: skip
        with pytest.raises(StudioError, match=words):
            StarganConfig(**{**TINY, **wrong}).check()


def test_turned_switches_one_entry() -> None:
    labels = torch.tensor([[1.0, 0.0, 0.0, 1.0, 0.0]])
    spans = [(2, 5)]
    assert turned(labels, spans, 0).tolist() == [[0, 0, 0, 1, 0]]
    assert turned(labels, spans, 1).tolist() == [[1, 1, 0, 1, 0]]
    assert turned(labels, spans, 4).tolist() == [[1, 0, 0, 0, 1]]
    assert labels.tolist() == [[1, 0, 0, 1, 0]]


def test_the_critic_has_two_heads() -> None:
    real, labels = StarCritic(32, 5, 4, 3)(torch.zeros(2, 3, 32, 32))
    assert real.shape == (2, 1, 4, 4)
    assert labels.shape == (2, 5)


@pytest.mark.parametrize("loss", ["wgan", "nonsaturating"])
def test_a_resumed_training_is_the_same_training(tmp_path: Path, loss: str) -> None:
    data = drawings()

    def go(folder: Path, steps: int, resume: bool = False) -> dict[str, Tensor]:
        cfg = StarganConfig(**TINY, **CHOSEN, loss=loss, n_critic=2, images=24)
        stop = iter([False] * steps + [True] * 99)
        run(train_stargan(cfg, data, folder, resume=resume, stop=lambda: next(stop)))
        state = torch.load(folder / "snapshot.pt", weights_only=True)
        return {**state["net"], **{f"ema.{k}": v for k, v in state["ema"].items()}, **state["critic"]}

    whole = go(tmp_path / "whole", 99)
    go(tmp_path / "parts", 3)
    parts = go(tmp_path / "parts", 99, resume=True)
    assert all(torch.equal(whole[k], parts[k]) for k in whole)
    assert list((tmp_path / "parts").glob("samples_*.png"))
    log = [json.loads(line) for line in (tmp_path / "parts" / "log.jsonl").read_text("utf-8").splitlines()]
    assert any("held-out same" in line for line in log)


def test_the_network_learns_when_its_critic_does() -> None:
    t = StarganTrainer(StarganConfig(**TINY, **CHOSEN), drawings(), torch.device("cpu"))
    before = t.net.state_dict()["main.0.weight"].clone()
    first = t.step(0.0)
    assert {"critic", "penalty", "generator", "labels", "reconstruction"} <= first.keys()
    assert not torch.equal(before, t.net.state_dict()["main.0.weight"])
    moved = t.net.state_dict()["main.0.weight"].clone()
    assert "generator" not in t.step(0.0), "the critic has five steps for each of the network's"
    assert torch.equal(moved, t.net.state_dict()["main.0.weight"])


def test_the_share_of_a_colour_is_found_exactly() -> None:
    data = drawings(60)
    rows = [r for r in data.rows if r["hair"] == "long"]
    images = data.images[[i for i, r in enumerate(data.rows) if r["hair"] == "long"]]
    share = color_share(images, rows, "color_hair", ("background", "color_skin", "eyes", "mouth"))
    truth = torch.zeros(1, 16, 16)
    truth[:, 0:4, 2:14] = 1
    assert float((share - truth).abs().max()) < 0.03
    assert float(share[:, 5:].max()) == 0


def test_twins_are_what_the_labels_say(tmp_path: Path) -> None:
    data = drawings(60)
    plan, labels, _ = labelled(data, **CHOSEN)
    twins = Twins(data, plan, str(twin_file(tmp_path, data)))
    assert len(twins.source) == 59, "the one that the teacher gets wrong is left out"
    gen = torch.Generator().manual_seed(2)
    for _ in range(6):
        x, wanted, y, whole = twins.batch(labels, 16, gen)
        assert x.shape == y.shape == (16, 3, 16, 16)
        for i in range(16):
            if not whole[i]:
                assert 0 < float(wanted[i].sum()) < 5
                continue
            eyes = float(y[i, :, 6, 8].mean())
            assert (eyes > 0.8) == bool(wanted[i, 0] == 1)
            assert (eyes < -0.8) == bool(wanted[i, 1] == 1)
            if wanted[i, 2] == 0:
                hair = torch.tensor(plan.choices[0][1].index(_nearest(y[i, :, 1, 8], plan.choices[0][1])))
                assert wanted[i, 4 + hair] == 1
            bearded = float((y[i, :, 13, 8] - y[i, :, 9, 3]).abs().max()) > 0.05
            assert bearded == bool(wanted[i, 3] == 1)


def _nearest(color: Tensor, values: tuple[str, ...]) -> str:
    return min(values, key=lambda v: float((color - rgb(v)).abs().sum()))


def test_made_pairs_teach_quickly(tmp_path: Path) -> None:
    data = drawings(60)
    cfg = StarganConfig(
        **{**TINY, "lr": 4e-3, "batch": 8, "conv_dim": 8}, **CHOSEN, twins="personas",
        teacher=str(twin_file(tmp_path, data.split()[0])), loss="nonsaturating", adv_weight=0.02, class_weight=0.02,
        ema_images=50.0,
    )  # fmt: skip
    t = StarganTrainer(cfg, data, torch.device("cpu"))
    before = t.measure()["held-out same"]
    losses = [t.step(i / 150)["twins"] for i in range(150)]
    assert sum(losses[-10:]) < 0.4 * sum(losses[:10])
    assert t.measure()["held-out same"] < 0.5 * before
    x = to_float(t.held.images)
    with_glasses = t.held_labels.clone()
    with_glasses[:, :2] = torch.tensor([1.0, 0.0])
    without = t.held_labels.clone()
    without[:, :2] = 0
    bright = [float(t.changed(t.ema.net, x, c)[:, :, 6:8, 4:12].mean()) for c in (with_glasses, without)]
    assert bright[0] > bright[1] + 0.2


def test_transition_is_soft_and_only_where_things_differ() -> None:
    a = torch.zeros(1, 3, 32, 32)
    b = a.clone()
    b[:, :, 12:18, 12:18] = 1
    blend = transition(a, b)
    assert float(blend[0, 0, 14, 14]) == 1
    assert float(blend[0, 0, 4, 4]) == 0
    assert 0 < float(blend[0, 0, 9, 14]) < 1


def test_the_card_and_its_scores(tmp_path: Path) -> None:
    data = drawings(60)
    cfg = StarganConfig(**TINY, **CHOSEN, images=4)
    run(train_stargan(cfg, data, tmp_path / "run"))
    state = torch.load(tmp_path / "run" / "snapshot.pt", weights_only=True)
    about = {"credit": "me", "hyper": {"source_title": "Portrait"}, "hidden": {"color_hair": "a_hat"}}
    card = export_stargan(state, data, tmp_path / "w", "star", title="Star", about=about, judge_steps=30)
    net = StarGAN.from_state_dict(load_file(tmp_path / "w" / "star.safetensors"))
    assert net.up == "resize"
    assert card["hyper"]["c_dim"] == net.c_dim == len(card["label_names"]) == 7
    assert card["hyper"]["size"] == 16
    assert card["hyper"]["source_title"] == "Portrait"
    assert card["credit"] == "me"
    assert set(card["scores"]["obeyed"]) == {"glasses", "sunglasses", "hat", "facial_hair", "color_hair"}
    assert json.loads((tmp_path / "w" / "star.json").read_text("utf-8")) == card


def test_a_judge_reads_true_pictures_and_scores_tell_good_from_bad() -> None:
    data = drawings(200)
    plan, _, _ = labelled(data, **CHOSEN)
    train, held = data.split()
    judge = train_judge(plan, train.images, plan.encode(train.rows), steps=120, batch=32)
    truth = plan.encode(held.rows)
    right = agreement(plan, read(plan, judge, to_float(held.images)), truth)
    assert right["sunglasses"] > 0.9
    torch.manual_seed(0)
    blank = StarGAN(3, 7, 4, 1, 1, "resize").eval()
    found = score(blank, plan, judge, held, {"color_hair": "a_hat"})
    assert found["unchanged_l1"] > 0.1
    on_off = found["obeyed"]["sunglasses"]
    assert min(on_off.values()) < 0.6, "a network that has learned nothing cannot do both"
    assert found["judge_on_true_pictures"]["sunglasses"] == right["sunglasses"]


def test_pictures_that_are_too_few_are_told() -> None:
    data = drawings(8)
    with pytest.raises(StudioError, match="too few"):
        StarganTrainer(StarganConfig(**TINY, **CHOSEN), data, torch.device("cpu"))
    with pytest.raises(StudioError, match="not found"):
        StarganTrainer(
            StarganConfig(**TINY, **CHOSEN, twins="personas", teacher="nowhere"), drawings(), torch.device("cpu")
        )
    with pytest.raises(StudioError, match="not the label table"):
        Twins(replace(drawings(), rows=({"a": "1"},) * 40), labelled(drawings(), **CHOSEN)[0], "nowhere")
