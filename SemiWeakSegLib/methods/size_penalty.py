"""The penalty on sizes out of bounds: the same settings for all methods that bound sizes."""

from __future__ import annotations

from dataclasses import dataclass

from SemiWeakSegLib.methods.constraint_terms import PENALTIES, PENALTY_HELP
from SemiWeakSegLib.methods.settings import Settings, setting


@dataclass(frozen=True)
class SizePenalty(Settings):
    """Weight and form of the penalty."""

    size_weight: float | None = setting(
        None,
        "weight of the size penalty; none chooses what was measured to be best: 655 on slices (the "
        "paper's 0.01 at 256 x 256), 65 on volumes, 0.05 for the relative forms",
        minimum=0.0,
    )
    penalty: str = setting("proportion", PENALTY_HELP, choices=PENALTIES)

    @property
    def whole_images(self) -> bool:
        return True

    @property
    def own_terms(self) -> tuple[str, ...]:
        """The size bounds, where they have a weight."""
        return () if self.size_weight == 0 else ("size",)


@dataclass(frozen=True)
class EstimatedBounds(SizePenalty):
    """Bounds around estimated values: which, and how wide."""

    gamma: float = setting(
        0.1,
        "relative slack around a size: (1-gamma) to (1+gamma); around a place or extent, in units "
        "of the object's length",
        minimum=0.0,
        maximum=1.0,
    )
    attributes: str = setting(
        "size",
        "what is estimated and bounded: the size, with it the centroid, and the spread (standard "
        "deviation along each axis)",
        choices=("size", "size_centroid", "size_centroid_spread"),
    )
    moments_weight: float = setting(
        0.05,
        "weight of the penalty on centroid and spread",
        minimum=0.0,
        used_if={"attributes": ("size_centroid", "size_centroid_spread")},
    )

    @property
    def moments(self) -> tuple[str, ...]:
        """The attributes beside the size."""
        return tuple(self.attributes.split("_")[1:])

    @property
    def own_terms(self) -> tuple[str, ...]:
        """Bounds on sizes, and those on places and extents where they are estimated."""
        return (*super().own_terms, *(("moments",) if self.moments else ()))
