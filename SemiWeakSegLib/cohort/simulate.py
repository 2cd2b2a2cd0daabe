"""Turn densely labeled cases into weakly labeled ones, to ask how few labels would do."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import scipy

from SemiWeakSegLib.cohort.case import UNLABELED, Box, Case, Point
from SemiWeakSegLib.cohort.cohort import Cohort
from SemiWeakSegLib.cohort.extremes import extreme_points
from SemiWeakSegLib.cohort.geometry import Geometry
from SemiWeakSegLib.cohort.images import read_label, write_label
from SemiWeakSegLib.cohort.objects import (
    box_along_image,
    box_along_object,
    middle_point,
    objects,
)
from SemiWeakSegLib.cohort.scribbles import case_generator, draw_scribbles, slice_axis
from SemiWeakSegLib.cohort.strokes import depth_inside


@dataclass(frozen=True)
class Simulation:
    """One sort of weak annotation: what it does and what ``fraction`` means for it."""

    kind: str
    summary: str
    default_fraction: float


SIMULATIONS = {
    item.kind: item
    for item in (
        Simulation("scribbles", "strokes on at most this share of the voxels", 0.01),
        Simulation("points", "dots inside each class on at most this share of the voxels", 0.001),
        Simulation("slices", "whole slices: this share of them, at least one", 0.1),
        Simulation("boxes", "a box around each object; no share", 1.0),
        Simulation("rotated_boxes", "a box along each object's own axes; no share", 1.0),
        Simulation("slice_boxes", "a flat box around each object in every slice; no share", 1.0),
        Simulation(
            "extreme_points",
            "the outermost points of each object, its middle, and the box they span; no share",
            1.0,
        ),
        Simulation("tags", "which classes are present or absent; no share", 1.0),
        Simulation("drop_classes", "each class is not looked at with this probability", 0.5),
        Simulation("unlabeled", "no annotation left; no share", 1.0),
    )
}
"""What ``simulate`` can make, by kind."""


@dataclass(frozen=True)
class _Weak:
    """The weak annotation of one case: what replaces its dense label."""

    label: np.ndarray | None = None
    points: tuple[Point, ...] = ()
    boxes: tuple[Box, ...] = ()
    present: tuple[int, ...] = ()
    absent: tuple[int, ...] = ()
    looked_at: tuple[int, ...] | None = None


@dataclass(frozen=True)
class _Dense:
    """A densely labeled case on its way to a weak annotation."""

    label: np.ndarray
    geometry: Geometry
    classes: tuple[int, ...]
    fraction: float
    generator: np.random.Generator


def simulate(
    cohort: Cohort,
    kind: str,
    fraction: float | None = None,
    seed: int = 0,
    out_path: str | os.PathLike[str] = "simulated.json",
    *,
    roles: Sequence[str] = ("train",),
    cases: Collection[str] | None = None,
) -> Cohort:
    """Replace dense labels by a weak annotation of ``kind`` and save the cohort to ``out_path``.

    Only densely labeled cases in ``roles`` (and, where given, named in ``cases``) change; their
    dense label becomes their truth. New label maps go to ``<out_path's stem>_labels/<case>.nii.gz``
    beside ``out_path``; no source file is touched. ``fraction`` is explained by ``SIMULATIONS``;
    None takes the kind's default. The result depends on ``seed`` and each case's id only. Raises
    ValueError for an unknown kind, a fraction outside (0, 1], or when no case qualifies.
    """
    if kind not in SIMULATIONS:
        raise ValueError(f"{kind!r} cannot be simulated; the kinds are {', '.join(SIMULATIONS)}.")
    fraction = SIMULATIONS[kind].default_fraction if fraction is None else fraction
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction must lie in (0, 1], found {fraction}.")
    for case_id in cases or ():
        cohort.case(case_id)
    target = Path(os.path.abspath(out_path))
    folder = target.with_name(f"{target.stem}_labels")
    chosen = {
        case.id
        for case in cohort.cases
        if case.role in roles
        and (cases is None or case.id in cases)
        and cohort.annotation_kind(case) == "labeled"
    }
    if not chosen:
        raise ValueError(
            f"No {' or '.join(roles)} case is densely labeled, so there is nothing to turn into "
            f"{kind}."
        )
    weak = cohort.with_cases(
        [
            _weakened(cohort, case, kind, fraction, seed, folder) if case.id in chosen else case
            for case in cohort.cases
        ]
    )
    weak.save(target)
    return weak


def _weakened(
    cohort: Cohort, case: Case, kind: str, fraction: float, seed: int, folder: Path
) -> Case:
    assert case.label is not None
    label, geometry = read_label(case.label)
    dense = _Dense(
        label=label,
        geometry=geometry,
        classes=tuple(item.index for item in cohort.classes),
        fraction=fraction,
        generator=case_generator(seed, case.id),
    )
    try:
        weak = _MAKERS[kind](dense)
    except ValueError as error:
        raise ValueError(f"Case {case.id}, {case.label}: {error}") from None
    path = None
    if weak.label is not None:
        path = folder / f"{case.id}.nii.gz"
        write_label(path, weak.label, geometry)
    return replace(
        case,
        label=path,
        truth=case.label if case.truth is None else case.truth,
        points=weak.points,
        boxes=weak.boxes,
        present=weak.present,
        absent=weak.absent,
        looked_at=case.looked_at if weak.looked_at is None else weak.looked_at,
    )


def _scribbles(dense: _Dense) -> _Weak:
    _require_budget(dense)
    spacing = dense.geometry.array_spacing
    return _Weak(label=draw_scribbles(dense.label, spacing, dense.fraction, dense.generator))


def _points(dense: _Dense) -> _Weak:
    """Dots of a voxel and its neighbours, as many for each value as the budget allows."""
    budget = _require_budget(dense)
    values = [int(value) for value in np.unique(dense.label)]
    values.sort(key=lambda value: np.count_nonzero(dense.label == value))
    result = np.full(dense.label.shape, UNLABELED, dtype=np.uint8)
    plus = scipy.ndimage.generate_binary_structure(dense.label.ndim, 1)
    offsets = np.argwhere(plus) - 1
    for turn, value in enumerate(values):
        share = budget // (len(values) - turn)
        inside = dense.label == value
        # Nobody aims at the very edge: dots sit in the deeper half where there is one.
        depth = _depth(inside)
        places = np.argwhere(depth >= 0.5 * depth.max())
        left = share
        for place in places[dense.generator.permutation(len(places))]:
            dot = place + offsets
            dot = dot[np.all((dot >= 0) & (dot < result.shape), axis=1)]
            dot = dot[inside[tuple(dot.T)] & (result[tuple(dot.T)] == UNLABELED)]
            if len(dot) > left:
                dot = place[np.newaxis]
            if left == 0:
                break
            if result[tuple(place)] == UNLABELED:
                result[tuple(dot.T)] = value
                left -= len(dot)
        budget -= share - left
    return _Weak(label=result)


def _slices(dense: _Dense) -> _Weak:
    """Whole slices of a chosen axis, evenly spread over those that show a class."""
    if dense.label.ndim != 3:
        raise ValueError("slices are chosen from volumes; this image has two dimensions.")
    axis = slice_axis(dense.geometry.array_spacing, dense.generator)
    label = np.moveaxis(dense.label, axis, 0)
    shown = np.flatnonzero(label.reshape(len(label), -1).any(axis=1))
    if len(shown) == 0:
        shown = np.arange(len(label))
    count = min(max(round(dense.fraction * len(label)), 1), len(shown))
    edges = np.linspace(0, len(shown), count + 1)
    places = edges[:-1] + dense.generator.uniform(0, 1, size=count) * np.diff(edges)
    chosen = [int(shown[min(int(place), len(shown) - 1)]) for place in places]
    result = np.full(dense.label.shape, UNLABELED, dtype=np.uint8)
    np.moveaxis(result, axis, 0)[chosen] = label[chosen]
    return _Weak(label=result)


def _boxes(dense: _Dense) -> _Weak:
    """A box along the image's axes around each object."""
    return _Weak(boxes=tuple(box_along_image(*each, dense.geometry) for each in _objects_of(dense)))


def _rotated_boxes(dense: _Dense) -> _Weak:
    """A box along its principal axes around each object."""
    return _Weak(
        boxes=tuple(box_along_object(*each, dense.geometry) for each in _objects_of(dense))
    )


def _slice_boxes(dense: _Dense) -> _Weak:
    """In each slice across the thickest axis, a box one slice thick around each object."""
    if dense.label.ndim != 3:
        raise ValueError("boxes on slices are drawn in volumes; this image has two dimensions.")
    axis = int(np.argmax(dense.geometry.array_spacing))
    boxes = []
    for place, plane in enumerate(np.moveaxis(dense.label, axis, 0)):
        for value in dense.classes:
            for pixels in objects(plane, value):
                voxels = np.insert(pixels, axis, place, axis=1)
                boxes.append(box_along_image(voxels, value, dense.geometry))
    return _Weak(boxes=tuple(boxes))


def _extreme_points(dense: _Dense) -> _Weak:
    """The outermost points of each object along the image's axes, its middle, and the box."""
    points: list[Point] = []
    boxes = []
    for voxels, value in _objects_of(dense):
        points += extreme_points(voxels, value, dense.geometry)
        points.append(middle_point(voxels, value, dense.geometry))
        boxes.append(box_along_image(voxels, value, dense.geometry))
    return _Weak(points=tuple(points), boxes=tuple(boxes))


def _objects_of(dense: _Dense) -> Iterator[tuple[np.ndarray, int]]:
    """The voxels and the class of every object, class by class."""
    for value in dense.classes:
        for voxels in objects(dense.label, value):
            yield voxels, value


def _tags(dense: _Dense) -> _Weak:
    found = set(np.unique(dense.label).tolist())
    return _Weak(
        present=tuple(value for value in dense.classes if value in found),
        absent=tuple(value for value in dense.classes if value not in found),
    )


def _drop_classes(dense: _Dense) -> _Weak:
    """Some classes were not looked at: their voxels look like background in the label map."""
    kept = dense.generator.uniform(size=len(dense.classes)) >= dense.fraction
    if not kept.any():
        kept[dense.generator.integers(len(kept))] = True
    looked_at = tuple(value for value, keep in zip(dense.classes, kept, strict=True) if keep)
    label = np.where(np.isin(dense.label, looked_at), dense.label, 0).astype(np.uint8)
    return _Weak(label=label, looked_at=looked_at)


def _unlabeled(dense: _Dense) -> _Weak:
    return _Weak()


_MAKERS: dict[str, Callable[[_Dense], _Weak]] = {
    "scribbles": _scribbles,
    "points": _points,
    "slices": _slices,
    "boxes": _boxes,
    "rotated_boxes": _rotated_boxes,
    "slice_boxes": _slice_boxes,
    "extreme_points": _extreme_points,
    "tags": _tags,
    "drop_classes": _drop_classes,
    "unlabeled": _unlabeled,
}


def _require_budget(dense: _Dense) -> int:
    """The voxels that may be annotated; at least one for each value of the label map."""
    budget = math.floor(dense.fraction * dense.label.size + 1e-9)
    values = len(np.unique(dense.label))
    if budget < values:
        raise ValueError(
            f"a fraction of {dense.fraction:g} allows {budget} of {dense.label.size} voxels; "
            f"at least {values} are needed, one for each class and the background."
        )
    return budget


def _depth(mask: np.ndarray) -> np.ndarray:
    if mask.ndim == 2:
        return depth_inside(mask)
    return np.stack([depth_inside(plane) for plane in mask])
