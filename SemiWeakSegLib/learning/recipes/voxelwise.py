"""Methods that learn voxel by voxel: from labels, scribbles and their own predictions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ...cohort import UNLABELED
from ...methods import terms as term_settings
from ...methods.proposals import Proposals
from ...methods.pseudo_label import PseudoLabel
from ...methods.scribble_crf import ScribbleCRF
from ...methods.supervised import Supervised
from ..inference import infer
from ..pseudo_labels import ClassBalancedLabeler, PseudoLabeler, ThresholdLabeler
from ..stages import Stage, Workshop
from ..terms import EntropyTerm, Term
from ..terms.crf import crf_term
from .one_term import one_term
from .segmenters import first_segmenter, segmenter, supervision


def supervised(settings: Supervised, workshop: Workshop) -> list[Stage]:
    return [segmenter(settings, workshop, lambda: [supervision(settings)])]


def scribble_crf(settings: ScribbleCRF, workshop: Workshop) -> list[Stage]:
    def terms() -> list[Term]:
        made: list[Term] = [supervision(settings)]
        for each in settings.neighbourhoods:
            made.append(
                crf_term(settings, settings.crf_weight, neighbourhood=each, ramp=settings.ramp)
            )
        if settings.entropy_weight > 0:
            entropy = term_settings.EntropyTerm(on="unlabeled_voxels", ramp=settings.ramp)
            made.append(EntropyTerm(entropy, settings.entropy_weight))
        return made

    unlabeled = workshop.unlabeled if settings.entropy_weight > 0 else []
    return [segmenter(settings, workshop, terms, unlabeled=unlabeled)]


def pseudo_label(settings: PseudoLabel, workshop: Workshop) -> list[Stage]:
    """One stage; a frozen teacher is trained in one before it."""
    [final] = one_term(settings, workshop)
    if settings.teacher != "frozen":
        return [final]
    first = first_segmenter(settings, workshop, "teacher", settings.first_share)
    final.frozen_teacher = first
    final.share = 1 - settings.first_share
    return [first, final]


def proposals(settings: Proposals, workshop: Workshop) -> list[Stage]:
    first = first_segmenter(
        settings,
        workshop,
        "proposals",
        settings.first_share,
        finish=lambda shop: _write_proposals(settings, first, shop),
    )
    second = segmenter(
        settings,
        workshop,
        lambda: [supervision(settings, on="all")],
        unlabeled=workshop.unlabeled,
        share=1 - settings.first_share,
        prepare=lambda shop: shop.store.use_proposals(
            {index: _proposal_path(shop, index) for index in shop.unlabeled}
        ),
    )
    return [first, second]


def _proposal_path(workshop: Workshop, index: int) -> Path:
    return workshop.products / "proposals" / f"{index}.npy"


def _write_proposals(settings: Proposals, stage: Stage, workshop: Workshop) -> None:
    """The first network's labels of every unlabeled case, as if they were its annotation."""
    network = workshop.load_stage(stage)

    def probabilities(index: int) -> torch.Tensor:
        entry = workshop.store.entries[index]
        image = workshop.store.arrays(index).image
        return infer(network, image, entry.floor, workshop.plan, workshop.device)[None]

    labeler: PseudoLabeler = ThresholdLabeler(settings.threshold)
    if settings.selection == "class_balanced":
        labeler = ClassBalancedLabeler(settings.portion, settings.portion)
        labeler.start(workshop.plan.num_classes, workshop.device)
        # The thresholds are those of all cases, so that each is predicted twice.
        for place, index in enumerate(workshop.unlabeled):
            workshop.count(place, len(workshop.unlabeled))
            labeler.watch(probabilities(index))
    written = 0
    for place, index in enumerate(workshop.unlabeled):
        workshop.count(place, len(workshop.unlabeled))
        labels, _ = labeler.select(probabilities(index))
        knowledge = workshop.store.knowledge.get(index)
        for absent in () if knowledge is None else knowledge.absent:
            labels[labels == absent] = UNLABELED
        written += int((labels != UNLABELED).sum())
        path = _proposal_path(workshop, index)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, labels[0].to("cpu").numpy().astype(np.uint8))
    if not written:
        workshop.emit(
            "warning",
            message=(
                f"no voxel of the unlabeled cases reached the probability {settings.threshold:g}: "
                "the second training learns from the annotated cases alone; a lower threshold "
                "gives it labels (--set threshold=VALUE)"
            ),
        )
