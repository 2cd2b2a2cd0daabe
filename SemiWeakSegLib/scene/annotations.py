"""Annotating a case: opening what is drawn, saving it in the cohort, closing it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import slicer

from SemiWeakSegLib.cohort import Case
from SemiWeakSegLib.cohort.extremes import box_of_clicks
from SemiWeakSegLib.scene import box_drawing, segment_drawing
from SemiWeakSegLib.scene.annotation_checks import requireDrawn, requirePresent
from SemiWeakSegLib.scene.annotation_types import MODES, Annotation, SaveReport
from SemiWeakSegLib.scene.annotation_writing import removeVersion, writeLabel
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.hierarchy import (
    parentItem,
    placeUnderCohort,
    removeCaseItemIfEmpty,
)
from SemiWeakSegLib.scene.image_axes import imageGrid
from SemiWeakSegLib.scene.label_maps import Overlap, labelOfSegmentation
from SemiWeakSegLib.scene.markup_kinds import MARKUPS
from SemiWeakSegLib.scene.node_names import ANNOTATION
from SemiWeakSegLib.scene.nodes import nodesOfClass, removeNode
from SemiWeakSegLib.scene.point_clashes import LabelReader, asOverlaps, pointClashes
from SemiWeakSegLib.scene.point_drawing import drawnPoints
from SemiWeakSegLib.scene.rois import roiOfBox
from SemiWeakSegLib.scene.segment_classes import (
    BACKGROUND,
    adoptSegments,
    backgroundClass,
    segmentIdOfClass,
    unknownSegments,
)
from SemiWeakSegLib.scene.segmentation_nodes import fillWithClasses
from SemiWeakSegLib.scene.texts import tr as _
from SemiWeakSegLib.scene.volumes import checkImageGrid, loadCase

if TYPE_CHECKING:
    from SemiWeakSegLib.scene.study import Study

__all__ = [
    "MODES",
    "Annotation",
    "SaveReport",
    "addBox",
    "addBoxOfPoints",
    "adoptAnnotation",
    "changeMode",
    "closeAnnotation",
    "isModified",
    "openAnnotation",
    "saveAnnotation",
]


def openAnnotation(study: Study, case: Case, mode: str) -> Annotation:
    """Open a case for work of kind ``mode``, with everything that is drawn already.

    A drawing of the case that is still in the scene, saved or not, goes on. Otherwise it is
    restored as it was drawn, overlaps included, or from the label file where that is newer. What
    is there decides between segment and scribble; look at ``mode`` of the result. Raises
    SceneError when a file cannot be read or does not fit.
    """
    if mode not in MODES:
        raise ValueError(f"{mode!r} is not one of {', '.join(MODES)}.")
    volume = loadCase(case, study.path)
    placeUnderCohort(volume, study, case)
    checkImageGrid(volume, case)
    annotation = Annotation(case, volume, mode, list(study.classes), str(study.path))
    if mode in MARKUPS:
        annotation.markups = MARKUPS[mode].open(study, case, volume)
        annotation.saved = MARKUPS[mode].ofCase(case)
        return annotation
    node, annotation.mode, saved = segment_drawing.openDrawing(study, case, volume, mode)
    annotation.segmentation = node
    annotation.saved = _drawn(annotation) if saved else ()
    return annotation


def adoptAnnotation(
    study: Study,
    case: Case,
    segmentationNode: slicer.vtkMRMLSegmentationNode,
    mode: str | None = None,
) -> Annotation:
    """Annotate a case in a segmentation node of the user's choice, which stays the user's.

    Its segments get class tags (see ``adoptSegments``). Without ``mode`` a background segment
    makes it scribbles. It counts as changed until it is saved. Raises SceneError when no segment
    is of a class of the cohort.
    """
    volume = loadCase(case, study.path)
    placeUnderCohort(volume, study, case)
    checkImageGrid(volume, case)
    found = adoptSegments(segmentationNode, study.classes)
    if not any(index != BACKGROUND for index in found.values()):
        raise SceneError(
            _(
                'Segmentation "{name}" has no segment called as a class of the cohort '
                "({classes}). Rename its segments."
            ).format(
                name=segmentationNode.GetName(),
                classes=", ".join(each.name for each in study.classes) or "-",
            )
        )
    if mode is None:
        mode = "scribble" if BACKGROUND in found.values() else "segment"
    return Annotation(
        case,
        volume,
        mode,
        list(study.classes),
        str(study.path),
        segmentationNode,
        ownNode=True,
    )


def saveAnnotation(study: Study, annotation: Annotation) -> SaveReport:
    """Save what is drawn as a new version of the case's annotation, and note it in the cohort.

    The label map lies on the image file's grid; beside it the segments are kept as drawn. The
    files of earlier versions are not touched. Raises SceneError, with everything as it was, when
    nothing is drawn or the image, the segmentation or the case is gone.
    """
    requirePresent(annotation)
    case = study.case(annotation.case.id)
    if annotation.mode in MARKUPS:
        return _saveMarkups(study, case, annotation)
    node = annotation.segmentation
    geometry = checkImageGrid(annotation.volume, case)
    adoptSegments(node, study.classes)
    label = labelOfSegmentation(
        node, annotation.volume, study.classes, dense=annotation.mode == "segment"
    )
    requireDrawn(annotation, label)
    array = label.array if geometry.dimension == 3 else label.array[0]
    path = writeLabel(study, case, array, node, annotation.volume)
    try:
        study.setLabel(case.id, path)
    except Exception:
        removeVersion(path)
        raise
    annotation.case = study.case(case.id)
    annotation.classes = list(study.classes)
    if not annotation.ownNode:
        segment_drawing.mark(node, study, annotation.case, annotation.mode)
    annotation.saved, annotation._compared = _drawn(annotation), None
    unknown = unknownSegments(node, study.classes)
    return SaveReport(path, label.counts, label.overlaps, unknown, annotation.mode)


def addBox(
    annotation: Annotation,
    classIndex: int,
    at: tuple[float, float, float] | None = None,
    oneSlice: bool = False,
) -> slicer.vtkMRMLMarkupsROINode:
    """Add a box of a class along the image's axes, to be placed by hand.

    ``at``: its centre in the scene's world (RAS, mm); the middle of the image without it.
    ``oneSlice``: a flat box, exactly as thick as the slice nearest to it. Raises SceneError when
    there is no such class.
    """
    roi = box_drawing.newBox(annotation.volume, annotation.classes, classIndex, at, oneSlice)
    box_drawing.mark(roi, annotation.case, annotation.cohortFile)
    annotation.markups.append(roi)
    return roi


def addBoxOfPoints(
    boxes: Annotation, points: Annotation, classIndex: int
) -> slicer.vtkMRMLMarkupsROINode:
    """Add the box along the image's axes around the points that are placed of a class.

    Each side is moved out by half a voxel. It counts as drawn, and is saved with ``boxes``. Raises
    SceneError when there are fewer points than a box has faces.
    """
    own = [each for each in drawnPoints(points) if each.class_index == classIndex]
    try:
        box = box_of_clicks(own, imageGrid(points.volume))
    except ValueError as error:
        raise SceneError(
            _("Case {case}: {reason}").format(case=points.case.id, reason=error)
        ) from error
    roi = roiOfBox(box, boxes.volume, boxes.classes)
    box_drawing.mark(roi, boxes.case, boxes.cohortFile)
    boxes.markups.append(roi)
    return roi


def changeMode(annotation: Annotation, mode: str) -> None:
    """Go on with the same drawing as scribbles, or as a dense segmentation.

    Scribbles have a background segment; what no segment covers is unlabeled among scribbles and
    background in a dense segmentation. Boxes and points are drawings of their own: open them.
    """
    if mode == annotation.mode:
        return
    if mode not in ("segment", "scribble") or annotation.segmentation is None:
        raise ValueError(f"A drawing in mode {annotation.mode} cannot become one in mode {mode}.")
    node = annotation.segmentation
    if mode == "scribble" and segmentIdOfClass(node, BACKGROUND) is None:
        fillWithClasses(node, annotation.volume, [backgroundClass()])
    annotation.mode = mode
    if not annotation.ownNode:
        node.SetAttribute(ANNOTATION, mode)
    # The same strokes mean another label map now.
    annotation.saved = () if not _drawn(annotation) else None
    annotation._compared = None


def isModified(annotation: Annotation) -> bool:
    """Whether anything is drawn otherwise than it was opened or last saved.

    Looks at voxels, boxes and points: undoing a stroke, renaming a segment or changing how it is
    shown counts for nothing. Cheap as long as nothing has touched the nodes since the last answer.
    """
    if annotation.volume.GetScene() is None:
        return False
    kind = MARKUPS.get(annotation.mode)
    if kind is not None:
        return not kind.same(kind.drawn(annotation), annotation.saved)
    node = annotation.segmentation
    if node is None or node.GetScene() is None:
        return False
    state = segment_drawing.touched(node, annotation.volume)
    if annotation._compared is None or annotation._compared[0] != state:
        annotation._compared = (state, _drawn(annotation) != annotation.saved)
    return annotation._compared[1]


def closeAnnotation(
    annotation: Annotation, removeNodes: bool = True, removeVolume: bool = False
) -> None:
    """Put the work aside; what is not saved is lost with the nodes.

    The user's own nodes stay. ``removeVolume`` takes the image out of the scene as well, unless
    another segmentation refers to it.
    """
    nodes: list[slicer.vtkMRMLNode | None] = [annotation.segmentation]
    if annotation.mode in MARKUPS:
        nodes = [*MARKUPS[annotation.mode].nodesIn(annotation.case.id, annotation.cohortFile)]
    for node in nodes:
        present = node is not None and node.GetScene() is not None
        if removeNodes and present and not annotation.ownNode:
            removeNode(node)
    annotation.segmentation, annotation.markups = None, []
    volume = annotation.volume
    if removeVolume and volume.GetScene() is not None and not _referred(volume):
        folder = parentItem(volume)
        removeNode(volume)
        removeCaseItemIfEmpty(folder)


def _saveMarkups(study: Study, case: Case, annotation: Annotation) -> SaveReport:
    kind = MARKUPS[annotation.mode]
    saved = kind.save(study, case, annotation.volume)
    annotation.case = study.case(case.id)
    annotation.markups = kind.present(study, annotation.case, annotation.volume)
    annotation.saved = kind.ofCase(annotation.case)
    counts = dict(sorted(Counter(each.class_index for each in saved).items()))
    overlaps: list[Overlap] = []
    if annotation.mode == "point":
        label = LabelReader()(annotation.case.label)
        overlaps = asOverlaps(pointClashes(saved, annotation.volume, label))
    return SaveReport(None, counts, overlaps, [], annotation.mode)


def _drawn(annotation: Annotation) -> object:
    return segment_drawing.signatureOf(annotation.segmentation, annotation.volume)


def _referred(volume: slicer.vtkMRMLScalarVolumeNode) -> bool:
    role = slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole()
    nodes = nodesOfClass("vtkMRMLSegmentationNode")
    return any(node.GetNodeReferenceID(role) == volume.GetID() for node in nodes)
