"""Boxes: segments objects that are only boxed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from SemiWeakSegLib.methods.box_bounds import BoxBounds
from SemiWeakSegLib.methods.kernel import CRFKernel
from SemiWeakSegLib.methods.segmentation import SegmentationSettings
from SemiWeakSegLib.methods.settings import setting
from SemiWeakSegLib.methods.term import RAMP_HELP


@dataclass(frozen=True)
class Boxes(CRFKernel, BoxBounds, SegmentationSettings):
    """Known outside of boxes, bounds inside them, and a CRF that finds the edge."""

    name: ClassVar[str] = "boxes"
    title: ClassVar[str] = "Boxes"
    family: ClassVar[str] = "weak"
    summary: ClassVar[str] = "Learns from boxes: nothing outside, a tight object inside, a CRF."
    needs: ClassVar[tuple[str, ...]] = ("boxed",)
    source: ClassVar[str] = (
        "Kervadec et al., Bounding boxes for weakly supervised segmentation, MIDL 2020; Hsu et "
        "al., NeurIPS 2019"
    )

    box_weight: float = setting(
        1.0, "weight of the tightness and size bounds together", minimum=0.0
    )
    # Classes that look alike push each other out where only one of them may be, and background
    # wins: with a weight of 1 that costs points (benchmarks).
    candidates_weight: float = setting(
        0.1,
        "weight of what a voxel cannot be where several classes are left: outside the boxes of "
        "one class, inside those of another",
        minimum=0.0,
    )
    crf_weight: float = setting(
        1.0, "weight of the dense CRF loss; 0 leaves it out", minimum=0.0, title="CRF weight"
    )
    entropy_weight: float = setting(
        0.0, "weight of the entropy of voxels without annotation", minimum=0.0
    )
    ramp: float = setting(0.3, RAMP_HELP + " (CRF and entropy)", minimum=0.0, maximum=1.0)

    @property
    def own_terms(self) -> tuple[str, ...]:
        """All of its terms that have a weight."""
        weights = {
            "candidates": self.candidates_weight,
            "boxes": self.box_weight,
            self.kind_of("dense"): self.crf_weight,
            "entropy": self.entropy_weight,
        }
        return tuple(kind for kind, weight in weights.items() if weight > 0)
