"""Supervised: learn from whatever is annotated, and from nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from SemiWeakSegLib.methods.segmentation import SegmentationSettings


@dataclass(frozen=True)
class Supervised(SegmentationSettings):
    """Partial cross-entropy and partial Dice over annotated voxels."""

    name: ClassVar[str] = "supervised"
    title: ClassVar[str] = "Supervised"
    family: ClassVar[str] = "labels"
    summary: ClassVar[str] = "Learns from the annotated voxels alone, dense or scribbled."
    needs: ClassVar[tuple[str, ...]] = ("annotated",)
    source: ClassVar[str] = "Ronneberger et al., U-Net, MICCAI 2015"
