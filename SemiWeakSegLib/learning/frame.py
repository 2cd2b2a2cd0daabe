"""Axes that oblique images of a cohort have in common."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .layout import alignment_angle, canonical_axes

# Beyond this angle "nearest axis" stops meaning the same in every case.
OBLIQUE_LIMIT_DEGREES = 30.0
# One image that lies across all others must not decide: so many are tried as the first.
STARTS = 8
ROUNDS = 4


def common_frame(directions: Sequence[Sequence[float]]) -> list[float] | None:
    """Axes near which all images lie once their own are permuted and flipped; None: there are none.

    Short-axis stacks of hearts are far from the patient's axes and near each other, but files keep
    them in different orders. Directions as in `canonical_axes`, which takes the result as its
    ``frame``; of the many names its axes could have it has those nearest to the patient's.
    """
    matrices = [np.array(each, dtype=float).reshape(3, 3) for each in directions]
    chosen = np.unique(np.linspace(0, len(matrices) - 1, STARTS).astype(int))
    found = [_settled(matrices[index], matrices) for index in chosen]
    frame = min(found, key=lambda each: _farthest(each, directions))
    if _farthest(frame, directions) > OBLIQUE_LIMIT_DEGREES:
        return None
    named = _turned(frame, np.eye(3))
    return [float(value) for value in named.ravel().round(6)]


def _settled(frame: np.ndarray, matrices: list[np.ndarray]) -> np.ndarray:
    """The mean of all directions, each turned to it, from a first guess."""
    for _ in range(ROUNDS):
        mean = np.mean([_turned(each, frame) for each in matrices], axis=0)
        left, _, right = np.linalg.svd(mean)
        frame = left @ right  # the nearest matrix of three axes at right angles
    return frame


def _turned(direction: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """The direction of an image after its axes were brought nearest to the frame's."""
    axes = canonical_axes(tuple(direction.ravel()), tuple(frame.ravel()))
    columns = [2 - axis for axis in reversed(axes.permutation)]
    signs = [-1.0 if flip else 1.0 for flip in reversed(axes.flips)]
    return direction[:, columns] * signs


def _farthest(frame: np.ndarray, directions: Sequence[Sequence[float]]) -> float:
    return max(alignment_angle(each, tuple(frame.ravel())) for each in directions)
