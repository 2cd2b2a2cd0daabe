"""Methods that keep sizes within bounds: known ones, or ones estimated first."""

from __future__ import annotations

from functools import partial

import numpy as np

from ...methods import terms as term_settings
from ...methods.constraint_terms import usual_size_weight
from ...methods.curriculum_size import CurriculumSize
from ...methods.oracle_size import OracleSize
from ...methods.size_penalty import EstimatedBounds, SizePenalty
from ..moments import start_moments
from ..plan import Plan, PlanError
from ..sizes import write_estimated, write_true
from ..stages import Stage, Workshop
from ..terms import MomentsTerm, SizeRegressionTerm, SizeTerm, Term
from .segmenters import first_segmenter, segmenter, supervision

# By how much ResNets make a grid coarser.
RESNET_FACTOR = 2**5


def size_weight(settings: SizePenalty, dimensions: int) -> float:
    """The weight that was asked for, or the usual one of the penalty."""
    if settings.size_weight is not None:
        return settings.size_weight
    return usual_size_weight(settings.penalty, dimensions)


def size_terms(settings: EstimatedBounds, dimensions: int) -> list[Term]:
    """Supervision, and the bounds on sizes and on what else is estimated."""
    size = term_settings.SizeTerm(penalty=settings.penalty, ramp=settings.ramp)
    terms: list[Term] = [supervision(settings), SizeTerm(size, size_weight(settings, dimensions))]
    if settings.moments:
        moments = term_settings.MomentsTerm(
            attributes="both" if len(settings.moments) == 2 else settings.moments[0],
            penalty="log_barrier" if settings.penalty == "log_barrier" else "quadratic",
            ramp=settings.ramp,
        )
        terms.append(MomentsTerm(moments, settings.moments_weight))
    return terms


def oracle_size(settings: OracleSize, workshop: Workshop) -> list[Stage]:
    return [
        segmenter(
            settings,
            workshop,
            partial(size_terms, settings, workshop.plan.dimensions),
            unlabeled=workshop.unlabeled,
            prepare=lambda shop: write_true(shop, settings.gamma, settings.moments),
        )
    ]


def curriculum_size(settings: CurriculumSize, workshop: Workshop) -> list[Stage]:
    if not workshop.dense:
        raise ValueError(
            "sizes need at least one densely labeled training case in which every class was "
            "looked at"
        )
    folds = make_folds(workshop, settings.folds)
    kinds = ["regressor", "segmenter"] if settings.sizes_from == "both" else [settings.sizes_from]
    share = settings.size_share / (len(folds) * len(kinds))
    estimators: list[list[Stage]] = []
    for number, held_out in enumerate(folds):
        learned = [index for index in workshop.dense if index not in held_out]
        row = []
        for kind in kinds:
            name = f"{kind}_{number + 1}"
            if kind == "segmenter":
                row.append(first_segmenter(settings, workshop, name, share, labeled=learned))
            else:
                row.append(_regressor(settings, workshop, name, share, learned))
        estimators.append(row)

    def finish(shop: Workshop) -> None:
        networks = [[shop.load_stage(stage) for stage in row] for row in estimators]
        write_estimated(
            shop,
            networks,
            folds,
            gamma=settings.gamma,
            rule=settings.bounds,
            source=settings.sizes_from,
            moments=settings.moments,
        )

    first_stages = [stage for row in estimators for stage in row]
    first_stages[-1].finish = finish
    last = segmenter(
        settings,
        workshop,
        partial(size_terms, settings, workshop.plan.dimensions),
        unlabeled=workshop.unlabeled,
        share=1 - settings.size_share,
    )
    return [*first_stages, last]


def check_regressor(settings: CurriculumSize, plan: Plan) -> None:
    """Raises PlanError where its normalisation over the batch would see single values."""
    if settings.sizes_from == "segmenter" or settings.regressor == "small":
        return
    if plan.batch_labeled == 1 and max(plan.patch_size) <= RESNET_FACTOR:
        raise PlanError(
            f"batch_labeled=1: regressor={settings.regressor} needs 2 or more for images of at "
            f"most {RESNET_FACTOR} voxels along each axis; regressor=small does not"
        )


def _regressor(
    settings: CurriculumSize, workshop: Workshop, name: str, share: float, cases: list[int]
) -> Stage:
    plan = workshop.plan
    classes = plan.num_classes - 1

    def initialise(network, shop: Workshop) -> None:
        voxels = np.prod(plan.patch_size)
        shares = [
            np.array(entry.counts[1:]) / (entry.shape[1] * voxels)
            for entry in (shop.store.entries[index] for index in cases)
        ]
        mean = np.maximum(np.mean(shares, axis=0), 1e-6)
        network.mean_proportion.copy_(network.mean_proportion.new_tensor(mean))
        if settings.moments:
            start_moments(network, shop, cases)

    described = {
        "name": "size_regressor",
        "dimensions": plan.dimensions,
        "in_channels": plan.channels_in,
        "classes": classes,
        "backbone": settings.regressor,
    }
    if settings.moments:
        described["moments"] = list(settings.moments)
    return Stage(
        name=name,
        share=share,
        network=described,
        make_terms=lambda: [SizeRegressionTerm(plan.num_classes)],
        labeled=cases,
        augmentation=settings.augmentation,
        average=settings.average_weights,
        initialise=initialise,
    )


def make_folds(workshop: Workshop, folds: int) -> list[list[int]]:
    """Held-out dense cases of each fold; cases of one group stay together.

    One group only: a single fold that holds nothing out, and no error can be known.
    """
    groups: dict[str, list[int]] = {}
    for index in workshop.dense:
        case = workshop.store.cases[index]
        groups.setdefault(case.group or f"case {case.id}", []).append(index)
    members = [groups[name] for name in sorted(groups)]
    if len(members) < 2:
        return [[]]
    order = np.random.default_rng(workshop.seed).permutation(len(members))
    count = min(folds, len(members))
    return [
        sorted(index for place in order[start::count] for index in members[place])
        for start in range(count)
    ]
