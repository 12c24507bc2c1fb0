"""The labels with which a model changes a picture least."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from studio.base.errors import StudioError
from studio.base.steps import Progress, Steps, run
from studio.engine.registry import start
from studio.engine.translate.labels import card_labels
from studio.project.translate import ReadLabels
from tests.engine.translate.parts import Shelf, photograph, resnet, stargan

GROUPS: tuple[dict[str, Any], ...] = (
    {"title": "Features", "kind": "toggle", "indices": [0, 1, 2], "default": [0, 0, 0]},
    {"title": "Hair", "kind": "choice", "indices": [3, 4, 5, 6], "default": None},
    {"title": "Ground", "kind": "choice", "indices": [7, 8], "default": 1},
)


class Toy:
    """It paints each label as a stripe of its own, and otherwise keeps the picture: what StarGAN learns to do."""

    in_channels, out_channels, c_dim, multiple = 3, 3, 9, 1
    has_stored_statistics = has_dropout = False

    def __init__(self) -> None:
        self.asked = 0

    def translate_steps(self, x: Any, *how: Any, **more: Any) -> Steps[Any]:
        y = self.translate(x, *how)
        yield Progress(1, 1)
        return y

    def translate(self, x: Any, statistics: Any = "stored", dropout_seed: Any = None, labels: Any = None) -> Any:
        self.asked += x.shape[0]
        y = x.clone()
        for i in range(self.c_dim):
            y[:, :, :, 4 * i : 4 * i + 4] = (labels[:, i] * 1.6 - 0.8).view(-1, 1, 1, 1)
        return y


@pytest.mark.parametrize(
    "values", [(1, 0, 1, 0, 0, 1, 0, 1, 0), (0, 0, 0, 1, 0, 0, 0, 0, 1), (0, 1, 1, 0, 0, 0, 1, 1, 0)]
)
def test_what_was_painted_is_read(shelf: Shelf, monkeypatch: pytest.MonkeyPatch, values: tuple[int, ...]) -> None:
    toy, sha = Toy(), shelf.put(stargan(9), label_groups=GROUPS)
    monkeypatch.setattr("studio.engine.context.Context.network", lambda *_: toy)
    pixels = photograph(48, 48)
    x = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 127.5 - 1
    painted = toy.translate(x, labels=torch.tensor([values]).float())
    shown = ((painted[0] + 1) * 127.5 + 0.5).clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()
    made = run(start(shelf.ctx, ReadLabels(precision="exact", model=sha, picture=shelf.image(shown), size=48)))
    assert made.values == tuple(map(float, values))
    assert made.info["change"] < 0.01 and len(made.info["margins"]) == 5 and min(made.info["margins"]) > 0.01
    assert toy.asked < 40  # 3 toggles and 6 choices, looked at twice


def test_a_real_network_gets_labels_that_fit_its_groups(shelf: Shelf) -> None:
    sha = shelf.put(stargan(9), label_groups=GROUPS)
    request = ReadLabels(precision="exact", model=sha, picture=shelf.image(photograph(40, 60)), size=32)
    made = run(start(shelf.ctx, request))
    assert set(made.values) <= {0.0, 1.0}
    assert sum(made.values[3:7]) == 1 and sum(made.values[7:]) == 1
    assert made == made and made.values == run(start(shelf.ctx, request)).values
    default = card_labels(GROUPS, 9)
    assert default == (0, 0, 0, 1, 0, 0, 0, 0, 1)
    in_parts = run(start(shelf.ctx.derive(parts=16), request))
    assert in_parts.values == made.values and np.isclose(in_parts.info["change"], made.info["change"])


def test_a_choice_of_one_is_no_question(shelf: Shelf) -> None:
    groups = ({"kind": "choice", "indices": [0]}, {"kind": "toggle", "indices": [1]})
    sha = shelf.put(stargan(2), label_groups=groups)
    made = run(start(shelf.ctx, ReadLabels(model=sha, picture=shelf.image(photograph()), size=32)))
    assert made.values[0] == 1.0 and made.info["looked"] == 2


def test_a_model_without_labels_says_so(shelf: Shelf) -> None:
    with pytest.raises(StudioError, match="has no labels to read"):
        run(
            start(
                shelf.ctx, ReadLabels(precision="exact", model=shelf.put(resnet()), picture=shelf.image(photograph()))
            )
        )


def test_labels_that_no_group_names_are_toggles() -> None:
    assert card_labels((), 3) == (0, 0, 0)
    assert card_labels(({"kind": "choice", "indices": [1, 2], "prior": [0.1, 0.9]},), 3) == (0, 0, 1)
