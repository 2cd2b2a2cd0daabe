"""Segmentations with one segment per class, and what is drawn in them as label maps."""

from __future__ import annotations

from collections.abc import Sequence

import slicer

from SemiWeakSegLib.cohort import SegmentClass
from SemiWeakSegLib.scene.label_maps import (
    Label,
    Overlap,
    labelOfSegmentation,
    segmentationOfLabel,
)
from SemiWeakSegLib.scene.node_names import CLASS
from SemiWeakSegLib.scene.segment_classes import (
    adoptSegments,
    backgroundClass,
    classesOfSegments,
    classOfSegment,
    colorOfClass,
    defaultColor,
    segmentIdOfClass,
    unknownSegments,
)
from SemiWeakSegLib.scene.segmentation_nodes import emptySegmentation, fillWithClasses

__all__ = [
    "CLASS",
    "Label",
    "Overlap",
    "adoptSegments",
    "classOfSegment",
    "classesOfSegments",
    "colorOfClass",
    "defaultColor",
    "labelOfSegmentation",
    "newSegmentation",
    "segmentIdOfClass",
    "segmentationOfLabel",
    "unknownSegments",
]


def newSegmentation(
    name: str,
    volumeNode: slicer.vtkMRMLVolumeNode,
    classes: Sequence[SegmentClass],
    background: bool = False,
) -> slicer.vtkMRMLSegmentationNode:
    """An empty segmentation of the volume with one segment per class.

    The segments have name, colour, terminology and tag of their class; with ``background`` there
    is one more for it, first. The node lies on the volume's grid, under its parent transforms and
    beside it in the subject hierarchy.
    """
    node = emptySegmentation(name, volumeNode)
    fillWithClasses(node, volumeNode, [*([backgroundClass()] if background else []), *classes])
    return node
