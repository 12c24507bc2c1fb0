"""Undo by difference: what others changed meanwhile survives."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from studio.app.patch import patched
from studio.project.latents import Look, Seed
from studio.project.session import Bookmark, ExploreState, ModelRef, Session

replace = msgspec.structs.replace


def mark(key: str, name: str = "") -> Bookmark:
    return Bookmark(id=key, name=name or key, model="m", latent=Seed(seed=1))


def test_nothing_changed_gives_the_same_object() -> None:
    now = Session(workspace="mix")
    assert patched(now, Session(), Session()) is now


def test_only_the_changed_field_is_taken_back() -> None:
    before = Session()
    after = replace(before, explore=replace(before.explore, latent=Seed(seed=9)))
    now = replace(after, workspace="mix", models=(ModelRef(sha256="a", name="a"),))
    undone = patched(now, after, before)
    assert undone.explore == ExploreState()
    assert undone.workspace == "mix" and undone.models == now.models


def test_nested_fields_are_independent() -> None:
    before = ExploreState()
    after = replace(before, look=replace(before.look, psi=0.2))
    now = replace(after, look=replace(after.look, space="z"))
    undone = patched(now, after, before)
    assert undone.look == Look(psi=0.7, space="z")


def test_removed_thing_comes_back_in_its_place_beside_new_ones() -> None:
    before = Session(bookmarks=(mark("a"), mark("b"), mark("c")))
    after = replace(before, bookmarks=(mark("a"), mark("c")))
    now = replace(after, bookmarks=(*after.bookmarks, mark("d")))
    undone = patched(now, after, before)
    assert [m.id for m in undone.bookmarks] == ["a", "b", "c", "d"]


def test_added_thing_goes_and_a_rename_of_another_stays() -> None:
    before = Session(bookmarks=(mark("a"),))
    after = replace(before, bookmarks=(mark("a"), mark("b")))
    now = replace(after, bookmarks=(mark("a", "renamed"), mark("b")))
    undone = patched(now, after, before)
    assert undone.bookmarks == (mark("a", "renamed"),)


def test_order_is_brought_back() -> None:
    before = Session(bookmarks=(mark("a"), mark("b"), mark("c")))
    after = replace(before, bookmarks=(mark("c"), mark("a"), mark("b")))
    now = replace(after, bookmarks=(mark("x"), *after.bookmarks))
    assert [m.id for m in patched(now, after, before).bookmarks] == ["x", "a", "b", "c"]


keys = st.lists(st.sampled_from("abcdefgh"), unique=True).map(lambda ids: tuple(mark(i) for i in ids))
sessions = st.builds(
    lambda marks, psi, seed, workspace: Session(
        workspace=workspace, bookmarks=marks, explore=ExploreState(latent=Seed(seed=seed), look=Look(psi=psi))
    ),
    keys,
    st.sampled_from([0.0, 0.5, 1.0]),
    st.integers(0, 3),
    st.sampled_from(["explore", "mix"]),
)


@given(sessions, sessions)
def test_applying_to_the_start_gives_the_end_and_back(before: Session, after: Session) -> None:
    assert patched(before, before, after) == after
    assert patched(after, after, before) == before


@given(sessions, sessions, sessions)
def test_undo_after_other_changes_never_invents_or_duplicates(before: Session, after: Session, now: Session) -> None:
    result = patched(now, before, after)
    ids = [m.id for m in result.bookmarks]
    assert len(ids) == len(set(ids))
    had, has, here = ({m.id for m in s.bookmarks} for s in (before, after, now))
    assert set(ids) == (here - (had - has)) | (has - had)
