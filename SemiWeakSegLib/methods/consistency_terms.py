"""Settings of consistency: the same answer to a transformed or to a noisy view of an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from SemiWeakSegLib.methods.settings import Settings, setting
from SemiWeakSegLib.methods.term import RAMP_HELP, TermSettings

ACTS_ON_HELP = (
    "which cases it acts on: unlabeled cases only, or all; labels are not used either way"
)
ACTS_ON = ("all", "unlabeled_cases")
DISTANCE_HELP = (
    "how the difference of two predictions is measured: l2, squared difference of the "
    "probabilities; kl, Kullback-Leibler divergence, harder on confident contradictions"
)
DISTANCES = ("l2", "kl")


# Flips become turns where images know left from right.
TURNS = {"transform": ("all", "affine", "flips")}


@dataclass(frozen=True)
class TransformationFields(Settings):
    """Which transforms, how far, and what is learned from their comparison."""

    transform: str = setting(
        "all",
        "how images are transformed: mirrored, turned and zoomed (affine), bent (elastic), or all "
        "three at once",
        choices=("all", "flips", "affine", "elastic"),
    )
    flip_axes: str = setting(
        "auto",
        "along which axes flips mirror. auto: those of the plan line mirror_axes, none where "
        "images know left from right (flips alone then become affine); all: every axis, wrong "
        "where classes differ in their side",
        choices=("auto", "all"),
        used_if={"transform": ("all", "flips")},
    )
    rotation_degrees: float = setting(
        20.0, "largest angle of a turn", minimum=0.0, maximum=180.0, unit="degrees", used_if=TURNS
    )
    zoom: float = setting(
        1.2,
        "largest factor by which an image grows or shrinks",
        minimum=1.0,
        maximum=2.0,
        used_if=TURNS,
    )
    elastic: float = setting(
        0.03,
        "how far images are bent: standard deviation of the displacements, as a share of the "
        "patch's shortest edge",
        minimum=0.0,
        maximum=0.1,
        used_if={"transform": ("all", "elastic")},
    )
    distance: str = setting("l2", DISTANCE_HELP, choices=DISTANCES)
    teacher: str = setting(
        "ema",
        "whose prediction is transformed: that of the moving average of the network's weights "
        "(ema), or the network's own, which may give classes up to agree with itself",
        choices=("ema", "own"),
    )
    gradient: str = setting(
        "both",
        "both: the network learns from both sides of the comparison; one: the transformed "
        "prediction is a fixed target, as that of a teacher always is",
        choices=("both", "one"),
        used_if={"teacher": ("own",)},
    )
    on: str = setting("all", ACTS_ON_HELP, choices=ACTS_ON)
    ramp: float = setting(0.3, RAMP_HELP, minimum=0.0, maximum=1.0)


@dataclass(frozen=True)
class TransformationTerm(TransformationFields, TermSettings):
    """Distance of T f(x) and f(T x) for a transform T that is drawn anew in every step."""

    name: ClassVar[str] = "transformation"
    title: ClassVar[str] = "Transformation consistency"
    family: ClassVar[str] = "consistency"
    summary: ClassVar[str] = (
        "The segmentation of a transformed image is the transformed segmentation of the image."
    )
    # Of the method alone it is 10: beside other terms, and with scribbles, less is safer.
    default_weight: ClassVar[float] = 3.0

    def validate(self) -> list[str]:
        """Field problems, and a transform of no strength, which would compare equals."""
        problems = super().validate()
        still = self.rotation_degrees == 0 and self.zoom == 1
        if self.transform == "affine" and still:
            problems.append(
                "rotation_degrees is 0 and zoom is 1: transform=affine would change nothing"
            )
        if self.transform == "elastic" and self.elastic == 0:
            problems.append("elastic is 0: transform=elastic would change nothing")
        if self.transform == "all" and still and self.elastic == 0:
            problems.append(
                "rotation_degrees and elastic are 0 and zoom is 1: choose transform=flips to "
                "mirror only"
            )
        return problems


@dataclass(frozen=True)
class PiModelFields(Settings):
    """How two noisy views are compared."""

    distance: str = setting("l2", DISTANCE_HELP, choices=DISTANCES)
    gradient: str = setting(
        "one",
        "both: the network learns from both views; one: the prediction of the further view is a "
        "fixed target, which costs less time",
        choices=("both", "one"),
    )
    on: str = setting("all", ACTS_ON_HELP, choices=ACTS_ON)
    ramp: float = setting(0.3, RAMP_HELP, minimum=0.0, maximum=1.0)


@dataclass(frozen=True)
class PiModelTerm(PiModelFields, TermSettings):
    """Distance of f(x; noise) and f(x; other noise)."""

    name: ClassVar[str] = "pi_model"
    title: ClassVar[str] = "Pi-model"
    family: ClassVar[str] = "consistency"
    summary: ClassVar[str] = (
        "The same segmentation whatever the noise: intensities, and dropout if the plan has it."
    )
    default_weight: ClassVar[float] = 1.0


CONSISTENCY_TERMS = (TransformationTerm, PiModelTerm)
