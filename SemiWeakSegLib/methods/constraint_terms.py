"""Settings of the terms that hold regions to what is known of them without their voxels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from SemiWeakSegLib.methods.settings import setting
from SemiWeakSegLib.methods.size_sources import SizeSources
from SemiWeakSegLib.methods.term import RAMP_HELP, TermSettings

PENALTY_HELP = (
    "relative: measured as a share of the bound; proportion: as a share of the image, to which a "
    "lower bound of a few voxels, as tags give, is nothing; "
    "log_barrier: like relative, but also held off the bounds from inside"
)
PENALTIES = ("relative", "proportion", "log_barrier")
ON_HELP = "which cases it acts on"


@dataclass(frozen=True)
class WholeImageTerm(TermSettings):
    """Base of the terms on properties of whole slices or volumes."""

    family: ClassVar[str] = "sizes"

    @property
    def whole_images(self) -> bool:
        return True


# Found on development cases (benchmarks): of squared proportions, which are small, by dimensions;
# of penalties relative to the bound, in 2-D and 3-D.
PROPORTION_SIZE_WEIGHTS = {2: 655.0, 3: 65.0}
RELATIVE_SIZE_WEIGHT = 0.05


def usual_size_weight(penalty: str, dimensions: int) -> float:
    """The weight of a size penalty where none is given."""
    return PROPORTION_SIZE_WEIGHTS[dimensions] if penalty == "proportion" else RELATIVE_SIZE_WEIGHT


@dataclass(frozen=True)
class SizeTerm(SizeSources, WholeImageTerm):
    """Penalty on soft class proportions outside known bounds."""

    name: ClassVar[str] = "size"
    title: ClassVar[str] = "Size bounds"
    summary: ClassVar[str] = "Keeps each class's size within the bounds known for the case."
    default_weight: ClassVar[float] = PROPORTION_SIZE_WEIGHTS[3]

    penalty: str = setting("proportion", PENALTY_HELP, choices=PENALTIES)
    ramp: float = setting(0.3, RAMP_HELP, minimum=0.0, maximum=1.0)

    def usual_weight(self, dimensions: int) -> float:
        """That of the form of the penalty, on slices or volumes."""
        return usual_size_weight(self.penalty, dimensions)


@dataclass(frozen=True)
class MomentsTerm(WholeImageTerm):
    """Penalty on centroid and spread outside their bounds, in units of the object's length."""

    name: ClassVar[str] = "moments"
    title: ClassVar[str] = "Place and extent bounds"
    summary: ClassVar[str] = (
        "Keeps each class's centroid and spread where they were in the labeled cases."
    )
    default_weight: ClassVar[float] = 0.05

    attributes: str = setting(
        "both",
        "centroid: the middle of the region; spread: its standard deviation along each axis",
        choices=("centroid", "spread", "both"),
    )
    penalty: str = setting(
        "quadratic",
        "quadratic: acts outside the bounds only; log_barrier: held off them from inside too",
        choices=("quadratic", "log_barrier"),
    )
    margin: float = setting(
        0.2,
        "how far bounds reach beyond the labeled cases, as a share of the object's length",
        minimum=0.0,
        maximum=2.0,
    )
    ramp: float = setting(0.3, RAMP_HELP, minimum=0.0, maximum=1.0)


@dataclass(frozen=True)
class PriorTerm(WholeImageTerm):
    """Distance of a batch's predicted class proportions from those of the labeled cases."""

    name: ClassVar[str] = "prior"
    title: ClassVar[str] = "Known class proportions"
    summary: ClassVar[str] = "Draws the mean class proportions to those of the labeled cases."
    default_weight: ClassVar[float] = 0.1

    form: str = setting(
        "kl",
        "l2: squared difference; kl: KL(predicted | known); reverse_kl: KL(known | predicted); "
        "prior_aware: reverse_kl with a dual variable, exact over many small batches",
        choices=("l2", "kl", "reverse_kl", "prior_aware"),
    )
    dual_rate: float = setting(
        0.05,
        "rate at which the dual variable climbs",
        minimum=1e-5,
        maximum=1.0,
        used_if={"form": ("prior_aware",)},
    )
    on: str = setting("unlabeled_cases", ON_HELP, choices=("unlabeled_cases", "all"))
    ramp: float = setting(0.3, RAMP_HELP, minimum=0.0, maximum=1.0)


@dataclass(frozen=True)
class AreaTerm(SizeSources, WholeImageTerm):
    """Squared distance of the sorted probabilities from the template of their area."""

    name: ClassVar[str] = "area"
    title: ClassVar[str] = "Area template"
    summary: ClassVar[str] = (
        "Wants as many voxels decided for a class as its size bounds say, and the rest against it."
    )
    default_weight: ClassVar[float] = 1.0

    ramp: float = setting(0.3, RAMP_HELP, minimum=0.0, maximum=1.0)


@dataclass(frozen=True)
class ClassRatioTerm(WholeImageTerm):
    """sum_c max(0, mu p_c - mean s_c)."""

    name: ClassVar[str] = "class_ratio"
    title: ClassVar[str] = "Class ratio"
    summary: ClassVar[str] = "Lets no class fall below a share of what is usual in labeled cases."
    default_weight: ClassVar[float] = 1.0

    share: float = setting(
        0.5, "share of the usual proportion that must be reached", minimum=0.0, maximum=1.0
    )
    on: str = setting("unlabeled_cases", ON_HELP, choices=("unlabeled_cases", "all"))
    ramp: float = setting(0.3, RAMP_HELP, minimum=0.0, maximum=1.0)


@dataclass(frozen=True)
class MutualInformationTerm(TermSettings):
    """1 - (H(mean s) - mean H(s)) / log C."""

    name: ClassVar[str] = "mutual_information"
    title: ClassVar[str] = "Mutual information"
    family: ClassVar[str] = "pseudo_labels"
    summary: ClassVar[str] = "Makes predictions confident while all classes stay in use."
    default_weight: ClassVar[float] = 0.1

    memory: float = setting(
        0.9,
        "share of the former steps in the mean over which all classes must stay in use",
        minimum=0.0,
        maximum=0.999,
    )
    on: str = setting("unlabeled_cases", ON_HELP, choices=("unlabeled_cases", "all"))
    ramp: float = setting(0.3, RAMP_HELP, minimum=0.0, maximum=1.0)


CONSTRAINT_TERMS: tuple[type[TermSettings], ...] = (
    SizeTerm,
    MomentsTerm,
    PriorTerm,
    AreaTerm,
    ClassRatioTerm,
    MutualInformationTerm,
)
