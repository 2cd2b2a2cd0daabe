"""Interpolation consistency and MixUp: learning from mixtures of two images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from SemiWeakSegLib.methods.mixing_terms import ICTFields, ICTTerm, MixUpFields, MixUpTerm
from SemiWeakSegLib.methods.settings import setting
from SemiWeakSegLib.methods.term import TermSettings
from SemiWeakSegLib.methods.term_method import TermMethod


@dataclass(frozen=True)
class ICT(ICTFields, TermMethod):
    """Supervision, and predictions that pass straight from one image to another."""

    name: ClassVar[str] = "ict"
    title: ClassVar[str] = "Interpolation consistency (ICT)"
    family: ClassVar[str] = "consistency"
    summary: ClassVar[str] = (
        "A mixture of two images gets the mixture of the predictions of an averaged network."
    )
    needs: ClassVar[tuple[str, ...]] = ("annotated", "unlabeled")
    source: ClassVar[str] = (
        "Verma et al., Interpolation consistency training for semi-supervised learning, IJCAI 2019"
    )
    term: ClassVar[type[TermSettings]] = ICTTerm

    weight: float = setting(1.0, "weight of the consistency", minimum=0.0)


@dataclass(frozen=True)
class MixUp(MixUpFields, TermMethod):
    """Supervision, and supervision by mixtures of two annotated images."""

    name: ClassVar[str] = "mixup"
    title: ClassVar[str] = "MixUp"
    family: ClassVar[str] = "labels"
    summary: ClassVar[str] = (
        "Also learns from mixtures of annotated images; needs no unlabeled cases and uses none."
    )
    needs: ClassVar[tuple[str, ...]] = ("annotated",)
    source: ClassVar[str] = "Zhang et al., mixup: Beyond empirical risk minimization, ICLR 2018"
    term: ClassVar[type[TermSettings]] = MixUpTerm

    weight: float = setting(
        1.0, "weight of the loss on mixtures beside that on the images", minimum=0.0
    )
