"""`report`: one page about a run."""

from __future__ import annotations

import argparse
from typing import Any

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


def register(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "report",
        run,
        summary="Write a run's report.html: curves, overlays, figures, plan, settings, versions.",
        description="One file with the pictures inside; it opens in any browser.",
        examples=["report runs/first"],
        exit_codes=(OK, FAILED, USAGE, INPUT),
    )
    parser.add_argument("run", metavar="RUN", help="folder of the run")


def run(arguments: argparse.Namespace) -> int:
    """Write the report and say where it is."""
    from SemiWeakSegLib.runs import RunFolder

    if missing := missing_packages():
        raise InputError(missing)
    with reading_input():
        folder = RunFolder.open(arguments.run)
        folder.read_request()
    from SemiWeakSegLib.learning.report import write_report

    print(write_report(folder))
    return OK
