"""OracleSize: size bounds from the true segmentations, the ceiling of any size estimate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from SemiWeakSegLib.methods.segmentation import SegmentationSettings
from SemiWeakSegLib.methods.settings import setting
from SemiWeakSegLib.methods.size_penalty import EstimatedBounds
from SemiWeakSegLib.methods.terms import RAMP_HELP


@dataclass(frozen=True)
class OracleSize(EstimatedBounds, SegmentationSettings):
    """For comparisons only: it reads the true sizes of cases it calls unlabeled."""

    name: ClassVar[str] = "oracle_size"
    title: ClassVar[str] = "Oracle sizes (comparison only)"
    family: ClassVar[str] = "sizes"
    summary: ClassVar[str] = (
        "Bounds the unlabeled cases by their true sizes: how far sizes can help."
    )
    needs: ClassVar[tuple[str, ...]] = ("annotated", "unlabeled", "truth")
    source: ClassVar[str] = "Upper bound of Kervadec et al., MICCAI 2019"

    ramp: float = setting(0.3, RAMP_HELP, minimum=0.0, maximum=1.0)
