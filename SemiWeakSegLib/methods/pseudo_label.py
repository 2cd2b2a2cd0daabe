"""PseudoLabel: confident predictions become labels, the rest stays unlabeled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from SemiWeakSegLib.methods.segmentation import SegmentationSettings
from SemiWeakSegLib.methods.settings import setting
from SemiWeakSegLib.methods.terms import RAMP_HELP


@dataclass(frozen=True)
class PseudoLabel(SegmentationSettings):
    """Labels from a teacher on a weak view where it is confident, loss on a strong view."""

    name: ClassVar[str] = "pseudo_label"
    title: ClassVar[str] = "Pseudo-labels"
    family: ClassVar[str] = "semi"
    summary: ClassVar[str] = "A teacher's confident predictions on unlabeled cases become labels."
    needs: ClassVar[tuple[str, ...]] = ("annotated", "unlabeled")
    source: ClassVar[str] = (
        "Lee, Pseudo-label, ICML workshop 2013; Sohn et al., FixMatch, NeurIPS 2020"
    )

    weight: float = setting(1.0, "weight of the pseudo-label loss", minimum=0.0)
    threshold: float = setting(
        0.95, "least probability that makes a voxel a pseudo-label", minimum=0.0, maximum=1.0
    )
    teacher: str = setting(
        "ema",
        "who predicts: the moving average, the network itself, or a frozen first-stage network",
        choices=("ema", "own", "frozen"),
    )
    strong_view: bool = setting(True, "learn from a strongly augmented view of the same patch")
    first_share: float = setting(
        0.3, "share of the budget that trains the frozen teacher", minimum=0.05, maximum=0.95
    )
    ramp: float = setting(0.3, RAMP_HELP, minimum=0.0, maximum=1.0)
