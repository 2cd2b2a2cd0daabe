"""Small image files and cohorts for the tests of this room, written with SimpleITK directly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from SemiWeakSegLib.cohort import Case, Cohort, SegmentClass

ROTATION = np.array([[0.8, 0.0, 0.6], [0.0, 1.0, 0.0], [-0.6, 0.0, 0.8]])


def write(path: Path, array: np.ndarray, spacing=None, origin=None, direction=None, vector=False):
    """Write an array (z, y, x) or (y, x); spacing, origin in x, y, z order. Returns the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(array, isVector=vector)
    if spacing is not None:
        image.SetSpacing(spacing)
    if origin is not None:
        image.SetOrigin(origin)
    if direction is not None:
        image.SetDirection([float(value) for value in np.ravel(direction)])
    sitk.WriteImage(image, str(path))
    return path


def noise(shape=(6, 7, 8), seed=0) -> np.ndarray:
    return np.random.default_rng(seed).normal(100, 20, shape).astype(np.float32)


def blocks(shape=(6, 7, 8)) -> np.ndarray:
    """A dense label map with classes 1 and 2 side by side."""
    label = np.zeros(shape, np.uint8)
    half = shape[-1] // 2
    label[..., 2:5, 1:half] = 1
    label[..., 2:5, half : shape[-1] - 1] = 2
    return label


def write_series(folder: Path, positions, spacing=(0.8, 0.9), shape=(6, 5), uid="1") -> np.ndarray:
    """Write a DICOM series along ROTATION's third axis; returns its voxels (z, y, x)."""
    folder.mkdir(parents=True, exist_ok=True)
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    root = f"1.2.826.0.1.3680043.2.1125.{uid}"
    volume = np.arange(len(positions) * shape[0] * shape[1], dtype=np.int16)
    volume = volume.reshape(len(positions), *shape)
    for index, (position, pixels) in enumerate(zip(positions, volume, strict=True)):
        image = sitk.GetImageFromArray(pixels)
        image.SetSpacing(spacing)
        origin = np.array([10.0, -20.0, 30.0]) + position * ROTATION[:, 2]
        tags = {
            "0008|0060": "MR",
            "0020|000d": f"{root}.1",
            "0020|000e": f"{root}.2",
            "0008|0018": f"{root}.3.{index + 1}",
            "0020|0032": "\\".join(f"{value:.6f}" for value in origin),
            "0020|0037": "\\".join(f"{value:.6f}" for value in ROTATION.T[:2].ravel()),
            "0020|0013": str(index),
        }
        for key, value in tags.items():
            image.SetMetaData(key, value)
        # File names in the opposite order: slices are sorted by position, not by name.
        writer.SetFileName(str(folder / f"{len(positions) - index:03d}.dcm"))
        writer.Execute(image)
    return volume


def two_classes() -> list[SegmentClass]:
    return [SegmentClass(1, "left"), SegmentClass(2, "right")]


def cohort_on_disk(folder: Path, cases: int = 3, shape=(6, 7, 8), suffix=".nii.gz") -> Cohort:
    """Densely labeled training cases case_0, case_1, ... in folder/images and folder/labels."""
    made = []
    for index in range(cases):
        name = f"case_{index}{suffix}"
        image = noise(shape, index)
        if suffix == ".png":
            image = image.clip(0, 255).astype(np.uint8)
        made.append(
            Case(
                id=f"case_{index}",
                images=(write(folder / "images" / name, image),),
                label=write(folder / "labels" / name, blocks(shape)),
            )
        )
    return Cohort(classes=two_classes(), cases=made)
