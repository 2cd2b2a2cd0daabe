"""The CRF kernel as an overlay of the slice views: which voxels the one under the crosshair hears.

The overlay is a volume of its own around that voxel, on the image's grid and under its transform.
It is neither listed nor saved with the scene; `remove` leaves the views as they were.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import slicer

from SemiWeakSegLib.cohort import Geometry
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.grids import arrayOf, gridOfVolume, ijkToRas, setGrid
from SemiWeakSegLib.scene.kernel_weights import (
    KernelShape,
    Neighbourhood,
    intensityWindow,
    neighbourhoodOf,
)
from SemiWeakSegLib.scene.nodes import nodesOfClass, removeNode
from SemiWeakSegLib.scene.texts import tr as _

KERNEL = "SemiWeakSeg.Kernel"
"""Volume: "1", the picture of a kernel."""

OPACITY = 0.6
# Weights below this show the image alone.
SHOWN_FROM = 0.02
# One that every Slicer makes itself: yellow for little, red for much.
COLOR = "vtkMRMLColorTableNodeWarm1"


@dataclass(frozen=True)
class ShownKernel:
    """What a picture shows: the voxel (x, y, z), and how many voxels it hears, each by weight."""

    voxel: tuple[int, int, int]
    heard: float


class KernelPicture:
    """One picture at a time; `show` again moves it."""

    def __init__(self) -> None:
        self._node: slicer.vtkMRMLScalarVolumeNode | None = None
        self._before: dict[str, tuple[str | None, float]] = {}
        self._windows: tuple[Any, list[tuple[float, float]]] | None = None

    @property
    def node(self) -> slicer.vtkMRMLScalarVolumeNode | None:
        """The overlay; None where there is none."""
        present = self._node is not None and slicer.mrmlScene.IsNodePresent(self._node)
        return self._node if present else None

    def show(
        self,
        volumeNode: slicer.vtkMRMLScalarVolumeNode,
        point: Sequence[float],
        shape: KernelShape,
        sliceAxis: int | None = None,
        schemes: Sequence[Mapping[str, Any]] | None = None,
        channels: np.ndarray | None = None,
    ) -> ShownKernel:
        """Show what the voxel at ``point`` (world RAS, mm) hears, over the views of the volume.

        ``sliceAxis`` (of z, y, x) and ``schemes``, one for each channel of the plan, as in
        `kernel_weights`; ``channels`` (C, z, y, x): what training sees, where that is more than the
        volume. Raises SceneError, and shows nothing, where the point is outside the volume.
        """
        voxel = voxelAt(volumeNode, point)
        if voxel is None:
            self.remove()
            raise SceneError(_("The crosshair is outside the image."))
        geometry = gridOfVolume(volumeNode)
        values = slicer.util.arrayFromVolume(volumeNode)[np.newaxis]
        values = values if channels is None else channels
        windows = self._windowsOf(volumeNode, values, schemes)
        found = neighbourhoodOf(
            values, voxel[::-1], geometry.spacing[::-1], shape, windows, sliceAxis
        )
        node = self.node or self._add()
        slicer.util.updateVolumeFromArray(node, found.weights)
        setGrid(node, _gridAround(geometry, found))
        node.SetAndObserveTransformNodeID(volumeNode.GetTransformNodeID())
        self._cover(volumeNode, node)
        heard = float(found.weights.sum()) * float(np.prod(found.step)) * shape.highest
        return ShownKernel(voxel, heard)

    def remove(self) -> None:
        """Take the overlay away; the views show what they showed before."""
        node, self._node = self.node, None
        for composite in nodesOfClass("vtkMRMLSliceCompositeNode"):
            self._uncover(composite, node)
        self._before.clear()
        self._windows = None
        if node is not None:
            removeNode(node)

    def _windowsOf(
        self,
        volumeNode: slicer.vtkMRMLScalarVolumeNode,
        values: np.ndarray,
        schemes: Sequence[Mapping[str, Any]] | None,
    ) -> list[tuple[float, float]]:
        # A plan may have more channels than are compared; one of other images may have fewer.
        known = [dict(scheme) for scheme in schemes or ()][: len(values)]
        each = known if len(known) == len(values) else [None] * len(values)
        key = (volumeNode.GetID(), volumeNode.GetImageData().GetMTime(), each)
        if self._windows is None or self._windows[0] != key:
            self._windows = key, list(map(intensityWindow, values, each))
        return self._windows[1]

    def _add(self) -> slicer.vtkMRMLScalarVolumeNode:
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", _("CRF kernel"))
        node.SetAttribute(KERNEL, "1")
        node.SetHideFromEditors(True)
        node.SetSaveWithScene(False)
        node.CreateDefaultDisplayNodes()
        display = node.GetDisplayNode()
        display.SetSaveWithScene(False)
        display.SetAndObserveColorNodeID(COLOR)
        display.SetInterpolate(False)
        display.SetAutoWindowLevel(False)
        display.SetWindowLevelMinMax(0.0, 1.0)
        display.SetAutoThreshold(False)
        display.SetThreshold(SHOWN_FROM, 1.0)
        display.SetApplyThreshold(True)
        self._node = node
        return node

    def _cover(self, volumeNode: slicer.vtkMRMLVolumeNode, node: slicer.vtkMRMLVolumeNode) -> None:
        """Put the overlay over the views of the volume, and take it off all others."""
        for composite in nodesOfClass("vtkMRMLSliceCompositeNode"):
            shown = composite.GetForegroundVolumeID()
            if composite.GetBackgroundVolumeID() != volumeNode.GetID():
                self._uncover(composite, node)
            elif shown != node.GetID():
                if composite.GetID() not in self._before or _isPresent(shown):
                    opacity = composite.GetForegroundOpacity()
                    self._before[composite.GetID()] = shown, opacity
                composite.SetForegroundVolumeID(node.GetID())
                composite.SetForegroundOpacity(OPACITY)

    def _uncover(self, composite: Any, node: slicer.vtkMRMLVolumeNode | None) -> None:
        before = self._before.pop(composite.GetID(), None)
        shown = composite.GetForegroundVolumeID()
        isOurs = node is not None and shown == node.GetID()
        # An overlay that a person deleted may still be referred to.
        if before is None or (not isOurs and _isPresent(shown)):
            return  # somebody chose another foreground: that one stays
        former, opacity = before
        composite.SetForegroundVolumeID(former if _isPresent(former) else None)
        composite.SetForegroundOpacity(opacity)


def shownVolume() -> slicer.vtkMRMLScalarVolumeNode | None:
    """The image in the slice views, one number per voxel; None where none is shown."""
    for composite in nodesOfClass("vtkMRMLSliceCompositeNode"):
        node = slicer.mrmlScene.GetNodeByID(composite.GetBackgroundVolumeID() or "")
        if node is None or not node.IsA("vtkMRMLScalarVolumeNode"):
            continue
        image = node.GetImageData()
        if image is not None and image.GetNumberOfScalarComponents() == 1:
            return node
    return None


def voxelAt(
    volumeNode: slicer.vtkMRMLVolumeNode, point: Sequence[float]
) -> tuple[int, int, int] | None:
    """The voxel (x, y, z) that holds a point (world RAS, mm); None outside the volume."""
    geometry = gridOfVolume(volumeNode)
    local = [0.0, 0.0, 0.0]
    volumeNode.TransformPointFromWorld([float(value) for value in point], local)
    index = np.linalg.solve(arrayOf(ijkToRas(geometry)), [*local, 1.0])[:3]
    voxel = np.floor(index + 0.5).astype(int)
    if np.any(voxel < 0) or np.any(voxel >= geometry.size):
        return None
    return int(voxel[0]), int(voxel[1]), int(voxel[2])


def sliceAxisOf(
    volumeNode: slicer.vtkMRMLVolumeNode,
    planned: int | None,
    oriented: bool = True,
    frame: Sequence[float] | None = None,
) -> int:
    """The axis of the volume's array (z, y, x) across which training cuts slices.

    ``planned``: the plan's ``slice_axis``, along the patient (0 = foot to head) or the plan's
    ``frame`` where images are turned; None: not decided, so the axis of the thickest voxels.
    """
    geometry = gridOfVolume(volumeNode)
    if geometry.size[2] == 1:  # a picture
        return 0
    if planned not in (0, 1, 2):
        return int(np.argmax(geometry.spacing[::-1]))
    if not oriented:
        return planned
    # Plans turn images only where each axis is near one of those that they are turned to.
    turnedTo = np.eye(3) if frame is None else np.reshape(frame, (3, 3))
    along = np.abs(turnedTo.T @ geometry.direction_matrix)[2 - planned]
    return 2 - int(np.argmax(along))


def _isPresent(nodeId: str | None) -> bool:
    return bool(nodeId) and slicer.mrmlScene.GetNodeByID(nodeId) is not None


def _gridAround(geometry: Geometry, found: Neighbourhood) -> Geometry:
    """The grid of the voxels that were computed."""
    start, step = found.start[::-1], found.step[::-1]
    return Geometry(
        size=found.weights.shape[::-1],
        spacing=tuple(length * each for length, each in zip(geometry.spacing, step, strict=True)),
        origin=tuple(float(value) for value in geometry.to_physical(np.array(start))),
        direction=geometry.direction,
    )
