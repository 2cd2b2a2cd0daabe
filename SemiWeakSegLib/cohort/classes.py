"""Class names from where people keep them: text, colour tables, Slicer segmentations."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable
from pathlib import Path

import SimpleITK as sitk

from SemiWeakSegLib.cohort.case import SegmentClass

_SEGMENT_KEY = re.compile(r"Segment(\d+)_LabelValue")


def parse_classes(text: str) -> list[SegmentClass]:
    """Classes from "1=anterior,2=posterior", in the order written; raises ValueError."""
    classes = []
    for item in text.split(","):
        value, separator, name = item.strip().partition("=")
        if not separator or not value.strip().isdigit() or not name.strip():
            raise ValueError(
                f'Class {item.strip()!r} is not of the form value=name, as in "1=liver,2=tumor".'
            )
        classes.append(SegmentClass(int(value), name.strip()))
    _require_distinct(classes, text)
    return classes


def classes_from_color_table(path: str | os.PathLike[str]) -> list[SegmentClass]:
    """Classes from a Slicer colour table (index name r g b a) or an ITK-SNAP label description.

    Index 0 is the background and left out; colours 0..255. Raises ValueError for another format.
    """
    classes = []
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        fields = shlex.split(line)
        try:
            if len(fields) >= 8:  # ITK-SNAP: index r g b alpha visible mesh "name"
                name, red, green, blue = fields[7], *fields[1:4]
            else:
                name, red, green, blue = fields[1:5]
            color = (float(red) / 255, float(green) / 255, float(blue) / 255)
            index = int(fields[0])
        except (ValueError, IndexError):
            raise ValueError(
                f"{path}, line {number}: {line.strip()!r} is neither a line of a colour table "
                "(index name red green blue alpha) nor an ITK-SNAP label."
            ) from None
        if index > 0:
            classes.append(SegmentClass(index, name, color))
    _require_distinct(classes, path)
    return classes


def classes_from_segmentation(path: str | os.PathLike[str]) -> list[SegmentClass]:
    """Classes from the segment tags of a Slicer segmentation (*.seg.nrrd), by label value.

    Raises ValueError when the file has none.
    """
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError:
        raise ValueError(f"{path}: cannot be read as an image.") from None
    keys = set(reader.GetMetaDataKeys())
    classes = []
    for key in keys:
        match = _SEGMENT_KEY.fullmatch(key)
        if match is None:
            continue
        prefix = f"Segment{match[1]}_"
        value = int(reader.GetMetaData(key))
        color = None
        if f"{prefix}Color" in keys:
            red, green, blue = map(float, reader.GetMetaData(f"{prefix}Color").split()[:3])
            color = (red, green, blue)
        tags = reader.GetMetaData(f"{prefix}Tags") if f"{prefix}Tags" in keys else ""
        terminology = re.search(r"TerminologyEntry:([^|]*)", tags)
        name = reader.GetMetaData(f"{prefix}Name") if f"{prefix}Name" in keys else f"class {value}"
        classes.append(SegmentClass(value, name, color, terminology[1] if terminology else None))
    if not classes:
        raise ValueError(f"{path}: has no segment tags; it is not a Slicer segmentation.")
    classes.sort(key=lambda item: item.index)
    _require_distinct(classes, path)
    return classes


def _require_distinct(classes: Iterable[SegmentClass], source: object) -> None:
    seen: set[int] = set()
    for item in classes:
        if item.index in seen:
            raise ValueError(f"{source}: value {item.index} is named twice.")
        if item.index == 0:
            raise ValueError(f"{source}: value 0 is the background and needs no name.")
        seen.add(item.index)
