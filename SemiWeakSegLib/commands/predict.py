"""`predict`: label maps and uncertainty from a trained run."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SemiWeakSegLib.commands.cases import CASE_NAMES, parse_case_names
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
from SemiWeakSegLib.commands.progress import Printer
from SemiWeakSegLib.commands.tables import table
from SemiWeakSegLib.methods.inference import INFERENCES, parse_inference

if TYPE_CHECKING:
    from SemiWeakSegLib.cohort import Case
    from SemiWeakSegLib.runs import RunFolder

NEXT_SHOWN = 10


def register(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "predict",
        run,
        summary="Segment images with a trained run.",
        description=(
            "Writes one label map per image, named as the image and on its own grid, and beside it "
            "an uncertainty map. Ends with the cases whose annotation would help most."
        ),
        examples=[
            "predict runs/first --cases unlabeled",
            "predict runs/first --images new_images --out predictions --flips",
            "predict runs/first --cases test --refine graph_cut,weight=2",
        ],
        exit_codes=(OK, FAILED, USAGE, INPUT),
    )
    parser.add_argument("run", metavar="RUN", help="folder of the run")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--images", metavar="DIR", type=Path, help="folder of new images")
    which.add_argument(
        "--cases",
        metavar="CASES",
        help=f"cases of the run's cohort: {', '.join(CASE_NAMES)}, or several with commas "
        "(those that the run was asked to predict)",
    )
    parser.add_argument(
        "--out", metavar="DIR", type=Path, help="where to (RUN/predictions, or a folder in it)"
    )
    parser.add_argument("--device", default="auto", metavar="D", help="auto, cpu, cuda, mps")
    parser.add_argument("--flips", action="store_true", help="average over mirrored images")
    parser.add_argument(
        "--largest-component", action="store_true", help="keep the largest piece of each class"
    )
    parser.add_argument("--fill-holes", action="store_true", help="fill holes of each class")
    parser.add_argument(
        "--refine",
        metavar="KIND",
        help="fit the label maps to the image's edges by a CRF: "
        f"{' or '.join(INFERENCES)}, with settings after commas ({_refine_settings()})",
    )


def run(arguments: argparse.Namespace) -> int:
    """Predict the chosen cases and name those to annotate next."""
    from SemiWeakSegLib.runs import RunFolder

    problems = missing_packages()
    if problems:
        raise InputError(problems)
    with reading_input():
        folder = RunFolder.open(arguments.run)
        if not folder.can_predict():
            raise InputError(
                [f"{folder.path} has no model yet (it is {folder.state()}): train it first"]
            )
        cases, default_out = _cases(folder, arguments)
        refinement = parse_inference(arguments.refine) if arguments.refine else None
    out = arguments.out or default_out
    from SemiWeakSegLib.learning.predict import predict_run

    printer = Printer()

    def show(done: int, total: int) -> None:
        printer({"kind": "predicting", "done": done, "total": total})

    try:
        rows = predict_run(
            folder,
            cases,
            out,
            arguments.device,
            flips=arguments.flips,
            largest_component=arguments.largest_component,
            fill_holes=arguments.fill_holes,
            refinement=refinement,
            progress=show,
        )
    finally:
        printer.close()
    print(f"{len(rows)} predictions in {out}")
    for note in notes(rows):
        print(f"note: {note}")
    print(as_text(rows))
    return OK


def _refine_settings() -> str:
    return "; ".join(
        f"{kind.name}: {', '.join(f'{each.name}={each.default}' for each in kind.descriptions())}"
        for kind in INFERENCES.values()
    )


def notes(rows: list[dict[str, Any]]) -> list[str]:
    """What a person should know of these predictions, a sentence each."""
    return [
        f"{row['case']} lies {row['askew']} degrees from the axes of the images that were learned "
        "from: look at its result"
        for row in rows
        if "askew" in row
    ]


def as_text(rows: list[dict[str, Any]]) -> str:
    """The most uncertain cases first: what to annotate next."""
    scored = [row for row in rows if row.get("uncertainty") is not None]
    scored.sort(key=lambda row: row["uncertainty"], reverse=True)
    if not scored:
        return ""
    body = [[str(row["case"]), f"{row['uncertainty']:.4f}"] for row in scored[:NEXT_SHOWN]]
    return "most uncertain, to annotate next:\n" + table([["case", "uncertainty"], *body])


def _cases(run: RunFolder, arguments: argparse.Namespace) -> tuple[list[Case], Path]:
    from SemiWeakSegLib.cohort import Cohort, from_folders
    from SemiWeakSegLib.learning.predict import select_cases

    cohort = Cohort.load(run.cohort_path)
    if arguments.images is not None:
        cases = from_folders(arguments.images, classes=cohort.classes).cases
        if not cases:
            raise InputError([f"{arguments.images} holds no images"])
        return cases, run.predictions / arguments.images.resolve().name
    names = parse_case_names(arguments.cases) if arguments.cases else run.read_request().predict
    chosen = {case.id: case for name in names for case in select_cases(cohort, name)}
    cases = list(chosen.values())
    if not cases:
        raise InputError([f"the cohort of {run.path} has no cases '{', '.join(names)}'"])
    return cases, run.predictions
