"""Entropy: predictions are made confident where nothing is annotated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from SemiWeakSegLib.methods.pseudo_label_terms import EntropyFields, EntropyTerm
from SemiWeakSegLib.methods.settings import setting
from SemiWeakSegLib.methods.term import TermSettings
from SemiWeakSegLib.methods.term_method import TermMethod


@dataclass(frozen=True)
class Entropy(EntropyFields, TermMethod):
    """Supervision and the entropy of unlabeled voxels, whose weight rises slowly."""

    name: ClassVar[str] = "entropy"
    title: ClassVar[str] = "Entropy minimisation"
    family: ClassVar[str] = "pseudo_labels"
    summary: ClassVar[str] = (
        "Makes predictions on unlabeled cases confident; confident errors stick, so the weight "
        "rises slowly."
    )
    needs: ClassVar[tuple[str, ...]] = ("annotated", "unlabeled")
    source: ClassVar[str] = (
        "Grandvalet and Bengio, Semi-supervised learning by entropy minimization, NIPS 2004"
    )
    term: ClassVar[type[TermSettings]] = EntropyTerm

    weight: float = setting(0.1, "weight of the entropy", minimum=0.0)
