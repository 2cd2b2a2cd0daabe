"""`plan`: what training would decide from the data, before any training."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SemiWeakSegLib.commands.failures import OK, InputError, collecting, missing_packages
from SemiWeakSegLib.commands.parser import add_command, add_method_arguments
from SemiWeakSegLib.commands.reading import read_cohort

if TYPE_CHECKING:
    from SemiWeakSegLib.learning.plan import Plan


def register(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "plan",
        run,
        summary="Show the plan that training would follow: grid, patch, batch, network.",
        description="Reads headers and some intensities; writes nothing. Takes the options of "
        "'train' that bear on the plan.",
        examples=[
            "plan heart.json --method supervised",
            "plan heart.json --method curriculum_size --plan spacing=2,2 --json",
        ],
    )
    parser.add_argument("cohort", metavar="COHORT.json", type=Path, help="cohort file")
    add_method_arguments(parser)
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")
    parser.set_defaults(method="supervised")


def run(arguments: argparse.Namespace) -> int:
    """Print the plan's lines and notes."""
    from SemiWeakSegLib.learning.plan_lines import describe_plan

    plan = _plan(arguments)
    lines = describe_plan(plan)
    if arguments.json:
        content = {"plan": plan.to_dict(), "lines": [line.to_dict() for line in lines]}
        print(json.dumps(content, indent=2))
        return OK
    for line in lines:
        by_hand = " (by hand)" if line.overridden else ""
        print(f"{line.key:<16} {line.text or 'none'}{by_hand}  [{line.why}]")
    for note in plan.notes:
        print(f"note: {note}")
    return OK


def _plan(arguments: argparse.Namespace) -> Plan:
    from SemiWeakSegLib.commands.new_run import parse_overrides, parse_terms
    from SemiWeakSegLib.methods import TermRequest, get

    problems = missing_packages()
    settings, cohort, overrides = None, None, {}
    with collecting(problems):
        settings = get(arguments.method)().with_assignments(arguments.set)
    terms = parse_terms(arguments.add, settings, problems)
    with collecting(problems):
        overrides = parse_overrides(arguments.plan)
    with collecting(problems):
        cohort = read_cohort(arguments.cohort)
    if not problems and cohort is not None and not cohort.cases:
        problems.append(f"{arguments.cohort} has no cases: there is nothing to plan from")
    if problems or settings is None or cohort is None:
        raise InputError(problems)
    from SemiWeakSegLib.learning.processes import choose_device
    from SemiWeakSegLib.learning.recipes import plan_run

    with collecting(problems):
        device = choose_device(arguments.device or "auto").type
        extra = [TermRequest.from_dict(each) for each in terms]
        return plan_run(cohort, settings, extra, overrides, device)
    raise InputError(problems)
