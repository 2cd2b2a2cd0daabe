"""Measures of agreement between two label maps: Dice, HD95, ASSD and volume difference.

Conventions, the same wherever the project shows a figure:

- voxels whose truth is 255 (unlabeled) take no part: not in Dice, not in volumes, and a surface
  towards an unlabeled voxel is no surface;
- a class in neither the truth nor the prediction is not counted (None);
- a class in only one of the two has Dice 0 and no distance (None); it is *missed* when only the
  truth holds it and a *false alarm* when only the prediction does;
- a surface voxel is a voxel of the object with a face neighbour outside it or at the image's
  border; distances run between the centres of surface voxels, in millimetres;
- an axis of length one is no axis: a single slice is measured as a 2-D image.

Distances come from a k-d tree of the surface points: exact in float64, and on 160^3 voxels twice
as fast as the distance transforms that `monai.metrics` uses, with which the values agree.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import KDTree

from ..cohort.case import UNLABELED


@dataclass(frozen=True)
class ClassMetrics:
    """Agreement on one class of one case.

    dice: 2|P ∩ T| / (|P| + |T|), 0..1.
    hd95, assd: millimetres, None where one of the two is empty.
    volume_difference: prediction minus truth, in mL (3-D) or cm² (2-D): too large is positive.
    volume_difference_percent: the same in percent of the truth, None where the truth is empty.
    truth_volume, prediction_volume: mL (3-D) or cm² (2-D).
    missed: only the truth holds the class. false_alarm: only the prediction does.
    """

    dice: float
    hd95: float | None
    assd: float | None
    volume_difference: float
    volume_difference_percent: float | None
    truth_volume: float
    prediction_volume: float
    missed: bool
    false_alarm: bool

    def to_dict(self) -> dict[str, float | bool | None]:
        """The fields by name."""
        return asdict(self)


def dice_score(prediction: np.ndarray, truth: np.ndarray) -> float | None:
    """2|P ∩ T| / (|P| + |T|) of two boolean masks; None where both are empty."""
    total = int(np.count_nonzero(prediction)) + int(np.count_nonzero(truth))
    if total == 0:
        return None
    return 2.0 * int(np.count_nonzero(prediction & truth)) / total


def surface_points(
    mask: np.ndarray, spacing: Sequence[float], unknown: np.ndarray | None = None
) -> np.ndarray:
    """Centres of the surface voxels of `mask`, (n, d) in millimetres from the array's first voxel.

    `unknown` (boolean, same shape) counts as inside, so that the border between the object and
    what nobody labeled is not taken for its surface.
    """
    body = mask if unknown is None else mask | unknown
    surface = mask & ~ndimage.binary_erosion(body)
    return np.argwhere(surface) * np.asarray(spacing, dtype=np.float64)


def surface_distances(
    prediction_points: np.ndarray, truth_points: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Distance of every point of one surface to the nearest of the other, both ways, in mm."""
    to_truth = KDTree(truth_points, balanced_tree=False).query(prediction_points)[0]
    to_prediction = KDTree(prediction_points, balanced_tree=False).query(truth_points)[0]
    return to_truth, to_prediction


def hausdorff95(to_truth: np.ndarray, to_prediction: np.ndarray) -> float:
    """The larger of the two directions' 95th percentiles (linear interpolation)."""
    return float(max(np.percentile(to_truth, 95), np.percentile(to_prediction, 95)))


def average_symmetric_surface_distance(to_truth: np.ndarray, to_prediction: np.ndarray) -> float:
    """Mean over the surface points of both directions together."""
    return float((to_truth.sum() + to_prediction.sum()) / (to_truth.size + to_prediction.size))


def measure_class(
    prediction: np.ndarray,
    truth: np.ndarray,
    spacing: Sequence[float],
    unknown: np.ndarray | None = None,
) -> ClassMetrics | None:
    """Agreement of two boolean masks of the same shape; None where the class is in neither.

    spacing: millimetres in array order, one per axis. unknown: voxels that take no part.
    """
    spacing = _checked_spacing(prediction, truth, spacing)
    if unknown is not None:
        prediction = prediction & ~unknown
        truth = truth & ~unknown
    score = dice_score(prediction, truth)
    if score is None:
        return None
    # One voxel measures mm^d; a mL is 1000 mm³ and a cm² is 100 mm².
    unit = math.prod(spacing) / (1000.0 if prediction.ndim == 3 else 100.0)
    prediction_volume = int(np.count_nonzero(prediction)) * unit
    truth_volume = int(np.count_nonzero(truth)) * unit
    hd95, assd = _distances(prediction, truth, spacing, unknown)
    difference = prediction_volume - truth_volume
    return ClassMetrics(
        dice=score,
        hd95=hd95,
        assd=assd,
        volume_difference=difference,
        volume_difference_percent=100.0 * difference / truth_volume if truth_volume else None,
        truth_volume=truth_volume,
        prediction_volume=prediction_volume,
        missed=prediction_volume == 0,
        false_alarm=truth_volume == 0,
    )


def measure_case(
    prediction: np.ndarray,
    truth: np.ndarray,
    spacing: Sequence[float],
    classes: Iterable[int],
) -> dict[int, ClassMetrics | None]:
    """Agreement on each class of two label maps (value = class index, truth 255 = unlabeled)."""
    unknown = truth == UNLABELED
    unknown_or_none = unknown if unknown.any() else None
    return {
        index: measure_class(prediction == index, truth == index, spacing, unknown_or_none)
        for index in classes
    }


def mean_dice(metrics: Iterable[ClassMetrics | None]) -> float | None:
    """Mean of Dice over the classes that count; None where none does."""
    scores = [entry.dice for entry in metrics if entry is not None]
    return sum(scores) / len(scores) if scores else None


def _distances(
    prediction: np.ndarray,
    truth: np.ndarray,
    spacing: Sequence[float],
    unknown: np.ndarray | None,
) -> tuple[float | None, float | None]:
    """HD95 and ASSD, or None where a surface is missing on one side."""
    if not prediction.any() or not truth.any():
        return None, None
    axes = [axis for axis, length in enumerate(prediction.shape) if length > 1]
    if not axes:
        return 0.0, 0.0
    spacing = [spacing[axis] for axis in axes]
    prediction, truth = np.squeeze(prediction), np.squeeze(truth)
    window = _window(prediction | truth)
    hidden = None if unknown is None else np.squeeze(unknown)[window]
    prediction_points = surface_points(prediction[window], spacing, hidden)
    truth_points = surface_points(truth[window], spacing, hidden)
    if not len(prediction_points) or not len(truth_points):
        return None, None
    distances = surface_distances(prediction_points, truth_points)
    return hausdorff95(*distances), average_symmetric_surface_distance(*distances)


def _window(mask: np.ndarray) -> tuple[slice, ...]:
    """The bounding box of a non-empty mask, one voxel wider where the image goes on."""
    box = ndimage.find_objects(mask.view(np.uint8))[0]
    return tuple(slice(max(part.start - 1, 0), part.stop + 1) for part in box)


def _checked_spacing(
    prediction: np.ndarray, truth: np.ndarray, spacing: Sequence[float]
) -> tuple[float, ...]:
    if prediction.shape != truth.shape:
        raise ValueError(
            f"prediction and truth differ in shape: {prediction.shape} and {truth.shape}"
        )
    values = tuple(float(value) for value in spacing)
    if len(values) != prediction.ndim or not all(0 < value < math.inf for value in values):
        raise ValueError(
            f"spacing must be {prediction.ndim} positive millimetres, one per axis; got {values}"
        )
    return values
