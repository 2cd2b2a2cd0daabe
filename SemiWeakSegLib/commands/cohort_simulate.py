"""`cohort simulate`: weaker annotations from dense ones, to ask how little would do."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from SemiWeakSegLib.commands.failures import OK, InputError, reading_input
from SemiWeakSegLib.commands.parser import PROGRAM, add_command, number_between, whole_number
from SemiWeakSegLib.commands.reading import read_cohort

KINDS = ("scribbles", "points", "slices", "boxes", "tags", "drop_classes", "unlabeled")


def register(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "simulate",
        run,
        summary="Turn training cases' dense labels into scribbles, points, slices, boxes, tags.",
        description=(
            "The dense labels stay with the new cohort as references for measuring. Validation and "
            "test cases keep theirs."
        ),
        examples=[
            "cohort simulate heart.json --kind scribbles --fraction 0.01 --seed 0 "
            "--out scribbled.json",
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
    parser.add_argument("--seed", type=whole_number(0), default=0, metavar="S", help="seed (0)")
    parser.add_argument("--out", metavar="FILE", type=Path, required=True, help="cohort to write")


def run(arguments: argparse.Namespace) -> int:
    """Write the new cohort and its label maps."""
    from SemiWeakSegLib.cohort import simulate, summary
    from SemiWeakSegLib.commands.cohort_show import as_text

    if arguments.out.absolute() == arguments.cohort.absolute():
        raise InputError(["--out is the cohort itself: choose another file"])
    if not arguments.out.absolute().parent.is_dir():
        raise InputError([f"{arguments.out}: its folder does not exist"])
    cohort = read_cohort(arguments.cohort)
    fraction = {} if arguments.fraction is None else {"fraction": arguments.fraction}
    with reading_input():
        made = simulate(
            cohort, arguments.kind, seed=arguments.seed, out_path=arguments.out, **fraction
        )
        print(f"wrote {arguments.out}")
        print(as_text(summary(made)))
    print(f"\nnext: {PROGRAM} train RUN --cohort {arguments.out} --method scribble_crf")
    return OK
