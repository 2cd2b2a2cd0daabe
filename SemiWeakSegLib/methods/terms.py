"""The loss terms a user may add to any method, and how they are written on a command line."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from SemiWeakSegLib.methods.box_terms import BoxTerm, CandidateTerm
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
from SemiWeakSegLib.methods.settings import SettingsError, nearest, setting
from SemiWeakSegLib.methods.term import RAMP_HELP, TermSettings


@dataclass(frozen=True)
class EntropyTerm(TermSettings):
    """Mean normalised entropy of the prediction, -sum_k s_k log s_k / log C."""

    name: ClassVar[str] = "entropy"
    title: ClassVar[str] = "Entropy minimisation"
    summary: ClassVar[str] = "Makes predictions confident where nothing is annotated."
    default_weight: ClassVar[float] = 0.1

    on: str = setting(
        "unlabeled_voxels",
        "where it acts",
        choices=("unlabeled_voxels", "unlabeled_cases", "all"),
    )
    ramp: float = setting(0.3, RAMP_HELP, minimum=0.0, maximum=1.0)


@dataclass(frozen=True)
class CRFTerm(CRFKernel, TermSettings):
    """Relaxed CRF, sum_k s_k' W (1 - s_k) / sum W, or normalised cut."""

    name: ClassVar[str] = "crf"
    title: ClassVar[str] = "CRF regularisation"
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


@dataclass(frozen=True)
class PseudoLabelTerm(TermSettings):
    """Cross-entropy to the most probable class where the teacher is confident."""

    name: ClassVar[str] = "pseudo_label"
    title: ClassVar[str] = "Pseudo-labels"
    summary: ClassVar[str] = "Learns from its own confident predictions on unlabeled voxels."
    default_weight: ClassVar[float] = 1.0

    teacher: str = setting(
        "ema",
        "who predicts: the network itself, its moving average, or a frozen first-stage network",
        choices=("own", "ema", "frozen"),
    )
    threshold: float = setting(
        0.95, "least probability that makes a voxel a pseudo-label", minimum=0.0, maximum=1.0
    )
    strong_view: bool = setting(True, "learn from a strongly augmented view of the same patch")
    ramp: float = setting(0.3, RAMP_HELP, minimum=0.0, maximum=1.0)


__all__ = [
    "RAMP_HELP",
    "TERMS",
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
        *CONSTRAINT_TERMS,
        BoxTerm,
        CandidateTerm,
    )
}


@dataclass(frozen=True)
class TermRequest:
    """A term that the user added: its name, its final weight and its settings."""

    name: str
    weight: float
    settings: TermSettings

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` reads them back."""
        return {"name": self.name, "weight": self.weight, "settings": self.settings.to_dict()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TermRequest:
        """Raises SettingsError for an unknown term, a bad weight or bad settings."""
        term = get_term(str(values.get("name", "")))
        weight = values.get("weight", term.default_weight)
        settings = term.from_dict(values.get("settings", {}))
        return cls(term.name, _checked_weight(term.name, weight), settings)


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
    weight, settings = term.default_weight, term()
    try:
        weight = _checked_weight(term.name, weight_text if has_weight else weight)
    except SettingsError as error:
        problems.extend(error.problems)
    try:
        settings = settings.with_assignments(assignments)
    except SettingsError as error:
        problems.extend(f"term {term.name}: {problem}" for problem in error.problems)
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
