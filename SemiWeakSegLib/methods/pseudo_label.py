"""PseudoLabel: confident predictions become labels, the rest stays unlabeled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from SemiWeakSegLib.methods.pseudo_label_terms import PseudoLabelFields, PseudoLabelTerm
from SemiWeakSegLib.methods.settings import setting
from SemiWeakSegLib.methods.term import TermSettings
from SemiWeakSegLib.methods.term_method import TermMethod


@dataclass(frozen=True)
class PseudoLabel(PseudoLabelFields, TermMethod):
    """Labels from a teacher on a weak view where it is confident, loss on a strong view."""

    name: ClassVar[str] = "pseudo_label"
    title: ClassVar[str] = "Pseudo-labels"
    family: ClassVar[str] = "pseudo_labels"
    summary: ClassVar[str] = "A teacher's confident predictions on unlabeled cases become labels."
    needs: ClassVar[tuple[str, ...]] = ("annotated", "unlabeled")
    source: ClassVar[str] = (
        "Lee, Pseudo-label, ICML workshop 2013; Sohn et al., FixMatch, NeurIPS 2020; "
        "class_balanced: Zou et al., CBST, ECCV 2018"
    )
    term: ClassVar[type[TermSettings]] = PseudoLabelTerm

    weight: float = setting(1.0, "weight of the pseudo-label loss", minimum=0.0)
    first_share: float = setting(
        0.3,
        "share of the budget that trains the frozen teacher",
        minimum=0.05,
        maximum=0.95,
        used_if={"teacher": ("frozen",)},
    )
