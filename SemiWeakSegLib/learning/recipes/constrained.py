"""Supervision with size bounds that the cohort states."""

from __future__ import annotations

import dataclasses
from functools import partial

from ...methods import terms as term_settings
from ...methods.constrained import Constrained
from ...methods.size_sources import SizeSources
from ..stages import Stage, Workshop
from ..terms import SizeTerm, Term
from .segmenters import segmenter, supervision
from .sizes import size_weight


def constrained(settings: Constrained, workshop: Workshop) -> list[Stage]:
    terms = partial(_terms, settings, workshop.plan.dimensions)
    return [segmenter(settings, workshop, terms, unlabeled=workshop.unlabeled)]


def _terms(settings: Constrained, dimensions: int) -> list[Term]:
    sources = {each.name: getattr(settings, each.name) for each in dataclasses.fields(SizeSources)}
    size = term_settings.SizeTerm(penalty=settings.penalty, ramp=settings.ramp, **sources)
    return [supervision(settings), SizeTerm(size, size_weight(settings, dimensions))]
