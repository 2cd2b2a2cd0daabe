"""A run's predictions as a list: how uncertain, how good where that is known, how judged."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SemiWeakSegLib.cohort import Case, ImageError, from_folders
from SemiWeakSegLib.runs import RunFolder
from SemiWeakSegLib.scene.reviews import Reviews
from SemiWeakSegLib.scene.run_commands import imagesOf

if TYPE_CHECKING:
    from SemiWeakSegLib.scene.study import Study

PREDICTIONS = "predictions.json"
METRICS = "metrics.json"
# Files of one copy are written within moments of each other, in any order.
STALE_S = 1.0


@dataclass
class ResultRow:
    """One predicted case.

    ``uncertainty``: 0 certain to 1. ``meanDice`` and ``perClass`` (Dice by class name, None for a
    class that does not count) where a reference is known. ``review``: "", accepted, corrected or
    rejected. ``image``: set for a new image that is no case of the run's cohort. ``askew``: degrees
    between its axes and those of the images that were learned from, where these are many.
    """

    caseId: str
    labelFile: Path
    uncertaintyFile: Path | None
    uncertainty: float
    meanDice: float | None = None
    perClass: dict[str, float | None] | None = None
    review: str = ""
    image: Path | None = None
    askew: int | None = None


def listResults(run: RunFolder, folder: Path | None = None) -> list[ResultRow]:
    """The predictions of a run, the most uncertain case first.

    ``folder``: predictions of new images (`run_commands.newImagesFolders`) instead of those of
    the run's own cases. Whatever is not yet written, or being written, is left out.
    """
    place = run.predictions if folder is None else folder
    metrics = _metrics(place)
    reviews = Reviews(run)
    images = {} if folder is None else _images(folder)
    rows = []
    for entry in _read(place / PREDICTIONS, list):
        row = _row(entry, place)
        if row is None:
            continue
        row.image = images.get(row.caseId)
        row.review = reviews.stateOf(reviewKey(run, row), row.labelFile)
        measured = metrics.get(row.caseId)
        if measured is not None and _isCurrent(place / METRICS, row.labelFile):
            row.meanDice = measured.get("mean_dice")
            row.perClass = {
                name: None if entry is None else entry.get("dice")
                for name, entry in (measured.get("per_class") or {}).items()
            }
        rows.append(row)
    return sorted(rows, key=lambda row: (-row.uncertainty, row.caseId))


def reviewKey(run: RunFolder, row: ResultRow) -> str:
    """The name of a prediction in the reviews: a new image may be called like a case."""
    folder = row.labelFile.parent
    return row.caseId if folder == run.predictions else f"{folder.name}/{row.caseId}"


def nextByUncertainty(
    rows: Iterable[ResultRow], study: Study, after: str | None = None
) -> str | None:
    """The case to look at next, after the case ``after`` where it is given; None at the end.

    First the training cases that have no label and were not accepted, then what was not judged,
    then the rest; the most uncertain first within each. Predictions of cases that are not in the
    cohort are passed.
    """

    def rank(row: ResultRow) -> tuple[int, float, str]:
        case = study.case(row.caseId)
        # A label on a held-out case teaches nothing.
        teaches = case.role == "train" and case.label is None
        if teaches and row.review in ("", "rejected"):
            group = 0
        else:
            group = 1 if row.review == "" else 2
        return group, -row.uncertainty, row.caseId

    known = [row for row in rows if study.hasCase(row.caseId) and row.image is None]
    order = [row.caseId for row in sorted(known, key=rank)]
    if after in order:
        order = order[order.index(after) + 1 :]
    return order[0] if order else None


def readMetrics(run: RunFolder) -> dict[str, Any]:
    """The content of ``metrics.json``; {} while there is none."""
    return _read(run.predictions / METRICS, dict)


def _row(entry: Any, place: Path) -> ResultRow | None:
    try:
        uncertain = entry.get("uncertainty_file")
        return ResultRow(
            caseId=str(entry["case"]),
            labelFile=place / entry["file"],
            uncertaintyFile=None if uncertain is None else place / uncertain,
            uncertainty=float(entry["uncertainty"]),
            askew=entry.get("askew"),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _metrics(place: Path) -> dict[str, Mapping[str, Any]]:
    cases = _read(place / METRICS, dict).get("cases")
    return {
        str(case["case"]): case
        for case in (cases if isinstance(cases, list) else [])
        if isinstance(case, dict) and "case" in case
    }


def _isCurrent(metrics: Path, label: Path) -> bool:
    """Whether the figures are of this prediction and not of one that it has replaced."""
    try:
        return label.stat().st_mtime <= metrics.stat().st_mtime + STALE_S
    except OSError:
        return False


def _images(folder: Path) -> dict[str, Path]:
    images = imagesOf(folder)
    if images is None:
        return {}
    try:
        cases: list[Case] = from_folders(images, classes=[]).cases
    except (ValueError, OSError, ImageError):
        return {}
    return {case.id: case.images[0] for case in cases}


def _read(path: Path, kind: type) -> Any:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return kind()
    return content if isinstance(content, kind) else kind()
