"""Settings of teachers: the moving average of a network, or of its predictions, is the target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from SemiWeakSegLib.methods.consistency_terms import ACTS_ON, ACTS_ON_HELP
from SemiWeakSegLib.methods.settings import Settings, setting
from SemiWeakSegLib.methods.term import RAMP_HELP, TermSettings

STRONG_VIEW_HELP = "the network sees unlabeled patches strongly changed, the teacher weakly"


@dataclass(frozen=True)
class MeanTeacherFields(Settings):
    """Where the teacher is followed, and from which view."""

    strong_view: bool = setting(True, STRONG_VIEW_HELP)
    on: str = setting("all", ACTS_ON_HELP, choices=ACTS_ON)
    ramp: float = setting(0.3, RAMP_HELP, minimum=0.0, maximum=1.0)


@dataclass(frozen=True)
class UncertaintyTeacherFields(MeanTeacherFields):
    """How sure the teacher has to be, and how that is found out."""

    # As the paper has it: Mean Teacher's default was searched for, this one was not.
    strong_view: bool = setting(False, STRONG_VIEW_HELP)
    passes: int = setting(
        8,
        "how many noisy views the teacher is asked about to find out how sure it is; each costs "
        "as much as a prediction",
        minimum=2,
        maximum=64,
    )
    limit: float = setting(
        0.75,
        "at the start, voxels are left out where the teacher's entropy is above this share of the "
        "largest possible; the share rises to 1, nothing left out, at the end",
        minimum=0.0,
        maximum=1.0,
    )


@dataclass(frozen=True)
class TemporalEnsemblingFields(Settings):
    """How long earlier predictions are remembered."""

    memory: float = setting(
        0.6,
        "share of a voxel's earlier predictions that stays in its mean when a new one comes",
        minimum=0.0,
        maximum=0.95,
    )
    on: str = setting("all", ACTS_ON_HELP, choices=ACTS_ON)
    ramp: float = setting(0.3, RAMP_HELP, minimum=0.0, maximum=1.0)


@dataclass(frozen=True)
class MeanTeacherTerm(MeanTeacherFields, TermSettings):
    """sum_k (s_k(x + n) - teacher_k(x + n'))², mean over voxels."""

    name: ClassVar[str] = "mean_teacher"
    title: ClassVar[str] = "Mean Teacher"
    family: ClassVar[str] = "teachers"
    summary: ClassVar[str] = (
        "Follows the moving average of its own weights, which sees another noisy view."
    )
    default_weight: ClassVar[float] = 3.0
    teacher: ClassVar[str] = "ema"


@dataclass(frozen=True)
class UncertaintyTeacherTerm(UncertaintyTeacherFields, TermSettings):
    """The same where the teacher's entropy over several noisy views is low."""

    name: ClassVar[str] = "uncertainty_teacher"
    title: ClassVar[str] = "Uncertainty-aware Mean Teacher"
    family: ClassVar[str] = "teachers"
    summary: ClassVar[str] = (
        "Follows the moving average of its own weights where noise does not make that unsure."
    )
    default_weight: ClassVar[float] = 1.0
    teacher: ClassVar[str] = "ema"


@dataclass(frozen=True)
class TemporalEnsemblingTerm(TemporalEnsemblingFields, TermSettings):
    """sum_k (s_k - Z_k / (1 - a^n))², mean over voxels; Z <- a Z + (1 - a) s."""

    name: ClassVar[str] = "temporal_ensembling"
    title: ClassVar[str] = "Temporal ensembling"
    family: ClassVar[str] = "teachers"
    summary: ClassVar[str] = "Stays near the mean of its own earlier predictions of each voxel."
    default_weight: ClassVar[float] = 0.1


TEACHER_TERMS: tuple[type[TermSettings], ...] = (
    MeanTeacherTerm,
    UncertaintyTeacherTerm,
    TemporalEnsemblingTerm,
)
