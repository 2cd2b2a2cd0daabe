"""Adversarial methods: a discriminator judges the maps, the segmenter learns to pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from SemiWeakSegLib.methods.adversarial_terms import (
    AdversarialFields,
    AdversarialSelfTrainingTerm,
    AdversarialTerm,
    SelfTrainingFields,
)
from SemiWeakSegLib.methods.settings import setting
from SemiWeakSegLib.methods.term import TermSettings
from SemiWeakSegLib.methods.term_method import TermMethod


@dataclass(frozen=True)
class Adversarial(AdversarialFields, TermMethod):
    """D(map, image) tells annotated from unlabeled cases; the segmenter hides the difference."""

    name: ClassVar[str] = "adversarial"
    title: ClassVar[str] = "Adversary on unlabeled cases (DAN)"
    family: ClassVar[str] = "networks"
    summary: ClassVar[str] = (
        "A second network tells predictions on annotated cases from those on unlabeled cases; "
        "the first learns to make them alike."
    )
    needs: ClassVar[tuple[str, ...]] = ("annotated", "unlabeled")
    source: ClassVar[str] = (
        "Zhang et al., Deep adversarial networks for biomedical image segmentation utilizing "
        "unannotated images, MICCAI 2017"
    )
    term: ClassVar[type[TermSettings]] = AdversarialTerm

    weight: float = setting(
        0.003, "weight of fooling the discriminator on unlabeled cases", minimum=0.0
    )


@dataclass(frozen=True)
class AdversarialSelfTraining(SelfTrainingFields, TermMethod):
    """A discriminator per voxel between true and predicted maps; what passes becomes a label."""

    name: ClassVar[str] = "adversarial_self_training"
    title: ClassVar[str] = "Adversarial self-training"
    family: ClassVar[str] = "networks"
    summary: ClassVar[str] = (
        "A second network tells true from predicted maps at each voxel; predictions that it takes "
        "for true become labels."
    )
    needs: ClassVar[tuple[str, ...]] = ("dense", "unlabeled")
    source: ClassVar[str] = (
        "Hung et al., Adversarial learning for semi-supervised semantic segmentation, BMVC 2018"
    )
    term: ClassVar[type[TermSettings]] = AdversarialSelfTrainingTerm

    weight: float = setting(
        1.0,
        "factor of annotated_weight, unlabeled_weight and self_training_weight together",
        minimum=0.0,
    )
