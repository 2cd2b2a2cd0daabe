"""Refinement: predictions, corrected by a CRF and by what is known, become the next labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from SemiWeakSegLib.methods.inference import GraphCut, Inference, MeanField
from SemiWeakSegLib.methods.kernel import LEAST_SIGMA
from SemiWeakSegLib.methods.segmentation import SegmentationSettings
from SemiWeakSegLib.methods.settings import setting

# Slanted objects leave little of a solid box that is surely theirs.
USUAL_CORES = {2: 0.75, 3: 0.4}
USUAL_FILLS = {2: 0.5, 3: 0.1}


@dataclass(frozen=True)
class Refinement(SegmentationSettings):
    """Rounds of training and CRF inference, until the labels stop changing."""

    name: ClassVar[str] = "refinement"
    title: ClassVar[str] = "Label refinement"
    family: ClassVar[str] = "weak"
    summary: ClassVar[str] = "Predicts its own training cases; a CRF turns that into better labels."
    needs: ClassVar[tuple[str, ...]] = ("supervised",)
    source: ClassVar[str] = (
        "Rajchl et al., DeepCut, IEEE Transactions on Medical Imaging 2017; Lin et al., "
        "ScribbleSup, CVPR 2016"
    )

    rounds: int = setting(3, "how often the labels are made anew, at most", minimum=1, maximum=20)
    inference: str = setting(
        "graph_cut",
        "what makes labels of predictions: mean_field: long range; graph_cut: short borders",
        choices=("mean_field", "graph_cut"),
    )
    inference_weight: float = setting(
        3.0,
        "what a voxel pays, against -log p of its class, where all its neighbours differ",
        minimum=0.0,
    )
    sigma_space_mm: float = setting(
        0.0,
        "reach of mean field in space; 0 chooses it from each image",
        minimum=0.0,
        unit="mm",
        used_if={"inference": ("mean_field",)},
    )
    sigma_intensity: float = setting(
        0.1,
        "intensity difference, of a range of 1, that counts as alike",
        minimum=LEAST_SIGMA,
        maximum=10.0,
    )
    iterations: int = setting(
        10, "passes of mean field", minimum=1, maximum=1000, used_if={"inference": ("mean_field",)}
    )
    start: str = setting(
        "auto",
        "first labels: scribbles: what is known and no more; boxes: the core of each box too; "
        "auto: the core of boxes whose class has no voxel annotated in the case",
        choices=("auto", "boxes", "scribbles"),
    )
    box_core: float | None = setting(
        None,
        "edges of a box's core, as a share of the box's edges; none: 0.75 of flat boxes (in 2-D "
        "images, or one slice thick), 0.4 of solid ones",
        minimum=0.05,
        maximum=1.0,
        used_if={"start": ("auto", "boxes")},
    )
    box_fill: float | None = setting(
        None,
        "least share of a box that its class keeps, whatever inference says; none: 0.5 of flat "
        "boxes, 0.1 of solid ones. Lower it for thin or hollow objects",
        minimum=0.0,
        maximum=1.0,
    )
    first_share: float = setting(
        0.4, "share of the budget for learning from the first labels", minimum=0.05, maximum=0.95
    )
    stop_change: float = setting(
        0.005,
        "no further round where less than this share of the objects' voxels has changed",
        minimum=0.0,
        maximum=1.0,
    )

    @property
    def own_terms(self) -> tuple[str, ...]:
        """What boxes and tags exclude."""
        return ("candidates",)

    def inference_settings(self) -> Inference:
        """What is to be done to the predictions."""
        if self.inference == "graph_cut":
            return GraphCut(weight=self.inference_weight, sigma_intensity=self.sigma_intensity)
        return MeanField(
            weight=self.inference_weight,
            sigma_space_mm=self.sigma_space_mm,
            sigma_intensity=self.sigma_intensity,
            iterations=self.iterations,
        )
