"""`evaluate`: measure label maps against references."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SemiWeakSegLib.commands.failures import (
    FAILED,
    INPUT,
    OK,
    USAGE,
    InputError,
    missing_packages,
    reading_input,
)
from SemiWeakSegLib.commands.parser import add_command
from SemiWeakSegLib.commands.tables import table

if TYPE_CHECKING:
    from SemiWeakSegLib.cohort import Cohort

COLUMNS = {
    "dice": "Dice",
    "hd95": "HD95 mm",
    "assd": "ASSD mm",
    "volume_difference_percent": "volume %",
}


def register(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "evaluate",
        run,
        summary="Measure predictions: Dice, HD95, ASSD and volume difference.",
        description=(
            "Per class and in the mean. Files of the two folders pair by name. Voxels that the "
            "reference leaves unlabeled (255) take no part, nor do classes that were not looked at "
            "where the reference is a label of the cohort."
        ),
        examples=["evaluate predictions --truth reference --json metrics.json"],
        exit_codes=(OK, FAILED, USAGE, INPUT),
    )
    parser.add_argument("predictions", metavar="DIR", type=Path, help="folder of label maps")
    parser.add_argument(
        "--truth", metavar="DIR", type=Path, required=True, help="folder of references"
    )
    parser.add_argument(
        "--cohort",
        metavar="FILE",
        type=Path,
        help="cohort that names the classes, and those looked at in each case",
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="write all figures there")


def run(arguments: argparse.Namespace) -> int:
    """Compare the folders, print the figures per class, write them where asked."""
    from SemiWeakSegLib.runs.atomic import write_json

    if missing := missing_packages():
        raise InputError(missing)
    from SemiWeakSegLib.learning.evaluate import evaluate_folder

    classes, looked_at = None, {}
    if arguments.cohort is not None:
        from SemiWeakSegLib.commands.reading import read_cohort

        cohort = read_cohort(arguments.cohort)
        classes, looked_at = cohort.classes, _looked_at(cohort, arguments.truth)
    with reading_input():
        result = evaluate_folder(arguments.predictions, arguments.truth, classes, looked_at)
        if arguments.json is not None:
            write_json(arguments.json, result)
    print(as_text(result))
    return OK


def _looked_at(cohort: Cohort, truth: Path) -> dict[str, tuple[int, ...]]:
    """By file name, of the cohort's labels in a folder: the classes that each of them tells."""
    from SemiWeakSegLib.cohort.images import stem_of

    folder = Path(os.path.abspath(truth))
    return {
        stem_of(case.label): case.looked_at
        for case in cohort.cases
        if case.label and case.looked_at is not None and case.label.parent == folder
    }


def as_text(result: dict[str, Any]) -> str:
    """The figures per class and the mean, as a table; then what had no counterpart."""
    rows = [["class", *COLUMNS.values(), "cases"]]
    for name, figures in result["per_class"].items():
        cells = [_cell(figures.get(key)) for key in COLUMNS]
        rows.append([str(name), *cells, str(figures.get("n", ""))])
    mean = [_cell(result.get(f"mean_{key}")) for key in COLUMNS]
    rows.append(["mean", *mean, str(len(result["cases"]))])
    lines = [table(rows)]
    for key, what in (
        ("without_truth", "predictions without a reference"),
        ("without_prediction", "references without a prediction"),
    ):
        if result.get(key):
            lines.append(f"{len(result[key])} {what}: {', '.join(map(str, result[key][:10]))}")
    return "\n".join(lines)


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
