"""DICOM series: the files of a folder, and the volume's grid from two of their headers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from SemiWeakSegLib.cohort.geometry import Geometry
from SemiWeakSegLib.cohort.problems import ImageError


def is_series_folder(folder: Path) -> bool:
    """Whether the folder holds at least one DICOM series."""
    return bool(sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(folder)))


def series_files(folder: Path) -> tuple[str, ...]:
    """Files of the one series in the folder, by slice position; raises ImageError."""
    series = sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(folder))
    if not series:
        raise ImageError(f"{folder}: the folder holds no DICOM series.")
    if len(series) > 1:
        raise ImageError(
            f"{folder}: the folder holds {len(series)} DICOM series; give each its own folder."
        )
    return sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), series[0])


def series_geometry(first: Geometry, last_origin: np.ndarray, count: int) -> Geometry:
    """The volume's geometry from its first slice's and where its last slice lies."""
    step = last_origin - np.asarray(first.origin)
    length = float(np.linalg.norm(step))
    direction = first.direction_matrix.copy()
    spacing = first.spacing[2]
    if length > 0:
        direction[:, 2] = step / length
        spacing = length / (count - 1)
    return Geometry(
        size=(*first.size[:2], count),
        spacing=(*first.spacing[:2], spacing),
        origin=first.origin,
        direction=tuple(float(value) for value in direction.ravel()),
    )


def slice_distances(folder: Path) -> tuple[float, float]:
    """Smallest and largest distance of neighbouring slices in mm; reads each slice's header."""
    reader = sitk.ImageFileReader()
    origins = []
    for file in series_files(folder):
        reader.SetFileName(file)
        reader.ReadImageInformation()
        origins.append(reader.GetOrigin())
    distances = np.linalg.norm(np.diff(np.array(origins), axis=0), axis=1)
    return (float(distances.min()), float(distances.max())) if distances.size else (0.0, 0.0)
