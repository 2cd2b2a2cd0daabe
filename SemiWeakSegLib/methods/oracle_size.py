"""OracleSize: size bounds from the true segmentations, the ceiling of any size estimate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from SemiWeakSegLib.methods.segmentation import SegmentationSettings
from SemiWeakSegLib.methods.settings import setting
from SemiWeakSegLib.methods.terms import RAMP_HELP


@dataclass(frozen=True)
class OracleSize(SegmentationSettings):
    """For comparisons only: it reads the true sizes of cases it calls unlabeled."""

    name: ClassVar[str] = "oracle_size"
    title: ClassVar[str] = "Oracle sizes (comparison only)"
    summary: ClassVar[str] = (
        "Bounds the unlabeled cases by their true sizes: how far sizes can help."
    )
    needs: ClassVar[tuple[str, ...]] = ("annotated", "unlabeled", "truth")
    source: ClassVar[str] = "Upper bound of Kervadec et al., MICCAI 2019"

    gamma: float = setting(
        0.1, "relative slack around a size: (1-gamma) to (1+gamma)", minimum=0.0, maximum=1.0
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
    ramp: float = setting(0.3, RAMP_HELP, minimum=0.0, maximum=1.0)
