"""The classes a run was trained with against those the cohort has now."""

from __future__ import annotations

import numpy as np

from SemiWeakSegLib.cohort import Cohort, CohortFileError, SegmentClass
from SemiWeakSegLib.cohort.annotation import remap
from SemiWeakSegLib.runs import RunFolder
from SemiWeakSegLib.scene.class_changes import movedIndices
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.study import Study
from SemiWeakSegLib.scene.texts import tr as _


def cohortOfRun(run: RunFolder) -> Cohort:
    """The cohort as it was when the run was made; SceneError where it cannot be read."""
    try:
        return Cohort.load(run.cohort_path)
    except CohortFileError as error:
        raise SceneError(str(error)) from error


def classIndices(run: list[SegmentClass], now: list[SegmentClass]) -> dict[int, int]:
    """Index in the run -> index now; raises SceneError for a class that the cohort has no more."""
    indices = movedIndices(run, now)
    for item in run:
        if item.index not in indices:
            raise SceneError(
                _(
                    "The run predicts class {name!r}, which the cohort has no more. Add the class "
                    "again, or train a new run."
                ).format(name=item.name)
            )
    return indices


def inClassesOf(study: Study, run: RunFolder, array: np.ndarray) -> np.ndarray:
    """A prediction of the run with the class indices that the study has now."""
    indices = classIndices(cohortOfRun(run).classes, study.classes)
    changed = {old: new for old, new in indices.items() if old != new}
    return remap(array, changed) if changed else array


def classesSeen(study: Study, run: RunFolder) -> tuple[int, ...] | None:
    """The study's classes that the run knew of; None where these are all."""
    seen = sorted(classIndices(cohortOfRun(run).classes, study.classes).values())
    return None if len(seen) == len(study.classes) else tuple(seen)
