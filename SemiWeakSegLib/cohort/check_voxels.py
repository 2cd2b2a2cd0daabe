"""Checks that read voxels: intensities, label values, and what is annotated at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from SemiWeakSegLib.cohort.case import UNLABELED, Case
from SemiWeakSegLib.cohort.cohort import Cohort
from SemiWeakSegLib.cohort.dicom import slice_distances
from SemiWeakSegLib.cohort.images import ImageError, read_image, read_label_values
from SemiWeakSegLib.cohort.nifti import count_not_finite, is_nifti
from SemiWeakSegLib.cohort.problems import Problem


def check_voxels(
    cohort: Cohort,
    readable: set[Path],
    progress: Callable[[Case, list[Problem]], None] | None = None,
) -> list[Problem]:
    """Problems of the voxels of files in ``readable``; one file is in memory at a time.

    ``progress`` is called after each case with what was found in it.
    """
    problems: list[Problem] = []
    annotated: set[int] = set()
    for case in cohort.cases:
        found, taught = _check_case(case, readable, len(cohort.classes))
        problems += found
        annotated |= taught
        if progress is not None:
            progress(case, found)
    return problems + _check_annotated(cohort, annotated, readable)


def _check_case(case: Case, readable: set[Path], classes: int) -> tuple[list[Problem], set[int]]:
    """Problems of one case's files, and the classes it teaches."""
    problems: list[Problem] = []
    taught: set[int] = set()
    for path in case.images:
        if path in readable:
            problems += _check_image(case, path)
    for path in dict.fromkeys((case.label, case.truth)):
        if path is None or path not in readable:
            continue
        found, values = _check_label(case, path, classes)
        problems += found
        if case.role == "train" and path == case.label:
            taught |= _taught(case, values)
    if case.role == "train":
        taught |= {box.class_index for box in case.boxes} | set(case.present)
    return problems, taught


def _check_image(case: Case, path: Path) -> list[Problem]:
    try:
        image, _ = read_image(path)
    except ImageError as error:
        found = str(error).removeprefix(f"{path}: ").rstrip(".")
        return [Problem("error", "unreadable", case.id, path, found, "a readable image file")]
    if path.is_dir():
        low, high = slice_distances(path)
        if high > 1.05 * low:
            found = f"slices {low:.4g} to {high:.4g} mm apart, so the volume is distorted"
            expected = "evenly spaced slices of one series, none missing"
            return [Problem("error", "uneven_slices", case.id, path, found, expected)]
    bad = int(np.count_nonzero(~np.isfinite(image)))
    if is_nifti(path):
        bad = max(bad, count_not_finite(path))
    if bad:
        found = f"{bad} of {image.size} voxels NaN or infinite"
        return [Problem("error", "not_finite", case.id, path, found, "finite intensities")]
    flat = [index for index, channel in enumerate(image) if channel.min() == channel.max()]
    if flat:
        which = "" if len(image) == 1 else f" in channel {', '.join(map(str, flat))}"
        found = f"an empty image: every voxel is {image[flat[0]].flat[0]:g}{which}"
        severity = "error" if len(flat) == len(image) else "warning"
        return [Problem(severity, "empty_image", case.id, path, found, "varying intensities")]
    return []


def _check_label(case: Case, path: Path, classes: int) -> tuple[list[Problem], set[int]]:
    """Problems of a label file, and the values in it."""

    def problem(severity: str, code: str, found: str, expected: str) -> list[Problem]:
        return [Problem(severity, code, case.id, path, found, expected)]

    try:
        label, _ = read_label_values(path)
    except ImageError as error:
        found = str(error).removeprefix(f"{path}: ").rstrip(".")
        code = "label_not_integer" if "not integers" in found else "unreadable"
        return problem("error", code, found, "integer class indices, one per voxel"), set()
    values = {int(value) for value in np.unique(label)}
    outside = sorted(values - set(range(classes + 1)) - {UNLABELED})
    if outside:
        shown = ", ".join(map(str, outside[:8])) + (", ..." if len(outside) > 8 else "")
        expected = f"0 to {classes}, and {UNLABELED} for unlabeled"
        return problem("error", "label_values", f"label values {shown}", expected), values
    if values == {UNLABELED}:
        found = "a label map in which every voxel is unlabeled (255)"
        return problem("warning", "label_empty", found, "some annotated voxels"), values
    if values == {0, UNLABELED}:
        found = "a label map of 0 and 255 only: background and unlabeled"
        expected = "255 only where nobody has looked; if it marks a class, read it as that class"
        return problem("warning", "label_background_only", found, expected), values
    return [], values


def _taught(case: Case, values: set[int]) -> set[int]:
    classes = values - {0, UNLABELED}
    return classes if case.looked_at is None else classes & set(case.looked_at)


def _check_annotated(cohort: Cohort, annotated: set[int], readable: set[Path]) -> list[Problem]:
    train = [case for case in cohort.cases if case.role == "train"]
    if any(case.label is not None and case.label not in readable for case in train):
        return []  # a label that cannot be read may hold what seems to be missing
    if train and not annotated:
        found = "no training case in which any class is annotated"
        return [Problem("error", "nothing_annotated", None, None, found, "at least one")]
    missing = [item for item in cohort.classes if item.index not in annotated]
    return [
        Problem(
            "error",
            "class_never_annotated",
            None,
            None,
            f"class {item.index} ({item.name}) annotated in no training case",
            "each class in at least one; leave the class out or annotate it",
        )
        for item in (missing if train else [])
    ]
