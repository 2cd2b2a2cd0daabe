"""The rows of the tables of few labels: who is annotated, and what learns from the rest.

The first row of an annotation is what the others with it are compared to, and the first row of all
is full supervision.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cohorts import heart, hippocampus
from rows import NARROW, Maker, Row
from weak_cohorts import few, full_labels, labels_and_scribbles

from SemiWeakSegLib.cohort import Cohort


@dataclass(frozen=True)
class Study:
    """One of the two tables: its cohort, from the folders of data and of results; its plan."""

    name: str
    dimensions: int
    plan: tuple[str, ...]
    make: Callable[[Path, Path], Cohort]


# A third and half of the voxels: a training takes one to three minutes of a core. Dice is measured
# on the images as they are. The patch holds the largest volume or slice.
COARSE_VOLUMES = ("spacing=1.5,1.5,1.5", "patch_size=32,48,32", NARROW)
COARSE_SLICES = ("spacing=2.5,2.5", "patch_size=80,80", NARROW)

# Of the last network of every row.
STEPS = 400

STUDIES = {
    study.name: study
    for study in (
        Study("hippocampus", 3, COARSE_VOLUMES, lambda data, _: hippocampus(data)),
        Study("heart", 2, COARSE_SLICES, lambda _, out: heart(out / "work" / "hearts")),
    )
}


@dataclass(frozen=True)
class FewRow(Row):
    """A row with the sort and the number of its annotated cases, None for all."""

    kind: str = "labels"
    annotated: int | None = None


LABELED = (1, 2, 5)
SCRIBBLED = 5


@dataclass(frozen=True)
class Learner:
    """A way to learn; ``earlier``: the share of its budget that other networks take before."""

    key: str
    name: str
    method: str
    settings: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()
    earlier: float = 0.0


LEARNERS = (
    Learner("supervised", "supervised", "supervised"),
    Learner("entropy", "entropy minimisation", "entropy"),
    Learner("pseudo_label", "pseudo-labels, averaged teacher", "pseudo_label"),
    Learner("proposals", "proposals", "proposals", earlier=0.5),
    Learner("cutmix", "weak-to-strong with CutMix", "cutmix"),
    Learner("transformation", "transformation consistency", "transformation"),
    Learner("pi_model", "Π-model", "pi_model"),
    Learner("ict", "interpolation consistency", "ict"),
    Learner("mixup", "MixUp of labeled cases", "mixup"),
    Learner("mean_teacher", "Mean Teacher", "mean_teacher"),
    Learner("uncertainty_teacher", "uncertainty-aware Mean Teacher", "uncertainty_teacher"),
    Learner("temporal_ensembling", "temporal ensembling", "temporal_ensembling"),
    Learner("co_training", "multi-view co-training", "co_training"),
    Learner("adversarial", "adversarial", "adversarial"),
    Learner("adversarial_self_training", "adversarial self-training", "adversarial_self_training"),
    Learner("curriculum_size", "regressed sizes", "curriculum_size", earlier=0.5),
    Learner("oracle_size", "true sizes", "oracle_size"),
)

STRONG = ("augmentation=strong",)
STRONG_LEARNERS = (
    Learner("supervised-strong", "supervised, strong augmentation", "supervised", STRONG),
    Learner("cutmix-strong", "CutMix, strong augmentation", "cutmix", STRONG),
    Learner(
        "transformation-strong",
        "transformation consistency, strong augmentation",
        "transformation",
        STRONG,
    ),
)

# Forms of the same methods, and several at once: where labels are fewest.
BALANCED = ("selection=class_balanced",)
FROZEN = ("teacher=frozen",)
VARIANTS = (
    Learner("pseudo_label-own", "pseudo-labels, own", "pseudo_label", ("teacher=own",)),
    Learner("pseudo_label-frozen", "pseudo-labels, frozen", "pseudo_label", FROZEN, earlier=0.3),
    Learner("pseudo_label-balanced", "pseudo-labels, class-balanced", "pseudo_label", BALANCED),
    # What the unlabeled cases bring to it: no term that reads them.
    Learner(
        "co_training-alone",
        "networks of co-training, labels alone",
        "co_training",
        ("agreement_weight=0", "pseudo_label_weight=0", "disagreement_weight=0"),
    ),
    Learner(
        "cutmix-and-transformation",
        "CutMix + transformation consistency",
        "cutmix",
        terms=("transformation",),
    ),
    Learner("cutmix-and-mean_teacher", "CutMix + Mean Teacher", "cutmix", terms=("mean_teacher",)),
    Learner("cutmix-and-mixup", "CutMix + MixUp", "cutmix", terms=("mixup",)),
    Learner(
        "pseudo_label-and-transformation",
        "pseudo-labels + transformation consistency",
        "pseudo_label",
        terms=("transformation",),
    ),
)

# Scribbles on some cases, labels on none or on one, nothing on all others: one training.
SPARSE_LEARNERS = (
    Learner("supervised", "partial CE + Dice", "supervised"),
    Learner("crf", "+ CRF", "scribble_crf"),
    Learner("crf-and-pseudo_label", "+ CRF + pseudo-labels", "scribble_crf", (), ("pseudo_label",)),
    Learner("crf-and-cutmix", "+ CRF + CutMix", "scribble_crf", (), ("cutmix",)),
    Learner("crf-and-mean_teacher", "+ CRF + Mean Teacher", "scribble_crf", (), ("mean_teacher",)),
    Learner(
        "crf-and-transformation",
        "+ CRF + transformation consistency",
        "scribble_crf",
        (),
        ("transformation",),
    ),
    Learner(
        "crf-pseudo_label-and-transformation",
        "+ CRF + pseudo-labels + transformation consistency",
        "scribble_crf",
        (),
        ("pseudo_label", "transformation"),
    ),
)


def few_rows(study: Study) -> list[FewRow]:
    """All rows of one table.

    What unlabeled cases bring to co-training is asked of the hearts alone: several networks of
    slices take nine times a step of the hippocampus.
    """
    full = FewRow("full", "all labels", "full supervision", full_labels, "supervised")
    result = [replace(full, plan=study.plan)]
    slices = study.dimensions == 2
    variants = [each for each in VARIANTS if slices or each.method != "co_training"]
    for count in LABELED:
        learners = [*LEARNERS, *STRONG_LEARNERS, *(variants if count == min(LABELED) else ())]
        result += _rows(study, learners, "labels", count, f"{count} labeled", few("full", count))
    scribbled = few("scribbles", SCRIBBLED)
    result += _rows(
        study, SPARSE_LEARNERS, "scribbles", SCRIBBLED, f"{SCRIBBLED} scribbled", scribbled
    )
    mixed = labels_and_scribbles(1, SCRIBBLED - 1)
    named = f"1 labeled, {SCRIBBLED - 1} scribbled"
    result += _rows(study, SPARSE_LEARNERS, "labels and scribbles", SCRIBBLED, named, mixed)
    return result


def _rows(
    study: Study,
    learners: Sequence[Learner],
    kind: str,
    annotated: int,
    annotation: str,
    make: Maker,
) -> list[FewRow]:
    place = {"labels": "n", "scribbles": "s", "labels and scribbles": "m"}[kind]
    return [
        FewRow(
            key=f"{each.key}-{place}{annotated}",
            annotation=annotation,
            learned_by=each.name,
            make=make,
            method=each.method,
            settings=each.settings,
            terms=each.terms,
            plan=study.plan,
            earlier=each.earlier,
            kind=kind,
            annotated=annotated,
        )
        for each in learners
    ]
