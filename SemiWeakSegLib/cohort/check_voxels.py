"""Checks that read voxels: intensities, label values, and what is annotated at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from SemiWeakSegLib.cohort.case import UNLABELED, Case
from SemiWeakSegLib.cohort.check_marks import contradictions, fitting_points
from SemiWeakSegLib.cohort.cohort import Cohort
from SemiWeakSegLib.cohort.file_facts import FileFacts, Finding
from SemiWeakSegLib.cohort.images import read_header
from SemiWeakSegLib.cohort.problems import Problem


def check_voxels(
    cohort: Cohort,
    readable: set[Path],
    progress: Callable[[Case, list[Problem]], None] | None = None,
    facts: FileFacts | None = None,
) -> list[Problem]:
    """Problems of the voxels of files in ``readable``; one file is in memory at a time.

    ``progress`` is called after each case with what was found in it. ``facts`` remembers files
    that were read before.
    """
    facts = facts or FileFacts()
    problems: list[Problem] = []
    annotated: set[int] = set()
    for case in cohort.cases:
        found, taught = _check_case(case, readable, len(cohort.classes), facts)
        problems += found
        annotated |= taught
        if progress is not None:
            progress(case, found)
    return problems + _check_annotated(cohort, annotated, readable)


def _check_case(
    case: Case, readable: set[Path], classes: int, facts: FileFacts
) -> tuple[list[Problem], set[int]]:
    """Problems of one case's files, and the classes it teaches."""
    problems: list[Problem] = []
    taught: set[int] = set()
    for path in case.images:
        if path in readable:
            problems += _of_case(case, path, facts.image(path))
    for path in dict.fromkeys((case.label, case.truth)):
        if path is None or path not in readable:
            continue
        label = facts.label(path, classes)
        problems += _of_case(case, path, label.findings)
        if case.role == "train" and path == case.label:
            taught |= _taught(case, set(label.counts))
    if case.points and case.label in readable and case.images[0] in readable:
        problems += _of_case(case, case.label, _contradicting_points(case, case.label, facts))
    if case.role == "train":
        taught |= _taught(case, {point.class_index for point in case.points})
        taught |= {box.class_index for box in case.boxes} | set(case.present)
    return problems, taught


def _contradicting_points(case: Case, path: Path, facts: FileFacts) -> list[Finding]:
    """Points on voxels of the label map that are another class."""
    geometry = read_header(path).geometry
    if geometry.describe_difference(read_header(case.images[0]).geometry) is not None:
        return []  # the grids are reported as different
    points = fitting_points(case, geometry)
    voxels = geometry.holding_voxels(np.array([point.position for point in points]))
    values = facts.values(path, voxels)
    return [Finding("error", "point", *each) for each in contradictions(points, values)]


def _of_case(case: Case, path: Path, findings: Iterable[Finding]) -> list[Problem]:
    return [
        Problem(each.severity, each.code, case.id, path, each.found, each.expected)
        for each in findings
    ]


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
