"""The classes a run was trained with against those the cohort has now."""

from __future__ import annotations

import numpy as np

from SemiWeakSegLib.cohort import Cohort, CohortFileError, SegmentClass
from SemiWeakSegLib.cohort.annotation import remap
from SemiWeakSegLib.runs import RunFolder
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
    """Index in the run -> index now: by name, else at the same index where it was renamed.

    Raises SceneError for a class that the cohort has no more.
    """
    byName = {item.name.strip().casefold(): item.index for item in now}
    former = {item.name.strip().casefold() for item in run}
    renamed = {item.index for item in now if item.name.strip().casefold() not in former}
    indices = {}
    for item in run:
        name = item.name.strip().casefold()
        if name in byName:
            indices[item.index] = byName[name]
        elif item.index in renamed:
            indices[item.index] = item.index
        else:
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
