"""CoTraining: several networks with different views of the data teach each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from SemiWeakSegLib.methods.segmentation import SegmentationSettings
from SemiWeakSegLib.methods.settings import ABOVE_ZERO, setting
from SemiWeakSegLib.methods.term import RAMP_HELP


@dataclass(frozen=True)
class CoTraining(SegmentationSettings):
    """Supervision of each member, agreement, pseudo-labels of the others, disagreement."""

    name: ClassVar[str] = "co_training"
    title: ClassVar[str] = "Multi-view co-training"
    family: ClassVar[str] = "networks"
    summary: ClassVar[str] = (
        "Several networks with different views of the data teach each other; their mean segments."
    )
    needs: ClassVar[tuple[str, ...]] = ("annotated", "unlabeled")
    source: ClassVar[str] = (
        "Qiao et al., Deep co-training, ECCV 2018; Peng et al., Pattern Recognition 2020; "
        "Xia et al., Medical Image Analysis 2020"
    )

    views: str = setting(
        "auto",
        "what makes the networks differ. planes: axial, coronal and sagittal slices of volumes; "
        "subsets: each learns from labeled cases of its own; starts: only how they begin, for too "
        "few labeled cases. auto: planes for volumes, else subsets where there are enough cases",
        choices=("auto", "planes", "subsets", "starts"),
    )
    members: int = setting(
        2,
        "how many networks where they do not see planes",
        minimum=2,
        maximum=8,
        used_if={"views": ("auto", "subsets", "starts")},
    )
    agreement_weight: float = setting(
        1.0, "weight of their agreement on all images (Jensen-Shannon divergence)", minimum=0.0
    )
    pseudo_label_weight: float = setting(
        0.5,
        "weight of the loss against what the other networks are sure of, where a network has no "
        "label",
        minimum=0.0,
    )
    threshold: float = setting(
        0.7,
        "least probability, in the mean of the others, that makes a voxel a pseudo-label",
        minimum=0.0,
        maximum=1.0,
        used_if={"pseudo_label_weight": ABOVE_ZERO},
    )
    disagreement_weight: float = setting(
        0.0,
        "weight of withstanding images that mislead another network, which keeps them different; "
        "0 leaves it out, 0.1 is usual and makes a step much dearer",
        minimum=0.0,
    )
    epsilon: float = setting(
        0.05,
        "how much such an image is changed, in standard deviations of the intensity",
        minimum=0.0,
        maximum=1.0,
        used_if={"disagreement_weight": ABOVE_ZERO},
    )
    ramp: float = setting(0.3, RAMP_HELP, minimum=0.0, maximum=1.0)
