"""`cohort simulate`: weaker annotations from dense ones, to ask how little would do."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SemiWeakSegLib.commands.failures import OK, InputError, reading_input
from SemiWeakSegLib.commands.parser import PROGRAM, add_command, number_between, whole_number
from SemiWeakSegLib.commands.reading import read_cohort

if TYPE_CHECKING:
    from SemiWeakSegLib.cohort import Cohort

KINDS = (
    *("scribbles", "points", "slices", "boxes", "rotated_boxes", "slice_boxes", "extreme_points"),
    *("tags", "drop_classes", "unlabeled"),
)


def register(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "simulate",
        run,
        summary="Turn training cases' dense labels into scribbles, points, slices, boxes, tags.",
        description=(
            "The dense labels stay with the new cohort as references for measuring. Validation and "
            "test cases keep theirs. With --cases only the named ones change: several rounds, the "
            "next on what the last has written, make a cohort of many kinds."
        ),
        examples=[
            "cohort simulate heart.json --kind scribbles --fraction 0.01 --seed 0 "
            "--out scribbled.json",
            "cohort simulate heart.json --kind boxes --cases anna_ED anna_ES --out mixed.json",
        ],
    )
    parser.add_argument("cohort", metavar="COHORT.json", type=Path, help="cohort file")
    parser.add_argument(
        "--kind", choices=KINDS, required=True, metavar="KIND", help=", ".join(KINDS)
    )
    parser.add_argument(
        "--fraction",
        type=number_between(0, 1),
        metavar="SHARE",
        help="largest share of an image's voxels (slices, classes) that is annotated",
    )
    parser.add_argument(
        "--cases", nargs="+", metavar="ID", help="only these training cases (all that are labeled)"
    )
    parser.add_argument("--seed", type=whole_number(0), default=0, metavar="S", help="seed (0)")
    parser.add_argument("--out", metavar="FILE", type=Path, required=True, help="cohort to write")


def run(arguments: argparse.Namespace) -> int:
    """Write the new cohort and its label maps."""
    from SemiWeakSegLib.cohort import simulate, summary
    from SemiWeakSegLib.commands.cohort_show import as_text
    from SemiWeakSegLib.methods import get, missing_requirements, recommend

    if arguments.out.absolute() == arguments.cohort.absolute():
        raise InputError(["--out is the cohort itself: choose another file"])
    if not arguments.out.absolute().parent.is_dir():
        raise InputError([f"{arguments.out}: its folder does not exist"])
    cohort = read_cohort(arguments.cohort)
    _require_labeled(cohort, arguments.cases or ())
    fraction = {} if arguments.fraction is None else {"fraction": arguments.fraction}
    with reading_input():
        made = simulate(
            cohort,
            arguments.kind,
            seed=arguments.seed,
            out_path=arguments.out,
            cases=arguments.cases,
            **fraction,
        )
        print(f"wrote {arguments.out}")
        counts = summary(made)
        print(as_text(counts))
        advice = recommend(counts)
    if missing_requirements(get(advice.method), counts):
        print(f"\n{advice.reason}")
    else:
        print(f"\nnext: {PROGRAM} train RUN --cohort {arguments.out} {advice.options()}")
    return OK


def _require_labeled(cohort: Cohort, case_ids: Sequence[str]) -> None:
    """Raises InputError with every named case that is not there, does not train or lacks labels."""
    known = {case.id: case for case in cohort.cases}
    wrong = []
    for case_id in dict.fromkeys(case_ids):
        case = known.get(case_id)
        if case is None:
            wrong.append(f"--cases: there is no case {case_id!r} in the cohort")
            continue
        with reading_input():
            kind = cohort.annotation_kind(case)
        if case.role != "train" or kind != "labeled":
            wrong.append(
                f"--cases: {case_id} is a {case.role} case that is {kind}; only training cases "
                "that are fully labeled can be turned into something weaker"
            )
    if wrong:
        raise InputError(wrong)
