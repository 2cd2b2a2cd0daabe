"""The summands of the training loss."""

from __future__ import annotations

from ...methods import terms as settings
from .area import AreaTerm
from .base import StageContext, Step, Term
from .boxes import BoxTerm
from .candidates import CandidateTerm
from .crf import CRFTerm
from .entropy import EntropyTerm
from .moments import MomentsTerm
from .mutual_information import MutualInformationTerm
from .proportions import ClassRatioTerm, PriorTerm
from .pseudo_label import PseudoLabelTerm
from .size import SizeTerm
from .size_regression import SizeRegressionTerm
from .supervised import SupervisedTerm
from .tag_classification import TagClassificationTerm

_TERMS = {
    settings.EntropyTerm: EntropyTerm,
    settings.CRFTerm: CRFTerm,
    settings.PseudoLabelTerm: PseudoLabelTerm,
    settings.SizeTerm: SizeTerm,
    settings.MomentsTerm: MomentsTerm,
    settings.PriorTerm: PriorTerm,
    settings.AreaTerm: AreaTerm,
    settings.ClassRatioTerm: ClassRatioTerm,
    settings.MutualInformationTerm: MutualInformationTerm,
    settings.BoxTerm: BoxTerm,
    settings.CandidateTerm: CandidateTerm,
}


def make_term(request: settings.TermRequest) -> Term:
    """The term a user or a recipe asked for."""
    return _TERMS[type(request.settings)](request.settings, request.weight)


__all__ = [
    "AreaTerm",
    "BoxTerm",
    "CRFTerm",
    "CandidateTerm",
    "ClassRatioTerm",
    "EntropyTerm",
    "MomentsTerm",
    "MutualInformationTerm",
    "PriorTerm",
    "PseudoLabelTerm",
    "SizeRegressionTerm",
    "SizeTerm",
    "StageContext",
    "Step",
    "SupervisedTerm",
    "TagClassificationTerm",
    "Term",
    "make_term",
]
