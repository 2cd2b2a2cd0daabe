"""How large the classes are in the labeled cases, and the bounds that this suggests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from SemiWeakSegLib.cohort.annotation import is_dense
from SemiWeakSegLib.cohort.cohort import Cohort
from SemiWeakSegLib.cohort.images import read_label


def labeled_sizes(cohort: Cohort) -> dict[int, list[float]]:
    """Size of every class in each fully labeled training case, in the order of the cases.

    In mm³ (mm² for 2-D images). A case in which the annotator did not look for a class says
    nothing of it; one that was looked at and does not show it has size 0.
    """
    sizes: dict[int, list[float]] = {item.index: [] for item in cohort.classes}
    for case in cohort.by_role("train"):
        if case.label is None:
            continue
        label, geometry = read_label(case.label)
        if not is_dense(label):
            continue
        counts = np.bincount(label.ravel(), minlength=cohort.num_classes)
        seen = sizes if case.looked_at is None else set(case.looked_at) & set(sizes)
        for index in seen:
            sizes[index].append(float(counts[index]) * geometry.voxel_size)
    return sizes


def suggested_bounds(sizes: Sequence[float], margin: float = 0.1) -> tuple[float, float] | None:
    """Smallest and largest size, each moved outwards by ``margin`` (a share of itself).

    None where no case shows the class: that it is nowhere else does not follow.
    Raises ValueError for a negative margin.
    """
    if not margin >= 0:
        raise ValueError(f"the margin is a share of the size from 0 on, found {margin}")
    if max(sizes, default=0.0) <= 0:
        return None
    return max(0.0, min(sizes) * (1 - margin)), max(sizes) * (1 + margin)


def with_size_bounds(cohort: Cohort, bounds: dict[int, tuple[float, float]]) -> Cohort:
    """A copy of the cohort whose classes carry these bounds; other classes keep theirs."""
    return replace(
        cohort,
        classes=[
            replace(item, size_bounds=bounds.get(item.index, item.size_bounds))
            for item in cohort.classes
        ],
    )
