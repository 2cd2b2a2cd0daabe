"""CurriculumSize: estimate the sizes of the classes first, then segment within size bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from SemiWeakSegLib.methods.segmentation import SegmentationSettings
from SemiWeakSegLib.methods.settings import setting
from SemiWeakSegLib.methods.terms import RAMP_HELP


@dataclass(frozen=True)
class CurriculumSize(SegmentationSettings):
    """Sizes learned from the labeled cases become inequality constraints on the unlabeled ones."""

    name: ClassVar[str] = "curriculum_size"
    title: ClassVar[str] = "Curriculum by size"
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
    gamma: float = setting(
        0.1, "relative slack around a size: (1-gamma) to (1+gamma)", minimum=0.0, maximum=1.0
    )
    folds: int = setting(
        3, "folds of the cross-validation of the size estimate", minimum=2, maximum=10
    )
    size_weight: float = setting(
        655.0,
        "weight of the size penalty; 655 on squared proportions is the paper's 0.01 at 256 x 256, "
        "the relative penalty wants about 0.05",
        minimum=0.0,
    )
    penalty: str = setting(
        "proportion",
        "relative: measured as a share of the bound; proportion: as a share of the image",
        choices=("relative", "proportion"),
    )
    size_share: float = setting(
        0.5, "share of the budget for estimating the sizes", minimum=0.05, maximum=0.9
    )
    regressor: str = setting(
        "resnet18",
        "network that regresses the sizes",
        choices=("resnet18", "seresnext101", "small"),
    )
    ramp: float = setting(0.3, RAMP_HELP, minimum=0.0, maximum=1.0)
