"""From the state to requests, and which models belong together."""

from __future__ import annotations

import msgspec

from studio.panels.translate.values import (
    LIVE,
    OWN,
    Models,
    choosable,
    partner_of,
    request_of,
    sharper_of,
    template_of,
    variations_of,
    work_size,
    worlds,
)
from studio.project.session import TranslateState
from studio.project.translate import Amount, Cycle, Translate, TranslateLook, Upscale
from tests.panels.translate.paper import ALONE, BACK, INK, MANY, OWN_MODEL, THERE, TWICE, TWICE_SHARP, translate_cards

CARDS = {card.sha256: card for card in translate_cards()}
SHA = "9" * 64
SMALL = (96, 64)


def models(there: str = THERE, back: str = "") -> Models:
    return Models(CARDS[there], CARDS[back] if back else None, CARDS[TWICE], CARDS[TWICE_SHARP])


def ask(state: TranslateState, found: Models, own: tuple[int, int] = SMALL, *, full: bool = True, **more: object):
    return request_of(state, found, "fast", own, full=full, **more)  # type: ignore[arg-type]


def test_a_drawing_goes_at_the_size_that_the_model_is_at_home_with() -> None:
    state = TranslateState(drawing=SHA)
    assert ask(state, models(INK), (128, 128)) == Translate(model=INK, picture=SHA, size=128)
    assert ask(msgspec.structs.replace(state, size=256), models(INK), (256, 256)).size == 256
    assert ask(msgspec.structs.replace(state, size=OWN), models(OWN_MODEL), (256, 256)).size == 256
    assert ask(TranslateState(), models(INK), (128, 128)) is None, "blank paper shows nothing"
    assert ask(TranslateState(), models(INK), (128, 128), picture="a frame").picture == "a frame"
    assert ask(state, Models()) is None


def test_sizes_of_pictures() -> None:
    state = TranslateState(mode="picture", picture=SHA)
    assert work_size(state, CARDS[THERE], (1000, 500)) == 128
    assert work_size(state, CARDS[THERE], (128, 90)) == 0, "its own size already"
    assert work_size(state, CARDS[OWN_MODEL], (1000, 500)) == 0, "a model that does not say"
    own = msgspec.structs.replace(state, size=OWN)
    assert ask(own, models(), (2000, 900)).size == 0
    assert ask(own, models(), (2000, 900), full=False).size == LIVE
    assert ask(own, models(), (400, 300), full=False).size == 0
    chosen = msgspec.structs.replace(state, size=1024)
    assert (ask(chosen, models()).size, ask(chosen, models(), full=False).size) == (1024, LIVE)


def test_there_back_and_round() -> None:
    state = TranslateState(mode="picture", picture=SHA)
    pair = models(THERE, BACK)
    assert ask(state, pair).model == THERE
    assert ask(msgspec.structs.replace(state, way="back"), pair).model == BACK
    cycle = ask(msgspec.structs.replace(state, way="cycle"), pair)
    assert isinstance(cycle, Cycle) and (cycle.model, cycle.back, cycle.size) == (THERE, BACK, 128)
    assert ask(msgspec.structs.replace(state, way="back"), models(THERE)) is None
    assert ask(msgspec.structs.replace(state, way="cycle"), models(THERE)) is None


def test_a_look_is_left_out_where_the_network_has_no_use_for_it() -> None:
    look = TranslateLook(statistics=0.3, seed=5, labels=(1.0, 0.0, 0.0, 1.0))
    state = TranslateState(mode="picture", picture=SHA, look=look)
    assert ask(state, models(THERE)).look == TranslateLook()
    found = ask(msgspec.structs.replace(state, mode="draw", drawing=SHA), models(INK)).look
    assert (found.statistics, found.seed, found.labels) == (0.3, 5, ())
    assert ask(state, models(MANY)).look == TranslateLook(labels=look.labels)
    bare = msgspec.structs.replace(state, look=TranslateLook())
    assert ask(bare, models(MANY)).look.labels == ()
    assert ask(bare, models(MANY), read=(0.0, 1.0, 1.0, 0.0)).look.labels == (0.0, 1.0, 1.0, 0.0)
    assert ask(state, models(MANY), read=(0.0, 1.0, 1.0, 0.0)).look.labels == look.labels, "what is set by hand counts"


def test_brushes_for_where_belong_to_pictures() -> None:
    look = TranslateLook(strength=Amount(value=0.5, mask="m" * 64))
    state = TranslateState(mode="picture", picture=SHA, drawing=SHA, look=look)
    assert ask(state, models()).look.strength.mask
    drawn = ask(msgspec.structs.replace(state, mode="draw"), models(INK)).look.strength
    assert (drawn.value, drawn.mask) == (0.5, "")


def test_enlarging() -> None:
    state = TranslateState(mode="enlarge", picture=SHA, sharpness=0.25)
    assert ask(state, models()) == Upscale(model=TWICE, picture=SHA, sharper=TWICE_SHARP, sharpness=0.25)
    assert ask(msgspec.structs.replace(state, sharpness=0.0), models()) == Upscale(model=TWICE, picture=SHA)
    assert ask(state, models(), (4000, 3000), full=False) is None, "too much to follow the hand"
    assert ask(state, models(), (4000, 3000)) is not None
    alone = Models(upscaler=CARDS[ALONE])
    assert ask(state, alone) == Upscale(model=ALONE, picture=SHA), "sharpness needs a sister"


def test_what_a_folder_goes_through() -> None:
    look = TranslateLook(strength=Amount(value=0.5, mask="m" * 64), keep_colours=Amount(value=1.0))
    state = TranslateState(mode="picture", way="cycle", look=look, size=OWN)
    made = template_of(state, models(THERE, BACK), "fast")
    assert isinstance(made, Translate) and (made.model, made.picture, made.size) == (THERE, "", 0)
    assert made.look.strength == Amount(value=0.5) and made.look.keep_colours == Amount(value=1.0)
    assert template_of(msgspec.structs.replace(state, size=0), models(THERE), "fast").size == 128
    assert isinstance(template_of(TranslateState(mode="enlarge"), models(), "fast"), Upscale)
    assert template_of(state, Models(), "fast") is None


def test_variations_are_the_same_picture_with_other_seeds() -> None:
    request = Translate(model=INK, picture=SHA, look=TranslateLook(seed=3, statistics=0.5), size=1024)
    made = variations_of(request, 9, 64)
    assert made.seeds == tuple(range(9, 17)) and made.look == TranslateLook(statistics=0.5)
    assert (made.size, made.thumbnail, made.picture) == (LIVE, 64, SHA)


def test_models_that_belong_together() -> None:
    cards = list(CARDS.values())
    assert partner_of(CARDS[THERE], cards) is CARDS[BACK] and partner_of(CARDS[BACK], cards) is CARDS[THERE]
    assert partner_of(CARDS[INK], cards) is None and partner_of(CARDS[MANY], cards) is None
    larger = [card for card in cards if card.role == "upscaler"]
    assert sharper_of(CARDS[TWICE], larger) is CARDS[TWICE_SHARP] and sharper_of(CARDS[ALONE], larger) is None
    assert [card.sha256 for card in choosable(larger)] == [TWICE, ALONE]
    assert worlds(CARDS[THERE]) == ("Flat", "Round") and worlds(CARDS[OWN_MODEL]) == worlds(None) == ("A", "B")
