"""Checks of image and label files that need their headers only."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

from SemiWeakSegLib.cohort.case import Case
from SemiWeakSegLib.cohort.check_marks import check_marks
from SemiWeakSegLib.cohort.cohort import Cohort
from SemiWeakSegLib.cohort.images import ImageError, ImageHeader, read_header
from SemiWeakSegLib.cohort.nifti import is_nifti, stored_spacing
from SemiWeakSegLib.cohort.problems import Problem

_SPACING_LIMITS = (1e-6, 1e3)
_STRETCHED = 50.0

RESAMPLE = (
    "the image's grid; a copy of the label can be resampled onto it: in Slicer by the button above "
    "the table, else by 'cohort check' with --resample"
)


def check_headers(cohort: Cohort) -> tuple[set[Path], list[Problem]]:
    """Problems of files, spacings, grids, channels, dimensions, and of where points and boxes lie.

    Also returns the files whose header could be read, for the checks of voxels.
    """
    readable: set[Path] = set()
    problems: list[Problem] = []
    firsts: dict[str, tuple[Case, ImageHeader, int]] = {}
    for position, case in enumerate(cohort.cases):
        headers = [_header(path, case, problems) for path in case.images]
        known = [header for header in headers if header is not None]
        readable.update(header.path for header in known)
        for header in known:
            problems += _check_spacing(case, header)
        if known and len(known) == len(headers):
            first = known[0]
            channels = sum(header.channels for header in known)
            firsts[f"{position}"] = (case, first, channels)
            for header in known[1:]:
                expected = f"the grid of {first.path.name}, the case's first channel"
                problems += _check_grid("channel_grid", case, first, header, expected)
        for path in dict.fromkeys((case.label, case.truth)):
            header = None if path is None else _header(path, case, problems)
            if header is None:
                continue
            readable.add(header.path)
            if headers and headers[0] is not None:
                problems += _check_grid("grid", case, headers[0], header, RESAMPLE)
        if known:
            problems += check_marks(case, known[0].geometry)
    problems += _check_alike(list(firsts.values()))
    return readable, problems


def _header(path: Path, case: Case, problems: list[Problem]) -> ImageHeader | None:
    try:
        return read_header(path)
    except ImageError as error:
        code = "unreadable" if path.exists() else "missing_file"
        found = str(error).removeprefix(f"{path}: ").rstrip(".")
        problems.append(Problem("error", code, case.id, path, found, "a readable image file"))
        return None


def _check_spacing(case: Case, header: ImageHeader) -> list[Problem]:
    spacing = header.geometry.spacing
    if is_nifti(header.path):
        stored = stored_spacing(header.path)
        if stored is not None and not all(math.isfinite(v) and v != 0 for v in stored):
            spacing = stored
    low, high = _SPACING_LIMITS
    shown = " x ".join(f"{value:g}" for value in spacing)
    if not all(math.isfinite(value) and low <= value <= high for value in spacing):
        expected = f"finite values between {low:g} and {high:g} mm"
        found = f"a spacing of {shown} mm"
        return [Problem("error", "spacing", case.id, header.path, found, expected)]
    if max(spacing) > _STRETCHED * min(spacing):
        found = f"a spacing of {shown} mm"
        expected = f"edges of a voxel within a factor of {_STRETCHED:g} of each other"
        return [Problem("warning", "spacing", case.id, header.path, found, expected)]
    return []


def _check_grid(
    code: str, case: Case, image: ImageHeader, other: ImageHeader, expected: str
) -> list[Problem]:
    difference = image.describe_difference(other)
    if difference is None:
        return []
    found = f"a grid that differs from the image's: {difference}"
    return [Problem("error", code, case.id, other.path, found, expected)]


def _check_alike(firsts: list[tuple[Case, ImageHeader, int]]) -> list[Problem]:
    """All cases have the dimension and the number of channels that most of them have."""
    problems = []
    usual_dimension = _most_common([header.dimension for _, header, _ in firsts])
    usual_channels = _most_common([channels for _, _, channels in firsts])
    for case, header, channels in firsts:
        if header.dimension != usual_dimension:
            problems.append(
                Problem(
                    "error",
                    "dimension",
                    case.id,
                    header.path,
                    f"{header.dimension} dimensions",
                    f"{usual_dimension}, as in most cases",
                )
            )
        if channels != usual_channels:
            problems.append(
                Problem(
                    "error",
                    "channels",
                    case.id,
                    header.path,
                    f"{channels} channels",
                    f"{usual_channels}, as in most cases",
                )
            )
    return problems


def _most_common(values: list[int]) -> int:
    """The most frequent value, the earliest of equals; 0 for none."""
    return Counter(values).most_common(1)[0][0] if values else 0
