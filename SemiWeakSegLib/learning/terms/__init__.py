"""The summands of the training loss."""

from __future__ import annotations

from ...methods import adversarial_terms, consistency_terms, mixing_terms, teacher_terms
from ...methods import terms as settings
from .adversarial import AdversarialTerm
from .adversarial_self_training import AdversarialSelfTrainingTerm
from .area import AreaTerm
from .base import StageContext, Step, Term
from .boxes import BoxTerm
from .candidates import CandidateTerm
from .crf import CRFTerm
from .cutmix import CutMixTerm
from .entropy import EntropyTerm
from .ict import ICTTerm
from .mean_teacher import MeanTeacherTerm
from .mixup import MixUpTerm
from .moments import MomentsTerm
from .mutual_information import MutualInformationTerm
from .pi_model import PiModelTerm
from .proportions import ClassRatioTerm, PriorTerm
from .pseudo_label import PseudoLabelTerm
from .size import SizeTerm
from .size_regression import SizeRegressionTerm
from .supervised import SupervisedTerm
from .tag_classification import TagClassificationTerm
from .temporal_ensembling import TemporalEnsemblingTerm
from .transformation import TransformationTerm
from .uncertainty_teacher import UncertaintyTeacherTerm

_TERMS = {
    settings.EntropyTerm: EntropyTerm,
    settings.CRFTerm: CRFTerm,
    settings.PseudoLabelTerm: PseudoLabelTerm,
    settings.CutMixTerm: CutMixTerm,
    consistency_terms.TransformationTerm: TransformationTerm,
    consistency_terms.PiModelTerm: PiModelTerm,
    teacher_terms.MeanTeacherTerm: MeanTeacherTerm,
    teacher_terms.UncertaintyTeacherTerm: UncertaintyTeacherTerm,
    teacher_terms.TemporalEnsemblingTerm: TemporalEnsemblingTerm,
    mixing_terms.ICTTerm: ICTTerm,
    mixing_terms.MixUpTerm: MixUpTerm,
    adversarial_terms.AdversarialTerm: AdversarialTerm,
    adversarial_terms.AdversarialSelfTrainingTerm: AdversarialSelfTrainingTerm,
    settings.SizeTerm: SizeTerm,
    settings.MomentsTerm: MomentsTerm,
    settings.PriorTerm: PriorTerm,
    settings.AreaTerm: AreaTerm,
    settings.ClassRatioTerm: ClassRatioTerm,
    settings.MutualInformationTerm: MutualInformationTerm,
    settings.BoxTerm: BoxTerm,
    settings.CandidateTerm: CandidateTerm,
}


def make_term(request: settings.TermRequest, dimensions: int) -> Term:
    """The term a user or a recipe asked for, in a training on slices (2) or volumes (3)."""
    return _TERMS[type(request.settings)](request.settings, request.weight_on(dimensions))


__all__ = [
    "AdversarialSelfTrainingTerm",
    "AdversarialTerm",
    "AreaTerm",
    "BoxTerm",
    "CRFTerm",
    "CandidateTerm",
    "ClassRatioTerm",
    "CutMixTerm",
    "EntropyTerm",
    "ICTTerm",
    "MeanTeacherTerm",
    "MixUpTerm",
    "MomentsTerm",
    "MutualInformationTerm",
    "PiModelTerm",
    "PriorTerm",
    "PseudoLabelTerm",
    "SizeRegressionTerm",
    "SizeTerm",
    "StageContext",
    "Step",
    "SupervisedTerm",
    "TagClassificationTerm",
    "TemporalEnsemblingTerm",
    "Term",
    "TransformationTerm",
    "UncertaintyTeacherTerm",
    "make_term",
]
