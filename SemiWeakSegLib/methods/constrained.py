"""Constrained: supervision where something is annotated, size bounds everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from SemiWeakSegLib.methods.segmentation import SegmentationSettings
from SemiWeakSegLib.methods.settings import setting
from SemiWeakSegLib.methods.size_penalty import SizePenalty
from SemiWeakSegLib.methods.size_sources import SizeSources
from SemiWeakSegLib.methods.terms import RAMP_HELP


@dataclass(frozen=True)
class Constrained(SizeSources, SizePenalty, SegmentationSettings):
    """The bounds are what the cohort states: common, of single cases, by tags or by boxes."""

    name: ClassVar[str] = "constrained"
    title: ClassVar[str] = "Size bounds"
    family: ClassVar[str] = "sizes"
    summary: ClassVar[str] = (
        "Learns from what is annotated and keeps sizes within what the cohort states of them."
    )
    needs: ClassVar[tuple[str, ...]] = ("supervised", "bounded")
    source: ClassVar[str] = (
        "Kervadec et al., Constrained-CNN losses for weakly supervised segmentation, Medical "
        "Image Analysis 2019"
    )

    ramp: float = setting(0.3, RAMP_HELP, minimum=0.0, maximum=1.0)
