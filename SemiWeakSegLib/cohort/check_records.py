"""Checks of what the cohort file says, before any image is opened."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from pathlib import Path

from SemiWeakSegLib.cohort.case import ROLES, UNLABELED, Case
from SemiWeakSegLib.cohort.cohort import Cohort
from SemiWeakSegLib.cohort.problems import Problem

_FORBIDDEN = re.compile(r'[/\\:*?"<>|\x00-\x1f]')


def check_records(cohort: Cohort) -> list[Problem]:
    """Problems of classes, ids, roles, groups, tags, boxes and size bounds."""
    problems = _check_classes(cohort)
    if not cohort.cases:
        problems.append(Problem("error", "no_cases", None, cohort.path, "no cases", "at least one"))
        return problems
    problems += _check_ids(cohort)
    indices = {item.index for item in cohort.classes}
    for case in cohort.cases:
        problems += _check_case(case, indices)
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
    return problems


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


def _check_case(case: Case, indices: set[int]) -> list[Problem]:
    problems = []

    def error(code: str, found: str, expected: str) -> None:
        problems.append(Problem("error", code, case.id, None, found, expected))

    if not case.images:
        error("no_image", "no image", "at least one image path")
    if case.role not in ROLES:
        error("role", f"the role {case.role!r}", f"one of {', '.join(ROLES)}")
    named = {
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
    for index, (lower, upper) in case.sizes.items():
        if not 0 <= lower <= upper:
            error(
                "sizes", f"bounds {lower:g} to {upper:g} for class {index}", "0 <= lower <= upper"
            )
    for box in case.boxes:
        edges = (len(box.size), len(box.axes), *(len(axis) for axis in box.axes))
        if any(count != box.dimension for count in edges) or not all(s > 0 for s in box.size):
            found = f"a box of class {box.class_index} with size {box.size}"
            error("box", found, "a positive size and a unit vector for each dimension")
    return problems


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
