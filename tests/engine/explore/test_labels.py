"""Labels of a seed: drawn from the card's priors, steered by hand."""

from __future__ import annotations

import numpy as np

from studio.engine.explore.labels import draw_many, free_labels
from studio.project.latents import LabelValue

GROUPS = [
    {"title": "Glasses", "kind": "toggle", "names": ["glasses", "hat"], "indices": [0, 1], "prior": [0.25, 0.0]},
    {
        "title": "Hair",
        "kind": "choice",
        "names": ["bald", "curly", "long"],
        "indices": [2, 3, 4],
        "prior": [0.2, 0.3, 0.5],
    },
]


def test_the_same_seed_has_the_same_labels_and_priors_hold() -> None:
    assert np.array_equal(free_labels(7, 5, GROUPS), free_labels(7, 5, GROUPS))
    many = np.stack([free_labels(s, 5, GROUPS) for s in range(3000)])
    assert np.allclose(many.mean(axis=0), [0.25, 0.0, 0.2, 0.3, 0.5], atol=0.035)
    assert np.all(many[:, 2:].sum(axis=1) == 1)


def test_a_named_label_leaves_the_rest_of_its_choice_to_the_seed() -> None:
    for seed in range(40):
        free = free_labels(seed, 5, GROUPS)
        half = free_labels(seed, 5, GROUPS, (LabelValue(index=3, value=0.4),))
        assert half is not None and free is not None
        assert half[3] == np.float32(0.4) and np.isclose(half[2:].sum(), 1.0)
        assert np.array_equal(half[:2], free[:2]), "another group was reshuffled"
        if free[3] == 0:
            assert np.array_equal(half[[2, 4]] > 0, free[[2, 4]] > 0), "the seed's own hair was replaced"
        assert free_labels(seed, 5, GROUPS, (LabelValue(index=3, value=1.0),))[2:].tolist() == [0, 1, 0]
        assert free_labels(seed, 5, GROUPS, (LabelValue(index=3, value=0.0),))[3] == 0


def test_without_groups_one_class_is_chosen_evenly() -> None:
    many = draw_many(np.random.RandomState(0), 2000, 4, [])
    assert many is not None and np.all(many.sum(axis=1) == 1)
    assert np.allclose(many.mean(axis=0), 0.25, atol=0.04)
    assert free_labels(1, 0, []) is None


def test_extreme_seeds_and_values_are_accepted() -> None:
    labels = free_labels(2**32 - 1, 5, GROUPS, (LabelValue(index=0, value=-1.5), LabelValue(index=99, value=1.0)))
    assert labels is not None and labels[0] == -1.5 and labels.shape == (5,)
