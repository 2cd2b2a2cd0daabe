"""Every rule a cohort must meet; all problems are reported together, not the first."""

from __future__ import annotations

from collections.abc import Iterable

from SemiWeakSegLib.cohort.check_headers import check_headers
from SemiWeakSegLib.cohort.check_records import check_records
from SemiWeakSegLib.cohort.check_voxels import check_voxels
from SemiWeakSegLib.cohort.cohort import Cohort
from SemiWeakSegLib.cohort.problems import CohortError, Problem

__all__ = ["CohortError", "Problem", "check_cohort", "require_sound"]


def check_cohort(cohort: Cohort, voxels: bool = True) -> list[Problem]:
    """All problems of a cohort, errors first, otherwise in the order of its cases.

    ``voxels=False`` reads headers only: a thousand cases in seconds, but neither intensities nor
    label values are looked at.
    """
    problems = [*cohort.problems, *check_records(cohort)]
    readable, found = check_headers(cohort)
    problems += found
    if voxels:
        problems += check_voxels(cohort, readable)
    return in_order(problems)


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Each problem once, errors first, otherwise in the order given."""
    unique = list(dict.fromkeys(problems))
    return sorted(unique, key=lambda problem: problem.severity != "error")


def require_sound(cohort: Cohort, voxels: bool = True) -> list[Problem]:
    """Raise CohortError with all problems when one is an error; returns the warnings otherwise."""
    problems = check_cohort(cohort, voxels)
    if any(problem.severity == "error" for problem in problems):
        raise CohortError(problems)
    return problems
