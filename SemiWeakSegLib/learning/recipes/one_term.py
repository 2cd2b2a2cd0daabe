"""The recipe of every method that is supervision and one more term."""

from __future__ import annotations

from ...methods.term_method import TermMethod
from ..stages import Stage, Workshop
from ..terms import make_term
from .segmenters import segmenter, supervision


def one_term(settings: TermMethod, workshop: Workshop) -> list[Stage]:
    """One stage on annotated and unlabeled cases."""
    request = settings.request()
    return [
        segmenter(
            settings,
            workshop,
            lambda: [supervision(settings), make_term(request, workshop.plan.dimensions)],
            unlabeled=workshop.unlabeled,
        )
    ]
