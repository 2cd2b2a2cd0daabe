"""Methods that learn voxel by voxel: from labels, scribbles and their own predictions."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...methods import terms as term_settings
from ...methods.proposals import Proposals
from ...methods.pseudo_label import PseudoLabel
from ...methods.scribble_crf import ScribbleCRF
from ...methods.supervised import Supervised
from ..inference import infer
from ..stages import Stage, Workshop
from ..terms import EntropyTerm, PseudoLabelTerm, Term
from ..terms.crf import crf_term
from .segmenters import first_segmenter, segmenter, supervision


def supervised(settings: Supervised, workshop: Workshop) -> list[Stage]:
    return [segmenter(settings, workshop, lambda: [supervision(settings)])]


def scribble_crf(settings: ScribbleCRF, workshop: Workshop) -> list[Stage]:
    def terms() -> list[Term]:
        made: list[Term] = [supervision(settings)]
        kinds = ["dense", "grid"] if settings.neighbourhood == "both" else [settings.neighbourhood]
        for kind in kinds:
            made.append(
                crf_term(settings, settings.crf_weight, neighbourhood=kind, ramp=settings.ramp)
            )
        if settings.entropy_weight > 0:
            entropy = term_settings.EntropyTerm(on="unlabeled_voxels", ramp=settings.ramp)
            made.append(EntropyTerm(entropy, settings.entropy_weight))
        return made

    unlabeled = workshop.unlabeled if settings.entropy_weight > 0 else []
    return [segmenter(settings, workshop, terms, unlabeled=unlabeled)]


def pseudo_label(settings: PseudoLabel, workshop: Workshop) -> list[Stage]:
    pseudo = term_settings.PseudoLabelTerm(
        teacher=settings.teacher,
        threshold=settings.threshold,
        strong_view=settings.strong_view,
        ramp=settings.ramp,
    )

    def terms() -> list[Term]:
        return [supervision(settings), PseudoLabelTerm(pseudo, settings.weight)]

    if settings.teacher != "frozen":
        return [segmenter(settings, workshop, terms, unlabeled=workshop.unlabeled)]
    first = first_segmenter(settings, workshop, "teacher", settings.first_share)
    second = segmenter(
        settings,
        workshop,
        terms,
        unlabeled=workshop.unlabeled,
        frozen_teacher=first,
        share=1 - settings.first_share,
    )
    return [first, second]


def proposals(settings: Proposals, workshop: Workshop) -> list[Stage]:
    first = first_segmenter(
        settings,
        workshop,
        "proposals",
        settings.first_share,
        finish=lambda shop: _write_proposals(first, shop),
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
