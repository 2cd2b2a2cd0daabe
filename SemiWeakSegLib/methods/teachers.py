"""Mean Teacher, its uncertainty-aware form, and temporal ensembling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from SemiWeakSegLib.methods.settings import setting
from SemiWeakSegLib.methods.teacher_terms import (
    MeanTeacherFields,
    MeanTeacherTerm,
    TemporalEnsemblingFields,
    TemporalEnsemblingTerm,
    UncertaintyTeacherFields,
    UncertaintyTeacherTerm,
)
from SemiWeakSegLib.methods.term import TermSettings
from SemiWeakSegLib.methods.term_method import TermMethod

WEIGHT_HELP = (
    "weight of the squared difference of the probabilities, summed over the classes (for the mean "
    "over classes of other programs divide their weight by the number of classes)"
)


@dataclass(frozen=True)
class MeanTeacher(MeanTeacherFields, TermMethod):
    """Supervision, and predictions near those of the moving average of the weights."""

    name: ClassVar[str] = "mean_teacher"
    title: ClassVar[str] = "Mean Teacher"
    family: ClassVar[str] = "teachers"
    summary: ClassVar[str] = (
        "The network follows the moving average of its own weights on unlabeled images."
    )
    needs: ClassVar[tuple[str, ...]] = ("annotated", "unlabeled")
    source: ClassVar[str] = "Tarvainen and Valpola, Mean teachers are better role models, NIPS 2017"
    term: ClassVar[type[TermSettings]] = MeanTeacherTerm

    weight: float = setting(3.0, WEIGHT_HELP, minimum=0.0)


@dataclass(frozen=True)
class UncertaintyTeacher(UncertaintyTeacherFields, TermMethod):
    """Mean Teacher on the voxels where the teacher is sure of itself."""

    name: ClassVar[str] = "uncertainty_teacher"
    title: ClassVar[str] = "Uncertainty-aware Mean Teacher"
    family: ClassVar[str] = "teachers"
    summary: ClassVar[str] = (
        "Mean Teacher that first follows only where the teacher is sure; several times the cost."
    )
    needs: ClassVar[tuple[str, ...]] = ("annotated", "unlabeled")
    source: ClassVar[str] = (
        "Yu et al., Uncertainty-aware self-ensembling model for semi-supervised 3D left atrium "
        "segmentation, MICCAI 2019"
    )
    term: ClassVar[type[TermSettings]] = UncertaintyTeacherTerm

    weight: float = setting(1.0, WEIGHT_HELP, minimum=0.0)


@dataclass(frozen=True)
class TemporalEnsembling(TemporalEnsemblingFields, TermMethod):
    """Supervision, and predictions near the mean of earlier ones of the same voxel."""

    name: ClassVar[str] = "temporal_ensembling"
    title: ClassVar[str] = "Temporal ensembling"
    family: ClassVar[str] = "teachers"
    summary: ClassVar[str] = (
        "The network stays near the mean of its own earlier predictions, kept for every voxel of "
        "every case; no second network, but much disk space for many large images."
    )
    needs: ClassVar[tuple[str, ...]] = ("annotated", "unlabeled")
    source: ClassVar[str] = (
        "Laine and Aila, Temporal ensembling for semi-supervised learning, ICLR 2017"
    )
    term: ClassVar[type[TermSettings]] = TemporalEnsemblingTerm

    weight: float = setting(0.1, WEIGHT_HELP, minimum=0.0)
