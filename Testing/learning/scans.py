"""Small images with any geometry, plans for them, and networks whose answer is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
import torch
from torch import nn

from SemiWeakSegLib.cohort import Case, Cohort, SegmentClass
from SemiWeakSegLib.learning.plan import Plan, choose_strides
from SemiWeakSegLib.learning.store import CaseStore

CLASSES = [SegmentClass(1, "one"), SegmentClass(2, "two")]
PER_VOLUME = {"scheme": "per_volume", "low_percentile": 0.5, "high_percentile": 99.5}
AS_IT_IS = {"scheme": "fixed", "low": -1e6, "high": 1e6, "mean": 0.0, "std": 1.0}


def rotation(axis: Sequence[float], degrees: float) -> np.ndarray:
    """A 3×3 rotation by Rodrigues' formula."""
    x, y, z = np.array(axis, dtype=float) / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.radians(degrees)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def save(
    path: Path,
    array: np.ndarray,
    *,
    spacing: Sequence[float] | None = None,
    origin: Sequence[float] | None = None,
    direction: np.ndarray | None = None,
) -> Path:
    """Writes (z, y, x) or (y, x); spacing and origin in x, y, z order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(array)
    if spacing is not None:
        image.SetSpacing([float(value) for value in spacing])
    if origin is not None:
        image.SetOrigin([float(value) for value in origin])
    if direction is not None:
        image.SetDirection(np.asarray(direction, dtype=float).ravel().tolist())
    sitk.WriteImage(image, str(path))
    return path


def ball(
    shape: Sequence[int],
    centre: Sequence[float],
    radius: float,
    spacing: Sequence[float] | None = None,
) -> np.ndarray:
    """Bool array of a ball; centre in voxels, radius and spacing in mm, array order."""
    steps = spacing or [1.0] * len(shape)
    grids = np.meshgrid(*[np.arange(n) for n in shape], indexing="ij")
    parts = zip(grids, centre, steps, strict=True)
    return sum(((grid - c) * step) ** 2 for grid, c, step in parts) <= radius**2


def make_plan(dimensions: int, patch: Sequence[int], **changed: Any) -> Plan:
    """A plan on isotropic 1 mm voxels, one channel, intensities as they are."""
    values = {
        "dimensions": dimensions,
        "channels_in": 1,
        "classes": ["one", "two"],
        "orient": True,
        "slice_axis": 0,
        "spacing": [1.0] * dimensions,
        "patch_size": list(patch),
        "whole": False,
        "batch_labeled": 2,
        "batch_unlabeled": 2,
        "network": {"name": "unet", "strides": [[2] * dimensions, [2] * dimensions]},
        "intensity": [AS_IT_IS],
        "mirror_axes": list(range(dimensions)),
    }
    return Plan(**(values | changed))


def plan_of_patch(patch: Sequence[int], **changed: Any) -> Plan:
    """A plan whose network has the strides that suit its patch."""
    spacing = changed.pop("spacing", [1.0] * len(patch))
    network = {"name": "unet", "strides": choose_strides(list(patch), spacing)}
    return make_plan(len(patch), patch, spacing=spacing, network=network, **changed)


def make_store(folder: Path, cases: list[Case], plan: Plan) -> CaseStore:
    """A store on the CPU with a cache of its own."""
    return CaseStore(cases, plan, torch.device("cpu"), folder / "cache")


def make_cohort(cases: list[Case]) -> Cohort:
    """A cohort of two classes."""
    return Cohort(CLASSES, cases)


class Threshold(nn.Module):
    """Logits of len(levels) + 1 classes: the class is the number of levels the image exceeds."""

    def __init__(self, levels: Sequence[float], sharpness: float = 50.0, channel: int = 0):
        super().__init__()
        self.levels = nn.Parameter(torch.tensor([float(level) for level in levels]))
        self.sharpness = sharpness
        self.channel = channel

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        values = image[:, self.channel]
        far = self.levels.new_tensor([1e4])
        lows, highs = torch.cat([-far, self.levels]), torch.cat([self.levels, far])
        # A class's logit is its distance inside its own interval.
        inside = [
            torch.minimum(values - low, high - values)
            for low, high in zip(lows, highs, strict=True)
        ]
        return (torch.stack(inside, dim=1) * self.sharpness).clamp(-60, 60)


def centre_of_mass(path: Path, value: int) -> np.ndarray:
    """Where a class lies in patient space (LPS, mm), by SimpleITK's own index-to-point map."""
    image = sitk.ReadImage(str(path))
    places = np.argwhere(sitk.GetArrayFromImage(image) == value)
    mean = places.mean(axis=0)[::-1]
    return np.array(image.TransformContinuousIndexToPhysicalPoint([float(each) for each in mean]))


def dice(first: np.ndarray, second: np.ndarray) -> float:
    """Dice of two masks."""
    return (
        2 * np.count_nonzero(first & second) / (np.count_nonzero(first) + np.count_nonzero(second))
    )
