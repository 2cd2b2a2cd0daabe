"""What is known about one image: its files, annotations, size bounds and role."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

UNLABELED = 255
"""Label-map value of a voxel nobody has looked at."""

ROLES = ("train", "validation", "test")


@dataclass(frozen=True)
class SegmentClass:
    """A structure to segment: its label-map value, name, colour (0..1) and terminology entry.

    ``size_bounds``: the least and the largest size that it has in any image but those in which it
    is tagged absent, in mm³ (mm² for 2-D images); the upper one may be infinite. ``None``: nothing
    is known.
    """

    index: int
    name: str
    color: tuple[float, float, float] | None = None
    terminology: str | None = None
    size_bounds: tuple[float, float] | None = None


@dataclass(frozen=True)
class Point:
    """A place in patient space (LPS, millimetres) that belongs to a class; 0 is background."""

    class_index: int
    position: tuple[float, ...]

    @property
    def dimension(self) -> int:
        return len(self.position)


@dataclass(frozen=True)
class Box:
    """A box around one object of a class, in patient space (LPS, millimetres).

    ``center`` has d numbers, ``size`` the edge lengths along the box's own axes, ``axes`` one unit
    vector per row; the box may be rotated.
    """

    class_index: int
    center: tuple[float, ...]
    size: tuple[float, ...]
    axes: tuple[tuple[float, ...], ...]

    @property
    def dimension(self) -> int:
        return len(self.center)

    @property
    def is_sound(self) -> bool:
        """Whether it is a box at all: finite, with positive edges along orthogonal unit vectors."""
        if {len(self.size), len(self.axes), *map(len, self.axes)} != {self.dimension}:
            return False
        size, axes = np.array(self.size, dtype=float), np.array(self.axes, dtype=float)
        finite = np.isfinite([*self.center, *size, *axes.ravel()]).all()
        square = np.allclose(axes @ axes.T, np.eye(self.dimension), atol=1e-3)
        return bool(finite and square and np.all(size > 0))

    def corners(self) -> np.ndarray:
        """The 2^d corners, shape (2^d, d), in millimetres."""
        halves = 0.5 * np.asarray(self.size, dtype=float)
        signs = np.array(list(itertools.product((-1.0, 1.0), repeat=self.dimension)))
        return np.asarray(self.center, dtype=float) + (signs * halves) @ np.asarray(self.axes)

    def contains(self, points: np.ndarray) -> np.ndarray:
        """Which of ``points`` (..., d), in millimetres, lie in the box or on its faces."""
        relative = np.asarray(points, dtype=float) - np.asarray(self.center, dtype=float)
        along = relative @ np.asarray(self.axes, dtype=float).T
        halves = 0.5 * np.asarray(self.size, dtype=float)
        # Rounding must not push a point on a face outside.
        return np.all(np.abs(along) <= halves + 1e-6 * (1.0 + halves), axis=-1)


@dataclass
class Case:
    """One image with everything that is known about it.

    ``images``: one path per channel; a path may be a folder that holds one DICOM series.
    ``label``: label map on the image's grid (class index, 0 background, 255 unlabeled).
    ``truth``: reference segmentation for evaluation and for the size oracle; never trained on.
    ``points``: single places whose class is known. They belong to the label map: the voxel that
    holds a point has its class, where the label map says nothing of it.
    ``boxes``, ``present`` and ``absent`` (image tags), ``sizes`` (class -> lower and upper bound in
    mm³, or mm² for a 2-D image) are weaker annotations. ``looked_at``: the classes the annotator
    looked for, ``None`` for all of them. ``group``: what must not be divided between roles, mostly
    the patient. Paths are made absolute.
    """

    id: str
    images: tuple[Path, ...]
    label: Path | None = None
    truth: Path | None = None
    points: tuple[Point, ...] = ()
    boxes: tuple[Box, ...] = ()
    present: tuple[int, ...] = ()
    absent: tuple[int, ...] = ()
    sizes: dict[int, tuple[float, float]] = field(default_factory=dict)
    looked_at: tuple[int, ...] | None = None
    role: str = "train"
    group: str | None = None

    def __post_init__(self) -> None:
        images: Sequence[str | Path] | str | Path = self.images
        if isinstance(images, (str, Path)):
            images = (images,)
        self.images = tuple(_absolute(path) for path in images)
        self.label = None if self.label is None else _absolute(self.label)
        self.truth = None if self.truth is None else _absolute(self.truth)
        self.points = tuple(self.points)
        self.boxes = tuple(self.boxes)
        self.present = tuple(self.present)
        self.absent = tuple(self.absent)
        self.looked_at = None if self.looked_at is None else tuple(self.looked_at)

    @property
    def reference(self) -> Path | None:
        """What a prediction is measured against: the truth, else the label."""
        return self.label if self.truth is None else self.truth


def _absolute(path: str | Path) -> Path:
    return Path(os.path.abspath(path))


def group_of(case: Case) -> tuple[str, str]:
    """What a case shares with the others of its group; a case without one is alone."""
    return ("case", case.id) if case.group is None else ("group", case.group)
