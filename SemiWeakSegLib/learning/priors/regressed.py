"""Bounds that an earlier stage estimated and left in a file."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np

from ..store import CaseStore
from .base import lowest_of

# Where the file keeps each attribute.
KEYS = {"size": "bounds", "centroid": "centroid", "spread": "spread"}


class RegressedPrior:
    """Reads ``sizes.json``: attribute -> case id -> unit -> class [-> axis] -> [low, high].

    Null is an open end. Sizes are one pair a class, centroids and spreads one for each axis.
    """

    source = "the estimates of an earlier stage"
    certain = False

    def __init__(self, path: Path, attribute: str = "size"):
        stored = json.loads(path.read_text(encoding="utf-8"))
        self.attribute = attribute
        self.table = stored.get(KEYS[attribute], {})

    def of_case(self, index: int, store: CaseStore) -> np.ndarray | None:
        """See `Prior`."""
        units = self.table.get(store.cases[index].id)
        if units is None:
            return None
        values = np.array(units, dtype=float)
        if self.attribute == "size":
            values = values[:, :, None]
        open_ends = np.array([lowest_of(self.attribute), math.inf])
        return np.where(np.isnan(values), open_ends, values)
