"""What the settings of every addable term have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from SemiWeakSegLib.methods.settings import Settings

RAMP_HELP = "share of the stage over which the weight rises to its full value"
TEACHERS = {"ema": "the moving average of the weights", "frozen": "a frozen first-stage network"}
"""Networks beside the one that is trained; a run has at most one of them."""


@dataclass(frozen=True)
class TermSettings(Settings):
    """Base of the addable terms.

    ``family``: the key of `segmentation.FAMILIES` that menus list it under. A term that learns
    from one of `TEACHERS` has a setting ``teacher`` or, without a choice, a class variable.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    default_weight: ClassVar[float]
    family: ClassVar[str]

    @property
    def kind(self) -> str:
        """What curves call it; a run has one of a kind. Another form may be another kind."""
        return self.name

    def usual_weight(self, dimensions: int) -> float:
        """The weight where none is given, on slices (2) or volumes (3); forms may differ in it."""
        return self.default_weight

    @property
    def learns_from(self) -> str | None:
        """The teacher it asks for, a key of `TEACHERS`, or None."""
        teacher = getattr(self, "teacher", None)
        return teacher if teacher in TEACHERS else None

    @property
    def needs_unlabeled(self) -> bool:
        """Whether it does nothing without unlabeled cases."""
        return getattr(self, "on", "") == "unlabeled_cases"

    @property
    def whole_images(self) -> bool:
        """Whether it constrains whole slices or volumes, so that patches must hold them whole."""
        return False
