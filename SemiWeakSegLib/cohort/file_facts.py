"""What the voxels of one file say, whatever case it belongs to; remembered between checks."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from SemiWeakSegLib.cohort.case import UNLABELED
from SemiWeakSegLib.cohort.cohort_file import write_document
from SemiWeakSegLib.cohort.dicom import slice_distances
from SemiWeakSegLib.cohort.images import ImageError, read_image, read_label_values
from SemiWeakSegLib.cohort.nifti import count_not_finite, is_nifti

# Change it when findings or counts change their meaning.
VERSION = 1


@dataclass(frozen=True)
class Finding:
    """A problem of a file: severity, code, what was found, what would be right."""

    severity: str
    code: str
    found: str
    expected: str


@dataclass(frozen=True)
class LabelFacts:
    """Problems of a label file and its voxels by value (255: unlabeled)."""

    findings: tuple[Finding, ...]
    counts: dict[int, int] = field(default_factory=dict)

    @property
    def kind(self) -> str | None:
        """labeled, scribbled, or None where nothing is annotated."""
        annotated = set(self.counts) - {UNLABELED}
        if not annotated:
            return None
        return "scribbled" if UNLABELED in self.counts else "labeled"


class FileFacts:
    """Reads each version of a file once; `path` keeps what was found for the next check."""

    def __init__(self, path: Path | None = None):
        self.path = path
        self._known: dict[str, dict[str, Any]] = {}
        self._new = False
        if path is not None:
            self._known = _load(path)

    def image(self, path: Path) -> tuple[Finding, ...]:
        """Problems of an image's voxels."""
        entry = self._entry(f"image|{path}", path, lambda: {"findings": _image_findings(path)})
        return tuple(Finding(**each) for each in entry["findings"])

    def label(self, path: Path, classes: int) -> LabelFacts:
        """Problems and counts of a label map of so many classes, background not counted."""

        def compute() -> dict[str, Any]:
            findings, counts = _label_findings(path, classes)
            return {"findings": findings, "counts": [list(item) for item in counts.items()]}

        entry = self._entry(f"label|{classes}|{path}", path, compute)
        findings = tuple(Finding(**each) for each in entry["findings"])
        return LabelFacts(findings, dict(entry["counts"]))

    def values(self, path: Path, voxels: np.ndarray) -> list[int]:
        """What a label map holds at some voxels (n, d), z first; 255 where it cannot be read."""
        places = voxels.ravel().tolist()

        def compute() -> dict[str, Any]:
            try:
                label, _ = read_label_values(path)
            except ImageError:
                return {"findings": [], "values": [UNLABELED] * len(voxels)}
            return {"findings": [], "values": [int(value) for value in label[tuple(voxels.T)]]}

        # Only the points of the last check are remembered: they change more than files do.
        return list(self._entry(f"values|{path}", path, compute, places)["values"])

    def save(self) -> None:
        """Write what is known, where there is a file for it and something is new.

        Where it cannot be written (a folder one may only read, a full disk), the next check reads
        the files again: that is no reason for this one to fail.
        """
        if self.path is not None and self._new:
            with contextlib.suppress(OSError):
                write_document(self.path, {"version": VERSION, "files": self._known})
            self._new = False

    def _entry(
        self, key: str, path: Path, compute: Callable[[], dict[str, Any]], asked: Sequence[int] = ()
    ) -> dict[str, Any]:
        """What was computed of this version of the file and of what was asked, or is now."""
        state = [*_state(path), *asked]
        entry = self._known.get(key)
        if entry is None or entry["state"] != state:
            entry = {"state": state, **compute()}
            entry["findings"] = [asdict(each) for each in entry["findings"]]
            self._known[key] = entry
            self._new = True
        return entry


def _load(path: Path) -> dict[str, dict[str, Any]]:
    """What an earlier check has left; nothing where that is absent, torn or of another version."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return dict(document["files"]) if document["version"] == VERSION else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _state(path: Path) -> list[int]:
    """Changes when the file does, or any file of the folder (DICOM series, detached headers)."""
    files = [path]
    if path.is_dir():
        files = [each for each in path.iterdir() if each.is_file()]
    elif path.suffix.lower() in (".mhd", ".nhdr"):
        # By name first: the folder may hold thousands of such pairs.
        names = [name for name in os.listdir(path.parent) if name.startswith(path.stem)]
        files = [path.parent / name for name in names]
    states = [os.stat(each) for each in files]
    return [
        len(files),
        sum(each.st_size for each in states),
        max((each.st_mtime_ns for each in states), default=0),
    ]


def _image_findings(path: Path) -> list[Finding]:
    try:
        image, _ = read_image(path)
    except ImageError as error:
        return [Finding("error", "unreadable", _said(error, path), "a readable image file")]
    if path.is_dir():
        low, high = slice_distances(path)
        if high > 1.05 * low:
            found = f"slices {low:.4g} to {high:.4g} mm apart, so the volume is distorted"
            expected = "evenly spaced slices of one series, none missing"
            return [Finding("error", "uneven_slices", found, expected)]
    bad = int(np.count_nonzero(~np.isfinite(image)))
    if is_nifti(path):
        bad = max(bad, count_not_finite(path))
    if bad:
        found = f"{bad} of {image.size} voxels NaN or infinite"
        return [Finding("error", "not_finite", found, "finite intensities")]
    flat = [index for index, channel in enumerate(image) if channel.min() == channel.max()]
    if flat:
        which = "" if len(image) == 1 else f" in channel {', '.join(map(str, flat))}"
        found = f"an empty image: every voxel is {image[flat[0]].flat[0]:g}{which}"
        severity = "error" if len(flat) == len(image) else "warning"
        return [Finding(severity, "empty_image", found, "varying intensities")]
    return []


def _label_findings(path: Path, classes: int) -> tuple[list[Finding], dict[int, int]]:
    try:
        label, _ = read_label_values(path)
    except ImageError as error:
        found = _said(error, path)
        code = "label_not_integer" if "not integers" in found else "unreadable"
        return [Finding("error", code, found, "integer class indices, one per voxel")], {}
    values, numbers = np.unique(label, return_counts=True)
    counts = {int(value): int(number) for value, number in zip(values, numbers, strict=True)}
    found_values = set(counts)
    outside = sorted(found_values - set(range(classes + 1)) - {UNLABELED})
    if outside:
        shown = ", ".join(map(str, outside[:8])) + (", ..." if len(outside) > 8 else "")
        expected = f"0 to {classes}, and {UNLABELED} for unlabeled"
        return [Finding("error", "label_values", f"label values {shown}", expected)], counts
    if found_values == {UNLABELED}:
        found = "a label map in which every voxel is unlabeled (255)"
        return [Finding("warning", "label_empty", found, "some annotated voxels")], counts
    if found_values == {0, UNLABELED}:
        found = "a label map of 0 and 255 only: background and unlabeled"
        expected = "255 only where nobody has looked; if it marks a class, read it as that class"
        return [Finding("warning", "label_background_only", found, expected)], counts
    return [], counts


def _said(error: ImageError, path: Path) -> str:
    return str(error).removeprefix(f"{path}: ").rstrip(".")
