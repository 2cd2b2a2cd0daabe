"""`cohort inspect`: what is known about each case and what is wrong, told while it is found."""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SemiWeakSegLib.commands.failures import OK, InputError, reading_input, sentences
from SemiWeakSegLib.commands.parser import add_command
from SemiWeakSegLib.commands.reading import problem_as_dict, read_cohort

if TYPE_CHECKING:
    from SemiWeakSegLib.cohort import Box, Case, Cohort, Point, Problem
    from SemiWeakSegLib.cohort.file_facts import FileFacts

SAVE_S = 5.0


def register(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "inspect",
        run,
        summary="Tell programs what each case carries and what is wrong, one JSON object a line.",
        description=(
            "First {phase: headers, problems}, found from headers alone. Then a line per case: "
            "{case, kind, voxels (annotated ones by class), points and boxes (by class), size and "
            "spacing (x, y, z), channels, dimension, problems}. Last {phase: voxels, problems (all "
            "of them), summary}. A cohort "
            "that cannot be read gives {error}."
        ),
        examples=[
            "cohort inspect heart.json",
            "cohort inspect heart.json --memory .inspected.json",
        ],
    )
    parser.add_argument("cohort", metavar="COHORT.json", type=Path, help="cohort file")
    parser.add_argument(
        "--memory",
        metavar="FILE",
        type=Path,
        help="remember what files hold in FILE: the next time only changed ones are read",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the lines; problems of cases are findings, not failures."""
    try:
        cohort = read_cohort(arguments.cohort)
        with reading_input():
            _inspect(cohort, arguments.memory)
    except InputError as error:
        _print({"error": " ".join(sentences(error))})
        raise
    return OK


def _inspect(cohort: Cohort, memory: Path | None) -> None:
    from SemiWeakSegLib.cohort import summary
    from SemiWeakSegLib.cohort.check_headers import check_headers
    from SemiWeakSegLib.cohort.check_records import check_records
    from SemiWeakSegLib.cohort.check_voxels import check_voxels
    from SemiWeakSegLib.cohort.checks import in_order
    from SemiWeakSegLib.cohort.file_facts import FileFacts

    facts = FileFacts(memory)
    first = [*cohort.problems, *check_records(cohort)]
    readable, found = check_headers(cohort)
    first += found
    _print({"phase": "headers", "problems": _plain(in_order(first))})
    saved = time.monotonic()

    def tell(case: Case, problems: list[Problem]) -> None:
        nonlocal saved
        told = _about(cohort, case, facts, readable)
        _print({"case": case.id, **told, "problems": _plain(problems)})
        if time.monotonic() - saved > SAVE_S:
            # A check that is given up half way has not read in vain.
            facts.save()
            saved = time.monotonic()

    problems = in_order([*first, *check_voxels(cohort, readable, tell, facts)])
    facts.save()
    unusable = any(each.code in ("unreadable", "missing_file") for each in problems)
    counts = None if unusable else asdict(summary(cohort))
    _print({"phase": "voxels", "problems": _plain(problems), "summary": counts})


def _about(cohort: Cohort, case: Case, facts: FileFacts, readable: set[Path]) -> dict[str, Any]:
    """What a case carries; of a file that cannot be read, nothing (the problems name it)."""
    from SemiWeakSegLib.cohort import ImageError, read_header

    told: dict[str, Any] = {"kind": None, "voxels": {}}
    told.update(points=_by_class(case.points), boxes=_by_class(case.boxes))
    told.update(size=None, spacing=None, channels=None, dimension=None)
    try:
        headers = [read_header(path) for path in case.images]
    except (ImageError, OSError):
        headers = []
    if headers:
        geometry = headers[0].geometry
        told.update(
            size=list(geometry.size),
            spacing=list(geometry.spacing),
            channels=sum(header.channels for header in headers),
            dimension=geometry.dimension,
        )
    if case.label is not None:
        if case.label not in readable:
            return told
        label = facts.label(case.label, len(cohort.classes))
        if any(each.code in ("unreadable", "label_not_integer") for each in label.findings):
            return told
        cohort.remember_label_kind(case.label, label.kind)
        told["voxels"] = {
            str(value): count
            for value, count in label.counts.items()
            if 0 <= value < cohort.num_classes
        }
    told["kind"] = cohort.annotation_kind(case)
    return told


def _by_class(marks: Iterable[Point | Box]) -> dict[str, int]:
    """How many points or boxes each class has."""
    return {str(index): number for index, number in Counter(m.class_index for m in marks).items()}


def _plain(problems: Iterable[Problem]) -> list[dict[str, Any]]:
    return [problem_as_dict(each) for each in problems]


def _print(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)
