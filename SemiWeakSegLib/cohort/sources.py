"""Cohorts from folders of images and labels, and from whatever a path holds."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import SimpleITK as sitk

from SemiWeakSegLib.cohort.case import Case, SegmentClass
from SemiWeakSegLib.cohort.cohort import Cohort
from SemiWeakSegLib.cohort.cohort_file import CohortFileError, read_document
from SemiWeakSegLib.cohort.datalists import from_datalist, from_nnunet
from SemiWeakSegLib.cohort.dicom import is_series_folder
from SemiWeakSegLib.cohort.foreign import ForeignLabels, classes_found, renumbered
from SemiWeakSegLib.cohort.images import stem_of, suffix_of
from SemiWeakSegLib.cohort.problems import Problem

__all__ = ["from_datalist", "from_folders", "from_nnunet", "read_any"]

PathLike = str | os.PathLike[str]

_CHANNEL = re.compile(r"(.+)_(\d{4})")


def from_folders(
    images: PathLike | Sequence[PathLike],
    labels: PathLike | None = None,
    classes: Sequence[SegmentClass] | None = None,
    unlabeled_value: int | None = None,
    group_pattern: str | None = None,
    truth: PathLike | None = None,
    *,
    remapped: Mapping[int, int] | None = None,
    out_path: PathLike | None = None,
) -> Cohort:
    """A cohort of the images in a folder; labels pair with them by file name without suffix.

    ``images``: a folder of image files and DICOM series folders, or one such folder per channel;
    files named ``<case>_0000``, ``<case>_0001`` are channels when ``labels`` has ``<case>``. An
    image without a label file is an unlabeled case; a label file without an image is a warning in
    ``Cohort.problems``. ``classes`` (None: one for each value found) name the values in the label
    files; they get the indices 1..K in their order. ``unlabeled_value`` becomes 255 and
    ``remapped`` changes further values; changed copies of the labels are written to
    ``<stem of out_path>_labels`` beside ``out_path``, the files themselves stay as they are.
    ``group_pattern``: regular expression searched in the case's id; its first group (or the whole
    match) is the case's group. ``truth``: folder of reference segmentations, for evaluation only.
    """
    folders = [images] if isinstance(images, (str, os.PathLike)) else list(images)
    problems: list[Problem] = []
    label_files = _by_stem(labels, "label", problems)
    truth_files = _by_stem(truth, "truth", problems)
    cases = _image_cases([Path(os.path.abspath(folder)) for folder in folders], label_files)
    known = {case.id for case in cases}
    _require_pairs(known, label_files, labels, folders[0])
    for kind, files in (("label", label_files), ("truth", truth_files)):
        for stem in sorted(set(files) - known):
            found = f"a {kind} file without an image called {stem}"
            problems.append(
                Problem(
                    "warning", f"{kind}_without_image", None, files[stem], found, "an image for it"
                )
            )
    if classes is None:
        classes = classes_found([*label_files.values(), *truth_files.values()], unlabeled_value)
    foreign = ForeignLabels.of(classes, unlabeled_value, remapped, out_path)
    for case in cases:
        case.label = foreign.adopt(label_files.get(case.id), case.id)
        case.truth = foreign.adopt(truth_files.get(case.id), case.id, "_truth")
    problems += foreign.problems
    if group_pattern is not None:
        problems += _set_groups(cases, group_pattern)
    return Cohort(classes=renumbered(classes), cases=cases, problems=problems)


def read_any(path: PathLike, *, out_path: PathLike | None = None) -> Cohort:
    """The cohort that ``path`` holds, whatever its form.

    A file: cohort.json, nnU-Net dataset.json, or a MONAI/MSD datalist. A folder: one that holds
    such a file, or ``images`` with ``labels`` and ``truth`` if there are any, or images.
    """
    source = Path(os.path.abspath(path))
    if not source.is_dir():
        document = read_document(source)
        if "schema" in document:
            return Cohort.load(source)
        if "file_ending" in document or "channel_names" in document:
            return from_nnunet(source, out_path=out_path)
        return from_datalist(source, out_path=out_path)
    for name in ("cohort.json", "dataset.json"):
        if (source / name).is_file():
            return read_any(source / name, out_path=out_path)
    images = source / "images"
    if not images.is_dir():
        return from_folders(source, out_path=out_path)
    labels, truth = (
        source / name if (source / name).is_dir() else None for name in ("labels", "truth")
    )
    return from_folders(images, labels, truth=truth, out_path=out_path)


def _image_cases(folders: list[Path], label_files: dict[str, Path]) -> list[Case]:
    channels = [_list_images(folder) for folder in folders]
    if len(folders) > 1:
        return _cases_of_channel_folders(folders, channels)
    paths = channels[0]
    matches = {path: _CHANNEL.fullmatch(stem_of(path)) for path in paths}
    stems = {stem_of(path) for path in paths}
    suffixed = all(matches.values()) and not stems & set(label_files)
    if suffixed and any(match[1] in label_files for match in matches.values() if match):
        grouped: dict[str, list[Path]] = {}
        for path, match in matches.items():
            assert match is not None
            grouped.setdefault(match[1], []).append(path)
        return [Case(id=name, images=tuple(sorted(files))) for name, files in grouped.items()]
    return [Case(id=stem_of(path), images=(path,)) for path in paths]


def _cases_of_channel_folders(folders: list[Path], channels: list[list[Path]]) -> list[Case]:
    by_stem = [{stem_of(path): path for path in paths} for paths in channels]
    cases = []
    for stem in by_stem[0]:
        # A missing file stays in the case: the checks then name it.
        files = (
            found.get(stem, folder / by_stem[0][stem].name)
            for folder, found in zip(folders, by_stem, strict=True)
        )
        cases.append(Case(id=stem, images=tuple(files)))
    return cases


def _list_images(folder: Path) -> list[Path]:
    """Image files and DICOM series folders in ``folder``, by name."""
    if not folder.is_dir():
        raise CohortFileError(f"{folder}: there is no such folder.")
    entries = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    files = [path for path in entries if path.is_file() and suffix_of(path)]
    if len(files) > 1 and all(suffix_of(path).lower() == ".dcm" for path in files):
        series = sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(folder))
        if len(series) == 1:  # the slices of one volume, not many images
            files = [folder]
    series_folders = [path for path in entries if path.is_dir() and is_series_folder(path)]
    found = sorted([*files, *series_folders])
    if not found:
        raise CohortFileError(f"{folder}: holds no image file and no DICOM series folder.")
    return found


def _by_stem(folder: PathLike | None, kind: str, problems: list[Problem]) -> dict[str, Path]:
    """The label files in a folder by name without suffix; the first wins where two share it."""
    if folder is None:
        return {}
    root = Path(os.path.abspath(folder))
    if not root.is_dir():
        raise CohortFileError(f"{root}: there is no such folder.")
    files: dict[str, Path] = {}
    for path in sorted(root.iterdir()):
        if path.name.startswith(".") or not path.is_file() or not suffix_of(path):
            continue
        stem = stem_of(path)
        if stem in files:
            found = f"two {kind} files for {stem}: {files[stem].name} and {path.name}"
            problems.append(Problem("error", "ambiguous_label", stem, path, found, "one of them"))
            continue
        files[stem] = path
    return files


def _require_pairs(
    cases: set[str], labels: dict[str, Path], folder: PathLike | None, images: PathLike
) -> None:
    if labels and not cases & set(labels):
        raise CohortFileError(
            f"{folder}: none of its {len(labels)} label files has the name of an image in {images} "
            f"(for example {min(labels)} there and {min(cases)} here). Give each label its image's "
            "file name."
        )


def _set_groups(cases: list[Case], pattern: str) -> list[Problem]:
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"Group pattern {pattern!r} is no regular expression ({error}).") from None
    problems = []
    for case in cases:
        match = expression.search(case.id)
        if match is None:
            found = f"an id in which the group pattern {pattern!r} finds nothing"
            problems.append(
                Problem("warning", "no_group", case.id, None, found, "a match; it is its own group")
            )
            continue
        case.group = match[1] if expression.groups else match[0]
    return problems
