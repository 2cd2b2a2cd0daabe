"""Reading a cohort for a command, and telling its problems."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SemiWeakSegLib.commands.failures import reading_input

if TYPE_CHECKING:
    from SemiWeakSegLib.cohort import Cohort, Problem

WARNINGS_SHOWN = 20


def read_cohort(path: Path) -> Cohort:
    """A cohort file, a MONAI datalist or an nnU-Net dataset.json; InputError otherwise."""
    from SemiWeakSegLib.cohort import read_any

    with reading_input():
        return read_any(path)


def report_findings(findings: Iterable[Problem]) -> list[str]:
    """Print the warnings; return the errors' messages."""
    findings = list(findings)
    warnings = [each.message for each in findings if each.severity == "warning"]
    for message in warnings[:WARNINGS_SHOWN]:
        print(message, file=sys.stderr)
    if len(warnings) > WARNINGS_SHOWN:
        more = len(warnings) - WARNINGS_SHOWN
        print(f"... and {more} more warnings ('cohort check' shows all)", file=sys.stderr)
    return [each.message for each in findings if each.severity == "error"]


def problem_as_dict(problem: Problem) -> dict[str, Any]:
    """A finding as plain values for JSON."""
    return {
        "severity": problem.severity,
        "code": problem.code,
        "case": problem.case,
        "file": None if problem.file is None else str(problem.file),
        "found": problem.found,
        "expected": problem.expected,
    }
