"""What boxes, absent tags and the classes looked at say of each voxel of a planned grid."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import itertools
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..cohort import UNLABELED, Box, Case
from .cache import CENTRES_PER_CLASS, CachedCase, choose_centres
from .plan import Plan
from .planned_space import PlannedSpace, planned_space

# Change it when the files written below change their meaning.
KNOWLEDGE_VERSION = 1
ROUNDING_MM = 1e-4
# A box that is no thicker than this is flat: drawn in one slice.
FLAT_VOXELS = 1.5
# A box that was not turned on purpose may still not lie quite along the image.
TURNED_DEGREES = 10.0


@dataclasses.dataclass(frozen=True)
class PlannedBox:
    """A box in the space of a case's planned grid.

    matrix (D, 1 + d) and offset (D,) turn (unit, *voxel) into millimetres along the box's own
    axes, from its centre; halves (D,): half its edge lengths.
    """

    class_index: int
    matrix: np.ndarray
    offset: np.ndarray
    halves: np.ndarray

    @classmethod
    def of(cls, box: Box, space: PlannedSpace) -> PlannedBox:
        """The box on a grid; made no thinner than a voxel, so that it holds voxel centres."""
        axes = np.asarray(box.axes, dtype=float)
        matrix = axes @ space.matrix
        offset = axes @ (space.offset - np.asarray(box.center, dtype=float))
        voxel = np.linalg.norm(matrix, axis=1)
        halves = np.maximum(0.5 * np.asarray(box.size, dtype=float), 0.5 * voxel)
        return cls(box.class_index, matrix, offset, halves + ROUNDING_MM * (1 + halves))

    @functools.cached_property
    def _to_grid(self) -> np.ndarray:
        return np.linalg.pinv(self.matrix)

    def to_grid(self, places: np.ndarray) -> np.ndarray:
        """(N, D) millimetres along the box's axes to (N, 1 + d) unit and voxel."""
        return (places - self.offset) @ self._to_grid.T

    @functools.cached_property
    def corners(self) -> np.ndarray:
        """(2^D, 1 + d) unit and voxel of its corners."""
        ends = [(-1.0, 1.0)] * len(self.halves)
        return self.to_grid(np.array(list(itertools.product(*ends))) * self.halves)

    @functools.cached_property
    def is_turned(self) -> bool:
        """Whether some axis of it lies more than 10° off all axes of the grid."""
        lengths = np.linalg.norm(self.matrix, axis=0)
        # The units of a whole volume are no direction.
        along = np.abs(self.matrix[:, lengths > 0] / lengths[lengths > 0])
        return bool(along.max(axis=1).min() < np.cos(np.deg2rad(TURNED_DEGREES)))

    @functools.cached_property
    def dimensions(self) -> int:
        """2 for a box of a 2-D image or one that is a slice thick, 3 for a solid one."""
        voxel = np.linalg.norm(self.matrix, axis=1)
        return max(2, int(np.count_nonzero(2 * self.halves > FLAT_VOXELS * voxel)))

    @functools.cached_property
    def in_one_unit(self) -> bool:
        """Whether it lies in a single slice of the plan, or the case has one unit by dimension."""
        has_units = len(self.halves) == self.matrix.shape[1]
        return not has_units or bool(np.ptp(self.corners[:, 0]) <= FLAT_VOXELS)

    @property
    def volume(self) -> float:
        """mm³, or mm² of a box in a 2-D image."""
        return float(np.prod(2 * self.halves))

    def cuts(self, axis: int, count: int) -> np.ndarray:
        """(count + 1, 2^(D - 1), 1 + d) corners of the faces between ``count`` equal strips."""
        ends = [(-1.0, 1.0)] * len(self.halves)
        ends[axis] = (0.0,)
        places = np.array(list(itertools.product(*ends)))[None].repeat(count + 1, axis=0)
        places[:, :, axis] = np.linspace(-1, 1, count + 1)[:, None]
        return self.to_grid(places * self.halves)

    def on_grid(self, shape: tuple[int, ...]) -> tuple[tuple[slice, ...], np.ndarray]:
        """A part of a grid (units, *spatial) that holds the box, and which voxels of it lie in it.

        Both may be empty.
        """
        corners = self.corners
        lows = np.floor(corners.min(axis=0)).clip(0, shape).astype(int)
        highs = (np.ceil(corners.max(axis=0)) + 1).clip(0, shape).astype(int)
        region = tuple(slice(low, high) for low, high in zip(lows, highs, strict=True))
        lines = np.ogrid[region]
        inside = np.ones([len(line.ravel()) for line in lines], dtype=bool)
        for row, offset, half in zip(self.matrix, self.offset, self.halves, strict=True):
            along = offset + sum(step * line for step, line in zip(row, lines, strict=True))
            inside &= np.abs(along) <= half
        return region, inside


@dataclasses.dataclass(frozen=True)
class Knowledge:
    """What one case says of its voxels beside its label map.

    A class that has boxes is not outside all of them; an absent class is nowhere. Of a class
    with neither nothing is known: that nobody drew a box is no statement.
    """

    boxes: tuple[PlannedBox, ...]
    absent: tuple[int, ...]
    looked_at: tuple[int, ...]

    @property
    def boxed(self) -> frozenset[int]:
        """The classes that have boxes."""
        return frozenset(box.class_index for box in self.boxes)

    def complete_label(self, label: np.ndarray | None, shape: tuple[int, ...]) -> np.ndarray:
        """The label map (units, *spatial) with what can only be background written as 0.

        Unlabeled voxels become 0 where every class that was looked at is ruled out; classes not
        looked at stay possible there, as everywhere on annotated background.
        """
        result = np.full(shape, UNLABELED, dtype=np.uint8) if label is None else np.array(label)
        seen = set(self.looked_at)
        if not seen or not seen <= self.boxed | set(self.absent):
            return result
        background = np.ones(shape, dtype=bool)
        for box in self.boxes:
            if box.class_index in seen:
                region, inside = box.on_grid(shape)
                background[region] &= ~inside
        result[background & (result == UNLABELED)] = 0
        return result

    def centres(self, label: np.ndarray, num_classes: int) -> np.ndarray:
        """Rows (class, unit, *voxel): annotated voxels, and for a class those in its boxes."""
        rows = [choose_centres(label, num_classes)]
        source = np.random.default_rng(0)
        for value in sorted(self.boxed):
            found = np.concatenate(list(self._voxels_inside(value, label.shape)))
            if len(found) > CENTRES_PER_CLASS:
                found = found[np.sort(source.choice(len(found), CENTRES_PER_CLASS, replace=False))]
            rows.append(np.column_stack([np.full(len(found), value), found]))
        return np.concatenate(rows).astype(np.int32)

    def _voxels_inside(self, value: int, shape: tuple[int, ...]) -> Iterator[np.ndarray]:
        for box in self.boxes:
            if box.class_index == value:
                region, inside = box.on_grid(shape)
                yield np.argwhere(inside) + [part.start for part in region]


def knowledge_of(case: Case, plan: Plan) -> Knowledge:
    """What a case's boxes and tags say; reads the image's header where there are boxes."""
    boxes: tuple[PlannedBox, ...] = ()
    if case.boxes:
        space = planned_space(case, plan)
        boxes = tuple(PlannedBox.of(box, space) for box in case.boxes)
    drawn = {box.class_index for box in case.boxes}
    classes = range(1, plan.num_classes)
    seen = classes if case.looked_at is None else case.looked_at
    return Knowledge(boxes, tuple(k for k in case.absent if k not in drawn), tuple(seen))


@dataclasses.dataclass(frozen=True)
class KnownLabel:
    """Files beside a cached case: its label map with known background, and patch centres."""

    label: Path
    centres: Path


def known_label(case: Case, entry: CachedCase, knowledge: Knowledge, plan: Plan) -> KnownLabel:
    """The files of a case, written where they are missing; safe in several processes at once."""
    said = {
        "version": KNOWLEDGE_VERSION,
        "boxes": [[b.class_index, *map(_rounded, (b.center, b.size, *b.axes))] for b in case.boxes],
        "absent": sorted(knowledge.absent),
        "looked_at": sorted(knowledge.looked_at),
    }
    digest = hashlib.blake2b(json.dumps(said).encode(), digest_size=16).hexdigest()
    files = KnownLabel(
        entry.folder / f"known-{digest}.npy", entry.folder / f"known-{digest}-centres.npy"
    )
    # Written last: where it is, both are whole.
    if not files.centres.exists():
        label = knowledge.complete_label(entry.label(), tuple(entry.shape[1:]))
        _write(files.label, label)
        _write(files.centres, knowledge.centres(label, plan.num_classes))
    return files


def _rounded(values: tuple[float, ...]) -> list[float]:
    return [float(f"{value:.9g}") for value in values]


def _write(path: Path, array: np.ndarray) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            np.save(stream, array)
        try:
            os.replace(name, path)
        except OSError:
            if not path.exists():  # else another process was faster and has it open
                raise
    finally:
        Path(name).unlink(missing_ok=True)
