"""ScribbleCRF: scribbles spread to where the image looks the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from SemiWeakSegLib.methods.kernel import CRFKernel
from SemiWeakSegLib.methods.segmentation import SegmentationSettings
from SemiWeakSegLib.methods.settings import setting
from SemiWeakSegLib.methods.terms import RAMP_HELP


@dataclass(frozen=True)
class ScribbleCRF(CRFKernel, SegmentationSettings):
    """Partial cross-entropy with a relaxed CRF and, where wished, entropy minimisation."""

    name: ClassVar[str] = "scribble_crf"
    title: ClassVar[str] = "Scribbles with CRF"
    family: ClassVar[str] = "weak"
    summary: ClassVar[str] = "Learns from scribbles; a CRF carries them to like voxels nearby."
    needs: ClassVar[tuple[str, ...]] = ("annotated",)
    source: ClassVar[str] = (
        "Tang et al., On regularized losses for weakly-supervised CNN segmentation, ECCV 2018"
    )

    crf_weight: float = setting(3.0, "weight of the CRF loss", minimum=0.0, title="CRF weight")
    neighbourhood: str = setting(
        "dense",
        "dense: long range, Gaussian in space and intensity; grid: nearest neighbours; both",
        choices=("dense", "grid", "both"),
    )
    entropy_weight: float = setting(
        0.0, "weight of the entropy of voxels without annotation", minimum=0.0
    )
    ramp: float = setting(0.3, RAMP_HELP, minimum=0.0, maximum=1.0)

    @property
    def neighbourhoods(self) -> tuple[str, ...]:
        """The neighbourhoods that it has a CRF of."""
        return ("dense", "grid") if self.neighbourhood == "both" else (self.neighbourhood,)

    @property
    def own_terms(self) -> tuple[str, ...]:
        """A CRF of each neighbourhood, and entropy where it has a weight."""
        crfs = map(self.kind_of, self.neighbourhoods if self.crf_weight > 0 else ())
        return (*crfs, *(("entropy",) if self.entropy_weight > 0 else ()))
