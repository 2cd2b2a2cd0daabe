"""Checks of what the cohort file says, before any image is opened."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from SemiWeakSegLib.cohort.case import ROLES, UNLABELED, Case, SegmentClass
from SemiWeakSegLib.cohort.cohort import Cohort
from SemiWeakSegLib.cohort.problems import Problem

BOUNDS = "0 <= lower <= upper, only the upper one without limit"

_FORBIDDEN = re.compile(r'[/\\:*?"<>|\x00-\x1f]')


def check_records(cohort: Cohort) -> list[Problem]:
    """Problems of classes, ids, roles, groups, tags, points, boxes and size bounds."""
    problems = _check_classes(cohort)
    if not cohort.cases:
        problems.append(Problem("error", "no_cases", None, cohort.path, "no cases", "at least one"))
        return problems
    problems += _check_ids(cohort)
    for case in cohort.cases:
        problems += _check_case(case, cohort.classes)
    problems += _check_roles(cohort)
    return problems


def _check_classes(cohort: Cohort) -> list[Problem]:
    def problem(found: str, expected: str) -> Problem:
        return Problem("error", "classes", None, cohort.path, found, expected)

    indices = [item.index for item in cohort.classes]
    if not indices:
        return [problem("no classes", "at least one class to segment")]
    problems = []
    wanted = list(range(1, len(indices) + 1))
    if indices != wanted or len(indices) >= UNLABELED:
        problems.append(
            problem(
                f"class indices {', '.join(map(str, indices))}",
                f"1 to {len(indices)} in order, at most {UNLABELED - 1}",
            )
        )
    names = Counter(item.name for item in cohort.classes)
    for name, count in names.items():
        if count > 1 or not name.strip():
            problems.append(problem(f"{count} classes called {name!r}", "a name for each class"))
    for item in cohort.classes:
        if item.size_bounds is not None and not _are_bounds(*item.size_bounds):
            low, high = item.size_bounds
            found = f"common size bounds {low:g} to {high:g} for class {item.index}"
            problems.append(Problem("error", "sizes", None, cohort.path, found, BOUNDS))
    return problems


def _are_bounds(lower: float, upper: float) -> bool:
    return 0 <= lower <= upper and math.isfinite(lower)


def _check_ids(cohort: Cohort) -> list[Problem]:
    problems = []
    by_id: dict[str, list[Case]] = defaultdict(list)
    by_folded: dict[str, set[str]] = defaultdict(set)
    for case in cohort.cases:
        by_id[case.id].append(case)
        by_folded[case.id.casefold()].add(case.id)
        if not case.id or case.id.startswith(".") or _FORBIDDEN.search(case.id):
            found = f"the id {case.id!r}"
            expected = "a name that can be a file's name: predictions are called after it"
            problems.append(Problem("error", "bad_id", case.id, None, found, expected))
    for case_id, cases in by_id.items():
        if len(cases) > 1:
            files = ", ".join(str(case.images[0]) for case in cases if case.images)
            found = f"{len(cases)} cases with this id ({files})"
            problems.append(
                Problem("error", "duplicate_id", case_id, None, found, "a different id for each")
            )
    for ids in by_folded.values():
        if len(ids) > 1:
            found = f"ids that differ in upper and lower case only: {', '.join(sorted(ids))}"
            expected = "ids that stay different on every file system"
            problems.append(Problem("warning", "similar_ids", min(ids), None, found, expected))
    return problems


def _check_case(case: Case, classes: Sequence[SegmentClass]) -> list[Problem]:
    problems = []
    indices = {item.index for item in classes}

    def error(code: str, found: str, expected: str) -> None:
        problems.append(Problem("error", code, case.id, None, found, expected))

    if not case.images:
        error("no_image", "no image", "at least one image path")
    if case.role not in ROLES:
        error("role", f"the role {case.role!r}", f"one of {', '.join(ROLES)}")
    named = {
        "points": {point.class_index for point in case.points} - {0},
        "boxes": {box.class_index for box in case.boxes},
        "present": set(case.present),
        "absent": set(case.absent),
        "sizes": set(case.sizes),
        "looked_at": set(case.looked_at or ()),
    }
    for place, values in named.items():
        unknown = sorted(values - indices)
        if unknown:
            error(
                "unknown_class",
                f"class {', '.join(map(str, unknown))} in {place}",
                f"classes among {', '.join(map(str, sorted(indices)))}",
            )
    both = sorted(set(case.present) & set(case.absent))
    if both:
        found = f"class {', '.join(map(str, both))} both present and absent"
        error("tags", found, "one of the two")
    marked = {"point": case.points, "box": case.boxes}
    for what, marks in marked.items():
        denied = sorted({mark.class_index for mark in marks} & set(case.absent))
        if denied:
            found = f"a {what} of class {', '.join(map(str, denied))}, which is tagged absent"
            error("tags", found, f"no {what}, or no such tag")
    for found, expected in _contradicting_sizes(case, classes):
        error("sizes", found, expected)
    for point in case.points:
        if point.dimension not in (2, 3) or not all(map(math.isfinite, point.position)):
            found = f"a point of class {point.class_index} at {point.position}"
            error("point", found, "a finite coordinate in mm for each dimension")
    for box in case.boxes:
        if not box.is_sound:
            found = f"a box of class {box.class_index} with size {box.size}"
            expected = "a positive size and, at right angles, a unit vector for each dimension"
            error("box", found, expected)
    return problems


def _contradicting_sizes(case: Case, classes: Sequence[SegmentClass]) -> Iterator[tuple[str, str]]:
    """What was found and what would do, for bounds that no size can meet."""
    common = {item.index: item.size_bounds for item in classes}
    for index, (lower, upper) in case.sizes.items():
        bounds = common.get(index)
        own = f"bounds {lower:g} to {upper:g} for class {index}"
        if not _are_bounds(lower, upper):
            yield own, BOUNDS
        elif index in case.absent and lower > 0:
            yield f"{own}, which is tagged absent", "no such tag, or 0 as the lower bound"
        elif bounds is not None and (lower > bounds[1] or upper < bounds[0]):
            yield (
                f"{own}, beside the common bounds {bounds[0]:g} to {bounds[1]:g}",
                "bounds that a size can meet together",
            )


def _check_roles(cohort: Cohort) -> list[Problem]:
    problems = []
    if not any(case.role == "train" for case in cohort.cases):
        expected = "at least one case with the role train"
        problems.append(Problem("error", "no_train", None, None, "no training case", expected))
    for case in cohort.cases:
        if case.role in ("validation", "test") and case.reference is None:
            found = f"a {case.role} case without truth or label"
            expected = "one of them, so that a prediction can be measured"
            problems.append(Problem("warning", "no_reference", case.id, None, found, expected))
    groups: dict[str, set[str]] = defaultdict(set)
    users: dict[Path, list[Case]] = defaultdict(list)
    for case in cohort.cases:
        if case.group is not None:
            groups[case.group].add(case.role)
        for path in case.images:
            users[path].append(case)
    for group, roles in groups.items():
        if len(roles) > 1:
            found = f"group {group} divided between {' and '.join(sorted(roles))}"
            expected = "one role for a group: measures would be too good"
            problems.append(Problem("warning", "group_divided", None, None, found, expected))
    for path, cases in users.items():
        if len(cases) > 1:
            ids = ", ".join(case.id for case in cases)
            leak = len({case.role for case in cases}) > 1
            problems.append(
                Problem(
                    "error" if leak else "warning",
                    "shared_image",
                    cases[1].id,
                    path,
                    f"one image in {len(cases)} cases ({ids})" + (", of several roles" * leak),
                    "an image for each case",
                )
            )
    return problems
