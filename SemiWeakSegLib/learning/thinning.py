"""Every n-th value of an array, so that statistics of a big volume stay cheap."""

from __future__ import annotations

import math

import numpy as np


def thin(values: np.ndarray, most: int) -> np.ndarray:
    """About ``most`` values, evenly spread over the flattened array.

    The step has no factor in common with the length of any axis: otherwise it would visit only
    some columns, for example always the first, which in a scan is air.
    """
    step = max(1, values.size // most)
    while step > 1 and any(n > 1 and math.gcd(step, n) > 1 for n in values.shape):
        step += 1
    return values.reshape(-1)[::step]
