"""What a NIfTI file really holds where SimpleITK silently repairs it on reading.

Its NIfTI library turns a spacing of zero into 1 mm and voxels that are NaN or infinite into 0.
"""

from __future__ import annotations

import gzip
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from SemiWeakSegLib.cohort.problems import ImageError

_FLOATS = {16: "f4", 64: "f8"}


@dataclass(frozen=True)
class _Layout:
    """Where the fields of a header lie: format and offset of each."""

    dim: tuple[str, int]
    pixdim: tuple[str, int]
    datatype: tuple[str, int]
    offset: tuple[str, int]


_LAYOUTS = {
    348: _Layout(("8h", 40), ("8f", 76), ("h", 70), ("f", 108)),  # NIfTI-1
    540: _Layout(("8q", 16), ("8d", 104), ("h", 12), ("q", 168)),  # NIfTI-2
}


@dataclass(frozen=True)
class _Header:
    order: str
    dim: tuple[int, ...]
    pixdim: tuple[float, ...]
    datatype: int
    offset: int


def is_nifti(path: Path) -> bool:
    """Whether the name is that of a NIfTI file."""
    return path.name.lower().endswith((".nii", ".nii.gz"))


def stored_spacing(path: Path) -> tuple[float, ...] | None:
    """Spacing as written in the header, x first; None when the header is not understood.

    An axis of one voxel, whose spacing some programs leave zero, counts as 1 mm.
    """
    try:
        with _open(path) as stream:
            header = _read_header(stream)
    except (OSError, EOFError):
        return None
    if header is None:
        return None
    axes = range(1, min(max(header.dim[0], 0), 3) + 1)
    return tuple(1.0 if header.dim[axis] == 1 else float(header.pixdim[axis]) for axis in axes)


def count_not_finite(path: Path) -> int:
    """Number of NaN and infinite values in the file; raises ImageError when it is cut short."""
    try:
        with _open(path) as stream:
            header = _read_header(stream)
            if header is None or header.datatype not in _FLOATS:
                return 0
            stream.seek(header.offset)
            data = stream.read()
    except (OSError, EOFError) as error:
        raise ImageError(f"{path}: cannot be read ({error}).") from None
    kind = np.dtype(header.order + _FLOATS[header.datatype])
    values = np.frombuffer(data, kind, count=len(data) // kind.itemsize)
    return int(np.count_nonzero(~np.isfinite(values)))


def _open(path: Path) -> BinaryIO:
    return gzip.open(path, "rb") if path.name.lower().endswith(".gz") else path.open("rb")


def _read_header(stream: BinaryIO) -> _Header | None:
    data = stream.read(540)
    if len(data) < 348:
        return None
    for order in "<>":
        layout = _LAYOUTS.get(struct.unpack_from(f"{order}i", data)[0])
        if layout is not None and len(data) >= layout.offset[1] + 8:
            fields = (layout.dim, layout.pixdim, layout.datatype, layout.offset)
            dim, pixdim, datatype, offset = (
                struct.unpack_from(order + form, data, place) for form, place in fields
            )
            return _Header(order, dim, pixdim, datatype[0], int(offset[0]))
    return None
