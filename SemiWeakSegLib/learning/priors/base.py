"""What a prior is, and which attributes of a class it may speak of."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from ..cache import CachedCase
from ..store import CaseStore

# Bounds that an earlier stage of a run left for later ones.
SIZES_FILE = "sizes.json"
# size: mm³ (mm² of slices); centroid: mm from the image's middle, along the planned axes;
# spread: the standard deviation along these axes, mm.
ATTRIBUTES = ("size", "centroid", "spread")


def axes_of(attribute: str, dimensions: int) -> int:
    """How many numbers describe one region: 1 for a size, else one for each axis."""
    return 1 if attribute == "size" else dimensions


def lowest_of(attribute: str) -> float:
    """The lower end that says nothing."""
    return -math.inf if attribute == "centroid" else 0.0


class Prior(Protocol):
    """One source of bounds.

    source: what it is, in words that follow "from". certain: False for estimates, which yield to
    what is known where they contradict it.
    """

    source: str
    certain: bool

    def of_case(self, index: int, store: CaseStore) -> np.ndarray | None:
        """(units, classes, D, 2) lower and upper ends of a case, in mm, mm² or mm³; None: nothing.

        Background is left out. D is 1 for sizes, else the plan's dimensions; ends that are not
        known are 0 (-inf for centroids) and inf.
        """
        ...


def free_bounds(shape: tuple[int, ...], lowest: float = 0.0) -> np.ndarray:
    """(\\*shape, 2) bounds that hold for everything."""
    return np.stack([np.full(shape, lowest), np.full(shape, math.inf)], axis=-1)


def of_whole_image(low: float, high: float, entry: CachedCase) -> tuple[float, float]:
    """Ends for one unit of a size stated in mm³ for the whole image.

    Of several slices each holds only to the upper end: how a volume divides among its slices is
    not known.
    """
    least = low / entry.thickness if entry.shape[1] == 1 else 0.0
    return least, high / entry.thickness
