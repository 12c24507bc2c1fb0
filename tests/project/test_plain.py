"""Canonical JSON, unknown keys that survive, and reading what is half broken."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from project_samples import sample, values

from studio.base.errors import StudioError
from studio.project import plain
from studio.project.assets import AssetStore, Extras
from studio.project.latents import Blend, Latent, Look, Mixed, Part, Push, Seed, Stored, Walk
from studio.project.requests import Render, Request
from studio.project.session import Bookmark, ExploreState, MixState, ModelRef, Session
from studio.project.storage import session_bytes

QUICK = settings(max_examples=120, deadline=None)


@QUICK
@given(values(Session, deep=5))
def test_sessions_round_trip(session: Session) -> None:
    data = plain.encode(session)
    again, notes = plain.decode_session(plain.parse(data, "It"))
    assert again == session and not notes
    assert plain.encode(again) == data
    assert msgspec.json.decode(data, type=Session) == session


@QUICK
@given(values(Request, deep=5))
def test_requests_round_trip(request: Any) -> None:
    data = plain.encode(request)
    assert msgspec.json.decode(data, type=Request) == request
    assert plain.encode(msgspec.json.decode(data, type=Request)) == data


@QUICK
@given(values(Request, deep=4), st.randoms())
def test_equal_requests_give_equal_bytes(request: Any, random: Any) -> None:
    def other_objects(value: Any) -> Any:
        """An equal value that shares no object with the first, with whole floats as ints and zeros of either sign."""
        if isinstance(value, msgspec.Struct):
            return type(value)(**{name: other_objects(getattr(value, name)) for name in value.__struct_fields__})
        if isinstance(value, tuple):
            return tuple([other_objects(item) for item in value])
        if isinstance(value, float):
            if value == 0:
                return -0.0
            return int(value) if value.is_integer() and random.random() < 0.5 else float(repr(value))
        return "".join(list(value)) if isinstance(value, str) else value

    twin = other_objects(request)
    assert twin == request
    assert plain.encode(twin) == plain.encode(request)


def test_defaults_are_left_out_by_equality() -> None:
    assert plain.encode(Look(psi=float("0.7"))) == b"{}"
    assert plain.encode(Render(model="m", latent=Seed(seed=1), look=Look(psi=float("0.7")))) == plain.encode(
        Render(model="m", latent=Seed(seed=1))
    )
    assert plain.encode(Look(psi=1)) == plain.encode(Look(psi=1.0)) == b'{"psi":1.0}'


def test_numbers_of_numpy_are_numbers() -> None:
    look = Look(psi=np.float32(0.5), cutoff=np.int64(4))  # type: ignore[arg-type]
    assert plain.encode(look) == b'{"psi":0.5,"cutoff":4}'


def test_what_json_cannot_hold_does_not_cost_the_rest() -> None:
    session = Session(
        explore=ExploreState(look=Look(psi=math.nan), walk=Walk(fps=30), latent=Seed(seed=8)),
        models=(ModelRef(sha256="m", name="x", path="/home/\udcff\ud800/a.pt"),),
    )
    again, notes = plain.decode_session(plain.parse(plain.encode(session), "It"))
    assert not notes
    assert again.explore.look.psi == 0.7
    assert again.explore.walk.fps == 30 and again.explore.latent == Seed(seed=8)
    assert again.models[0].path.startswith("/home/")


def nested(levels: int) -> Latent:
    latent: Latent = Seed(seed=1)
    for _ in range(levels):
        latent = Blend(parts=(Part(latent=latent),))
    return latent


def test_nesting_has_a_limit_with_a_name() -> None:
    deep = Session(explore=ExploreState(latent=nested(90)))
    again, notes = plain.decode_session(plain.parse(session_bytes(deep, Extras()), "It"))
    assert again == deep and not notes
    mixed: Latent = Seed(seed=1)
    for _ in range(140):
        mixed = Mixed(sources=(mixed,), weights=())
    deep = Session(explore=ExploreState(latent=mixed))
    assert plain.decode_session(plain.parse(session_bytes(deep, Extras()), "It"))[0] == deep
    for levels in (110, 400, 100_000):
        with pytest.raises(StudioError, match="nested too deeply"):
            session_bytes(Session(explore=ExploreState(latent=nested(levels))), Extras())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[1]",
        b"nul",
        b"\xff\xfe{}",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": "\xed\xa0\x80"}',
        b'{"a": "\\ud800"}',
        b"[" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"a":' * 350 + b"1" + b"}" * 350,
        b'{"a": 1e999}',
    ],
)
def test_broken_json_is_a_sentence(data: bytes) -> None:
    with pytest.raises(StudioError, match=r"^The thing .*\.") as caught:
        plain.parse(data, "The thing")
    assert caught.value.kind == "user"


def test_too_much_json_is_refused() -> None:
    with pytest.raises(StudioError, match="At most 32 MB"):
        plain.parse(b" " * (plain.MAX_JSON + 1), "The thing")


# Unknown keys


def annotated(tree: Any, path: str = "$") -> Any:
    """The tree with a key nobody knows in every object."""
    if isinstance(tree, dict):
        return {key: annotated(inner, f"{path}.{key}") for key, inner in tree.items()} | {
            "x_future": {"path": path, "list": [1, None]}
        }
    return [annotated(inner, f"{path}[{i}]") for i, inner in enumerate(tree)] if isinstance(tree, list) else tree


def saved_again(raw: dict[str, Any], edit: Any = lambda session: session) -> dict[str, Any]:
    session, notes = plain.decode_session(raw)
    assert not notes
    unknown = plain.unknown_keys(session, raw)
    edited = edit(session)
    return msgspec.json.decode(session_bytes(edited, Extras(session=unknown)))


@settings(max_examples=60, deadline=None)
@given(values(Session, deep=4))
def test_unknown_keys_survive_at_any_depth(session: Session) -> None:
    raw = annotated(plain.to_plain(session))
    assert saved_again(raw) == raw


def test_unknown_keys_survive_edits_elsewhere() -> None:
    session = sample(AssetStore())
    raw = annotated(plain.to_plain(session))

    def edit(value: Session) -> Session:
        return msgspec.structs.replace(
            value,
            explore=msgspec.structs.replace(value.explore, latent=Seed(seed=77), look=Look()),
            gallery=(value.gallery[2], value.gallery[0]),
            bookmarks=(Bookmark(id="new", name="n", model="", latent=Seed(seed=1)), *value.bookmarks),
        )

    saved = saved_again(raw, edit)
    assert saved["explore"]["latent"] == {"type": "seed", "seed": 77}  # another kind of thing than the blend before
    assert saved["explore"]["look"]["x_future"] == raw["explore"]["look"]["x_future"]
    assert saved["explore"]["walk"] == raw["explore"]["walk"]
    assert saved["gallery"] == [raw["gallery"][2], raw["gallery"][0]]
    assert "x_future" not in saved["bookmarks"][0]
    assert saved["bookmarks"][1] == raw["bookmarks"][0]
    assert saved["mix"] == raw["mix"]


def test_unknown_keys_follow_elements_without_an_id() -> None:
    keys = [{"latent": {"type": "seed", "seed": i}, "note": f"n{i}"} for i in range(4)]
    raw = {"explore": {"walk": {"keys": keys}}}

    def swap(value: Session) -> Session:
        walk = value.explore.walk
        changed = msgspec.structs.replace(walk.keys[1], seconds=9.0)
        new = msgspec.structs.replace(walk, keys=(walk.keys[2], changed, walk.keys[0], walk.keys[3]))
        return msgspec.structs.replace(value, explore=msgspec.structs.replace(value.explore, walk=new))

    saved = saved_again(raw, swap)["explore"]["walk"]["keys"]
    assert [entry["note"] for entry in saved] == ["n2", "n1", "n0", "n3"]


def test_unknown_keys_of_equal_elements_stay_apart() -> None:
    keys = [{"latent": {"type": "seed", "seed": 1}, "note": f"n{i}"} for i in range(3)]
    saved = saved_again({"explore": {"walk": {"keys": keys}}})["explore"]["walk"]["keys"]
    assert [entry["note"] for entry in saved] == ["n0", "n1", "n2"]


# Reading what is half broken


def broken(change: Any) -> tuple[Session, list[str], Session]:
    session = sample(AssetStore())
    raw = plain.to_plain(session)
    change(raw)
    return (*plain.decode_session(raw), session)


def test_a_broken_gallery_picture_is_left_out_and_said() -> None:
    found, notes, whole = broken(lambda raw: raw["gallery"][1].update(request={"type": "dream"}))
    assert found == msgspec.structs.replace(whole, gallery=(whole.gallery[0], whole.gallery[2]))
    assert notes == ["1 of 3 gallery pictures could not be read and are left out."]


def test_a_broken_setting_takes_its_default_and_is_said() -> None:
    found, notes, whole = broken(lambda raw: raw["explore"]["look"].update(psi="much"))
    assert found == msgspec.structs.replace(whole, explore=msgspec.structs.replace(whole.explore, look=Look()))
    assert notes == ["Settings of “explore” could not be read and have their defaults: look."]


def test_the_mixing_board_is_read_whole_or_not_at_all() -> None:
    found, notes, whole = broken(lambda raw: raw["mix"].update(columns=3))
    assert found == msgspec.structs.replace(whole, mix=MixState())
    assert notes == ["The part “mix” of the project could not be read; it starts fresh."]


@pytest.mark.parametrize("value", [None, 5, "x", [], [5], {"gallery": 1}, True, 1e300, {}])
@pytest.mark.parametrize("key", Session.__struct_fields__)
def test_every_part_may_be_anything(key: str, value: Any) -> None:
    found, notes, whole = broken(lambda raw: raw.update({key: value}))
    assert isinstance(found, Session)
    try:
        msgspec.convert({key: value}, Session)
    except msgspec.ValidationError:
        assert notes
    else:
        assert not notes
    others = {name: getattr(whole, name) for name in Session.__struct_fields__ if name != key}
    assert {name: getattr(found, name) for name in others} == others


def test_ids_keep_unknown_keys_when_others_are_left_out() -> None:
    raw = annotated(plain.to_plain(sample(AssetStore())))
    raw["gallery"][0]["created"] = "yesterday"
    session, notes = plain.decode_session(raw)
    assert notes
    tree = plain.with_unknown(plain.to_plain(session), session, plain.unknown_keys(session, raw))
    assert tree["gallery"] == raw["gallery"][1:]


def test_stored_codes_and_pushes_keep_their_types() -> None:
    session = Session(explore=ExploreState(latent=Stored(asset="a", form="w")))
    assert plain.to_plain(session)["explore"]["latent"] == {"type": "stored", "asset": "a", "form": "w"}
    assert Push.__struct_fields__
