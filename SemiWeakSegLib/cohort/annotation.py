"""Label maps: counting what is annotated and turning foreign values into this project's."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from SemiWeakSegLib.cohort.case import UNLABELED


def is_dense(label: np.ndarray) -> bool:
    """Whether every voxel is annotated."""
    return not bool(np.any(label == UNLABELED))


def is_annotated(label: np.ndarray) -> bool:
    """Whether at least one voxel is annotated."""
    return bool(np.any(label != UNLABELED))


def annotated_fraction(label: np.ndarray) -> float:
    """Share of the voxels that are annotated, 0..1."""
    return float(np.count_nonzero(label != UNLABELED)) / max(label.size, 1)


def count_annotated(label: np.ndarray, num_classes: int) -> np.ndarray:
    """Annotated voxels of each class, background first: int64 (num_classes,); 255 is not counted.

    Raises ValueError when a value lies outside the classes.
    """
    counts = np.bincount(label.ravel(), minlength=UNLABELED + 1)
    if np.any(counts[num_classes:UNLABELED]) or counts.size > UNLABELED + 1:
        found = [int(value) for value in np.flatnonzero(counts) if value >= num_classes]
        values = ", ".join(str(value) for value in found if value != UNLABELED)
        raise ValueError(f"Label values {values} lie outside 0..{num_classes - 1} and 255.")
    return counts[:num_classes].astype(np.int64)


def remap(values: np.ndarray, mapping: Mapping[int, int]) -> np.ndarray:
    """Replace each value v that ``mapping`` names by ``mapping[v]``, all at once; uint8.

    Values it does not name stay. Raises ValueError when a result does not fit 0..255.
    """
    for old, new in mapping.items():
        if not 0 <= new <= UNLABELED:
            raise ValueError(f"Label value {old} cannot become {new}: it must be in 0..255.")
    result = values.astype(np.int64, copy=True)
    for old, new in mapping.items():
        result[values == old] = new
    low, high = (int(result.min()), int(result.max())) if result.size else (0, 0)
    if low < 0 or high > UNLABELED:
        raise ValueError(f"Label values {low}..{high} do not fit 0..255; map each one to a class.")
    return result.astype(np.uint8)


def mapping_to_classes(
    class_values: list[int], unlabeled_value: int | None = None
) -> dict[int, int]:
    """The mapping that gives foreign class values the indices 1..K in their order.

    ``unlabeled_value`` becomes 255. Values that stay themselves are left out, so an empty mapping
    means that the foreign convention already is this project's.
    """
    mapping = {value: index for index, value in enumerate(class_values, start=1)}
    if unlabeled_value is not None:
        if unlabeled_value in mapping:
            raise ValueError(
                f"Value {unlabeled_value} is named both as a class and as the unlabeled value."
            )
        mapping[unlabeled_value] = UNLABELED
    return {old: new for old, new in mapping.items() if old != new}
