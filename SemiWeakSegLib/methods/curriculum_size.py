"""CurriculumSize: estimate the sizes of the classes first, then segment within size bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from SemiWeakSegLib.methods.segmentation import SegmentationSettings
from SemiWeakSegLib.methods.settings import setting
from SemiWeakSegLib.methods.size_penalty import EstimatedBounds
from SemiWeakSegLib.methods.terms import RAMP_HELP


@dataclass(frozen=True)
class CurriculumSize(EstimatedBounds, SegmentationSettings):
    """Sizes learned from the labeled cases become inequality constraints on the unlabeled ones."""

    name: ClassVar[str] = "curriculum_size"
    title: ClassVar[str] = "Curriculum by size"
    family: ClassVar[str] = "sizes"
    summary: ClassVar[str] = (
        "Estimates each class's size, then keeps unlabeled cases within bounds around it."
    )
    needs: ClassVar[tuple[str, ...]] = ("dense", "unlabeled")
    source: ClassVar[str] = "Kervadec et al., Curriculum semi-supervised segmentation, MICCAI 2019"

    sizes_from: str = setting(
        "regressor",
        "what estimates the sizes: a regression network, a first segmenter, or the mean of both",
        choices=("regressor", "segmenter", "both"),
    )
    bounds: str = setting(
        "wider",
        "width of the bounds: gamma, the cross-validated error, or the wider of the two",
        choices=("gamma", "cross_validated", "wider"),
    )
    folds: int = setting(
        3, "folds of the cross-validation of the size estimate", minimum=2, maximum=10
    )
    size_share: float = setting(
        0.5, "share of the budget for estimating the sizes", minimum=0.05, maximum=0.9
    )
    regressor: str = setting(
        "resnet18",
        "network that regresses the sizes; small for very few cases, seresnext101 for many "
        "with more than 32 voxels along an axis",
        choices=("resnet18", "seresnext101", "small"),
        used_if={"sizes_from": ("regressor", "both")},
    )
    ramp: float = setting(0.3, RAMP_HELP, minimum=0.0, maximum=1.0)
