"""Proposals: train, predict the unlabeled cases, train again on labels and predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from SemiWeakSegLib.methods.segmentation import SegmentationSettings
from SemiWeakSegLib.methods.settings import setting


@dataclass(frozen=True)
class Proposals(SegmentationSettings):
    """The baseline of the curriculum paper: predictions are taken as if they were labels."""

    name: ClassVar[str] = "proposals"
    title: ClassVar[str] = "Proposals"
    family: ClassVar[str] = "semi"
    summary: ClassVar[str] = (
        "Trains, takes its predictions of unlabeled cases as labels, trains again."
    )
    needs: ClassVar[tuple[str, ...]] = ("annotated", "unlabeled")
    source: ClassVar[str] = "Baseline of Kervadec et al., MICCAI 2019"

    first_share: float = setting(
        0.5, "share of the budget for the first training", minimum=0.05, maximum=0.95
    )
