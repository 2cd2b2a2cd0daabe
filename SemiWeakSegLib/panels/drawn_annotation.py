"""Saving one annotation, and bringing one that is worked on up to date with the classes; no Qt."""

from __future__ import annotations

from collections.abc import Sequence

from SemiWeakSegLib.cohort import SegmentClass
from SemiWeakSegLib.runs import RunError, RunFolder
from SemiWeakSegLib.scene.annotations import Annotation, SaveReport, saveAnnotation
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.label_maps import labelOfSegmentation
from SemiWeakSegLib.scene.prediction_nodes import PREDICTION, RUN
from SemiWeakSegLib.scene.results import ResultRow, accept, listResults
from SemiWeakSegLib.scene.segment_classes import (
    backgroundClass,
    classByIndex,
    classOfSegment,
    dressAgain,
    segmentIdOfClass,
    unknownSegments,
)
from SemiWeakSegLib.scene.segment_drawing import signatureOf
from SemiWeakSegLib.scene.segmentation_nodes import fillWithClasses
from SemiWeakSegLib.scene.study import Study


def saveDrawn(study: Study, annotation: Annotation) -> SaveReport:
    """Save an annotation; one drawn in a run's prediction is accepted or corrected by that.

    Raises SceneError when nothing is drawn.
    """
    prediction = _predictionOf(annotation)
    if prediction is None:
        return saveAnnotation(study, annotation)
    node, volume = annotation.segmentation, annotation.volume
    label = labelOfSegmentation(node, volume, study.classes, dense=True)
    accept(study, *prediction, node)
    annotation.case = study.case(annotation.case.id)
    annotation.saved = signatureOf(node, volume)
    unknown = unknownSegments(node, study.classes)
    return SaveReport(annotation.case.label, label.counts, label.overlaps, unknown, annotation.mode)


def giveClasses(drawing: Annotation, classes: Sequence[SegmentClass]) -> None:
    """New names and colours, and segments for new classes, in a drawing that is worked on."""
    node = drawing.segmentation
    segmentation = node.GetSegmentation()
    for segmentId in segmentation.GetSegmentIDs():
        index = classOfSegment(node, segmentId)
        segmentClass = None if index is None else classByIndex(classes, index)
        if segmentClass is not None:
            dressAgain(segmentation.GetSegment(segmentId), segmentClass)
    addMissingSegments(drawing, classes)


def addMissingSegments(drawing: Annotation, classes: Sequence[SegmentClass]) -> None:
    """An empty segment for each class that has none; nothing is touched where all are there."""
    node = drawing.segmentation
    wanted = [*([backgroundClass()] if drawing.mode == "scribble" else []), *classes]
    missing = [each for each in wanted if segmentIdOfClass(node, each.index) is None]
    if missing:
        fillWithClasses(node, drawing.volume, missing)
    drawing.classes = list(classes)


def _predictionOf(annotation: Annotation) -> tuple[RunFolder, ResultRow] | None:
    """The run and its row that a dense drawing came from; None where it is no prediction."""
    node = annotation.segmentation
    if annotation.mode != "segment" or node.GetAttribute(PREDICTION) != "1":
        return None
    try:
        run = RunFolder.open(node.GetAttribute(RUN) or "")
        rows = [row for row in listResults(run) if row.caseId == annotation.case.id]
    except (RunError, SceneError, OSError):
        return None  # the run was removed: what is drawn can be saved all the same
    return (run, rows[0]) if rows else None
