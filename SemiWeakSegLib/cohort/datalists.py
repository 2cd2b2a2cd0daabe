"""Other tools' lists of cases: MONAI and Medical Segmentation Decathlon datalists, nnU-Net."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from SemiWeakSegLib.cohort.case import Case, SegmentClass
from SemiWeakSegLib.cohort.cohort import Cohort
from SemiWeakSegLib.cohort.cohort_file import CohortFileError, read_document
from SemiWeakSegLib.cohort.foreign import ForeignLabels, classes_found, renumbered
from SemiWeakSegLib.cohort.images import stem_of, suffix_of
from SemiWeakSegLib.cohort.problems import Problem

PathLike = str | os.PathLike[str]

_SECTIONS = {
    "training": "train",
    "train": "train",
    "unlabeled": "train",
    "validation": "validation",
    "val": "validation",
    "test": "test",
    "testing": "test",
}


def from_datalist(
    path: PathLike,
    unlabeled_value: int | None = None,
    *,
    fold: int | None = None,
    remapped: Mapping[int, int] | None = None,
    out_path: PathLike | None = None,
) -> Cohort:
    """A cohort from a MONAI or Decathlon datalist: JSON with lists ``training``, ``test``, ...

    An entry is an image path or an object with ``image`` (a path, or one per channel) and perhaps
    ``label`` and ``fold``; paths are relative to the file. Entries of ``fold`` are validation.
    ``labels`` names the values; one called "ignore" becomes 255, as does ``unlabeled_value``.
    For ``remapped`` and ``out_path`` see ``from_folders``. Raises CohortFileError.
    """
    source = Path(os.path.abspath(path))
    document = read_document(source)
    sections = {name: document[name] for name in _SECTIONS if name in document}
    if not sections:
        raise CohortFileError(
            f'{source}: has none of the lists "training", "validation" and "test"; it is not a '
            "MONAI or Decathlon datalist."
        )
    cases = []
    for section, entries in sections.items():
        if not isinstance(entries, list):
            raise CohortFileError(f'{source}: "{section}" should be a list of images.')
        for number, entry in enumerate(entries, start=1):
            place = f'{source}: "{section}" entry {number}'
            case = _datalist_case(entry, source.parent, place)
            case.role = _SECTIONS[section]
            if fold is not None and isinstance(entry, dict) and entry.get("fold") == fold:
                case.role = "validation"
            cases.append(case)
    _make_ids_distinct(cases, source.parent)
    return _adopted(source, document, cases, unlabeled_value, remapped, out_path, [])


def from_nnunet(
    path: PathLike,
    *,
    remapped: Mapping[int, int] | None = None,
    out_path: PathLike | None = None,
) -> Cohort:
    """A cohort from an nnU-Net (version 2) raw data folder, or the dataset.json in it.

    ``imagesTr`` holds ``<case>_<channel>`` files, ``labelsTr`` their labels; a case without a label
    file is unlabeled; ``imagesTs`` are test cases. The ``ignore`` label becomes 255.
    For ``remapped`` and ``out_path`` see ``from_folders``. Raises CohortFileError.
    """
    source = Path(os.path.abspath(path))
    if source.is_dir():
        source = source / "dataset.json"
    document = read_document(source)
    ending = document.get("file_ending")
    channels = document.get("channel_names", document.get("modality"))
    if not isinstance(ending, str) or not isinstance(channels, dict):
        raise CohortFileError(
            f'{source}: lacks "file_ending" or "channel_names"; it is not an nnU-Net dataset.json.'
        )
    root = source.parent
    problems: list[Problem] = []
    cases = []
    if isinstance(document.get("dataset"), dict):
        for name, entry in document["dataset"].items():
            label = entry.get("label")
            images = tuple(root / image for image in entry["images"])
            cases.append(Case(id=name, images=images, label=label and root / label))
    else:
        cases += _nnunet_cases(root / "imagesTr", root / "labelsTr", ending, "train")
    if (root / "imagesTs").is_dir():
        cases += _nnunet_cases(root / "imagesTs", root / "labelsTs", ending, "test")
    if not cases:
        raise CohortFileError(f"{root / 'imagesTr'}: holds no file named <case>_0000{ending}.")
    for case in cases:
        if len(case.images) != len(channels):
            found = f"{len(case.images)} channel files"
            expected = f"{len(channels)}, as channel_names in {source.name} says"
            problems.append(Problem("error", "channels", case.id, case.images[0], found, expected))
    return _adopted(source, document, cases, None, remapped, out_path, problems)


def _adopted(
    source: Path,
    document: dict[str, Any],
    cases: list[Case],
    unlabeled_value: int | None,
    remapped: Mapping[int, int] | None,
    out_path: PathLike | None,
    problems: list[Problem],
) -> Cohort:
    """The cohort of the cases, their labels turned into this project's convention."""
    classes, ignored = _named_values(document.get("labels"), source)
    if unlabeled_value is None:
        unlabeled_value = ignored
    if not classes:
        labels = [case.label for case in cases if case.label is not None]
        classes = classes_found(labels, unlabeled_value)
    foreign = ForeignLabels.of(classes, unlabeled_value, remapped, out_path)
    for case in cases:
        case.label = foreign.adopt(case.label, case.id)
    return Cohort(
        classes=renumbered(classes),
        cases=cases,
        description=str(document.get("name", "")),
        problems=problems + foreign.problems,
    )


def _named_values(labels: object, source: Path) -> tuple[list[SegmentClass], int | None]:
    """Classes and the ignored value of a ``labels`` object, {"1": name} or {name: 1}."""
    if labels is None:
        return [], None
    if not isinstance(labels, dict):
        raise CohortFileError(f'{source}: "labels" should be an object of values and names.')
    classes, ignored = [], None
    for key, content in labels.items():
        name, value = (content, key) if str(key).isdigit() else (key, content)
        if isinstance(value, list):
            raise CohortFileError(
                f'{source}: label "{name}" is a region of several values {value}; give one class '
                "for each value."
            )
        try:
            number = int(value)
        except (TypeError, ValueError):
            raise CohortFileError(f'{source}: label "{name}" has no integer value.') from None
        if str(name).lower() == "ignore":
            ignored = number
        elif number != 0:
            classes.append(SegmentClass(number, str(name)))
    return sorted(classes, key=lambda item: item.index), ignored


def _datalist_case(entry: object, base: Path, place: str) -> Case:
    data = entry if isinstance(entry, dict) else {"image": entry}
    images = data.get("image")
    images = [images] if isinstance(images, str) else images
    if not isinstance(images, list) or not images or not all(isinstance(i, str) for i in images):
        raise CohortFileError(f'{place}: "image" should be a path or a list of paths.')
    label = data.get("label")
    if isinstance(label, list) and len(label) == 1:
        label = label[0]
    if label is not None and not isinstance(label, str):
        raise CohortFileError(f'{place}: "label" should be one path; several are not supported.')
    paths = [path for image in images for path in _existing(base / image)]
    return Case(
        id=stem_of(images[0]),
        images=tuple(paths),
        label=None if label is None else base / label,
    )


def _existing(path: Path) -> list[Path]:
    """The path, or the nnU-Net channel files that stand for it when it does not exist."""
    if path.exists():
        return [path]
    suffix = suffix_of(path)
    channels = sorted(path.parent.glob(f"{stem_of(path)}_[0-9][0-9][0-9][0-9]{suffix}"))
    return channels or [path]


def _make_ids_distinct(cases: list[Case], base: Path) -> None:
    """Where file names repeat in several folders, the folders' names tell the cases apart."""
    ids = [case.id for case in cases]
    for case in cases:
        if ids.count(case.id) > 1:
            relative = Path(os.path.relpath(case.images[0].parent, base)).parts
            case.id = "_".join([*(part for part in relative if part not in (".", "..")), case.id])


def _nnunet_cases(images: Path, labels: Path, ending: str, role: str) -> list[Case]:
    pattern = re.compile(r"(.+)_(\d{4})" + re.escape(ending))
    channels: dict[str, list[Path]] = {}
    for path in sorted(images.glob(f"*{ending}")):
        match = pattern.fullmatch(path.name)
        if match is not None and not path.name.startswith("."):
            channels.setdefault(match[1], []).append(path)
    cases = []
    for name, files in channels.items():
        label = labels / f"{name}{ending}"
        found = label if label.is_file() else None
        cases.append(Case(id=name, images=tuple(files), label=found, role=role))
    return cases
