"""The loss terms a user may add to any method, and how they are written on a command line."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from SemiWeakSegLib.methods.adversarial_terms import ADVERSARIAL_TERMS
from SemiWeakSegLib.methods.box_terms import BoxTerm, CandidateTerm
from SemiWeakSegLib.methods.consistency_terms import CONSISTENCY_TERMS
from SemiWeakSegLib.methods.constraint_terms import (
    CONSTRAINT_TERMS,
    AreaTerm,
    ClassRatioTerm,
    MomentsTerm,
    MutualInformationTerm,
    PriorTerm,
    SizeTerm,
)
from SemiWeakSegLib.methods.kernel import CRFKernel
from SemiWeakSegLib.methods.mixing_terms import MIXING_TERMS
from SemiWeakSegLib.methods.pseudo_label_terms import CutMixTerm, EntropyTerm, PseudoLabelTerm
from SemiWeakSegLib.methods.settings import SettingsError, nearest, setting
from SemiWeakSegLib.methods.teacher_terms import TEACHER_TERMS
from SemiWeakSegLib.methods.term import RAMP_HELP, TermSettings


@dataclass(frozen=True)
class CRFTerm(CRFKernel, TermSettings):
    """Relaxed CRF, sum_k s_k' W (1 - s_k) / sum W, or normalised cut."""

    name: ClassVar[str] = "crf"
    title: ClassVar[str] = "CRF regularisation"
    family: ClassVar[str] = "weak"
    summary: ClassVar[str] = "Voxels near each other with like intensities get the same class."
    default_weight: ClassVar[float] = 3.0

    neighbourhood: str = setting(
        "dense",
        "dense: long range, Gaussian in space and intensity; grid: nearest neighbours only",
        choices=("dense", "grid"),
    )
    on: str = setting(
        "annotated_cases", "which cases it acts on", choices=("annotated_cases", "all")
    )
    ramp: float = setting(0.3, RAMP_HELP, minimum=0.0, maximum=1.0)

    @property
    def kind(self) -> str:
        """Potts and normalised cut, of voxels far and near, are terms of their own."""
        return self.kind_of(self.neighbourhood)


__all__ = [
    "RAMP_HELP",
    "TERMS",
    "AreaTerm",
    "BoxTerm",
    "CRFTerm",
    "CandidateTerm",
    "ClassRatioTerm",
    "CutMixTerm",
    "EntropyTerm",
    "MomentsTerm",
    "MutualInformationTerm",
    "PriorTerm",
    "PseudoLabelTerm",
    "SizeTerm",
    "TermRequest",
    "TermSettings",
    "get_term",
    "parse_term",
]

TERMS: dict[str, type[TermSettings]] = {
    term.name: term
    for term in (
        EntropyTerm,
        CRFTerm,
        PseudoLabelTerm,
        CutMixTerm,
        *CONSISTENCY_TERMS,
        *TEACHER_TERMS,
        *MIXING_TERMS,
        *ADVERSARIAL_TERMS,
        *CONSTRAINT_TERMS,
        BoxTerm,
        CandidateTerm,
    )
}


@dataclass(frozen=True)
class TermRequest:
    """A term that the user added: its name, its final weight and its settings.

    ``weight`` None: nobody chose one, and it is the usual one on the slices or volumes of the plan.
    """

    name: str
    weight: float | None
    settings: TermSettings

    def weight_on(self, dimensions: int) -> float:
        """The weight in a training on slices (2) or volumes (3)."""
        usual = self.settings.usual_weight(dimensions)
        return usual if self.weight is None else self.weight

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` reads them back."""
        return {"name": self.name, "weight": self.weight, "settings": self.settings.to_dict()}

    def to_text(self) -> str:
        """The term as it is written after ``--add``; `parse_term` reads it back."""
        defaults = type(self.settings)().to_dict()
        changed = [
            f",{name}={value}"
            for name, value in self.settings.to_dict().items()
            if value != defaults[name]
        ]
        weight = "" if self.weight is None else f":{self.weight:g}"
        return f"{self.name}{weight}{''.join(changed)}"

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TermRequest:
        """Raises SettingsError for an unknown term, a bad weight or bad settings."""
        term = get_term(str(values.get("name", "")))
        settings = term.from_dict(values.get("settings", {}))
        weight = values.get("weight")
        checked = None if weight is None else _checked_weight(term.name, weight)
        return cls(term.name, checked, settings)


def get_term(name: str) -> type[TermSettings]:
    """The term's settings class; SettingsError with a suggestion where there is none."""
    if name not in TERMS:
        raise SettingsError(
            [f"there is no term '{name}'{nearest(name, TERMS)}; the terms are {', '.join(TERMS)}"]
        )
    return TERMS[name]


def parse_term(text: str) -> TermRequest:
    """Read "name[:weight][,key=value ...]", as in "entropy:0.1" or "crf:1,sigma_space_mm=10".

    Raises SettingsError with all problems of the text, each naming the term.
    """
    head, *assignments = text.split(",")
    name, has_weight, weight_text = head.partition(":")
    term = get_term(name.strip())
    problems = []
    settings = term()
    try:
        settings = settings.with_assignments(assignments)
    except SettingsError as error:
        problems.extend(f"term {term.name}: {problem}" for problem in error.problems)
    weight = None
    try:
        weight = _checked_weight(term.name, weight_text) if has_weight else None
    except SettingsError as error:
        problems.extend(error.problems)
    if problems:
        raise SettingsError(problems)
    return TermRequest(term.name, weight, settings)


def _checked_weight(name: str, weight: Any) -> float:
    try:
        number = float(weight)
    except (TypeError, ValueError):
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise SettingsError([f"term {name}: weight is {weight!r}, must be a number of at least 0"])
    return number
