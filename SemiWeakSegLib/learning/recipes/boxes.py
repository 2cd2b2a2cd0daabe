"""Boxes: known outside, bounded inside, the edge found by a CRF."""

from __future__ import annotations

import dataclasses

from ...methods import terms as term_settings
from ...methods.box_bounds import BoxBounds
from ...methods.boxes import Boxes
from ..stages import Stage, Workshop
from ..terms import BoxTerm, CandidateTerm, EntropyTerm, Term
from ..terms.crf import crf_term
from .segmenters import segmenter, supervision


def boxes(settings: Boxes, workshop: Workshop) -> list[Stage]:
    """One stage; boxed and annotated cases share its batches, the others are regularised."""
    bounds = {each.name: getattr(settings, each.name) for each in dataclasses.fields(BoxBounds)}

    def terms() -> list[Term]:
        made: list[Term] = [supervision(settings)]
        if settings.candidates_weight > 0:
            made.append(CandidateTerm(term_settings.CandidateTerm(), settings.candidates_weight))
        if settings.box_weight > 0:
            made.append(BoxTerm(term_settings.BoxTerm(**bounds), settings.box_weight))
        if settings.crf_weight > 0:
            made.append(crf_term(settings, settings.crf_weight, ramp=settings.ramp))
        if settings.entropy_weight > 0:
            entropy = term_settings.EntropyTerm(on="unlabeled_voxels", ramp=settings.ramp)
            made.append(EntropyTerm(entropy, settings.entropy_weight))
        return made

    tagged = any(index in workshop.store.knowledge for index in workshop.unlabeled)
    used = settings.entropy_weight > 0 or (tagged and settings.candidates_weight > 0)
    return [segmenter(settings, workshop, terms, unlabeled=workshop.unlabeled if used else [])]
