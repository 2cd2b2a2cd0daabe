"""From a method's settings to stages: a few lines a method, no loop of its own."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..methods import terms as term_settings
from ..methods.curriculum_size import CurriculumSize
from ..methods.oracle_size import OracleSize
from ..methods.proposals import Proposals
from ..methods.pseudo_label import PseudoLabel
from ..methods.scribble_crf import ScribbleCRF
from ..methods.segmentation import SegmentationSettings
from ..methods.supervised import Supervised
from ..methods.terms import TermRequest
from .inference import infer
from .sizes import write_estimated, write_true
from .stages import FINAL_STAGE, Stage, Workshop
from .terms import (
    CRFTerm,
    EntropyTerm,
    PseudoLabelTerm,
    SizeRegressionTerm,
    SizeTerm,
    SupervisedTerm,
    Term,
    make_term,
)

WHOLE_IMAGE_METHODS = (CurriculumSize, OracleSize)
# Of the penalty on squared proportions, by dimensions: found on development cases (benchmarks).
SIZE_WEIGHTS = {2: 655.0, 3: 65.0}
RELATIVE_SIZE_WEIGHT = 0.05


def needs_whole_images(settings: SegmentationSettings, extra: list[TermRequest]) -> bool:
    """True where sizes of whole slices or volumes are constrained."""
    return isinstance(settings, WHOLE_IMAGE_METHODS) or any(each.name == "size" for each in extra)


def make_stages(
    settings: SegmentationSettings, extra: list[TermRequest], workshop: Workshop
) -> list[Stage]:
    """The stages of a method, with the user's extra terms in the last one."""
    stages = _RECIPES[type(settings)](settings, workshop)
    final = stages[-1]
    own_terms = final.make_terms
    final.make_terms = lambda: own_terms() + [make_term(request) for request in extra]
    added = [make_term(request) for request in extra]
    if any(term.uses_unlabeled for term in added):
        final.unlabeled = workshop.unlabeled
    asked = {getattr(request.settings, "teacher", None) for request in extra}
    if final.frozen_teacher is not None:
        asked.add("frozen")
    elif any(term.uses_teacher for term in own_terms()):
        asked.add("ema")
    if {"frozen", "ema"} <= asked:
        raise ValueError(
            "one term learns from a frozen teacher, another from the moving average: a run has "
            "one teacher, give both terms the same"
        )
    frozen = "frozen" in asked
    if frozen and final.frozen_teacher is None:
        first = _first_segmenter(settings, workshop, "teacher", share=0.5)
        final.frozen_teacher = first
        stages.insert(len(stages) - 1, first)
    return stages


def _segmenter(
    settings: SegmentationSettings,
    workshop: Workshop,
    terms: Callable[[], list[Term]],
    **kept: Any,
) -> Stage:
    """The stage whose network is the product of the run."""
    return Stage(
        name=kept.pop("name", FINAL_STAGE),
        share=kept.pop("share", 1.0),
        network=copy.deepcopy(workshop.plan.network),
        make_terms=terms,
        labeled=kept.pop("labeled", workshop.labeled),
        augmentation=settings.augmentation,
        average=settings.average_weights,
        **kept,
    )


def _supervision(settings: SegmentationSettings, on: str = "annotated_cases") -> SupervisedTerm:
    return SupervisedTerm(settings.cross_entropy_weight, settings.dice_weight, on=on)


def _first_segmenter(
    settings: SegmentationSettings, workshop: Workshop, name: str, share: float, **kept: Any
) -> Stage:
    return _segmenter(
        settings, workshop, lambda: [_supervision(settings)], name=name, share=share, **kept
    )


def _supervised(settings: Supervised, workshop: Workshop) -> list[Stage]:
    return [_segmenter(settings, workshop, lambda: [_supervision(settings)])]


def _scribble_crf(settings: ScribbleCRF, workshop: Workshop) -> list[Stage]:
    def terms() -> list[Term]:
        made: list[Term] = [_supervision(settings)]
        kinds = ["dense", "grid"] if settings.neighbourhood == "both" else [settings.neighbourhood]
        for kind in kinds:
            crf = term_settings.CRFTerm(
                neighbourhood=kind,
                sigma_space_mm=settings.sigma_space_mm,
                sigma_intensity=settings.sigma_intensity,
                smoothness=settings.smoothness,
                smoothness_sigma_mm=settings.smoothness_sigma_mm,
                form=settings.form,
                ramp=settings.ramp,
            )
            made.append(CRFTerm(crf, settings.crf_weight))
        if settings.entropy_weight > 0:
            entropy = term_settings.EntropyTerm(on="unlabeled_voxels", ramp=settings.ramp)
            made.append(EntropyTerm(entropy, settings.entropy_weight))
        return made

    unlabeled = workshop.unlabeled if settings.entropy_weight > 0 else []
    return [_segmenter(settings, workshop, terms, unlabeled=unlabeled)]


def _pseudo_label(settings: PseudoLabel, workshop: Workshop) -> list[Stage]:
    pseudo = term_settings.PseudoLabelTerm(
        teacher=settings.teacher,
        threshold=settings.threshold,
        strong_view=settings.strong_view,
        ramp=settings.ramp,
    )

    def terms() -> list[Term]:
        return [_supervision(settings), PseudoLabelTerm(pseudo, settings.weight)]

    if settings.teacher != "frozen":
        return [_segmenter(settings, workshop, terms, unlabeled=workshop.unlabeled)]
    first = _first_segmenter(settings, workshop, "teacher", settings.first_share)
    second = _segmenter(
        settings,
        workshop,
        terms,
        unlabeled=workshop.unlabeled,
        frozen_teacher=first,
        share=1 - settings.first_share,
    )
    return [first, second]


def _proposals(settings: Proposals, workshop: Workshop) -> list[Stage]:
    first = _first_segmenter(
        settings,
        workshop,
        "proposals",
        settings.first_share,
        finish=lambda shop: _write_proposals(first, shop),
    )
    second = _segmenter(
        settings,
        workshop,
        lambda: [_supervision(settings, on="all")],
        unlabeled=workshop.unlabeled,
        share=1 - settings.first_share,
        prepare=lambda shop: shop.store.use_proposals(
            {index: _proposal_path(shop, index) for index in shop.unlabeled}
        ),
    )
    return [first, second]


def _proposal_path(workshop: Workshop, index: int) -> Path:
    return workshop.products / "proposals" / f"{index}.npy"


def _write_proposals(stage: Stage, workshop: Workshop) -> None:
    """The first network's segmentation of every unlabeled case, as if it were its annotation."""
    network = workshop.load_stage(stage)
    for index in workshop.unlabeled:
        entry = workshop.store.entries[index]
        image = workshop.store.arrays(index).image
        scores = infer(network, image, entry.floor, workshop.plan, workshop.device)
        path = _proposal_path(workshop, index)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, scores.argmax(dim=0).to("cpu").numpy().astype(np.uint8))


def _size_terms(settings: CurriculumSize | OracleSize, dimensions: int) -> list[Term]:
    size = term_settings.SizeTerm(penalty=settings.penalty, ramp=settings.ramp)
    weight = settings.size_weight
    if weight is None:
        usual = SIZE_WEIGHTS[dimensions]
        weight = RELATIVE_SIZE_WEIGHT if settings.penalty == "relative" else usual
    return [_supervision(settings), SizeTerm(size, weight)]


def _oracle_size(settings: OracleSize, workshop: Workshop) -> list[Stage]:
    return [
        _segmenter(
            settings,
            workshop,
            partial(_size_terms, settings, workshop.plan.dimensions),
            unlabeled=workshop.unlabeled,
            prepare=lambda shop: write_true(shop, settings.gamma),
        )
    ]


def _curriculum_size(settings: CurriculumSize, workshop: Workshop) -> list[Stage]:
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
                row.append(_first_segmenter(settings, workshop, name, share, labeled=learned))
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
        )

    first_stages = [stage for row in estimators for stage in row]
    first_stages[-1].finish = finish
    last = _segmenter(
        settings,
        workshop,
        partial(_size_terms, settings, workshop.plan.dimensions),
        unlabeled=workshop.unlabeled,
        share=1 - settings.size_share,
    )
    return [*first_stages, last]


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

    return Stage(
        name=name,
        share=share,
        network={
            "name": "size_regressor",
            "dimensions": plan.dimensions,
            "in_channels": plan.channels_in,
            "classes": classes,
            "backbone": settings.regressor,
        },
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


_RECIPES: dict[type, Callable[[Any, Workshop], list[Stage]]] = {
    Supervised: _supervised,
    ScribbleCRF: _scribble_crf,
    PseudoLabel: _pseudo_label,
    Proposals: _proposals,
    OracleSize: _oracle_size,
    CurriculumSize: _curriculum_size,
}
