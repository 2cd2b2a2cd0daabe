"""`train`: make a run and work on it, or be the worker of one that was made before."""

from __future__ import annotations

import argparse
from typing import Any

from SemiWeakSegLib.commands.failures import MEANINGS, InputError, UsageError
from SemiWeakSegLib.commands.parser import (
    PROGRAM,
    add_command,
    add_method_arguments,
    number_between,
    whole_number,
)

PREDICT_HELP = "cases to predict afterwards, e.g. unlabeled,test; all; none"


def register(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "train",
        run,
        summary="Train a model on a cohort; everything goes into the folder RUN.",
        description=(
            "Everything is checked before the work starts. Ctrl-C stops after the current step, "
            "with a checkpoint; a second one aborts. A run that was stopped or killed goes on with "
            f"'{PROGRAM} resume RUN'. With --background the work outlives this terminal. "
            "Without --cohort, RUN is a run that was made before and not yet started."
        ),
        examples=[
            "train runs/first --cohort heart.json --method supervised --steps 2000",
            "train runs/crf --cohort heart.json --method scribble_crf --set crf_weight=0.5 "
            "--minutes 30",
            "train runs/mix --cohort heart.json --method supervised --add entropy:0.1 "
            "--add crf:1,sigma_space_mm=10 --background",
        ],
        exit_codes=MEANINGS,
    )
    parser.add_argument("run", metavar="RUN", help="folder of the run; a new one")
    what = parser.add_argument_group("a new run")
    what.add_argument("--cohort", metavar="FILE", help="cohort file (see 'cohort make')")
    add_method_arguments(what)
    budget = what.add_mutually_exclusive_group()
    budget.add_argument("--steps", type=whole_number(1), metavar="N", help="train for N steps")
    budget.add_argument(
        "--minutes", type=number_between(0.01), metavar="M", help="train for M minutes"
    )
    what.add_argument("--seed", type=whole_number(0), metavar="S", help="random seed (0)")
    what.add_argument("--predict", metavar="CASES", help=PREDICT_HELP)
    what.add_argument(
        "--headers-only",
        action="store_true",
        help="check files' headers only, for a big cohort that 'cohort check' has passed",
    )
    how = parser.add_argument_group("how")
    how.add_argument("--background", action="store_true", help="start a worker and return")
    how.add_argument("--resume", action="store_true", help="go on from the last checkpoint")


def run(arguments: argparse.Namespace) -> int:
    """Make the run where one is asked for, then work on it or start a worker."""
    from SemiWeakSegLib.commands.new_run import make_run, wait_until_made
    from SemiWeakSegLib.commands.work import is_main_process, work_on
    from SemiWeakSegLib.runs import RunFolder

    folder = RunFolder(arguments.run)
    asks_for_new = [name for name in ("cohort", "method") if getattr(arguments, name)]
    if asks_for_new and not arguments.resume:
        if len(asks_for_new) == 1:
            raise UsageError("a new run needs both --cohort and --method")
        if is_main_process():
            folder = make_run(arguments)
        else:
            wait_until_made(folder)
        return work_on(folder, resume=False, background=arguments.background)
    if _has_request_options(arguments):
        raise UsageError("these options are for a new run: give --cohort and --method too")
    if not folder.request_path.is_file():
        raise InputError(
            [f"{folder.path} is not a run: to make one, give --cohort FILE and --method NAME"]
        )
    return work_on(folder, resume=arguments.resume, background=arguments.background)


def _has_request_options(arguments: argparse.Namespace) -> bool:
    names = ("cohort", "method", "set", "add", "plan", "steps", "minutes", "device", "predict")
    values = [getattr(arguments, name) for name in names]
    return any(values) or arguments.seed is not None or arguments.headers_only
