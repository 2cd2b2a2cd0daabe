"""What search.py tries for each method: settings that differ from the defaults."""

from __future__ import annotations

from typing import Any

Variation = dict[str, Any]


def one_by_one(**values: tuple) -> tuple[Variation, ...]:
    """Each value of each setting alone, the others as they are."""
    return tuple({name: value} for name, tried in values.items() for value in tried)


def times(first: tuple[Variation, ...], **values: tuple) -> tuple[Variation, ...]:
    """Each of the first together with each value of one more setting."""
    return tuple(
        {**each, name: value} for each in first for name, tried in values.items() for value in tried
    )


# The weight first: how large a term must be to be felt depends on its formula, and papers that
# weigh it by 0.1 train a hundred times longer.
SPACE: dict[str, tuple[Variation, ...]] = {
    "entropy": one_by_one(weight=(0.01, 0.03, 0.3)),
    "pseudo_label": (
        *one_by_one(weight=(3.0,), threshold=(0.7, 0.9), ramp=(0.1,), teacher=("own",)),
        {"selection": "class_balanced"},
    ),
    "proposals": one_by_one(first_share=(0.3,), threshold=(0.7,)),
    "cutmix": one_by_one(weight=(3.0,), threshold=(0.7, 0.9), loss=("dice",), teacher=("own",)),
    "transformation": (
        *times(({"teacher": "ema"},), weight=(1.0, 3.0, 10.0)),
        *times(({"teacher": "own"},), weight=(0.5, 3.0)),
        {"weight": 3.0, "teacher": "ema", "transform": "elastic"},
    ),
    "pi_model": times(({"gradient": "both"},), weight=(0.1, 1.0, 3.0)),
    "ict": one_by_one(weight=(3.0, 10.0), alpha=(1.0,)),
    "mixup": one_by_one(weight=(0.3,), alpha=(1.0,)),
    "mean_teacher": times(({"strong_view": False},), weight=(0.1, 1.0, 3.0, 10.0)),
    "uncertainty_teacher": one_by_one(weight=(0.1, 3.0)),
    "temporal_ensembling": one_by_one(weight=(1.0, 3.0, 10.0)),
    "co_training": (
        *times(({"disagreement_weight": 0.0},), threshold=(0.7, 0.9)),
        *times(({"disagreement_weight": 0.1},), threshold=(0.7, 0.9)),
    ),
    "adversarial": (
        *one_by_one(weight=(0.003, 0.01, 0.03, 0.1, 0.3)),
        *times(({"see_image": False},), weight=(0.01, 0.1)),
        {"criterion": "least_squares", "weight": 0.1},
    ),
    "adversarial_self_training": one_by_one(self_training_weight=(0.5,), threshold=(0.5,)),
}
