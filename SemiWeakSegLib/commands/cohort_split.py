"""`cohort split`: who is trained on, who validates, who tests."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from SemiWeakSegLib.commands.failures import OK, reading_input
from SemiWeakSegLib.commands.parser import add_command, number_between, whole_number
from SemiWeakSegLib.commands.reading import read_cohort

SHARE_HELP = "share of the measurable cases, or from 1 on their number"


def register(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "split",
        run,
        summary="Divide the cases into training, validation and test.",
        description=(
            "Reproducible by seed; a group (patient) is never divided; each part gets its share of "
            "labeled, scribbled and unlabeled cases. --keep-labels hides the labels of all but N "
            "training cases, to ask how few would do; hidden labels are kept for measuring."
        ),
        examples=[
            "cohort split heart.json --validation 0.2 --test 0.2",
            "cohort split heart.json --keep-labels 2 --out few.json",
        ],
    )
    share = number_between(0)
    parser.add_argument("cohort", metavar="COHORT.json", type=Path, help="cohort file")
    parser.add_argument("--validation", type=share, metavar="SHARE", help=SHARE_HELP)
    parser.add_argument("--test", type=share, metavar="SHARE", help=SHARE_HELP)
    parser.add_argument("--seed", type=whole_number(0), default=0, metavar="S", help="seed (0)")
    parser.add_argument(
        "--keep-labels", type=whole_number(0), metavar="N", help="labeled training cases to keep"
    )
    parser.add_argument(
        "--by", choices=("case", "group"), default="case", help="what --keep-labels counts (case)"
    )
    parser.add_argument(
        "--out", metavar="FILE", type=Path, help="write here instead of changing COHORT.json"
    )


def run(arguments: argparse.Namespace) -> int:
    """Set the roles and write the cohort."""
    from SemiWeakSegLib.cohort import keep_labels, split, summary
    from SemiWeakSegLib.commands.cohort_show import as_text

    validation, test = arguments.validation, arguments.test
    cohort = read_cohort(arguments.cohort)
    out = arguments.out or arguments.cohort
    with reading_input():
        # Labels alone may be asked for: a division made before then stays.
        if validation is not None or test is not None or arguments.keep_labels is None:
            shares = (0.2 if validation is None else validation, test or 0.0)
            cohort = split(cohort, validation=shares[0], test=shares[1], seed=arguments.seed)
        if arguments.keep_labels is not None:
            cohort = keep_labels(cohort, arguments.keep_labels, arguments.seed, arguments.by)
        cohort.save(out)
        print(f"wrote {out}")
        print(as_text(summary(cohort)))
    return OK
