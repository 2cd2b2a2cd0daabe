"""Where a node's voxels lie: its own grid, and the linear transforms between nodes."""

from __future__ import annotations

import numpy as np
import slicer
import vtk

from SemiWeakSegLib.cohort import Geometry
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.texts import tr as _

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""Patient coordinates of files (LPS) to those of the scene (RAS), and back."""


def gridOfVolume(volumeNode: slicer.vtkMRMLVolumeNode) -> Geometry:
    """The volume's own 3-D grid (LPS, mm), without its parent transforms.

    Raises SceneError when the volume has no voxels.
    """
    image = volumeNode.GetImageData()
    if image is None or min(image.GetDimensions()) < 1:
        raise SceneError(
            _('Volume "{name}" has no voxels. Load it again.').format(name=volumeNode.GetName())
        )
    directions = vtk.vtkMatrix4x4()
    volumeNode.GetIJKToRASDirectionMatrix(directions)
    cosines = (LPS_TO_RAS @ arrayOf(directions))[:3, :3]
    origin = LPS_TO_RAS[:3, :3] @ volumeNode.GetOrigin()
    return Geometry(
        size=tuple(image.GetDimensions()),
        spacing=tuple(float(value) for value in volumeNode.GetSpacing()),
        # Adding zero turns -0.0 into 0.0, which reads better in a message.
        origin=tuple(float(value) + 0.0 for value in origin),
        direction=tuple(float(value) + 0.0 for value in cosines.ravel()),
    )


def setGrid(volumeNode: slicer.vtkMRMLVolumeNode, geometry: Geometry) -> None:
    """Place the volume's voxels as ``geometry`` says; a 2-D one becomes a slice."""
    geometry = asSlice(geometry)
    directions = np.eye(4)
    directions[:3, :3] = LPS_TO_RAS[:3, :3] @ geometry.direction_matrix
    volumeNode.SetIJKToRASDirectionMatrix(vtkMatrixOf(directions))
    volumeNode.SetSpacing(*geometry.spacing)
    volumeNode.SetOrigin(*(LPS_TO_RAS[:3, :3] @ geometry.origin))


def asSlice(geometry: Geometry) -> Geometry:
    """A 2-D grid as the 3-D grid of one slice, 1 mm thick, in the plane z = 0.

    A 3-D grid is returned as it is.
    """
    if geometry.dimension == 3:
        return geometry
    direction = np.eye(3)
    direction[:2, :2] = geometry.direction_matrix
    return Geometry(
        size=(*geometry.size, 1),
        spacing=(*geometry.spacing, 1.0),
        origin=(*geometry.origin, 0.0),
        direction=tuple(float(value) for value in direction.ravel()),
    )


def ijkToRas(geometry: Geometry) -> vtk.vtkMatrix4x4:
    """Voxel indices (x first) to RAS, mm, for a 3-D grid or a slice."""
    return vtkMatrixOf(LPS_TO_RAS @ indexToLps(geometry))


def indexToLps(geometry: Geometry) -> np.ndarray:
    """Voxel indices (x first) to LPS, mm: 4x4; a 2-D grid counts as a slice."""
    geometry = asSlice(geometry)
    matrix = np.eye(4)
    matrix[:3, :3] = geometry.direction_matrix * geometry.spacing
    matrix[:3, 3] = geometry.origin
    return matrix


def worldFromLocal(node: slicer.vtkMRMLTransformableNode) -> np.ndarray:
    """The node's own coordinates to the world's: 4x4, from all its parent transforms.

    Raises SceneError when one of them is not linear.
    """
    return otherFromLocal(node, None)


def otherFromLocal(
    node: slicer.vtkMRMLTransformableNode, other: slicer.vtkMRMLTransformableNode | None
) -> np.ndarray:
    """The node's own coordinates to those of ``other`` (None: the world): 4x4.

    A transform that both are under cancels, so it may be of any kind. Raises SceneError when
    another one is not linear.
    """
    source = node.GetParentTransformNode()
    target = other.GetParentTransformNode() if other is not None else None
    if source is target:
        return np.eye(4)
    if source is not None:
        linear = source.IsTransformToNodeLinear(target)
    else:
        linear = target.IsTransformToNodeLinear(source)
    if not linear:
        bent = node if source is not None and not source.IsTransformToWorldLinear() else other
        raise SceneError(
            _(
                'The transform that "{node}" is under is not linear. Move the node out of it, or '
                "harden the transform on a copy, and try again."
            ).format(node=bent.GetName())
        )
    matrix = vtk.vtkMatrix4x4()
    slicer.vtkMRMLTransformNode.GetMatrixTransformBetweenNodes(source, target, matrix)
    return arrayOf(matrix)


def arrayOf(matrix: vtk.vtkMatrix4x4) -> np.ndarray:
    """A VTK matrix as an array of its own."""
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])


def vtkMatrixOf(array: np.ndarray) -> vtk.vtkMatrix4x4:
    """A 4x4 array as a VTK matrix."""
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy([float(value) for value in np.asarray(array).ravel()])
    return matrix
