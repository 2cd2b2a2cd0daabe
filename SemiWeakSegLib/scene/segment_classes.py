"""Which segment is which class: kept in a tag of the segment, never read off its place or id."""

from __future__ import annotations

import colorsys
import json
from collections.abc import Sequence

import numpy as np
import slicer
import vtk

from SemiWeakSegLib.cohort import SegmentClass
from SemiWeakSegLib.scene.node_names import CLASS, LOOK
from SemiWeakSegLib.scene.texts import tr as _

BACKGROUND = 0
# Pale: no class of the list below, nor a usual anatomical colour, is mistaken for it.
BACKGROUND_COLOR = (0.65, 0.95, 0.85)

_COLORS = (
    *((0.90, 0.25, 0.22), (0.25, 0.70, 0.30), (0.25, 0.45, 0.95), (0.95, 0.75, 0.20)),
    *((0.70, 0.35, 0.85), (0.20, 0.75, 0.80), (0.95, 0.50, 0.15), (0.95, 0.50, 0.70)),
    *((0.60, 0.40, 0.20), (0.60, 0.80, 0.25), (0.10, 0.50, 0.45), (0.80, 0.70, 0.90)),
)


def defaultColor(index: int) -> tuple[float, float, float]:
    """The colour (0..1) of a class that has none of its own; 0 is the background's."""
    if index == BACKGROUND:
        return BACKGROUND_COLOR
    if index <= len(_COLORS):
        return _COLORS[index - 1]
    # Steps of the golden ratio keep any number of hues apart.
    return colorsys.hsv_to_rgb(index * 0.61803398875 % 1.0, 0.55 + 0.15 * (index % 3), 0.95)


def colorOfClass(segmentClass: SegmentClass) -> tuple[float, float, float]:
    """The class's own colour, else the default of its index."""
    return segmentClass.color or defaultColor(segmentClass.index)


def backgroundClass() -> SegmentClass:
    """The background as a class, for scribbles that say "nothing is here"."""
    return SegmentClass(BACKGROUND, _("background"), BACKGROUND_COLOR)


def classByIndex(classes: Sequence[SegmentClass], index: int) -> SegmentClass | None:
    """The class of an index, the background for 0; None when there is no such class."""
    if index == BACKGROUND:
        return backgroundClass()
    return next((each for each in classes if each.index == index), None)


def classOfSegment(segmentationNode: slicer.vtkMRMLSegmentationNode, segmentId: str) -> int | None:
    """The class index that the segment's tag says; None without a tag."""
    segment = segmentationNode.GetSegmentation().GetSegment(segmentId)
    return None if segment is None else taggedClass(segment)


def taggedClass(segment: slicer.vtkSegment) -> int | None:
    """The class index that the tag of a segment says; None without one that can be read."""
    value = vtk.reference("")
    if not segment.GetTag(CLASS, value):
        return None
    text = str(value).strip()
    return int(text) if text.isdigit() else None


def segmentIdOfClass(segmentationNode: slicer.vtkMRMLSegmentationNode, index: int) -> str | None:
    """The first segment tagged with the class; None when there is none."""
    for segmentId in segmentationNode.GetSegmentation().GetSegmentIDs():
        if classOfSegment(segmentationNode, segmentId) == index:
            return segmentId
    return None


def classesOfSegments(
    segmentationNode: slicer.vtkMRMLSegmentationNode, classes: Sequence[SegmentClass]
) -> dict[str, int]:
    """Segment id -> class index: by tag, else by a name that equals the class's in any case.

    Segments of no class are left out. Nothing is changed.
    """
    byName = {backgroundClass().name.casefold(): BACKGROUND, "background": BACKGROUND}
    byName.update((each.name.strip().casefold(), each.index) for each in classes)
    known = {BACKGROUND, *(each.index for each in classes)}
    found = {}
    segmentation = segmentationNode.GetSegmentation()
    for segmentId in segmentation.GetSegmentIDs():
        segment = segmentation.GetSegment(segmentId)
        index = taggedClass(segment)
        if index is None:
            index = byName.get((segment.GetName() or "").strip().casefold())
        if index in known:
            found[segmentId] = index
    return found


def adoptSegments(
    segmentationNode: slicer.vtkMRMLSegmentationNode, classes: Sequence[SegmentClass]
) -> dict[str, int]:
    """Segment id -> class index as ``classesOfSegments`` finds it, written to the tags as well.

    From then on a segment may be renamed and keeps its class.
    """
    found = classesOfSegments(segmentationNode, classes)
    for segmentId, index in found.items():
        segment = segmentationNode.GetSegmentation().GetSegment(segmentId)
        if taggedClass(segment) != index:
            segment.SetTag(CLASS, str(index))
    return found


def unknownSegments(
    segmentationNode: slicer.vtkMRMLSegmentationNode, classes: Sequence[SegmentClass]
) -> list[str]:
    """Names of the segments that belong to no class, and so to no label map."""
    known = classesOfSegments(segmentationNode, classes)
    segmentation = segmentationNode.GetSegmentation()
    return [
        segmentation.GetSegment(segmentId).GetName() or segmentId
        for segmentId in segmentation.GetSegmentIDs()
        if segmentId not in known
    ]


def dress(segment: slicer.vtkSegment, segmentClass: SegmentClass) -> None:
    """Give a segment a class's name, colour, terminology and tag."""
    segment.SetName(segmentClass.name)
    segment.SetColor(*colorOfClass(segmentClass))
    if segmentClass.terminology:
        setTerminology(segment, segmentClass.terminology)
    # Otherwise choosing a terminology entry later would replace the class's name and colour.
    segment.SetNameAutoGenerated(False)
    segment.SetColorAutoGenerated(False)
    segment.SetTag(CLASS, str(segmentClass.index))
    segment.SetTag(LOOK, lookOf(segmentClass))


def dressAgain(segment: slicer.vtkSegment, segmentClass: SegmentClass) -> None:
    """Follow a class whose name or colour was changed, unless a user changed the segment's own."""
    value = vtk.reference("")
    try:
        given = json.loads(str(value)) if segment.GetTag(LOOK, value) else {}
    except ValueError:
        return  # somebody else's tag
    if segment.GetName() == given.get("name"):
        segment.SetName(segmentClass.name)
    color = given.get("color")
    if color is not None and np.allclose(segment.GetColor(), color, atol=1e-3):
        segment.SetColor(*colorOfClass(segmentClass))
    segment.SetTag(LOOK, lookOf(segmentClass))


def lookOf(segmentClass: SegmentClass) -> str:
    """Name and colour as JSON in ASCII, without the character that ends a tag in ``.seg.nrrd``."""
    look = {"name": segmentClass.name, "color": colorOfClass(segmentClass)}
    return json.dumps(look).replace("|", "\\u007c")


def setTerminology(segment: slicer.vtkSegment, entry: str) -> None:
    """Set a serialized terminology entry, in Slicer 5.12 and in 5.10."""
    if hasattr(segment, "SetTerminology"):
        segment.SetTerminology(entry)
    else:
        segment.SetTag(segment.GetTerminologyEntryTagName(), entry)


def terminologyOf(segment: slicer.vtkSegment) -> str:
    """The serialized terminology entry of a segment; empty when it has none."""
    if hasattr(segment, "GetTerminology"):
        return segment.GetTerminology() or ""
    value = vtk.reference("")
    return str(value) if segment.GetTag(segment.GetTerminologyEntryTagName(), value) else ""
