"""The arithmetic of the Translate panel on plain values: from the session to requests and back.  No Qt."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from studio.checkpoints.pairs import partners
from studio.project.session import TranslateState
from studio.project.translate import Amount, Cycle, Translate, TranslateLook, Upscale, Variations

if TYPE_CHECKING:
    from studio.checkpoints.card import ModelCard
    from studio.project.requests import Precision

OWN = -1
"""``TranslateState.size`` for the picture's own size."""
HOME = 256
"""The side at which a network that does not say is taken to be at home, for the paper."""
LIVE = 512
"""The longer side up to which a translation follows the hand."""
LIVE_AREA = 512 * 512
"""Pixels up to which an enlargement follows the hand."""
LARGEST = 8192
SEEDS = 8
Size = tuple[int, int]
"""Width and height."""


@dataclass(frozen=True, slots=True)
class Models:
    """The models that the state means; None: there is none, or it is not on this computer."""

    there: ModelCard | None = None
    back: ModelCard | None = None
    upscaler: ModelCard | None = None
    sharper: ModelCard | None = None

    def acting(self, state: TranslateState) -> ModelCard | None:
        """The one that a request of the state begins with."""
        if state.mode == "enlarge":
            return self.upscaler
        return self.back if state.way == "back" else self.there


def partner_of(card: ModelCard, cards: Iterable[ModelCard]) -> ModelCard | None:
    """The model that goes the other way, where the library knows one."""
    listed = list(cards)
    sha = partners(listed).get(card.sha256)
    return next((other for other in listed if other.sha256 == sha), None)


def sharper_of(card: ModelCard, cards: Iterable[ModelCard]) -> ModelCard | None:
    """The sister of an upscaler whose weights are mixed in by the slider."""
    name, scale = card.hyper.get("sharper"), card.hyper.get("scale")
    return next((c for c in cards if name and c.name == name and c.hyper.get("scale") == scale), None)


def choosable(cards: Iterable[ModelCard]) -> list[ModelCard]:
    """The upscalers of the chooser: a sister that a slider reaches is not listed beside the first."""
    listed = list(cards)
    sisters = {other.sha256 for card in listed if (other := sharper_of(card, listed)) is not None}
    return [card for card in listed if card.sha256 not in sisters]


def worlds(card: ModelCard | None) -> tuple[str, str]:
    """From what to what, as the card says it; "A" and "B" where it does not."""
    hyper = card.hyper if card is not None else {}
    return str(hyper.get("source_title") or "A"), str(hyper.get("target_title") or "B")


def takes_ink(card: ModelCard | None) -> bool:
    """Whether a drawing is what the network wants: pen on paper, or areas of its classes."""
    return card is not None and card.hyper.get("input") in ("ink", "labels")


def palette_of(card: ModelCard | None) -> list[tuple[str, str]]:
    """(name, "#rrggbb") of the classes, for a network that wants labels."""
    if card is None or card.hyper.get("input") != "labels":
        return []
    rows = card.hyper.get("palette") or ()
    return [(str(row.get("name", "")), str(row.get("color", "#000000"))) for row in rows if isinstance(row, dict)]


def home_size(card: ModelCard | None) -> int:
    """The side in px that the network was trained at; 0: it does not say."""
    if card is None:
        return 0
    return int(card.hyper.get("size") or card.hyper.get("resolution") or 0)


def has(card: ModelCard | None, fact: str) -> bool:
    """A fact of the card: ``has_stored_statistics``, ``has_dropout``, ``c_dim``."""
    return bool(card is not None and card.hyper.get(fact))


def advised_statistics(card: ModelCard | None) -> float:
    """Where the slider from stored to own begins."""
    value = card.hyper.get("statistics") if card is not None else None
    return min(1.0, max(0.0, float(value))) if isinstance(value, int | float) else 1.0


def work_size(state: TranslateState, card: ModelCard | None, own: Size) -> int:
    """``size`` of the request (0: as large as the picture is)."""
    if state.mode == "draw":
        return (0 if state.size == OWN else state.size) or home_size(card) or HOME
    if state.size == OWN:
        return 0
    wanted = state.size or home_size(card)
    return 0 if wanted == max(own) else wanted


def longer_side(size: int, own: Size) -> int:
    """The longer side of the outcome of a request."""
    return size or max(own)


def sounding(look: TranslateLook, card: ModelCard | None, read: tuple[float, ...] = ()) -> TranslateLook:
    """The look as it acts: without what the network does not have, with the labels that were ``read``."""
    c_dim = int(card.hyper.get("c_dim") or 0) if card is not None else 0
    labels = look.labels if len(look.labels) == c_dim else ()
    return msgspec.structs.replace(
        look,
        statistics=look.statistics if has(card, "has_stored_statistics") else None,
        seed=look.seed if has(card, "has_dropout") else None,
        labels=(labels or (read if len(read) == c_dim else ())) if c_dim else (),
    )


def source_of(state: TranslateState) -> str:
    """The asset that is worked on; "": nothing yet."""
    if state.mode == "draw":
        return state.drawing
    return state.picture


def request_of(
    state: TranslateState,
    models: Models,
    precision: Precision,
    own: Size,
    *,
    full: bool,
    read: tuple[float, ...] = (),
    picture: str = "",
) -> Translate | Cycle | Upscale | None:
    """What the state asks for; None while something is missing.

    ``own``: width and height of the picture.  ``full``: at the size that was chosen; else one that follows the hand
    (of an enlargement that would be too much: None).  ``read``: labels that the picture seems to have.  ``picture``:
    another asset in the place of the state's (a drawing on its way, a tracing).
    """
    card, picture = models.acting(state), picture or source_of(state)
    if card is None or not picture:
        return None
    if state.mode == "enlarge":
        if not full and own[0] * own[1] > LIVE_AREA:
            return None
        sharpness = state.sharpness if models.sharper is not None else 0.0
        return Upscale(
            model=card.sha256,
            precision=precision,
            picture=picture,
            sharper=models.sharper.sha256 if models.sharper is not None and sharpness else "",
            sharpness=sharpness,
        )
    look, size = sounding(state.look, card, read), work_size(state, card, own)
    if state.mode == "draw":
        # Brushes for where belong to a picture; a drawing changes under them.
        look = msgspec.structs.replace(look, strength=bare(look.strength), keep_colours=bare(look.keep_colours))
    if not full and longer_side(size, own) > LIVE:
        size = LIVE
    if state.way == "cycle":
        if models.back is None:
            return None
        return Cycle(
            model=card.sha256, precision=precision, picture=picture, back=models.back.sha256, look=look, size=size
        )
    return Translate(model=card.sha256, precision=precision, picture=picture, look=look, size=size)


def bare(amount: Amount) -> Amount:
    """The same everywhere."""
    return Amount(value=amount.value) if amount.mask else amount


def variations_of(request: Translate, first_seed: int, thumbnail: int) -> Variations:
    """The same picture with other dropout seeds."""
    seeds = tuple(range(first_seed, first_seed + SEEDS))
    look = msgspec.structs.replace(request.look, seed=None)
    size = request.size
    return Variations(
        model=request.model,
        precision=request.precision,
        picture=request.picture,
        look=look,
        seeds=seeds,
        size=min(size, LIVE) if size else LIVE,
        thumbnail=thumbnail,
    )


def template_of(
    state: TranslateState, models: Models, precision: Precision, read: tuple[float, ...] = ()
) -> Translate | Upscale | None:
    """What a whole folder goes through: the state without its picture and its masks; a cycle goes there only."""
    alone = msgspec.structs.replace(
        state,
        mode="enlarge" if state.mode == "enlarge" else "picture",
        way="there" if state.way == "cycle" else state.way,
        picture="-",
    )
    look = msgspec.structs.replace(
        state.look, strength=bare(state.look.strength), keep_colours=bare(state.look.keep_colours)
    )
    made = request_of(msgspec.structs.replace(alone, look=look), models, precision, (0, 0), full=True, read=read)
    return msgspec.structs.replace(made, picture="") if isinstance(made, Translate | Upscale) else None


def with_label(values: tuple[float, ...], changes: dict[int, float]) -> tuple[float, ...]:
    """Some labels changed."""
    return tuple(float(changes.get(i, value)) for i, value in enumerate(values))
