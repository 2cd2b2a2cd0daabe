"""`stop`: end a run politely, or at once."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from SemiWeakSegLib.commands.failures import FAILED, INPUT, OK, USAGE, InputError, reading_input
from SemiWeakSegLib.commands.parser import PROGRAM, add_command, number_between


def register(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "stop",
        run,
        summary="Ask a run's worker to stop after the current step, with a checkpoint.",
        description=(
            "Waits until it has stopped. The worker may be on another machine that shares the "
            "folder. --kill ends it at once, on this machine, keeping the last checkpoint."
        ),
        examples=["stop runs/first", "stop runs/first --kill"],
        exit_codes=(OK, FAILED, USAGE, INPUT),
    )
    parser.add_argument("run", metavar="RUN", help="folder of the run")
    parser.add_argument("--kill", action="store_true", help="end the worker at once")
    parser.add_argument(
        "--timeout",
        type=number_between(0),
        default=120.0,
        metavar="S",
        help="wait for at most S seconds (120)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Stop the run's worker."""
    from SemiWeakSegLib.runs import RunFolder, worker

    with reading_input():
        folder = RunFolder.open(arguments.run)
        state = folder.state()
        if state != "running":
            raise InputError([f"nobody works on {folder.path}: it is {state}"])
        if arguments.kill:
            worker.kill(folder)
        else:
            worker.stop(folder, arguments.timeout)
        state = folder.state()
    if state == "running":
        print(f"still running; it stops when its step is done: {folder.path}", file=sys.stderr)
        return FAILED
    print(f"{'killed' if arguments.kill else state}: {folder.path}")
    if state != "finished":
        print(f"  go on  {PROGRAM} resume {folder.path}")
    return OK
