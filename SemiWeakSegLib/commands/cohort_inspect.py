"""`cohort inspect`: what is known about each case and what is wrong, told while it is found."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SemiWeakSegLib.commands.failures import OK, InputError, reading_input, sentences
from SemiWeakSegLib.commands.parser import add_command
from SemiWeakSegLib.commands.reading import problem_as_dict, read_cohort

if TYPE_CHECKING:
    from SemiWeakSegLib.cohort import Case, Cohort, Problem


def register(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "inspect",
        run,
        summary="Tell programs what each case carries and what is wrong, one JSON object a line.",
        description=(
            "First {phase: headers, problems}, found from headers alone. Then a line per case: "
            "{case, kind, voxels (annotated ones by class), size and spacing (x, y, z), channels, "
            "dimension, problems}. Last {phase: voxels, problems (all of them), summary}. A cohort "
            "that cannot be read gives {error}."
        ),
        examples=["cohort inspect heart.json"],
    )
    parser.add_argument("cohort", metavar="COHORT.json", type=Path, help="cohort file")


def run(arguments: argparse.Namespace) -> int:
    """Print the lines; problems of cases are findings, not failures."""
    try:
        cohort = read_cohort(arguments.cohort)
        with reading_input():
            _inspect(cohort)
    except InputError as error:
        _print({"error": " ".join(sentences(error))})
        raise
    return OK


def _inspect(cohort: Cohort) -> None:
    from SemiWeakSegLib.cohort import summary
    from SemiWeakSegLib.cohort.check_headers import check_headers
    from SemiWeakSegLib.cohort.check_records import check_records
    from SemiWeakSegLib.cohort.check_voxels import check_voxels
    from SemiWeakSegLib.cohort.checks import in_order

    first = [*cohort.problems, *check_records(cohort)]
    readable, found = check_headers(cohort)
    first += found
    _print({"phase": "headers", "problems": _plain(in_order(first))})

    def tell(case: Case, problems: list[Problem]) -> None:
        _print({"case": case.id, **_facts(cohort, case), "problems": _plain(problems)})

    problems = in_order([*first, *check_voxels(cohort, readable, tell)])
    unusable = any(each.code in ("unreadable", "missing_file") for each in problems)
    counts = None if unusable else asdict(summary(cohort))
    _print({"phase": "voxels", "problems": _plain(problems), "summary": counts})


def _facts(cohort: Cohort, case: Case) -> dict[str, Any]:
    """What a case carries; of a file that cannot be read, nothing (the problems name it)."""
    from SemiWeakSegLib.cohort import ImageError, count_annotated, read_header, read_label

    facts: dict[str, Any] = {"kind": None, "voxels": {}}
    facts.update(size=None, spacing=None, channels=None, dimension=None)
    try:
        headers = [read_header(path) for path in case.images]
        geometry = headers[0].geometry
        facts.update(
            size=list(geometry.size),
            spacing=list(geometry.spacing),
            channels=sum(header.channels for header in headers),
            dimension=geometry.dimension,
        )
        facts["kind"] = cohort.annotation_kind(case)
        if case.label is not None:
            counts = count_annotated(read_label(case.label)[0], cohort.num_classes)
            facts["voxels"] = {
                str(index): int(count) for index, count in enumerate(counts) if count
            }
    except (ImageError, OSError, ValueError, IndexError):
        return facts
    return facts


def _plain(problems: Iterable[Problem]) -> list[dict[str, Any]]:
    return [problem_as_dict(each) for each in problems]


def _print(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)
