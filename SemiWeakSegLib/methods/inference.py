"""What a CRF may do to finished predictions: the kinds of inference and their settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from SemiWeakSegLib.methods.kernel import LEAST_SIGMA
from SemiWeakSegLib.methods.settings import Settings, SettingsError, nearest, setting

WEIGHT_HELP = "what a voxel pays, against -log p of its class, where all its neighbours differ"


@dataclass(frozen=True)
class Inference(Settings):
    """Base of the kinds of inference."""

    name: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]


@dataclass(frozen=True)
class MeanField(Inference):
    """Dense CRF by mean field (Krähenbühl and Koltun, NIPS 2011)."""

    name: ClassVar[str] = "mean_field"
    title: ClassVar[str] = "Mean field"
    summary: ClassVar[str] = "Long range: voxels alike within the kernel's reach agree."

    weight: float = setting(3.0, WEIGHT_HELP, minimum=0.0)
    sigma_space_mm: float = setting(
        0.0, "reach of the kernel in space; 0 chooses it from the image", minimum=0.0, unit="mm"
    )
    sigma_intensity: float = setting(
        0.1,
        "intensity difference, of a range of 1, that counts as alike",
        minimum=LEAST_SIGMA,
        maximum=10.0,
    )
    iterations: int = setting(10, "passes over the image", minimum=1, maximum=1000)


@dataclass(frozen=True)
class GraphCut(Inference):
    """Nearest-neighbour CRF by graph cut: exact for one class, by expansion for several."""

    name: ClassVar[str] = "graph_cut"
    title: ClassVar[str] = "Graph cut"
    summary: ClassVar[str] = "Short and smooth borders along the image's edges."

    weight: float = setting(3.0, WEIGHT_HELP, minimum=0.0)
    sigma_intensity: float = setting(
        0.1,
        "intensity difference, of a range of 1, that counts as alike",
        minimum=0.001,
        maximum=10.0,
    )


INFERENCES: dict[str, type[Inference]] = {kind.name: kind for kind in (MeanField, GraphCut)}


def parse_inference(text: str) -> Inference:
    """Read "name[,key=value ...]", as in "mean_field,weight=5".

    Raises SettingsError with all problems of the text.
    """
    head, *assignments = text.split(",")
    name = head.strip()
    if name not in INFERENCES:
        known = ", ".join(INFERENCES)
        raise SettingsError(
            [f"there is no inference '{name}'{nearest(name, INFERENCES)}; there are {known}"]
        )
    try:
        return INFERENCES[name]().with_assignments(assignments)
    except SettingsError as error:
        raise SettingsError([f"{name}: {problem}" for problem in error.problems]) from error
