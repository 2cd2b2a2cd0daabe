"""Scribbles as a person would draw them, made from a dense label map within a budget of voxels."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from SemiWeakSegLib.cohort.case import UNLABELED
from SemiWeakSegLib.cohort.strokes import (
    border_path,
    depth_inside,
    free_path,
    medial_path,
    ring_paths,
    trace,
)

_WEIGHTS = {"medial": 3.0, "border": 2.0, "ring": 4.0, "free": 1.5}
"""How much of the budget a stroke of each sort may take when there is not enough for all."""

_THICK = 2.0
"""From this ratio of spacings on a person draws on the thick slices only."""


def case_generator(seed: int, case_id: str) -> np.random.Generator:
    """Random numbers that depend on the seed and the case, not on the cases around it."""
    digest = hashlib.sha256(case_id.encode("utf-8")).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:8], "little")])


def slice_axis(spacing: Sequence[float], generator: np.random.Generator) -> int:
    """The array axis a person would page through: across thick slices, else any."""
    axis = int(np.argmax(spacing))
    if max(spacing) >= _THICK * min(spacing):
        return axis
    return int(generator.integers(len(spacing)))


def draw_scribbles(
    label: np.ndarray,
    spacing: Sequence[float],
    fraction: float,
    generator: np.random.Generator,
    axis: int | None = None,
) -> np.ndarray:
    """Replace a dense label map (y, x) or (z, y, x) by scribbles: uint8, mostly 255.

    On a few slices across ``axis`` (chosen by ``slice_axis`` when None) each class gets a stroke
    along its middle and one along its border, the background a ring around the object and a line
    elsewhere. At most ``fraction`` of the voxels are annotated; every class of the label map gets a
    stroke as long as the budget has a voxel for each, and strokes are shortened to fit.
    """
    volume = label if label.ndim == 3 else label[np.newaxis]
    if label.ndim == 2:
        axis = 0
    elif axis is None:
        axis = slice_axis(spacing, generator)
    result = np.full(volume.shape, UNLABELED, dtype=np.uint8)
    hand = _Hand(
        label=np.moveaxis(volume, axis, 0),
        drawn=np.moveaxis(result, axis, 0),
        budget=math.floor(fraction * label.size + 1e-9),
        generator=generator,
    )
    hand.work()
    return result.reshape(label.shape)


@dataclass
class _Hand:
    """The drawing in progress; slices are along the first axis of ``label`` and ``drawn``."""

    label: np.ndarray
    drawn: np.ndarray
    budget: int
    generator: np.random.Generator

    def work(self) -> None:
        areas = _areas(self.label)
        slices = self._choose_slices(areas)
        self._draw(self._plan(areas, slices))
        # What long strokes left over goes into further strokes on other slices.
        while self.budget > 0:
            before = self.budget
            slices = self._choose_slices(areas)
            self._draw([stroke for index in slices for stroke in self._strokes_of(areas, index)])
            if before - self.budget < 0.1 * before:
                return

    def _choose_slices(self, areas: np.ndarray) -> list[int]:
        """A few slices that show classes, evenly spread with a random offset; all classes seen."""
        present = np.flatnonzero(areas[:, 1:].any(axis=0)) + 1
        shown = np.flatnonzero(areas[:, 1:].any(axis=1))
        if len(shown) == 0:
            return [int(self.generator.integers(len(areas)))]
        count = round(1.2 * self.budget / _usual_cost(areas[shown], self.label.shape[1:]))
        count = min(max(count, 1), max(len(shown) // 2, 1))
        edges = np.linspace(0, len(shown), count + 1)
        places = edges[:-1] + self.generator.uniform(0.15, 0.85, size=count) * np.diff(edges)
        slices = [int(shown[int(place)]) for place in places]
        for value in present:
            if not any(_well_shown(areas, index, value) for index in slices):
                good = [index for index in shown if _well_shown(areas, index, value)]
                slices.append(int(good[self.generator.integers(len(good))]))
        return slices

    def _plan(self, areas: np.ndarray, slices: list[int]) -> list[tuple[str, int, int]]:
        """Strokes by importance: one per class, rarest first; a ring; then slice by slice."""
        totals = areas.sum(axis=0)
        present = [value for value in np.argsort(totals) if value > 0 and totals[value] > 0]
        first: list[tuple[str, int, int]] = []
        for value in present:
            index = next(index for index in slices if _well_shown(areas, index, value))
            first.append(("medial", index, int(value)))
        first.append(("ring" if present else "free", slices[len(slices) // 2], 0))
        rest = [stroke for index in slices for stroke in self._strokes_of(areas, index)]
        hidden = np.flatnonzero(~areas[:, 1:].any(axis=1))
        if len(slices) > 1 and len(hidden) > 0:
            # Where the object has ended, a person says so.
            rest.append(("free", int(hidden[self.generator.integers(len(hidden))]), 0))
        return first + [stroke for stroke in rest if stroke not in first]

    def _strokes_of(self, areas: np.ndarray, index: int) -> list[tuple[str, int, int]]:
        values = [int(value) for value in np.flatnonzero(areas[index]) if value > 0]
        strokes = [("medial", index, value) for value in values]
        strokes += [("border", index, value) for value in values]
        return [*strokes, ("free", index, 0), ("ring", index, 0)]

    def _draw(self, strokes: list[tuple[str, int, int]]) -> None:
        """Draw (sort, slice, class) strokes, each with its share of what is left."""
        weight = sum(_WEIGHTS[sort] for sort, _, _ in strokes)
        for sort, index, value in strokes:
            if self.budget <= 0:
                return
            limit = max(1, math.floor(self.budget * _WEIGHTS[sort] / weight))
            weight -= _WEIGHTS[sort]
            self._stroke(sort, index, value, limit)

    def _stroke(self, sort: str, index: int, value: int, limit: int) -> None:
        allowed = self.label[index] == value
        if not allowed.any():
            return
        wide = False
        if sort == "medial":
            mask = _one_piece(allowed, self.generator)
            paths = [medial_path(mask, self.generator)]
            thick = depth_inside(mask).max() >= 3.0
            wide = bool(thick and 2 * len(paths[0]) <= limit and self.generator.uniform() < 0.5)
        elif sort == "border":
            paths = [border_path(_one_piece(allowed, self.generator), self.generator)]
        elif sort == "ring" and not allowed.all():
            paths = ring_paths(~allowed, allowed, self.generator)
        else:
            paths = self._free_paths(allowed)
        for path in paths:
            pixels = trace(path, allowed, self.generator, limit, wide)
            target = self.drawn[index]
            new = pixels[target[tuple(pixels.T)] == UNLABELED]
            target[tuple(new.T)] = value
            self.budget -= len(new)
            limit -= len(new)

    def _free_paths(self, background: np.ndarray) -> list[np.ndarray]:
        available = background
        if not background.all():
            away = scipy.ndimage.distance_transform_edt(background)
            if np.any(away >= 6.0):
                available = away >= 6.0
        length = self.generator.uniform(0.3, 0.7) * min(background.shape)
        path = free_path(available, length, self.generator)
        return [] if path is None else [path]


def _areas(label: np.ndarray) -> np.ndarray:
    """Pixels of each value on each slice, (slices, values)."""
    values = int(label.max()) + 1
    return np.stack([np.bincount(plane.ravel(), minlength=values) for plane in label])


def _usual_cost(areas: np.ndarray, shape: tuple[int, ...]) -> float:
    """About how many pixels all strokes of a usual slice take."""
    usual = np.median(areas[:, 1:], axis=0)
    around = 4.0 * math.sqrt(float(usual.sum())) + 12.0
    return float(2.0 * np.sqrt(usual).sum()) + around + 0.4 * min(shape)


def _well_shown(areas: np.ndarray, index: int, value: int) -> bool:
    """Whether a slice shows at least half of what the best slice shows of a class."""
    return bool(2 * areas[index, value] >= areas[:, value].max())


def _one_piece(mask: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """One connected piece of a class on a slice; the bigger, the likelier."""
    pieces, count = scipy.ndimage.label(mask, np.ones((3, 3)))
    if count == 1:
        return mask
    sizes = np.bincount(pieces.ravel())[1:].astype(float) ** 2
    return pieces == 1 + int(generator.choice(count, p=sizes / sizes.sum()))
