"""Settings of the terms that learn from the network's own predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from SemiWeakSegLib.methods.settings import Settings, setting
from SemiWeakSegLib.methods.term import RAMP_HELP, TermSettings

SELECTION_HELP = (
    "threshold: voxels whose probability reaches the threshold; class_balanced: the surest voxels "
    "of every class, the same share of each, so that small classes are not left out"
)
SELECTIONS = ("threshold", "class_balanced")
THRESHOLD_HELP = "least probability that makes a voxel a pseudo-label"


@dataclass(frozen=True)
class Confidence(Settings):
    """Which predictions are sure enough to become labels."""

    selection: str = setting("threshold", SELECTION_HELP, choices=SELECTIONS)
    threshold: float = setting(
        0.95,
        THRESHOLD_HELP,
        minimum=0.0,
        maximum=1.0,
        used_if={"selection": ("threshold",)},
    )
    portion_start: float = setting(
        0.2,
        "share of each class that is taken at the start",
        used_if={"selection": ("class_balanced",)},
        minimum=0.0,
        maximum=1.0,
    )
    portion_end: float = setting(
        0.5,
        "share of each class that is taken at the end",
        used_if={"selection": ("class_balanced",)},
        minimum=0.0,
        maximum=1.0,
    )


@dataclass(frozen=True)
class EntropyFields(Settings):
    """Where entropy is lowered."""

    on: str = setting(
        "unlabeled_voxels",
        "where predictions are made confident: on voxels without annotation in all cases, in "
        "unlabeled cases only, or everywhere",
        choices=("unlabeled_voxels", "unlabeled_cases", "all"),
    )
    # Slowly: an error that is made confident early stays.
    ramp: float = setting(0.7, RAMP_HELP, minimum=0.0, maximum=1.0)


@dataclass(frozen=True)
class EntropyTerm(EntropyFields, TermSettings):
    """Mean normalised entropy of the prediction, -sum_k s_k log s_k / log C."""

    name: ClassVar[str] = "entropy"
    title: ClassVar[str] = "Entropy minimisation"
    family: ClassVar[str] = "pseudo_labels"
    summary: ClassVar[str] = "Makes predictions confident where nothing is annotated."
    default_weight: ClassVar[float] = 0.1


@dataclass(frozen=True)
class PseudoLabelFields(Confidence):
    """Who makes pseudo-labels, of which voxels, and how they are learned."""

    teacher: str = setting(
        "ema",
        "who predicts: the moving average, the network itself, or a frozen first-stage network",
        choices=("ema", "own", "frozen"),
    )
    strong_view: bool = setting(True, "learn from a strongly augmented view of the same patch")
    on: str = setting(
        "all",
        "where voxels without annotation get pseudo-labels: in all cases, or in unlabeled ones "
        "only",
        choices=("all", "unlabeled_cases"),
    )
    ramp: float = setting(0.3, RAMP_HELP, minimum=0.0, maximum=1.0)


@dataclass(frozen=True)
class PseudoLabelTerm(PseudoLabelFields, TermSettings):
    """Cross-entropy to the most probable class where the teacher is confident."""

    name: ClassVar[str] = "pseudo_label"
    title: ClassVar[str] = "Pseudo-labels"
    family: ClassVar[str] = "pseudo_labels"
    summary: ClassVar[str] = "Learns from its own confident predictions on unlabeled voxels."
    default_weight: ClassVar[float] = 1.0


@dataclass(frozen=True)
class CutMixFields(Confidence):
    """Who makes the labels of mixed images, and how images are mixed."""

    teacher: str = setting(
        "ema",
        "who predicts: the moving average, or the network itself",
        choices=("ema", "own"),
    )
    smallest_box: float = setting(
        0.1, "smallest share of a patch that a pasted box takes", minimum=0.0, maximum=1.0
    )
    largest_box: float = setting(
        0.5, "largest share of a patch that a pasted box takes", minimum=0.0, maximum=1.0
    )
    strong_view: bool = setting(True, "mix strongly augmented views; otherwise weak ones")
    loss: str = setting(
        "both",
        "loss against the labels of the mixed images; both: the mean of the two",
        choices=("both", "cross_entropy", "dice"),
    )
    on: str = setting(
        "all",
        "which patches are mixed: those of all cases, or of unlabeled ones only",
        choices=("all", "unlabeled_cases"),
    )
    ramp: float = setting(0.3, RAMP_HELP, minimum=0.0, maximum=1.0)


@dataclass(frozen=True)
class CutMixTerm(CutMixFields, TermSettings):
    """Cross-entropy and Dice of mixed strong views against labels from weak views, mixed alike."""

    name: ClassVar[str] = "cutmix"
    title: ClassVar[str] = "Weak-to-strong consistency with CutMix"
    family: ClassVar[str] = "pseudo_labels"
    summary: ClassVar[str] = (
        "Learns confident predictions again on images with boxes pasted from one another."
    )
    default_weight: ClassVar[float] = 1.0

    def validate(self) -> list[str]:
        """Field problems, and a smallest box that is larger than the largest."""
        problems = super().validate()
        if self.smallest_box > self.largest_box:
            problems.append(
                f"smallest_box is {self.smallest_box:g}, must be at most largest_box, "
                f"which is {self.largest_box:g}"
            )
        return problems
