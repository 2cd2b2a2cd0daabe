"""Label maps brought onto their images' grids, on request only."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from SemiWeakSegLib.cohort.case import UNLABELED
from SemiWeakSegLib.cohort.cohort import Cohort
from SemiWeakSegLib.cohort.geometry import Geometry
from SemiWeakSegLib.cohort.images import ImageError, read_header, read_label, write_label


def resample_label(label: np.ndarray, source: Geometry, target: Geometry) -> np.ndarray:
    """A label map on another grid by nearest neighbour: uint8 of ``target.array_shape``.

    Voxels outside the source grid are 255: nobody has looked there.
    """
    image = source.stamp(sitk.GetImageFromArray(label))
    resampler = sitk.ResampleImageFilter()
    resampler.SetSize(target.size)
    resampler.SetOutputSpacing(target.spacing)
    resampler.SetOutputOrigin(target.origin)
    resampler.SetOutputDirection(target.direction)
    resampler.SetInterpolator(sitk.sitkNearestNeighbor)
    resampler.SetDefaultPixelValue(UNLABELED)
    resampler.SetOutputPixelType(sitk.sitkUInt8)
    return sitk.GetArrayFromImage(resampler.Execute(image))


def resample_labels_to_images(cohort: Cohort, out: str | os.PathLike[str]) -> Cohort:
    """A cohort in which labels and truths that lay on another grid are resampled onto the image's.

    Copies are written to the folder ``out`` as ``<case>.nii.gz`` and ``<case>_truth.nii.gz``; files
    that already fit, cannot be read, or have another dimension than their image are kept as they
    are (the checks report the latter).
    """
    folder = Path(os.path.abspath(out))
    cases = []
    for case in cohort.cases:
        label = _fitting(case.label, case.images, folder / f"{case.id}.nii.gz")
        if case.truth == case.label:
            truth = label
        else:
            truth = _fitting(case.truth, case.images, folder / f"{case.id}_truth.nii.gz")
        cases.append(replace(case, label=label, truth=truth))
    return cohort.with_cases(cases)


def _fitting(path: Path | None, images: tuple[Path, ...], target: Path) -> Path | None:
    if path is None or not images:
        return path
    try:
        image, label = read_header(images[0]), read_header(path)
        if image.describe_difference(label) is None or image.dimension != label.dimension:
            return path
        values, geometry = read_label(path)
    except ImageError:
        return path
    write_label(target, resample_label(values, geometry, image.geometry), image.geometry)
    return target
