"""Reproducible roles for the cases: split by group, stratified by what is annotated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from SemiWeakSegLib.cohort.case import Case
from SemiWeakSegLib.cohort.cohort import KINDS, Cohort


def split(cohort: Cohort, validation: float = 0.2, test: float = 0.0, seed: int = 0) -> Cohort:
    """Give every case a role; the same seed gives the same roles in whatever order cases come.

    ``validation`` and ``test`` are shares of the cases a prediction can be measured on (with a
    truth or an annotated label map); from 1 on they are numbers of such cases. Groups are never
    divided, and each kind of annotation is spread over the roles in proportion. Cases on which
    nothing can be measured train. Raises ValueError when nothing would be left to train on.
    """
    for name, share in (("validation", validation), ("test", test)):
        if not (math.isfinite(share) and share >= 0):
            raise ValueError(f"{name} must be a share or a number of cases, found {share}.")
    groups: dict[str, list[Case]] = {}
    for case in sorted(cohort.cases, key=lambda case: case.id):
        # A case without a group is a group of its own, even when its id is another's group.
        key = f"case:{case.id}" if case.group is None else f"group:{case.group}"
        groups.setdefault(key, []).append(case)
    strata = _strata(cohort, groups)
    total = sum(len(groups[name]) for names in strata.values() for name in names)
    wanted = {
        "test": _count(test, total),
        "validation": _count(validation, total),
    }
    if sum(wanted.values()) and sum(wanted.values()) >= total:
        raise ValueError(
            f"{wanted['validation']} cases for validation and {wanted['test']} for test leave "
            f"none to train on: {total} of {len(cohort.cases)} cases have a truth or a label."
        )
    generator = np.random.default_rng(seed)
    roles = {case.id: "train" for case in cohort.cases}
    queues = {
        kind: [names[index] for index in generator.permutation(len(names))]
        for kind, names in strata.items()
    }
    for role, count in wanted.items():
        for name in _take(queues, groups, count):
            roles.update((case.id, role) for case in groups[name])
    if sum(wanted.values()) and "train" not in roles.values():
        raise ValueError("The groups are too large: no case is left to train on.")
    return cohort.with_roles(roles)


def keep_labels(cohort: Cohort, n: int, seed: int = 0, by: str = "case") -> Cohort:
    """Keep the dense labels of ``n`` training cases (or groups) and take all others away.

    A dense label that is taken away becomes the case's truth, other annotations of such a case are
    dropped. For one seed the cases kept for a smaller ``n`` are among those of a larger one, so
    that a table over n compares like with like. Raises ValueError when there are fewer than n.
    """
    if by not in ("case", "group"):
        raise ValueError(f"Labels are kept by case or by group, found {by!r}.")
    train = cohort.by_role("train")
    labeled = {case.id for case in train if cohort.annotation_kind(case) == "labeled"}

    def unit(case: Case) -> str:
        return case.group if by == "group" and case.group is not None else case.id

    units = sorted({unit(case) for case in train if case.id in labeled})
    if not 0 <= n <= len(units):
        noun = "cases" if by == "case" else "groups"
        raise ValueError(f"{n} densely labeled training {noun} were asked for of {len(units)}.")
    order = np.random.default_rng(seed).permutation(len(units))
    kept = {units[index] for index in order[:n]}
    cases = []
    for case in cohort.cases:
        if case.role == "train" and not (case.id in labeled and unit(case) in kept):
            dense = case.label if case.id in labeled else None
            truth = dense if case.truth is None else case.truth
            bare = replace(case, label=None, points=(), boxes=(), present=(), absent=())
            case = replace(bare, truth=truth)
        cases.append(case)
    return cohort.with_cases(cases)


def _strata(cohort: Cohort, groups: dict[str, list[Case]]) -> dict[str, list[str]]:
    """Names of the groups that can be measured on, by the best annotation in the group."""
    strata: dict[str, list[str]] = {}
    for name, cases in groups.items():
        kinds = [cohort.annotation_kind(case) for case in cases]
        measurable = [
            case.truth is not None or (case.label is not None and kind in ("labeled", "scribbled"))
            for case, kind in zip(cases, kinds, strict=True)
        ]
        if any(measurable):
            strata.setdefault(min(kinds, key=KINDS.index), []).append(name)
    return dict(sorted(strata.items(), key=lambda item: KINDS.index(item[0])))


def _count(share: float, total: int) -> int:
    if share >= 1:
        return round(share)
    return max(round(share * total), 1) if share > 0 and total > 0 else 0


def _take(queues: dict[str, list[str]], groups: dict[str, list[Case]], count: int) -> Sequence[str]:
    """Take groups off the queues, each kind in proportion, until about ``count`` cases are taken.

    A group too large for what is still wanted is passed over, unless nothing was taken yet.
    """
    sizes = {kind: sum(len(groups[name]) for name in names) for kind, names in queues.items()}
    total = sum(sizes.values())
    taken: list[str] = []
    cases_taken = dict.fromkeys(queues, 0)
    while sum(cases_taken.values()) < count:
        missing = count - sum(cases_taken.values())
        # The kind that is furthest behind its proportional share goes first.
        behind = sorted(
            (kind for kind in queues if queues[kind]),
            key=lambda kind: cases_taken[kind] - count * sizes[kind] / max(total, 1),
        )
        fitting = (
            (kind, name) for kind in behind for name in queues[kind] if len(groups[name]) <= missing
        )
        choice = next(fitting, None)
        if choice is None and not taken and behind:
            kind = behind[0]
            choice = kind, min(queues[kind], key=lambda name: len(groups[name]))
        if choice is None:
            break
        kind, name = choice
        queues[kind].remove(name)
        taken.append(name)
        cases_taken[kind] += len(groups[name])
    return taken
