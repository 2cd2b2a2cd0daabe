"""`cohort`: make, check, divide, simplify, measure, show and inspect cohort files."""

from __future__ import annotations

import argparse
from typing import Any

from SemiWeakSegLib.commands import (
    cohort_box,
    cohort_check,
    cohort_inspect,
    cohort_make,
    cohort_show,
    cohort_simulate,
    cohort_sizes,
    cohort_split,
)
from SemiWeakSegLib.commands.failures import UsageError
from SemiWeakSegLib.commands.parser import add_command

PARTS = (
    cohort_make,
    cohort_check,
    cohort_split,
    cohort_simulate,
    cohort_box,
    cohort_sizes,
    cohort_show,
    cohort_inspect,
)


def register(commands: Any) -> None:
    """Add the command and its own sub-commands."""
    parser = add_command(
        commands,
        "cohort",
        run,
        summary="Make, check, split, simulate, box, measure, show or inspect a cohort.",
        description=(
            "A cohort file lists classes and cases with images, labels and roles. In a label map "
            "0 is background, 255 is unlabeled, other values are classes."
        ),
        examples=[
            "cohort make heart.json --images images --labels labels --classes 1=cavity,2=wall",
            "cohort check heart.json",
        ],
    )
    parts = parser.add_subparsers(title="what to do", metavar="WHAT", dest="what")
    for module in PARTS:
        module.register(parts)


def run(arguments: argparse.Namespace) -> int:
    """Without a sub-command there is nothing to do."""
    raise UsageError("say what to do: make, check, split, simulate, box, sizes, show or inspect")
