"""The image of a case as a volume in the scene, and volumes of the scene as files."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import slicer

from SemiWeakSegLib.cohort import (
    Case,
    Geometry,
    ImageError,
    read_header,
    read_image,
    suffix_of,
)
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.grids import asSlice, gridOfVolume
from SemiWeakSegLib.scene.image_axes import (
    rememberImageGrid,
    requireImageVoxels,
    rightHanded,
)
from SemiWeakSegLib.scene.image_reading import (
    headerOf,
    isPicture,
    readChannels,
    readVolume,
    sameVoxelPlaces,
    volumeOfArray,
)
from SemiWeakSegLib.scene.node_names import CASE, CHANNEL, COHORT, IMAGE
from SemiWeakSegLib.scene.nodes import nodesOfClass
from SemiWeakSegLib.scene.texts import tr as _

__all__ = [
    "allChannels",
    "bindVolume",
    "checkImageGrid",
    "exportImage",
    "headerOf",
    "imageFileOf",
    "loadCase",
    "showInViews",
    "volumeOfCase",
]


def loadCase(case: Case, cohortFile: Path | None = None) -> slicer.vtkMRMLScalarVolumeNode:
    """The case's image as a volume: the one that is loaded already, else read from the file.

    It shows the first channel (of a colour picture its brightness) where the file's voxels lie; a
    picture becomes a volume of one slice. Views are left alone. Raises SceneError when the file
    cannot be read.
    """
    node = volumeOfCase(case)
    if node is None:
        node = readVolume(case)
        bindVolume(node, case, cohortFile)
    elif cohortFile is not None:
        node.SetAttribute(COHORT, str(cohortFile))
    return node


def volumeOfCase(case: Case) -> slicer.vtkMRMLScalarVolumeNode | None:
    """The volume in the scene that shows the case's image; None when there is none."""
    for node in nodesOfClass("vtkMRMLScalarVolumeNode"):
        if (
            node.GetAttribute(CASE) == case.id
            and node.GetAttribute(IMAGE) == str(case.images[0])
            and node.GetAttribute(CHANNEL) in (None, "0")
            and node.GetImageData() is not None
        ):
            return node
    return None


def bindVolume(
    volumeNode: slicer.vtkMRMLScalarVolumeNode, case: Case, cohortFile: Path | None = None
) -> None:
    """Remember in the volume which case it shows, so that the case's work uses this node.

    From then on label maps made of it lie on the grid of the case's file. Raises SceneError when
    the file cannot be read, or when the volume has other voxels.
    """
    rememberImageGrid(volumeNode, headerOf(case).geometry)
    requireImageVoxels(volumeNode)
    volumeNode.SetAttribute(CASE, case.id)
    volumeNode.SetAttribute(IMAGE, str(case.images[0]))
    volumeNode.SetAttribute(CHANNEL, "0")
    if cohortFile is not None:
        volumeNode.SetAttribute(COHORT, str(cohortFile))


def allChannels(case: Case, cohortFile: Path | None = None) -> list[slicer.vtkMRMLVolumeNode]:
    """One volume per channel of the case, the first as ``loadCase`` gives it.

    The channels of a colour picture are red, green and blue, one volume each, after its
    brightness. Raises SceneError when a file cannot be read.
    """
    first = loadCase(case, cohortFile)
    values, geometry = readChannels(case)
    colours = isPicture(case.images[0]) and len(values) > 1
    nodes = [first]
    for channel in range(0 if colours else 1, len(values)):
        number = channel + 1 if colours else channel
        node = _channelOfCase(case, number)
        if node is None:
            name = _("{case} channel {number}").format(case=case.id, number=channel + 1)
            node = volumeOfArray(values[channel], geometry, name)
            bindVolume(node, case, cohortFile)
            node.SetAttribute(CHANNEL, str(number))
            node.SetAndObserveTransformNodeID(first.GetTransformNodeID())
        nodes.append(node)
    return nodes


def imageFileOf(volumeNode: slicer.vtkMRMLVolumeNode) -> Path | None:
    """The file whose image the volume shows, unchanged and in the same place; None otherwise.

    Only files that a cohort can read count. Parent transforms do not matter: an annotation lies
    on the file's own grid.
    """
    path = _fileOnDisk(volumeNode)
    if path is None or not suffix_of(path) or suffix_of(path).lower() == ".seg.nrrd":
        return None
    try:
        header = read_header(path)
        if not sameVoxelPlaces(volumeNode, header.geometry):
            return None
        if volumeNode.GetStorageNode() is None and not _sameVoxels(volumeNode, path):
            return None
    except ImageError:
        return None
    return path


def exportImage(volumeNode: slicer.vtkMRMLVolumeNode, path: str | os.PathLike[str]) -> Path:
    """Write the volume to a NRRD file on its own grid, without parent transforms, atomically.

    Colour and vector volumes keep their components. Raises SceneError when it has no voxels or
    the file cannot be written.
    """
    path = Path(path)
    geometry = gridOfVolume(volumeNode)
    array = slicer.util.arrayFromVolume(volumeNode)
    image = geometry.stamp(sitk.GetImageFromArray(array, isVector=array.ndim == 4))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part{suffix_of(path)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Level 1 halves a scan in a fraction of the time that the default takes.
        sitk.WriteImage(image, str(temporary), useCompression=True, compressionLevel=1)
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:
        raise SceneError(
            _('Volume "{name}" cannot be written to {path}: {reason}').format(
                name=volumeNode.GetName(), path=path, reason=str(error).strip().splitlines()[-1]
            )
        ) from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    return path


def showInViews(volumeNode: slicer.vtkMRMLVolumeNode) -> None:
    """Show the volume in all slice views along its own axes; nothing where there are no views."""
    layout = slicer.app.layoutManager() if hasattr(slicer, "app") else None
    if layout is None:
        return
    slicer.util.setSliceViewerLayers(background=volumeNode)
    for name in layout.sliceViewNames():
        # Strokes on a slice that is oblique to the voxels would leave gaps between them.
        layout.sliceWidget(name).mrmlSliceNode().RotateToVolumePlane(volumeNode)
    slicer.util.resetSliceViews()


def checkImageGrid(volumeNode: slicer.vtkMRMLVolumeNode, case: Case) -> Geometry:
    """The grid of the case's image file, on which label maps made of the volume lie.

    2-D for a picture. Raises SceneError when the file cannot be read, or when the volume no longer
    has the image's voxels.
    """
    geometry = headerOf(case).geometry
    rememberImageGrid(volumeNode, geometry)
    try:
        requireImageVoxels(volumeNode)
    except SceneError as error:
        raise SceneError(_("Case {case}: {reason}").format(case=case.id, reason=error)) from None
    return geometry


def _channelOfCase(case: Case, channel: int) -> slicer.vtkMRMLScalarVolumeNode | None:
    for node in nodesOfClass("vtkMRMLScalarVolumeNode"):
        if (
            node.GetAttribute(CASE) == case.id
            and node.GetAttribute(IMAGE) == str(case.images[0])
            and node.GetAttribute(CHANNEL) == str(channel)
        ):
            return node
    return None


def _sameVoxels(volumeNode: slicer.vtkMRMLVolumeNode, path: Path) -> bool:
    values, geometry = read_image(path)
    values, _geometry = rightHanded(values.reshape(-1, *asSlice(geometry).array_shape), geometry)
    shown = slicer.util.arrayFromVolume(volumeNode)
    return len(values) == 1 and np.array_equal(shown.reshape(values.shape), values, equal_nan=True)


def _fileOnDisk(volumeNode: slicer.vtkMRMLVolumeNode) -> Path | None:
    storage = volumeNode.GetStorageNode()
    if storage is None:
        image = volumeNode.GetAttribute(IMAGE)
        path = Path(image) if image and volumeNode.GetAttribute(CHANNEL) == "0" else None
    else:
        # A volume of several files, such as a DICOM series, is no single image.
        several = storage.GetNumberOfFileNames() > 1 or volumeNode.GetModifiedSinceRead()
        name = None if several else storage.GetFullNameFromFileName()
        path = Path(name) if name else None
    return path if path is not None and path.is_file() else None
