"""Judging the predictions of a run: accepted ones become annotations, and leave as files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import slicer

from SemiWeakSegLib.cohort import Case
from SemiWeakSegLib.runs import RunFolder
from SemiWeakSegLib.scene.annotation_writing import denseArray, writeLabel
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.metrics_table import metricsTable
from SemiWeakSegLib.scene.node_names import CASE
from SemiWeakSegLib.scene.nodes import removeNode
from SemiWeakSegLib.scene.prediction_nodes import (
    PREDICTION,
    caseOfRow,
    hideUncertainty,
    isEdited,
    loadedPrediction,
    loadResult,
    loadUncertainty,
    predictedArray,
    predictionsInScene,
    predictionsOf,
)
from SemiWeakSegLib.scene.result_export import FORMATS, exportResults
from SemiWeakSegLib.scene.result_rows import ResultRow, listResults, nextByUncertainty, reviewKey
from SemiWeakSegLib.scene.reviews import Reviews
from SemiWeakSegLib.scene.run_classes import classesSeen
from SemiWeakSegLib.scene.segments import unknownSegments
from SemiWeakSegLib.scene.study import Study
from SemiWeakSegLib.scene.texts import tr as _
from SemiWeakSegLib.scene.volumes import loadCase

__all__ = [
    "FORMATS",
    "PREDICTION",
    "ResultRow",
    "accept",
    "acceptAll",
    "exportResults",
    "hideUncertainty",
    "isEdited",
    "listResults",
    "loadResult",
    "loadUncertainty",
    "metricsTable",
    "nextByUncertainty",
    "predictionsInScene",
    "reject",
    "setReview",
]


def setReview(run: RunFolder, row: ResultRow, state: str) -> None:
    """Write what a person said of a prediction: accepted, corrected, rejected, or "" for nothing.

    The row is changed too. Raises SceneError.
    """
    Reviews(run).set(reviewKey(run, row), state, row.labelFile)
    row.review = state


def accept(
    study: Study,
    run: RunFolder,
    row: ResultRow,
    segmentation: slicer.vtkMRMLSegmentationNode | None = None,
) -> str:
    """Make a prediction the case's dense label; returns the review, accepted or corrected.

    It is taken from ``segmentation``, else from the prediction that is loaded, else from the
    run's file; it is "corrected" where voxels differ from the file. The label becomes a new
    annotation file of the cohort, the run's files and the former label's stay, the role is left
    as it is. Undoing brings back the label and the review. Raises SceneError.
    """
    if row.image is not None or not study.hasCase(row.caseId):
        raise SceneError(
            _("{case} is no case of the cohort; add its image to the cohort first.").format(
                case=row.caseId
            )
        )
    case = study.case(row.caseId)
    predicted = predictedArray(study, run, row, case)
    segmentation = segmentation or loadedPrediction(study, run, row, case, predicted)
    if segmentation is None:
        path, state = writeLabel(study, case, predicted), "accepted"
    else:
        array = _arrayOf(study, case, segmentation)
        volume = loadCase(case, study.path)
        path = writeLabel(study, case, array, segmentation, volume)
        state = "accepted" if np.array_equal(array, predicted) else "corrected"
    before = row.review

    def review(value: str) -> None:
        setReview(run, row, value)

    label = replace(case, label=path, looked_at=classesSeen(study, run))
    with study.grouped(
        _("Accept prediction of {case}").format(case=case.id),
        done=lambda: review(state),
        undone=lambda: review(before),
    ):
        study.replaceCases([label], _("Accept prediction"))
    return state


def acceptAll(study: Study, run: RunFolder, rows: Iterable[ResultRow]) -> dict[str, str]:
    """`accept` for several cases in one step; returns the review by case.

    Where one of them cannot be accepted, none is, and SceneError says which.
    """
    rows = list(rows)
    with study.grouped(_("Accept {count} predictions").format(count=len(rows))):
        return {row.caseId: accept(study, run, row) for row in rows}


def reject(study: Study, run: RunFolder, row: ResultRow) -> None:
    """Note that a prediction is no good; a loaded one that was not edited leaves the scene.

    The case's annotation stays as it is. Raises SceneError.
    """
    setReview(run, row, "rejected")
    nodes = predictionsOf(run, row)
    if not nodes:
        return
    case = caseOfRow(study, run, row)
    volume = loadCase(case, study.path)
    for node in nodes:
        if not isEdited(study, node, volume, case):
            removeNode(node)


def _arrayOf(study: Study, case: Case, segmentation: slicer.vtkMRMLSegmentationNode) -> np.ndarray:
    other = segmentation.GetAttribute(CASE)
    if other not in (None, case.id):
        raise SceneError(
            _("Segmentation {name!r} is of case {other}, not of {case}.").format(
                name=segmentation.GetName(), other=other, case=case.id
            )
        )
    unknown = unknownSegments(segmentation, study.classes)
    if unknown:
        raise SceneError(
            _(
                "Case {case}: the segments {names} belong to no class. Remove them, or give them "
                "the name of a class."
            ).format(case=case.id, names=", ".join(unknown))
        )
    return denseArray(segmentation, loadCase(case, study.path), case, study.classes)
