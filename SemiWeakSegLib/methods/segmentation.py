"""What the settings of all segmentation methods have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from SemiWeakSegLib.methods.settings import Settings, setting
from SemiWeakSegLib.methods.term import TEACHERS

FAMILIES = {
    "labels": "Labels alone",
    "weak": "Scribbles, points, boxes and tags",
    "pseudo_labels": "Unlabeled cases: pseudo-labels",
    "consistency": "Unlabeled cases: consistency",
    "teachers": "Unlabeled cases: teachers",
    "networks": "Unlabeled cases: several networks",
    "sizes": "Known sizes",
}
"""What menus list methods and terms under, in this order: short, as Slicer's panel is narrow."""


@dataclass(frozen=True)
class SegmentationSettings(Settings):
    """Optimiser, supervised loss, augmentation and weight averaging: the same for every method.

    A method states its `name`, `title`, a one-sentence `summary`, the requirement keys it `needs`
    of a cohort (see `menu.REQUIREMENTS`), its `source` in the literature and the `family` that
    menus list it under.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    needs: ClassVar[tuple[str, ...]]
    source: ClassVar[str]
    family: ClassVar[str]

    @property
    def whole_images(self) -> bool:
        """Whether it constrains whole slices or volumes, so that patches must hold them whole."""
        return False

    @property
    def learns_from(self) -> str | None:
        """The teacher that its own terms ask for, a key of `term.TEACHERS`, or None."""
        teacher = getattr(self, "teacher", None)
        return teacher if teacher in TEACHERS else None

    @property
    def own_terms(self) -> tuple[str, ...]:
        """The kinds (`TermSettings.kind`) of addable terms that it trains with already."""
        return (self.name,)

    learning_rate: float = setting(3e-3, "step size of the optimiser", minimum=1e-7, maximum=1.0)
    weight_decay: float = setting(1e-5, "decoupled weight decay", minimum=0.0, maximum=1.0)
    cross_entropy_weight: float = setting(
        1.0, "weight of the partial cross-entropy over annotated voxels", minimum=0.0
    )
    dice_weight: float = setting(
        1.0, "weight of the partial Dice loss over annotated voxels", minimum=0.0
    )
    augmentation: str = setting(
        "standard",
        "strength of the random changes; strong ones bend images too",
        choices=("none", "light", "standard", "strong"),
    )
    average_weights: bool = setting(
        True, "validate and predict with the exponential moving average of the weights"
    )
    average_decay: float = setting(
        0.99,
        "decay per step of that moving average; short stages forget faster",
        minimum=0.0,
        maximum=0.99999,
    )

    validations: int = setting(
        10, "how many times a stage is validated on the validation cases", minimum=1, maximum=1000
    )
    patience: int = setting(
        0, "stop a stage after so many validations without a better one; 0: never", minimum=0
    )

    def validate(self) -> list[str]:
        """Field problems, and a supervised loss whose two weights are both zero."""
        problems = super().validate()
        if self.cross_entropy_weight == 0 and self.dice_weight == 0:
            problems.append(
                "cross_entropy_weight and dice_weight are both 0, at least one must be above 0"
            )
        return problems
