"""CutMix: labels from weak views, learned on strong views with boxes pasted between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from SemiWeakSegLib.methods.pseudo_label_terms import CutMixFields, CutMixTerm
from SemiWeakSegLib.methods.settings import setting
from SemiWeakSegLib.methods.term import TermSettings
from SemiWeakSegLib.methods.term_method import TermMethod


@dataclass(frozen=True)
class CutMix(CutMixFields, TermMethod):
    """Supervision and weak-to-strong consistency on mixed images."""

    name: ClassVar[str] = "cutmix"
    title: ClassVar[str] = "Weak-to-strong consistency with CutMix"
    family: ClassVar[str] = "pseudo_labels"
    summary: ClassVar[str] = (
        "A teacher's confident predictions are learned on strongly changed images with boxes "
        "pasted from one another."
    )
    needs: ClassVar[tuple[str, ...]] = ("annotated", "unlabeled")
    source: ClassVar[str] = (
        "French et al., CutMix-Seg, BMVC 2020; Sohn et al., FixMatch, NeurIPS 2020; "
        "Yang et al., UniMatch, CVPR 2023"
    )
    term: ClassVar[type[TermSettings]] = CutMixTerm

    weight: float = setting(1.0, "weight of the loss on mixed images", minimum=0.0)
