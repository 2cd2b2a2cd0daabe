"""The summands of the training loss."""

from __future__ import annotations

from ...methods import terms as settings
from .base import StageContext, Step, Term
from .crf import CRFTerm
from .entropy import EntropyTerm
from .pseudo_label import PseudoLabelTerm
from .size import SizeTerm
from .size_regression import SizeRegressionTerm
from .supervised import SupervisedTerm

_TERMS = {
    settings.EntropyTerm: EntropyTerm,
    settings.CRFTerm: CRFTerm,
    settings.PseudoLabelTerm: PseudoLabelTerm,
    settings.SizeTerm: SizeTerm,
}


def make_term(request: settings.TermRequest) -> Term:
    """The term a user or a recipe asked for."""
    return _TERMS[type(request.settings)](request.settings, request.weight)


__all__ = [
    "CRFTerm",
    "EntropyTerm",
    "PseudoLabelTerm",
    "SizeRegressionTerm",
    "SizeTerm",
    "StageContext",
    "Step",
    "SupervisedTerm",
    "Term",
    "make_term",
]
