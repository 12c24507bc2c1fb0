"""Pairs are found by name or side by side, split without leaks, and changed together."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from studio.base.errors import StudioError
from studio.training.data import Pictures
from studio.training.translate.pairs import Pairs, aligned, base_emoji, emoji_weights, ink_pairs, load_emoji, load_pairs
from studio.training.translate.strokes import contours, inked, moved, placements, spread, wobble
from studio.training.translate.worlds import emoji_worlds, load_worlds

SIZE = 16


def save(path: Path, value: int, size: tuple[int, int] = (SIZE, SIZE)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, value, value)).save(path)


@pytest.fixture()
def two(tmp_path: Path) -> tuple[Path, Path]:
    for i in range(4):
        save(tmp_path / "lines" / f"p{i}.png", i)
        save(tmp_path / "paint" / f"p{i}.jpg", 200 + i)
    return tmp_path / "lines", tmp_path / "paint"


def test_two_folders_by_name(two: tuple[Path, Path]) -> None:
    pairs = load_pairs(two, SIZE)
    assert pairs.names == ("p0", "p1", "p2", "p3")
    assert pairs.inputs[:, 0, 0, 0].tolist() == [0, 1, 2, 3]
    assert bool((pairs.targets[:, 0, 0, 0] >= 199).all())
    turned = load_pairs(two, SIZE, direction="BtoA")
    assert torch.equal(turned.inputs, pairs.targets)


def test_one_folder_with_two(two: tuple[Path, Path]) -> None:
    assert torch.equal(load_pairs([two[0].parent], SIZE).inputs, load_pairs(two, SIZE).inputs)


def test_zip(two: tuple[Path, Path], tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as z:
        for folder in two:
            for p in sorted(folder.iterdir()):
                z.write(p, f"set/{folder.name}/{p.name}")
    assert len(load_pairs([tmp_path / "set.zip"], SIZE)) == 4


def test_names_without_partner_are_told(two: tuple[Path, Path]) -> None:
    save(two[0] / "lonely.png", 3)
    with pytest.raises(StudioError, match="no partner of the same name: lonely") as caught:
        load_pairs(two, SIZE)
    assert "lines" in caught.value.why


def test_side_by_side(tmp_path: Path) -> None:
    both = np.zeros((SIZE, 2 * SIZE, 3), np.uint8)
    both[:, SIZE:] = 255
    for i in range(3):
        path = tmp_path / "train" / f"{i}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(both).save(path)
    pairs = load_pairs([tmp_path], SIZE)
    assert len(pairs) == 3
    assert int(pairs.inputs.max()) == 0
    assert int(pairs.targets.min()) == 255
    save(tmp_path / "train" / "square.png", 3)
    with pytest.raises(StudioError, match="not pairs"):
        load_pairs([tmp_path], SIZE)


@pytest.mark.parametrize("names", [("only",), ("a", "b", "c")])
def test_other_numbers_of_folders_are_told(tmp_path: Path, names: tuple[str, ...]) -> None:
    for n in names:
        save(tmp_path / n / "x.png", 1)
    with pytest.raises(StudioError, match="No pairs were found"):
        load_pairs([tmp_path], SIZE)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="not found"):
        load_pairs([tmp_path / "gone"], SIZE)
    with pytest.raises(StudioError, match="No usable pictures"):
        load_pairs([tmp_path], SIZE)


@pytest.mark.parametrize(
    ("code", "base"),
    [
        ("1f600", "1f600"),
        ("1f44d-1f3fd", "1f44d"),
        ("1f469-1f3fd-200d-1f680", "1f9d1-200d-1f680"),
        ("1f468-200d-1f680", "1f9d1-200d-1f680"),
        ("1f3ca-1f3fe-200d-2640-fe0f", "1f3ca"),
        ("0023-fe0f-20e3", "0023-20e3"),
        ("26f9-fe0f-200d-2642-fe0f", "26f9"),
    ],
)
def test_base_emoji(code: str, base: str) -> None:
    assert base_emoji(code) == base


@pytest.fixture()
def emoji(tmp_path: Path) -> Path:
    """A dozen bases, some of them in skin tones and for both genders."""
    rows = ["code,name,skin_tone,gender_sign,has_flat,high_contrast"]
    for i in range(12):
        base = f"1f44{i:x}"
        for tail, tone in (("", ""), ("-1f3fb", "light"), ("-1f3ff", "dark")):
            rows.append(f"{base}{tail},THING {i},{tone},neutral,True,{base}")
            save(tmp_path / "3d" / f"{base}{tail}.webp", 10 * i)
            save(tmp_path / "flat" / f"{base}{tail}.webp", 10 * i + 1)
        save(tmp_path / "high_contrast" / f"{base}.webp", 0)
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def test_emoji_on_white_with_tones(emoji: Path) -> None:
    parts, rows = load_emoji(emoji, SIZE)
    assert len(rows) == 36
    assert {k: len(v) for k, v in parts.items()} == {"3d": 36, "flat": 36, "high_contrast": 36}
    Image.new("RGBA", (SIZE, SIZE), (0, 0, 0, 0)).save(emoji / "3d" / "1f440.webp", lossless=True)
    assert int(load_emoji(emoji, SIZE)[0]["3d"][0].min()) == 255


def test_ink_pairs_have_no_tones_and_split_by_base(emoji: Path) -> None:
    pairs = ink_pairs(emoji, SIZE)
    assert len(pairs) == 12
    train, held = pairs.split()
    assert held.groups == ("1f449",)
    assert not set(train.groups) & set(held.groups)


def test_no_base_leaks_into_the_other_part() -> None:
    """Variants of one base are on one side, whatever their order."""
    codes = [f"1f46{i:x}{tail}" for tail in ("", "-1f3fb", "-200d-2640-fe0f") for i in (0, 1, 2, 3, 4, 5, 6, 7, 10, 11)]
    n = len(codes)
    x = torch.zeros(n, 3, 2, 2, dtype=torch.uint8)
    train, held = Pairs(x, x, tuple(codes), tuple(map(base_emoji, codes)), torch.ones(n)).split(5)
    assert len(train) + len(held) == n
    assert len(held) == 6
    assert not {base_emoji(c) for c in train.names} & {base_emoji(c) for c in held.names}


def test_small_sets_hold_one_out_and_single_pairs_none() -> None:
    x = torch.zeros(3, 3, 2, 2, dtype=torch.uint8)
    pairs = Pairs(x, x, ("a", "b", "c"), ("a", "b", "c"), torch.ones(3))
    assert [len(p) for p in pairs.split()] == [2, 1]
    assert [len(p) for p in pairs.subset([0]).split()] == [1, 0]


def test_real_emoji_do_not_leak() -> None:
    source = Path(__file__).parents[4] / "shared" / "data" / "fluent_emoji.zip"
    if not source.exists():
        pytest.skip("the emoji are not here")
    with zipfile.ZipFile(source) as z:
        text = z.read(next(n for n in z.namelist() if n.endswith("labels.csv"))).decode()
    codes = [line.split(",")[0] for line in text.splitlines()[1:]]
    n = len(codes)
    x = torch.zeros(n, 0, dtype=torch.uint8)
    train, held = Pairs(x, x, tuple(codes), tuple(map(base_emoji, codes)), torch.ones(n)).split()
    assert 0.05 < len(held) / n < 0.2
    people = {"1f468", "1f469", "1f9d1"}

    def skeletons(names: tuple[str, ...]) -> set[tuple[str, ...]]:
        drop = {"1f3fb", "1f3fc", "1f3fd", "1f3fe", "1f3ff", "2640", "2642", "fe0f", "200d"}
        return {tuple("person" if p in people else p for p in c.split("-") if p not in drop) for c in names}

    assert not skeletons(train.names) & skeletons(held.names)


def test_yellow_faces_come_oftener() -> None:
    face = torch.zeros(3, 8, 8, dtype=torch.uint8)
    face[0], face[1] = 255, 180
    grey = torch.full((3, 8, 8), 128, dtype=torch.uint8)
    rows = [{"code": c, "name": n, "gender_sign": g} for c, n, g in
            (("1f600", "GRINNING FACE", "neutral"), ("1f435", "MONKEY FACE", "neutral"),
             ("1f468-200d-1f680", "MAN + ROCKET", "male"))]  # fmt: skip
    weights = emoji_weights(rows, torch.stack((face, grey, face)))
    assert weights[0] > weights[1] > weights[2] > 0


def test_emoji_worlds_hold_out_whole_bases(emoji: Path) -> None:
    worlds = emoji_worlds(emoji, SIZE)
    assert len(worlds.a) == len(worlds.b) == 33
    assert worlds.held_a.shape[0] == worlds.held_b.shape[0] == 1
    assert worlds.paired
    assert int(worlds.held_b[0, 0, 0, 0]) == 90
    assert 90 not in worlds.b[:, 0, 0, 0].tolist()


def test_two_worlds_of_different_numbers(tmp_path: Path) -> None:
    for i in range(12):
        save(tmp_path / "trainA" / f"{i}.png", 1)
    for i in range(5):
        save(tmp_path / "trainB" / f"{i}.png", 2)
        save(tmp_path / "testB" / f"{i}.png", 3)
    worlds = load_worlds([tmp_path], SIZE)
    assert [len(x) for x in (worlds.a, worlds.held_a, worlds.b, worlds.held_b)] == [11, 1, 4, 1]
    assert not worlds.paired
    again = load_worlds([tmp_path / "trainA", tmp_path / "trainB"], SIZE)
    assert torch.equal(again.a, worlds.a)
    with pytest.raises(StudioError, match="does not hold two worlds"):
        load_worlds([tmp_path / "trainA"], SIZE)


def test_a_pair_is_moved_as_one() -> None:
    gen = torch.Generator().manual_seed(0)
    x = torch.rand(6, 3, 8, 8, generator=gen).repeat_interleave(4, 2).repeat_interleave(4, 3)
    theta = placements(6, gen, least=0.6, most=1.1, turn=20, shift=0.05)
    grid = F.affine_grid(theta, [6, 3, 32, 32], align_corners=False) + wobble(6, 32, 1.0, gen)
    assert torch.equal(moved(x, grid), moved(x.clone(), grid))
    still = F.affine_grid(placements(6, gen, flip=False), [6, 3, 32, 32], align_corners=False)
    assert torch.allclose(moved(x, still), x, atol=1e-5)
    smaller = F.affine_grid(placements(6, gen, least=0.5, most=0.5), [6, 3, 32, 32], align_corners=False)
    share = (moved(torch.zeros_like(x), smaller) < 0.5).float().mean(dim=(1, 2, 3))
    assert torch.allclose(share, torch.full((6,), 0.25), atol=0.03)


def test_lines_are_made_in_many_hands() -> None:
    gen = torch.Generator().manual_seed(0)
    at = torch.arange(64).float() - 31.5
    radius = (at[:, None].square() + at[None].square()).sqrt()
    ring = 1 - ((radius - 22).abs() < 3).float()
    drawing = ring.expand(32, 3, 64, 64)
    traced = torch.where(radius < 22, torch.tensor([1.0, 0.8, 0.1]).view(3, 1, 1), torch.ones(1)).expand(32, 3, 64, 64)
    made = inked(drawing, traced, gen)
    assert made.shape == drawing.shape
    assert float(made.min()) >= 0
    assert float(made.max()) <= 1
    assert torch.equal(made[:, 0], made[:, 2])
    amount = (made[:, 0] < 0.5).float().mean(dim=(1, 2))
    assert float(amount.max()) > 2 * float(amount.min()) > 0
    # Wherever the ink went, it stayed on the line.
    assert float(made[:, 0][:, radius < 12].min()) > 0.9


def test_spread_and_contours() -> None:
    mask = torch.zeros(1, 1, 21, 21)
    mask[..., 8:13, 8:13] = 1
    assert float(spread(mask, 2).sum()) > float(spread(mask, 1.5).sum()) > float(mask.sum())
    assert float(spread(mask, -1).sum()) == 9
    edge = contours(mask, torch.tensor([0.4]))
    assert float(edge[..., 10, 10]) == 0
    assert float(edge[..., 10, 7]) == 1


def test_groups_come_from_whichever_side_has_a_table() -> None:
    images = torch.zeros(3, 3, 16, 16, dtype=torch.uint8)
    rows = tuple({"group": g} for g in "xyz")
    a, b = Pictures(images, ("c.png", "a.png", "b.png")), Pictures(images, ("a.jpg", "b.jpg", "c.jpg"), rows)
    assert aligned(a, b, "A", "B").groups == ("x", "y", "z")
    assert aligned(b, a, "A", "B").groups == ("x", "y", "z")
