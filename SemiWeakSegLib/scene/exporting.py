"""Segmentations as files for other programs: ``.seg.nrrd``, label maps, DICOM SEG."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import slicer

from SemiWeakSegLib.cohort import (
    Geometry,
    ImageError,
    SegmentClass,
    suffix_of,
    write_label,
)
from SemiWeakSegLib.scene.dicom_files import cameFromDicom
from SemiWeakSegLib.scene.dicom_seg import exportDicomSeg
from SemiWeakSegLib.scene.drawings import writeDrawing
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.image_axes import imageGrid
from SemiWeakSegLib.scene.label_maps import Label, labelOfSegmentation
from SemiWeakSegLib.scene.texts import tr as _

__all__ = [
    "LABEL_SUFFIXES",
    "cameFromDicom",
    "exportDicomSeg",
    "exportLabel",
    "exportSegmentation",
]

DRAWING_SUFFIX = ".seg.nrrd"
LABEL_SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".mha", ".png", ".tif", ".tiff")
FLAT_SUFFIXES = (".png", ".tif", ".tiff")


def exportSegmentation(
    segmentationNode: slicer.vtkMRMLSegmentationNode,
    volumeNode: slicer.vtkMRMLVolumeNode,
    path: str | os.PathLike[str],
    classes: Sequence[SegmentClass],
) -> Path:
    """Write a segmentation on its image's grid, in the format that the file's name says.

    ``.seg.nrrd`` keeps the segments with names, colours, tags and overlaps; ``.nii.gz``,
    ``.nrrd``, ``.mha`` and, for pictures, ``.png`` are dense label maps of class indices, in which
    a voxel of two classes is the later one's. Parent transforms are accounted for, not applied:
    the file lies where the image's file lies. Raises SceneError when it cannot be written.
    """
    path = Path(path)
    if suffix_of(path).lower() == DRAWING_SUFFIX:
        return writeDrawing(segmentationNode, volumeNode, path)
    exportLabel(segmentationNode, volumeNode, path, classes)
    return path


def exportLabel(
    segmentationNode: slicer.vtkMRMLSegmentationNode,
    volumeNode: slicer.vtkMRMLVolumeNode,
    path: str | os.PathLike[str],
    classes: Sequence[SegmentClass],
    dense: bool = True,
) -> Label:
    """Write a label map (see ``exportSegmentation``) and return it with its overlaps.

    Without ``dense`` what is not drawn is 255, unlabeled.
    """
    path = Path(path)
    suffix = suffix_of(path).lower()
    if suffix not in LABEL_SUFFIXES:
        raise SceneError(
            _("{path}: a label map cannot be written in this format; choose {known}.").format(
                path=path, known=", ".join((DRAWING_SUFFIX, *LABEL_SUFFIXES))
            )
        )
    label = labelOfSegmentation(segmentationNode, volumeNode, classes, dense)
    array, geometry = label.array, imageGrid(volumeNode)
    if suffix in FLAT_SUFFIXES and array.shape[0] != 1:
        raise SceneError(
            _("{path}: a picture holds one slice, the image has {count}; choose .nii.gz.").format(
                path=path, count=array.shape[0]
            )
        )
    if geometry.dimension == 2:
        array = array[0]
    elif suffix in FLAT_SUFFIXES:
        array, geometry = array[0], _flat(geometry)
    try:
        write_label(path, array, geometry)
    except (ImageError, ValueError, OSError) as error:
        raise SceneError(str(error)) from error
    return label


def _flat(geometry: Geometry) -> Geometry:
    """A picture's grid: its pixels' spacing, as far as the format can hold it."""
    return Geometry(geometry.size[:2], geometry.spacing[:2], (0.0, 0.0), (1.0, 0.0, 0.0, 1.0))
