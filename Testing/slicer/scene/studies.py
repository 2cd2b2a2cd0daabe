"""Small studies with awkward grids, and nodes to draw in, for the tests of the scene's data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk
import slicer
import vtk
from scipy.spatial.transform import Rotation

from SemiWeakSegLib.cohort import Case, Geometry, SegmentClass
from SemiWeakSegLib.scene.grids import vtkMatrixOf
from SemiWeakSegLib.scene.study import Study

TURN = Rotation.from_euler("xyz", (17, -28, 41), degrees=True).as_matrix()
SIZE = (11, 9, 7)


def geometry(direction, spacing=(0.8, 1.3, 3.5), origin=(-31.5, 12.25, 7.0), size=SIZE):
    return Geometry(size, spacing, origin, tuple(float(x) for x in np.ravel(direction)))


GRIDS = {
    "axial": geometry(np.eye(3), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)),
    "anisotropic": geometry(np.eye(3)),
    "sagittal": geometry(np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0]])),
    "oblique": geometry(TURN),
    "flipped": geometry(TURN @ np.diag([1.0, -1.0, 1.0])),
}

CLASSES = (
    SegmentClass(1, "liver", (0.8, 0.5, 0.3), "C~SCT^123037004^Anatomical Structure~"
                 "SCT^10200004^Liver~^^~Anatomic codes - DICOM master list~^^~^^"),
    SegmentClass(2, "Größe|a;b:c \"q\" 'x' / ü", (0.1, 0.9, 0.2)),
    SegmentClass(3, "n" * 300),
)  # fmt: skip

GAPPED = (*CLASSES[:2], SegmentClass(5, CLASSES[2].name))
"""Label values as foreign files have them; a cohort numbers its classes from 1."""

RIGID = np.eye(4)
RIGID[:3, :3] = Rotation.from_euler("zyx", (63, 12, -35), degrees=True).as_matrix()
RIGID[:3, 3] = (14.0, -22.0, 5.5)
AFFINE = RIGID @ np.array([[1.2, 0.1, 0, 3], [0, 0.8, 0.2, -4], [0, 0, 1.1, 2], [0, 0, 0, 1.0]])


def noise(grid: Geometry, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-500, 900, grid.array_shape, dtype=np.int16)


def write(path: Path, array: np.ndarray, grid: Geometry) -> Path:
    """By SimpleITK, not by the code under test."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(grid.stamp(sitk.GetImageFromArray(array)), str(path))
    return path


def study_of(folder: Path, images: dict[str, Path], classes=CLASSES) -> Study:
    study = Study.create(folder / "study", classes)
    study.addCases([Case(id=name, images=(path,)) for name, path in images.items()])
    return study


def study_on(folder: Path, grid: Geometry, name: str = "case.nii.gz", classes=CLASSES) -> Study:
    """A study with one case, called "a"."""
    return study_of(folder, {"a": write(folder / "images" / name, noise(grid), grid)}, classes)


def volume_on(grid: Geometry, name: str = "volume"):
    """A volume on a grid, placed by SimpleITK's numbers: RAS is LPS with x and y turned round."""
    node = slicer.util.addVolumeFromArray(noise(grid), name=name)
    lps = np.eye(4)
    lps[:3, :3] = np.reshape(grid.direction, (3, 3)) * grid.spacing
    lps[:3, 3] = grid.origin
    node.SetIJKToRASMatrix(vtkMatrixOf(np.diag([-1.0, -1.0, 1.0, 1.0]) @ lps))
    return node


def transform(matrix, parent=None, name="transform"):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", name)
    node.SetMatrixTransformToParent(vtkMatrixOf(matrix))
    if parent is not None:
        node.SetAndObserveTransformNodeID(parent.GetID())
    return node


def bent_transform():
    """A transform that is not linear: a bump in the middle of a grid of displacements."""
    image = vtk.vtkImageData()
    image.SetDimensions(4, 4, 4)
    image.SetSpacing(30, 30, 30)
    image.SetOrigin(-60, -60, -60)
    image.AllocateScalars(vtk.VTK_DOUBLE, 3)
    for component in range(3):
        image.SetScalarComponentFromDouble(2, 2, 2, component, 5.0)
    bend = slicer.vtkOrientedGridTransform()
    bend.SetDisplacementGridData(image)
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLGridTransformNode", "bend")
    node.SetAndObserveTransformFromParent(bend)
    return node


def draw(segmentation, segmentId: str, mask: np.ndarray, volume) -> None:
    """As a script in Slicer would."""
    slicer.util.updateSegmentBinaryLabelmapFromArray(
        mask.astype(np.uint8), segmentation, segmentId, volume
    )


def drawn(segmentation, segmentId: str, volume) -> np.ndarray:
    """As a script in Slicer would read it back."""
    array = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segmentId, volume)
    return np.asarray(array) > 0


def blocks(grid: Geometry, indices=(1, 2, 3)) -> np.ndarray:
    """A label map with one block for each class; no two symmetric to each other."""
    label = np.zeros(grid.array_shape, np.uint8)
    label[1:3, 2:6, 1:4] = indices[0]
    label[3:6, 1:4, 5:9] = indices[1]
    label[5:, 5:8, 2:10] = indices[2]
    return label
