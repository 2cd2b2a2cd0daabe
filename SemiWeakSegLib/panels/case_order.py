"""Which case comes next: in the cohort's order, by uncertainty, or without annotation."""

from __future__ import annotations

from collections.abc import Sequence

from SemiWeakSegLib.cohort import Case
from SemiWeakSegLib.runs import RunFolder
from SemiWeakSegLib.scene.results import listResults, nextByUncertainty
from SemiWeakSegLib.scene.study import Study


def neighbour(caseIds: Sequence[str], current: str, step: int) -> str | None:
    """The case ``step`` after the current one; None beyond the ends. Without one, the first."""
    if current not in caseIds:
        return caseIds[0] if caseIds else None
    position = caseIds.index(current) + step
    return caseIds[position] if 0 <= position < len(caseIds) else None


def nextToAnnotate(study: Study, run: RunFolder | None, current: str) -> str | None:
    """The case the run is least sure of, else the next one that needs an annotation.

    Cases without annotation come first. None when there is nothing more to do. Raises SceneError
    when the run's reviews cannot be read.
    """
    rows = [] if run is None else [row for row in listResults(run) if study.hasCase(row.caseId)]
    others = [row for row in rows if row.caseId != current]
    first = nextByUncertainty(others, study)
    if first is None:
        return nextUnannotated(study.cohort.cases, current)
    # A case that was just annotated has moved down the list: it is no place to go on from.
    done = study.hasCase(current) and isAnnotated(study.case(current))
    if done and not isAnnotated(study.case(first)):
        return first
    return nextByUncertainty(rows, study, after=current or None) or first


def nextUnannotated(cases: Sequence[Case], current: str) -> str | None:
    """The next case after the current one, and round to it, that nobody has annotated."""
    ids = [case.id for case in cases]
    start = ids.index(current) + 1 if current in ids else 0
    for case in [*cases[start:], *cases[:start]]:
        if case.id != current and not isAnnotated(case):
            return case.id
    return None


def isAnnotated(case: Case) -> bool:
    """Whether the case needs no work: it is annotated somehow, or measured against a truth."""
    known = case.label is not None or case.boxes or case.points or case.present or case.absent
    return bool(known) or (case.role != "train" and case.truth is not None)
