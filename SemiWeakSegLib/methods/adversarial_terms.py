"""Settings of the adversarial terms: a discriminator that judges maps, and who learns from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from SemiWeakSegLib.methods.settings import ABOVE_ZERO, Settings, setting
from SemiWeakSegLib.methods.term import RAMP_HELP, TermSettings


@dataclass(frozen=True)
class DiscriminatorFields(Settings):
    """What every discriminator has: its loss, its limits, its size and its rate."""

    criterion: str = setting(
        "bce",
        "loss of the discriminator; bce: cross-entropy, least_squares: squared difference, "
        "hinge: margin, wasserstein: difference of the scores, with a gradient penalty",
        choices=("bce", "least_squares", "hinge", "wasserstein"),
    )
    spectral_norm: str = setting(
        "auto",
        "divides each of its layers by its largest singular value, so that it cannot become too "
        "sharp; auto: on, except for wasserstein, where the gradient penalty does this",
        choices=("auto", "on", "off"),
    )
    gradient_penalty: float = setting(
        10.0,
        "weight of the gradient penalty",
        minimum=0.0,
        maximum=1000.0,
        used_if={"criterion": ("wasserstein",)},
    )
    label_smoothing: float = setting(
        0.1,
        "real maps count as 1 minus this, so that the discriminator does not become too sure",
        minimum=0.0,
        maximum=0.45,
        used_if={"criterion": ("bce", "least_squares")},
    )
    discriminator_rate: float = setting(
        1e-4, "step size of the discriminator's optimiser (Adam)", minimum=1e-7, maximum=0.1
    )
    discriminator_width: int = setting(
        16,
        "channels of the discriminator's first layer; later ones have more",
        minimum=4,
        maximum=256,
    )

    @property
    def is_spectral(self) -> bool:
        """Whether the layers are normalised."""
        if self.spectral_norm == "auto":
            return self.criterion != "wasserstein"
        return self.spectral_norm == "on"

    def validate(self) -> list[str]:
        """Field problems, and a Wasserstein critic that nothing limits."""
        problems = super().validate()
        unlimited = (
            "criterion is wasserstein and nothing limits the discriminator: set "
            "gradient_penalty above 0 or spectral_norm to on"
        )
        free = self.gradient_penalty == 0 and not self.is_spectral
        # A method has its term's problems already.
        if self.criterion == "wasserstein" and free and unlimited not in problems:
            problems.append(unlimited)
        return problems


@dataclass(frozen=True)
class AdversarialFields(DiscriminatorFields):
    """Settings of the adversary between annotated and unlabeled cases."""

    see_image: bool = setting(
        True,
        "the discriminator sees the image beside the map; with very few annotated cases it may "
        "learn their images by heart, then leave it out",
    )
    ramp: float = setting(0.3, RAMP_HELP, minimum=0.0, maximum=1.0)


@dataclass(frozen=True)
class AdversarialTerm(AdversarialFields, TermSettings):
    """fool(D(s, x)) on unlabeled cases; D tells maps of annotated cases from theirs."""

    name: ClassVar[str] = "adversarial"
    title: ClassVar[str] = "Adversary on unlabeled cases"
    family: ClassVar[str] = "networks"
    summary: ClassVar[str] = (
        "Predictions on unlabeled cases must look like those on annotated cases to a second "
        "network."
    )
    default_weight: ClassVar[float] = 0.003

    @property
    def needs_unlabeled(self) -> bool:
        """Without them there is nothing to tell apart."""
        return True


@dataclass(frozen=True)
class SelfTrainingFields(DiscriminatorFields):
    """Settings of the adversary between true and predicted maps, and of its self-training."""

    annotated_weight: float = setting(
        0.01, "weight of fooling the discriminator at annotated voxels", minimum=0.0, maximum=100.0
    )
    unlabeled_weight: float = setting(
        0.001, "weight of fooling the discriminator at the others", minimum=0.0, maximum=100.0
    )
    self_training_weight: float = setting(
        0.1,
        "weight of learning from the predictions that the discriminator takes for true",
        minimum=0.0,
        maximum=100.0,
    )
    self_training_start: float = setting(
        0.25,
        "progress of the stage at which self-training begins",
        minimum=0.0,
        maximum=1.0,
        used_if={"self_training_weight": ABOVE_ZERO},
    )
    threshold: float = setting(
        0.2,
        "how true a voxel must look to the discriminator, from 0 to 1, to become a pseudo-label",
        minimum=0.0,
        maximum=1.0,
        used_if={"self_training_weight": ABOVE_ZERO},
    )
    true_maps: str = setting(
        "one_hot",
        "what the discriminator sees as true; one_hot: the labels; softened: the prediction, "
        "raised to 0.9 in the true class, which cannot be told apart by being hard or soft",
        choices=("one_hot", "softened"),
    )
    ramp: float = setting(0.1, RAMP_HELP, minimum=0.0, maximum=1.0)


@dataclass(frozen=True)
class AdversarialSelfTrainingTerm(SelfTrainingFields, TermSettings):
    """fool(D(s)) per voxel, and CE(argmax s, s) where D takes the prediction for true."""

    name: ClassVar[str] = "adversarial_self_training"
    title: ClassVar[str] = "Adversarial self-training"
    family: ClassVar[str] = "networks"
    summary: ClassVar[str] = (
        "Predictions must look like true label maps to a second network, voxel by voxel; those "
        "that do become labels."
    )
    default_weight: ClassVar[float] = 1.0


ADVERSARIAL_TERMS: tuple[type[TermSettings], ...] = (AdversarialTerm, AdversarialSelfTrainingTerm)
