"""Reading and writing images and label maps with SimpleITK."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from SemiWeakSegLib.cohort.dicom import series_files, series_geometry
from SemiWeakSegLib.cohort.geometry import Geometry
from SemiWeakSegLib.cohort.nifti import count_not_finite, is_nifti
from SemiWeakSegLib.cohort.problems import ImageError

__all__ = [
    "IMAGE_SUFFIXES",
    "Geometry",
    "ImageError",
    "ImageHeader",
    "read_geometry",
    "read_header",
    "read_image",
    "read_label",
    "read_label_values",
    "stem_of",
    "suffix_of",
    "write_label",
    "write_scalar",
]

IMAGE_SUFFIXES = (
    *(".nii.gz", ".nii", ".seg.nrrd", ".nrrd", ".nhdr", ".mha", ".mhd"),
    *(".png", ".tiff", ".tif", ".jpg", ".jpeg", ".bmp", ".dcm"),
)
"""What an image file's name may end with; longer endings first."""

_PICTURES = (".png", ".jpg", ".jpeg", ".bmp")
_WITHOUT_GEOMETRY = (*_PICTURES, ".tiff", ".tif")
_TWO_FILES = (".mhd", ".nhdr")

PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class ImageHeader:
    """What a file says before its voxels are read.

    ``channels`` counts the components of a voxel and the fourth axis of a 4-D file; ``geometry``
    has 2 or 3 dimensions. ``has_geometry`` is False for PNG, TIFF and the like, whose spacing is a
    guess.
    """

    path: Path
    geometry: Geometry
    channels: int
    pixel_type: str
    has_geometry: bool

    @property
    def dimension(self) -> int:
        return self.geometry.dimension

    def describe_difference(self, other: ImageHeader, tolerance: float = 0.1) -> str | None:
        """How ``other``'s grid differs from this one's; None when it does not.

        Where one of the two files cannot hold a geometry, only the sizes are compared.
        """
        if self.has_geometry and other.has_geometry:
            return self.geometry.describe_difference(other.geometry, tolerance)
        geometry = Geometry(
            other.geometry.size,
            *(self.geometry.spacing, self.geometry.origin, self.geometry.direction)
            if self.dimension == other.dimension
            else (other.geometry.spacing, other.geometry.origin, other.geometry.direction),
        )
        return self.geometry.describe_difference(geometry, tolerance)


def suffix_of(path: PathLike) -> str:
    """The image suffix of a file name, as written ("a.nii.gz" -> ".nii.gz"); "" when none."""
    name = Path(path).name
    for suffix in IMAGE_SUFFIXES:
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            return name[-len(suffix) :]
    return ""


def stem_of(path: PathLike) -> str:
    """The file name without its image suffix: "a.nii.gz" -> "a"; a folder's name as it is."""
    name = Path(path).name
    suffix = suffix_of(path)
    return name[: -len(suffix)] if suffix else name


def read_header(path: PathLike) -> ImageHeader:
    """Read a file's header, or those of a DICOM series folder; raises ImageError."""
    path = Path(path)
    reader = sitk.ImageFileReader()
    if path.is_dir():
        files = series_files(path)
        geometry = _read_information(reader, Path(files[-1]), path)
        last_origin = np.asarray(geometry.origin)
        geometry = _read_information(reader, Path(files[0]), path)
        if len(files) > 1:
            geometry = series_geometry(geometry, last_origin, len(files))
    else:
        geometry = _read_information(reader, path, path)
    channels = reader.GetNumberOfComponents()
    if geometry.dimension == 4:
        channels *= geometry.size[3]
        geometry = _first_three(geometry)
    return ImageHeader(
        path=path,
        geometry=geometry,
        channels=channels,
        pixel_type=sitk.GetPixelIDValueAsString(reader.GetPixelID()),
        has_geometry=suffix_of(path).lower() not in _WITHOUT_GEOMETRY,
    )


def read_geometry(path: PathLike) -> Geometry:
    """The geometry of an image file or DICOM series folder, from headers only."""
    return read_header(path).geometry


def read_image(paths: PathLike | Sequence[PathLike]) -> tuple[np.ndarray, Geometry]:
    """Read the channels of a case: float32 (C, z, y, x) or (C, y, x), and the first one's geometry.

    The components of a colour or vector image and the fourth axis of a 4-D file are channels.
    Raises ImageError when a file cannot be read or the channels' grids differ.
    """
    if isinstance(paths, (str, os.PathLike)):
        paths = (paths,)
    if not paths:
        raise ImageError("A case without an image file cannot be read.")
    channels = []
    first: ImageHeader | None = None
    for path in map(Path, paths):
        image = _read(path)
        geometry = Geometry.of_image(image)
        array = sitk.GetArrayFromImage(image)
        if np.iscomplexobj(array):
            raise ImageError(f"{path}: holds complex numbers; save its magnitude instead.")
        if image.GetNumberOfComponentsPerPixel() > 1:
            array = np.moveaxis(array, -1, 0)
        else:
            array = array[np.newaxis]
        if geometry.dimension == 4:
            array = array.reshape(-1, *array.shape[2:])
            geometry = _first_three(geometry)
        has_geometry = suffix_of(path).lower() not in _WITHOUT_GEOMETRY
        header = ImageHeader(path, geometry, len(array), "", has_geometry)
        first = first or header
        difference = first.describe_difference(header)
        if difference is not None:
            raise ImageError(
                f"{path}: its grid differs from that of {first.path.name} ({difference}); "
                "resample the channels of a case to one grid."
            )
        channels.append(array.astype(np.float32, copy=False))
    assert first is not None
    return np.concatenate(channels) if len(channels) > 1 else channels[0], first.geometry


def read_label(path: PathLike) -> tuple[np.ndarray, Geometry]:
    """Read a label map: uint8 (z, y, x) or (y, x), and its geometry.

    Raises ImageError when it cannot be read or a value is not an integer in 0..255.
    """
    values, geometry = read_label_values(path)
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    if low < 0 or high > 255:
        raise ImageError(
            f"{path}: label values reach from {low} to {high}; expected 0..254 and 255 for "
            "unlabeled. Read the labels with a mapping of their values to classes."
        )
    return values.astype(np.uint8), geometry


def read_label_values(path: PathLike) -> tuple[np.ndarray, Geometry]:
    """Read a foreign label map with whatever integers it holds; raises ImageError otherwise."""
    image = _read(Path(path))
    geometry = Geometry.of_image(image)
    values = sitk.GetArrayFromImage(image)
    if image.GetNumberOfComponentsPerPixel() > 1:
        colors = values[..., : min(values.shape[-1], 3)]
        if np.any(colors != colors[..., :1]):
            raise ImageError(
                f"{path}: has {values.shape[-1]} components per voxel; a label map has one, the "
                "class index. Save colours or overlapping segments as a single label map."
            )
        values = colors[..., 0]  # a grey picture that was saved as RGB
    if geometry.dimension == 4:
        if geometry.size[3] != 1:
            raise ImageError(f"{path}: is 4-D; a label map has 2 or 3 dimensions.")
        values, geometry = values[0], _first_three(geometry)
    if not np.issubdtype(values.dtype, np.integer):
        whole = np.round(values)
        wrong = ~np.isfinite(values) | (values != whole)
        broken = f"{values[wrong].ravel()[0]:g}" if np.any(wrong) else ""
        if not broken and is_nifti(Path(path)) and count_not_finite(Path(path)):
            broken = "nan or inf"
        if broken:
            raise ImageError(
                f"{path}: label values are not integers (found {broken}); "
                "a label map holds class indices. Resample labels with nearest neighbour."
            )
        values = whole.astype(np.int64)
    return values, geometry


def write_label(path: PathLike, array: np.ndarray, geometry: Geometry) -> None:
    """Write a label map (values 0..255) as uint8, compressed and atomically, on ``geometry``."""
    if array.size and (array.min() < 0 or array.max() > 255):
        raise ValueError(f"{path}: a label map holds 0..255, found {array.min()}..{array.max()}.")
    _write(Path(path), array.astype(np.uint8, copy=False), geometry)


def write_scalar(path: PathLike, array: np.ndarray, geometry: Geometry) -> None:
    """Write a scalar image, compressed and atomically; floating point becomes float32."""
    if np.issubdtype(array.dtype, np.floating):
        array = array.astype(np.float32, copy=False)
    _write(Path(path), array, geometry)


def _write(path: Path, array: np.ndarray, geometry: Geometry) -> None:
    if array.shape != geometry.array_shape:
        raise ValueError(
            f"{path}: the array has shape {array.shape}, its geometry {geometry.array_shape}."
        )
    suffix = suffix_of(path)
    if not suffix or suffix.lower() in _TWO_FILES:
        raise ValueError(f"{path}: images are written to one file, for example *.nii.gz or *.mha.")
    if geometry.dimension == 3 and suffix.lower() in _PICTURES:
        raise ValueError(f"{path}: a picture holds one slice; write a volume to *.nii.gz or *.mha.")
    path.parent.mkdir(parents=True, exist_ok=True)
    image = geometry.stamp(sitk.GetImageFromArray(array))
    # The writer chooses the format by suffix, so the temporary name must keep it.
    temporary = path.with_name(f".{stem_of(path)}.{os.getpid()}.part{suffix}")
    try:
        sitk.WriteImage(image, str(temporary), useCompression=True)
        os.replace(temporary, path)
    except RuntimeError as error:
        raise ImageError(f"{path}: cannot be written ({_reason(error)}).") from None
    finally:
        temporary.unlink(missing_ok=True)


def _read(path: Path) -> sitk.Image:
    try:
        if path.is_dir():
            reader = sitk.ImageSeriesReader()
            reader.SetFileNames(series_files(path))
            return reader.Execute()
        return sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise _unreadable(path, error) from None


def _read_information(reader: sitk.ImageFileReader, file: Path, path: Path) -> Geometry:
    try:
        reader.SetFileName(str(file))
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise _unreadable(path, error) from None
    geometry = Geometry.of_image(reader)
    if geometry.dimension not in (2, 3, 4):
        raise ImageError(f"{path}: has {geometry.dimension} dimensions; images have 2 or 3.")
    return geometry


def _unreadable(path: Path, error: RuntimeError) -> ImageError:
    if not path.exists():
        return ImageError(f"{path}: there is no such file.")
    return ImageError(f"{path}: cannot be read as an image ({_reason(error)}).")


def _reason(error: RuntimeError) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1].rstrip(".") if lines else "no reason given"


def _first_three(geometry: Geometry) -> Geometry:
    direction = geometry.direction_matrix[:3, :3]
    return Geometry(
        geometry.size[:3],
        geometry.spacing[:3],
        geometry.origin[:3],
        tuple(float(value) for value in direction.ravel()),
    )
