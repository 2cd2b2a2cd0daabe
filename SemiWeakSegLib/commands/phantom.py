"""`phantom`: a synthetic cohort to try everything with."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from SemiWeakSegLib.commands.failures import OK, InputError, reading_input
from SemiWeakSegLib.commands.parser import PROGRAM, add_command, number_between, whole_number


def register(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "phantom",
        run,
        summary="Make a synthetic short-axis heart cohort: no download, no patient data.",
        description=(
            "Drawn images of left ventricle, myocardium and right ventricle, two phases per "
            "patient: a few labeled, some scribbled, many unlabeled, the others for validation "
            "and test. What works on it need not work on real images."
        ),
        examples=["phantom demo", "phantom demo --patients 20 --labeled 1 --scribbled 0 --seed 3"],
    )
    parser.add_argument("out", metavar="OUT", type=Path, help="folder to make")
    count = whole_number(0)
    parser.add_argument("--patients", type=whole_number(1), default=12, help="patients (12)")
    parser.add_argument("--seed", type=count, default=0, help="random seed (0)")
    parser.add_argument("--labeled", type=count, default=2, help="labeled training cases (2)")
    parser.add_argument("--scribbled", type=count, default=4, help="scribbled training cases (4)")
    parser.add_argument("--validation", type=count, default=2, help="patients to validate on (2)")
    parser.add_argument("--test", type=count, default=3, help="patients to test on (3)")
    parser.add_argument(
        "--fraction",
        type=number_between(0, 1),
        default=0.01,
        help="largest share of an image that scribbles cover (0.01)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the cohort and say what to do with it."""
    from SemiWeakSegLib.cohort import make_phantom, summary
    from SemiWeakSegLib.commands.cohort_show import as_text

    if arguments.out.exists() and not (arguments.out.is_dir() and not any(arguments.out.iterdir())):
        raise InputError([f"{arguments.out} already exists: choose another folder"])
    with reading_input():
        cohort = make_phantom(
            arguments.out,
            arguments.patients,
            arguments.seed,
            labeled=arguments.labeled,
            scribbled=arguments.scribbled,
            validation_patients=arguments.validation,
            test_patients=arguments.test,
            fraction=arguments.fraction,
        )
    file = arguments.out / "cohort.json"
    print(f"synthetic cohort {file}")
    print(as_text(summary(cohort)))
    print(f"\nnext: {PROGRAM} train runs/first --cohort {file} --method supervised --minutes 3")
    return OK
