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


SPACE: dict[str, tuple[Variation, ...]] = {
    "entropy": one_by_one(weight=(0.03, 0.1, 0.3), ramp=(0.3, 1.0)),
    "pseudo_label": (
        *one_by_one(weight=(0.3, 1.0, 3.0), threshold=(0.7, 0.8, 0.9, 0.95), ramp=(0.1, 0.6)),
        {"strong_view": False},
        {"teacher": "own"},
        *times(({"selection": "class_balanced"},), portion_end=(0.5, 0.8)),
    ),
    "proposals": one_by_one(first_share=(0.3, 0.5), threshold=(0.0, 0.7, 0.9)),
    "cutmix": (
        *one_by_one(weight=(0.3, 1.0, 3.0), threshold=(0.7, 0.8, 0.9, 0.95), ramp=(0.1, 0.6)),
        *one_by_one(loss=("cross_entropy", "dice"), teacher=("own",), strong_view=(False,)),
        *times(({"weight": 3.0},), threshold=(0.7, 0.9)),
    ),
    "transformation": (
        *one_by_one(weight=(0.1, 0.5, 1.0, 3.0, 10.0), transform=("affine", "elastic")),
        *one_by_one(distance=("kl",), gradient=("one",), teacher=("ema",)),
        *times(({"weight": 3.0},), teacher=("ema",), transform=("elastic",)),
    ),
    "pi_model": (
        *one_by_one(weight=(0.1, 0.5, 1.0, 3.0, 10.0), gradient=("one",)),
        *times(({"distance": "kl"},), weight=(0.1, 0.5)),
    ),
    "ict": one_by_one(weight=(0.3, 1.0, 3.0, 10.0), alpha=(0.2, 0.5, 1.0)),
    "mixup": one_by_one(weight=(0.3, 1.0), alpha=(0.2, 0.5, 1.0)),
    "mean_teacher": (
        *one_by_one(weight=(0.1, 0.3, 1.0, 3.0, 10.0), ramp=(0.3, 1.0)),
        *times(({"weight": 3.0},), ramp=(0.1, 1.0)),
    ),
    "uncertainty_teacher": one_by_one(weight=(0.1, 1.0, 3.0, 10.0), ramp=(0.3, 1.0)),
    "temporal_ensembling": one_by_one(weight=(0.1, 1.0, 3.0, 10.0), ramp=(0.3, 1.0)),
    "co_training": one_by_one(
        agreement_weight=(0.3, 1.0, 3.0),
        pseudo_label_weight=(0.0, 0.5, 1.5),
        disagreement_weight=(0.0, 0.1),
        threshold=(0.7, 0.9),
    ),
    "adversarial": one_by_one(
        weight=(0.03, 0.1, 0.3),
        criterion=("least_squares", "hinge", "wasserstein"),
        see_image=(False,),
        discriminator_rate=(3e-5, 1e-4, 3e-4),
    ),
    "adversarial_self_training": one_by_one(
        annotated_weight=(0.01, 0.1),
        unlabeled_weight=(0.001, 0.01),
        self_training_weight=(0.1, 0.5, 1.0),
        threshold=(0.2, 0.5),
        criterion=("least_squares",),
        true_maps=("softened",),
    ),
}
