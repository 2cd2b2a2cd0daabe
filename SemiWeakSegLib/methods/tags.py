"""Tags: from what images show to where, by a classifier's evidence, then a segmentation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from SemiWeakSegLib.methods.constraint_terms import PENALTIES, PENALTY_HELP
from SemiWeakSegLib.methods.kernel import CRFKernel
from SemiWeakSegLib.methods.segmentation import SegmentationSettings
from SemiWeakSegLib.methods.settings import setting
from SemiWeakSegLib.methods.size_penalty import SizePenalty
from SemiWeakSegLib.methods.terms import RAMP_HELP


@dataclass(frozen=True)
class Tags(CRFKernel, SizePenalty, SegmentationSettings):
    """A classifier learns from image tags; where it sees a class become seeds to segment from.

    Tags also bound sizes: an absent class has none, a present one at least a voxel.
    """

    name: ClassVar[str] = "tags"
    title: ClassVar[str] = "Image tags"
    family: ClassVar[str] = "weak"
    summary: ClassVar[str] = (
        "Learns which classes images show, and segments from where it sees them."
    )
    needs: ClassVar[tuple[str, ...]] = ("tagged",)
    source: ClassVar[str] = (
        "Zhou et al., CVPR 2016; Wei et al., CVPR 2017; Kolesnikov and Lampert, ECCV 2016"
    )

    classifier_share: float = setting(
        0.4, "share of the budget that trains the classifier", minimum=0.05, maximum=0.95
    )
    pooling: str = setting(
        "average",
        "how the classifier sums up an image; log_sum_exp suits small objects in big images",
        choices=("average", "log_sum_exp"),
    )
    evidence: str = setting(
        "cam",
        "what locates a class: its activation map, or the map weighted by gradients",
        choices=("cam", "grad_cam"),
    )
    object_threshold: float = setting(
        0.5, "share of the strongest evidence that makes a seed", minimum=0.05, maximum=1.0
    )
    background_threshold: float = setting(
        0.2, "share of the strongest evidence below which is background", minimum=0.0, maximum=1.0
    )
    erasing_rounds: int = setting(
        0, "how often what was found is erased to find more of the object", minimum=0, maximum=10
    )
    saliency: str = setting(
        "none",
        "what seeds grow over: voxels unlike the background, or that the classifier is sensitive "
        "to",
        choices=("none", "contrast", "gradient"),
    )
    saliency_threshold: float = setting(
        0.5,
        "share of the strongest saliency that counts",
        minimum=0.0,
        maximum=1.0,
        used_if={"saliency": ("contrast", "gradient")},
    )
    # One voxel, all that a tag asks for, is nothing among squared shares of an image.
    penalty: str = setting("relative", PENALTY_HELP, choices=PENALTIES)
    crf_weight: float = setting(3.0, "weight of the CRF loss", minimum=0.0, title="CRF weight")
    ramp: float = setting(0.3, RAMP_HELP, minimum=0.0, maximum=1.0)

    @property
    def own_terms(self) -> tuple[str, ...]:
        """Its CRF and the bounds by tags, where they have a weight."""
        crf = (self.kind_of("dense"),) if self.crf_weight > 0 else ()
        return (*super().own_terms, *crf)

    def validate(self) -> list[str]:
        """Field problems, and a background that would reach into the seeds."""
        problems = super().validate()
        if self.background_threshold > self.object_threshold:
            problems.append(
                f"background_threshold is {self.background_threshold:g}, must not exceed "
                f"object_threshold ({self.object_threshold:g})"
            )
        return problems
