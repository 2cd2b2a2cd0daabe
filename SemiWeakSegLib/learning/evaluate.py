"""Predictions against a reference: per case, per class and in the mean; as JSON and CSV.

`mean_dice` is the mean over cases of the mean over the classes that count in the case (metrics.py
says which do), so that every case weighs the same however many classes it holds. The figures under
`per_class` are means over the cases in which the class counts. Standard deviations are of the
sample (n - 1) and None for a single case.
"""

from __future__ import annotations

import csv
import io
import math
import statistics
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from ..cohort.case import UNLABELED, SegmentClass
from ..cohort.images import read_header, read_label, stem_of
from ..runs.atomic import write_json, write_text
from .metrics import ClassMetrics, mean_dice, measure_case

SCHEMA = 1
LABEL_SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".mha", ".mhd", ".png", ".tif", ".tiff")
UNCERTAINTY_ENDING = "_uncertainty"
DEFINITIONS = {
    "mean_dice": "mean over cases of the mean over the classes that count in the case",
    "per_class": "means over the n cases in which the class counts; std is of the sample",
    "not_counted": "a class in neither truth nor prediction, or not looked at in it, is null",
    "missed": "cases where only the truth holds the class: Dice 0, distances null",
    "false_alarm": "cases where only the prediction holds the class: Dice 0, distances null",
    "hd95": "larger of the two directed 95th percentiles between surface voxels, in distance_unit",
    "assd": "mean over the surface voxels of both sides, in distance_unit",
    "volume_difference": "prediction minus truth, in volume_unit; percent is of the truth",
    "unlabeled": "voxels whose truth is 255 take no part",
}
MEASURES = ("dice", "hd95", "assd", "volume_difference", "volume_difference_percent")
CSV_COLUMNS = (
    "case",
    "class",
    *MEASURES,
    "truth_volume",
    "prediction_volume",
    "volume_unit",
    "missed",
    "false_alarm",
)
Classes = Sequence[SegmentClass] | Mapping[int, str]
# Of the cases in whose truth not every class was looked at: the classes that were.
LookedAt = Mapping[str, Collection[int]]


class EvaluationError(ValueError):
    """Predictions and reference cannot be compared; the message says which files and why."""


def evaluate_folder(
    predictions: Path | str,
    truth: Path | str,
    classes: Classes | None = None,
    looked_at: LookedAt | None = None,
) -> dict:
    """Compare the label maps of two folders that pair by file name, whatever their suffixes.

    `*_uncertainty.*` and files that are no label maps are passed over. A prediction without truth
    is listed under `without_truth`, a truth without prediction under `without_prediction`; neither
    counts. Raises EvaluationError where nothing pairs. The rest is as in `evaluate_cases`.
    """
    predicted = _label_files(Path(predictions))
    known = _label_files(Path(truth))
    paired = sorted(predicted.keys() & known.keys())
    without_truth = sorted(predicted.keys() - known.keys())
    without_prediction = sorted(known.keys() - predicted.keys())
    if not paired:
        raise EvaluationError(
            f"no prediction in {predictions} has a truth of the same name in {truth}. "
            f"Predictions: {_some(without_truth)}. Truth: {_some(without_prediction)}. "
            "Give both the image's file name; the suffix may differ"
        )
    rows = ((case, predicted[case], known[case]) for case in paired)
    result = evaluate_cases(rows, classes, looked_at)
    return {**result, "without_truth": without_truth, "without_prediction": without_prediction}


def evaluate_cases(
    rows: Iterable[tuple[str, Path, Path]],
    classes: Classes | None = None,
    looked_at: LookedAt | None = None,
) -> dict:
    """Compare pairs (case id, prediction file, truth file).

    classes: which class indices are measured and their names; without it every value above
    background found in either file of any case is, named by its number.
    Returns plain values ready for JSON: mean_dice, mean_hd95, mean_assd, per_class, cases, classes,
    definitions, distance_unit ("px" where no file knows millimetres), volume_unit, without_truth,
    without_prediction.
    Raises EvaluationError for an empty list, two files that are not on the same grid, or 2-D and
    3-D files in one list.
    """
    names = _names(classes)
    measured: list[tuple[str, Path, Path, dict[int, ClassMetrics | None]]] = []
    dimensions: set[int] = set()
    millimetres = False
    for case, prediction_path, truth_path in rows:
        pair = _read_pair(case, Path(prediction_path), Path(truth_path))
        prediction, truth, spacing, has_spacing = pair
        indices = names if names is not None else _values(prediction, truth)
        if looked_at and case in looked_at:
            indices = [index for index in indices if index in looked_at[case]]
        metrics = measure_case(prediction, truth, spacing, indices)
        measured.append((case, Path(prediction_path), Path(truth_path), metrics))
        dimensions.add(prediction.ndim)
        millimetres = millimetres or has_spacing
    if not measured:
        raise EvaluationError("there is no case to evaluate: no pair of prediction and truth given")
    if len(dimensions) > 1:
        raise EvaluationError("2-D and 3-D cases cannot be evaluated together; evaluate each alone")
    if names is None:
        found = sorted({index for *_, metrics in measured for index in metrics})
        names = {index: str(index) for index in found}
    cases = [
        {
            "case": case,
            "prediction": prediction_path.name,
            "truth": truth_path.name,
            "mean_dice": mean_dice(metrics.values()),
            "per_class": {
                name: entry.to_dict() if (entry := metrics.get(index)) else None
                for index, name in names.items()
            },
        }
        for case, prediction_path, truth_path, metrics in measured
    ]
    return {
        "schema": SCHEMA,
        **summarise(cases),
        "classes": {str(index): name for index, name in names.items()},
        "distance_unit": "mm" if millimetres else "px",
        "volume_unit": _volume_unit(dimensions, millimetres),
        "cases": cases,
        "without_truth": [],
        "without_prediction": [],
        "definitions": DEFINITIONS,
    }


def summarise(cases: Sequence[dict]) -> dict:
    """mean_dice, mean_hd95, mean_assd and per_class of any choice of an evaluation's `cases`."""
    names = list(dict.fromkeys(name for case in cases for name in case["per_class"]))
    return {
        "mean_dice": _mean([case["mean_dice"] for case in cases]),
        "mean_hd95": _mean([_case_mean(case, "hd95") for case in cases]),
        "mean_assd": _mean([_case_mean(case, "assd") for case in cases]),
        "per_class": {
            name: _class_summary([case["per_class"].get(name) for case in cases]) for name in names
        },
    }


def write_metrics(result: dict, folder: Path | str) -> tuple[Path, Path]:
    """Write an evaluation as metrics.csv (a row per case and class) and metrics.json, atomically.

    Returns both paths.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    table = io.StringIO()
    writer = csv.DictWriter(table, CSV_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for case in result["cases"]:
        for name, entry in case["per_class"].items():
            unit = {"volume_unit": result["volume_unit"]}
            writer.writerow({"case": case["case"], "class": name, **unit, **(entry or {})})
    csv_path, json_path = folder / "metrics.csv", folder / "metrics.json"
    write_text(csv_path, table.getvalue())
    write_json(json_path, result)
    return csv_path, json_path


def _class_summary(entries: Sequence[dict | None]) -> dict:
    """Means, standard deviations and counts of one class over the cases where it counts."""
    counted = [entry for entry in entries if entry is not None]
    summary: dict[str, float | int | None] = {}
    for measure in MEASURES:
        values = [entry[measure] for entry in counted if entry[measure] is not None]
        summary[measure] = _mean(values)
        summary[f"{measure}_std"] = statistics.stdev(values) if len(values) > 1 else None
    absolute = [abs(entry["volume_difference"]) for entry in counted]
    summary["volume_difference_absolute"] = _mean(absolute)
    summary["n"] = len(counted)
    summary["n_distances"] = sum(entry["hd95"] is not None for entry in counted)
    summary["missed"] = sum(entry["missed"] for entry in counted)
    summary["false_alarm"] = sum(entry["false_alarm"] for entry in counted)
    return summary


def _case_mean(case: dict, measure: str) -> float | None:
    return _mean([entry[measure] for entry in case["per_class"].values() if entry])


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None


def _names(classes: Classes | None) -> dict[int, str] | None:
    if classes is None:
        return None
    if isinstance(classes, Mapping):
        return {int(index): str(name) for index, name in classes.items()}
    return {item.index: item.name for item in classes}


def _volume_unit(dimensions: set[int], millimetres: bool) -> str:
    if dimensions == {3}:
        return "mL"
    return "cm^2" if millimetres else "100 px"


def _values(prediction: np.ndarray, truth: np.ndarray) -> list[int]:
    """The class indices of two uint8 label maps."""
    present = np.bincount(prediction.ravel(), minlength=256) + np.bincount(
        truth.ravel(), minlength=256
    )
    return [int(value) for value in np.flatnonzero(present) if value not in (0, UNLABELED)]


def _read_pair(
    case: str, prediction_path: Path, truth_path: Path
) -> tuple[np.ndarray, np.ndarray, tuple[float, ...], bool]:
    """Both label maps, their spacing in array order and whether a file tells that spacing.

    Raises EvaluationError where the grids differ.
    """
    headers = read_header(truth_path), read_header(prediction_path)
    difference = headers[0].describe_difference(headers[1])
    if difference is not None:
        raise EvaluationError(
            f"case {case}: {prediction_path} and {truth_path} are not on the same grid: "
            f"{difference} (prediction against truth). Resample one onto the other's grid before "
            "comparing"
        )
    # A PNG knows no millimetres: take them from the file that does.
    known = next((header for header in headers if header.has_geometry), headers[0])
    truth, prediction = read_label(truth_path)[0], read_label(prediction_path)[0]
    return prediction, truth, known.geometry.array_spacing, known.has_geometry


def _label_files(folder: Path) -> dict[str, Path]:
    """Label maps of a folder by stem."""
    if not folder.is_dir():
        raise EvaluationError(f"{folder} is not a folder")
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if not path.is_file() or path.name.startswith("."):
            continue
        if not path.name.lower().endswith(LABEL_SUFFIXES):
            continue
        stem = stem_of(path)
        if stem.endswith(UNCERTAINTY_ENDING):
            continue
        if stem in files:
            raise EvaluationError(
                f"{files[stem]} and {path} are both named {stem}; keep one of them in the folder"
            )
        files[stem] = path
    return files


def _some(names: Sequence[str], most: int = 10) -> str:
    """The first names of a list and how many more there are."""
    if not names:
        return "none"
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
