"""Proposals: train, predict the unlabeled cases, train again on labels and predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from SemiWeakSegLib.methods.pseudo_label_terms import SELECTION_HELP, SELECTIONS
from SemiWeakSegLib.methods.segmentation import SegmentationSettings
from SemiWeakSegLib.methods.settings import setting


@dataclass(frozen=True)
class Proposals(SegmentationSettings):
    """The baseline of the curriculum paper: predictions are taken as if they were labels."""

    name: ClassVar[str] = "proposals"
    title: ClassVar[str] = "Proposals"
    family: ClassVar[str] = "pseudo_labels"
    summary: ClassVar[str] = (
        "Trains, takes its predictions of unlabeled cases as labels, trains again."
    )
    needs: ClassVar[tuple[str, ...]] = ("annotated", "unlabeled")
    source: ClassVar[str] = (
        "Baseline of Kervadec et al., MICCAI 2019; class_balanced: Zou et al., CBST, ECCV 2018"
    )

    first_share: float = setting(
        0.5, "share of the budget for the first training", minimum=0.05, maximum=0.95
    )
    selection: str = setting("threshold", SELECTION_HELP, choices=SELECTIONS)
    threshold: float = setting(
        0.0,
        "least probability that makes a voxel a label, others stay unknown; 0: every voxel gets "
        "its most probable class",
        used_if={"selection": ("threshold",)},
        minimum=0.0,
        maximum=1.0,
    )
    portion: float = setting(
        0.5,
        "share of each class that is taken",
        used_if={"selection": ("class_balanced",)},
        minimum=0.0,
        maximum=1.0,
    )
