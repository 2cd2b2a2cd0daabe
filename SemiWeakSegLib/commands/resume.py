"""`resume`: go on from the last checkpoint."""

from __future__ import annotations

import argparse
from typing import Any

from SemiWeakSegLib.commands.failures import MEANINGS, reading_input
from SemiWeakSegLib.commands.parser import add_command


def register(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "resume",
        run,
        summary="Go on with a run that was stopped, killed or failed, from its last checkpoint.",
        description="On the CPU the result equals that of an uninterrupted run.",
        examples=["resume runs/first", "resume runs/first --background"],
        exit_codes=MEANINGS,
    )
    parser.add_argument("run", metavar="RUN", help="folder of the run")
    parser.add_argument("--background", action="store_true", help="start a worker and return")


def run(arguments: argparse.Namespace) -> int:
    """Work on the run again."""
    from SemiWeakSegLib.commands.work import work_on
    from SemiWeakSegLib.runs import RunFolder

    with reading_input():
        folder = RunFolder.open(arguments.run)
    return work_on(folder, resume=True, background=arguments.background)
