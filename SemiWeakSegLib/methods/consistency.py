"""Transformation consistency and the Pi-model: predictions that views of an image agree on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from SemiWeakSegLib.methods.consistency_terms import (
    PiModelFields,
    PiModelTerm,
    TransformationFields,
    TransformationTerm,
)
from SemiWeakSegLib.methods.settings import setting
from SemiWeakSegLib.methods.term import TermSettings
from SemiWeakSegLib.methods.term_method import TermMethod


@dataclass(frozen=True)
class Transformation(TransformationFields, TermMethod):
    """Supervision, and T f(x) near f(T x) for mirrored, turned, zoomed and bent images."""

    name: ClassVar[str] = "transformation"
    title: ClassVar[str] = "Transformation consistency"
    family: ClassVar[str] = "consistency"
    summary: ClassVar[str] = (
        "The segmentation of a turned, zoomed or bent image follows the change; no labels needed."
    )
    needs: ClassVar[tuple[str, ...]] = ("annotated", "unlabeled")
    source: ClassVar[str] = (
        "Bortsova et al., Semi-supervised segmentation via learning consistency under "
        "transformations, MICCAI 2019; with a teacher: Li et al., Transformation-consistent "
        "self-ensembling, TNNLS 2021"
    )
    term: ClassVar[type[TermSettings]] = TransformationTerm

    weight: float = setting(10.0, "weight of the consistency", minimum=0.0)


@dataclass(frozen=True)
class PiModel(PiModelFields, TermMethod):
    """Supervision, and near predictions for two noisy views of the same patch."""

    name: ClassVar[str] = "pi_model"
    title: ClassVar[str] = "Pi-model"
    family: ClassVar[str] = "consistency"
    summary: ClassVar[str] = (
        "Two noisy views of an image get the same segmentation; the simplest consistency."
    )
    needs: ClassVar[tuple[str, ...]] = ("annotated", "unlabeled")
    source: ClassVar[str] = (
        "Laine and Aila, Temporal ensembling for semi-supervised learning, ICLR 2017"
    )
    term: ClassVar[type[TermSettings]] = PiModelTerm

    weight: float = setting(1.0, "weight of the consistency", minimum=0.0)
