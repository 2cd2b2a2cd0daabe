"""Settings of learning from mixtures of two images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from SemiWeakSegLib.methods.consistency_terms import ACTS_ON, ACTS_ON_HELP
from SemiWeakSegLib.methods.settings import Settings, setting
from SemiWeakSegLib.methods.term import RAMP_HELP, TermSettings

ALPHA_HELP = (
    "how images are mixed: their shares are drawn from Beta(alpha, alpha); small: mostly one image "
    "with a trace of the other; 1: every share alike"
)


@dataclass(frozen=True)
class ICTFields(Settings):
    """How much images are mixed, and which."""

    alpha: float = setting(0.2, ALPHA_HELP, minimum=0.01, maximum=10.0)
    on: str = setting("all", ACTS_ON_HELP, choices=ACTS_ON)
    ramp: float = setting(0.3, RAMP_HELP, minimum=0.0, maximum=1.0)


@dataclass(frozen=True)
class ICTTerm(ICTFields, TermSettings):
    """Squared difference of f(mix of u and v) and the same mix of the teacher's f(u) and f(v)."""

    name: ClassVar[str] = "ict"
    title: ClassVar[str] = "Interpolation consistency"
    family: ClassVar[str] = "consistency"
    summary: ClassVar[str] = (
        "A mixture of two images gets the mixture of a teacher's two predictions; the teacher is "
        "the moving average of the weights."
    )
    default_weight: ClassVar[float] = 1.0
    teacher: ClassVar[str] = "ema"


@dataclass(frozen=True)
class MixUpFields(Settings):
    """How much annotated images are mixed."""

    alpha: float = setting(0.2, ALPHA_HELP, minimum=0.01, maximum=10.0)
    ramp: float = setting(0.0, RAMP_HELP, minimum=0.0, maximum=1.0)


@dataclass(frozen=True)
class MixUpTerm(MixUpFields, TermSettings):
    """The supervised loss of a mixture, to both labels, each by its image's share."""

    name: ClassVar[str] = "mixup"
    title: ClassVar[str] = "MixUp"
    family: ClassVar[str] = "labels"
    summary: ClassVar[str] = (
        "Learns from mixtures of two annotated images, with both labels weighed by their shares."
    )
    default_weight: ClassVar[float] = 1.0

    # A method of this term has both among its settings of supervision.
    cross_entropy_weight: float = setting(
        1.0, "weight of the partial cross-entropy over annotated voxels", minimum=0.0
    )
    dice_weight: float = setting(
        1.0, "weight of the partial Dice loss over annotated voxels", minimum=0.0
    )

    def validate(self) -> list[str]:
        """Field problems, and a loss whose two weights are both zero."""
        problems = super().validate()
        if self.cross_entropy_weight == 0 and self.dice_weight == 0:
            problems.append(
                "cross_entropy_weight and dice_weight are both 0, at least one must be above 0"
            )
        return problems


MIXING_TERMS = (ICTTerm, MixUpTerm)
