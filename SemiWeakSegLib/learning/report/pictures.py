"""Which cases the report shows, and their slices read from the run folder and the images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...cohort.case import UNLABELED
from ...cohort.images import ImageError, read_image, read_label
from .record import RunRecord
from .slices import View, choose_view, window_around


@dataclass(frozen=True)
class Choice:
    """A case to show and why: "worst", "most uncertain"..."""

    case: str
    reason: str
    dice: float | None
    uncertainty: float | None


@dataclass(frozen=True)
class Picture:
    """One case's slice; prediction, truth and uncertainty are on the same grid or None."""

    choice: Choice
    image: np.ndarray
    prediction: np.ndarray | None
    truth: np.ndarray | None
    uncertainty: np.ndarray | None
    view: View
    window: tuple[slice, slice]


def choose_cases(record: RunRecord) -> list[Choice]:
    """Worst, median and best by Dice among the first role that was measured; without any truth
    the most, median and least uncertain."""
    uncertainties = {row["case"]: row.get("uncertainty") for row in record.predictions}
    groups = list(record.measured_by_group().values())
    measured = [case for case in (groups[0] if groups else []) if case["mean_dice"] is not None]
    if measured:
        measured.sort(key=lambda case: case["mean_dice"])
        return [
            Choice(case["case"], reason, case["mean_dice"], uncertainties.get(case["case"]))
            for case, reason in _three(measured, ("worst", "median", "best"))
        ]
    known = [row for row in record.predictions if row.get("uncertainty") is not None]
    known.sort(key=lambda row: -row["uncertainty"])
    reasons = ("most uncertain", "median uncertainty", "least uncertain")
    return [
        Choice(row["case"], reason, None, row["uncertainty"])
        for row, reason in _three(known, reasons)
    ]


def load_pictures(record: RunRecord, choices: list[Choice]) -> tuple[list[Picture], list[str]]:
    """Read the chosen cases; a case that cannot be read becomes a sentence instead."""
    pictures, problems = [], []
    for choice in choices:
        try:
            pictures.append(_load(record, choice))
        except (ImageError, OSError, ValueError) as error:
            problems.append(f"Case {choice.case} is not pictured: {error}")
    return pictures, problems


def _three(rows: list[dict], reasons: tuple[str, str, str]) -> list[tuple[dict, str]]:
    """First, middle and last of a sorted list with their names, each row once."""
    if len(rows) < 3:
        return list(zip(rows, (reasons[0], reasons[2]), strict=False))
    return list(zip((rows[0], rows[len(rows) // 2], rows[-1]), reasons, strict=True))


def _load(record: RunRecord, choice: Choice) -> Picture:
    case = record.case(choice.case)
    if case is None:
        raise ValueError("it is not in the run's cohort.json")
    channels, geometry = read_image(case.images)
    row = next((row for row in record.predictions if row["case"] == choice.case), {})
    folder = record.predictions_folder
    prediction = _optional_label(folder, row.get("file"), geometry.array_shape)
    truth = None
    if choice.dice is not None and case.reference is not None:
        truth = read_label(case.reference)[0]
    uncertainty = None
    if row.get("uncertainty_file"):
        uncertainty = read_image(folder / row["uncertainty_file"])[0][0]
        _same_shape(uncertainty, geometry.array_shape, row["uncertainty_file"])
    view = choose_view(geometry, _weight(truth, prediction, uncertainty, geometry.array_shape))
    slices = [None if part is None else view.of(part) for part in (prediction, truth, uncertainty)]
    outlined = np.zeros(view.of(channels[0]).shape, bool)
    for labels in slices[:2]:
        if labels is not None:
            outlined |= (labels > 0) & (labels != UNLABELED)
    return Picture(
        choice, view.of(channels[0]), *slices, view, window_around(outlined, view.spacing)
    )


def _optional_label(folder: Path, file: str | None, shape: tuple[int, ...]) -> np.ndarray | None:
    if not file:
        return None
    labels = read_label(folder / file)[0]
    _same_shape(labels, shape, file)
    return labels


def _same_shape(array: np.ndarray, shape: tuple[int, ...], file: str) -> None:
    if array.shape != tuple(shape):
        raise ValueError(f"{file} has shape {array.shape}, the image {tuple(shape)}")


def _weight(
    truth: np.ndarray | None,
    prediction: np.ndarray | None,
    uncertainty: np.ndarray | None,
    shape: tuple[int, ...],
) -> np.ndarray:
    """What the slice is to show most of: the true object, else the predicted, else doubt."""
    for labels in (truth, prediction):
        if labels is not None:
            mask = (labels > 0) & (labels != UNLABELED)
            if mask.any():
                return mask
    return np.zeros(shape) if uncertainty is None else uncertainty
