"""Label maps of cases: from a segmentation or an array to the next annotation file."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import slicer

from SemiWeakSegLib.cohort import Case, ImageError, SegmentClass, write_label
from SemiWeakSegLib.scene.drawings import drawingBeside, writeDrawing
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.segments import labelOfSegmentation
from SemiWeakSegLib.scene.study import Study
from SemiWeakSegLib.scene.texts import tr as _
from SemiWeakSegLib.scene.volumes import checkImageGrid, headerOf


def denseArray(
    segmentation: slicer.vtkMRMLSegmentationNode,
    volume: slicer.vtkMRMLVolumeNode,
    case: Case,
    classes: Sequence[SegmentClass],
) -> np.ndarray:
    """The segmentation as a dense label map with the axes of the case's image file; uint8."""
    geometry = checkImageGrid(volume, case)
    array = labelOfSegmentation(segmentation, volume, classes, dense=True).array
    return array[0] if geometry.dimension == 2 else array


def writeLabel(
    study: Study,
    case: Case,
    array: np.ndarray,
    segmentation: slicer.vtkMRMLSegmentationNode | None = None,
    volume: slicer.vtkMRMLVolumeNode | None = None,
) -> Path:
    """Write a label map on the image's grid to the case's next annotation file; returns it.

    With the segmentation it came from, the drawing is kept beside it. The study is not changed.
    Raises SceneError, and leaves no file, where the array is not on the image's grid or a file
    cannot be written.
    """
    header = headerOf(case)
    if array.shape != header.geometry.array_shape:
        raise SceneError(
            _("Case {case}: the label map has {found} voxels, the image {expected}.").format(
                case=case.id,
                found=" x ".join(map(str, array.shape[::-1])),
                expected=" x ".join(map(str, header.geometry.size)),
            )
        )
    path = study.newAnnotationPath(case)
    try:
        write_label(path, array, header.geometry)
        if segmentation is not None and volume is not None:
            writeDrawing(segmentation, volume, drawingBeside(path))
    except (ImageError, ValueError, OSError) as error:
        removeVersion(path)
        raise SceneError(
            _("Case {case}: the annotation cannot be saved: {reason}").format(
                case=case.id, reason=error
            )
        ) from error
    return path


def removeVersion(path: Path) -> None:
    """Remove an annotation file that was just written, and its drawing."""
    for file in (path, drawingBeside(path)):
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)
