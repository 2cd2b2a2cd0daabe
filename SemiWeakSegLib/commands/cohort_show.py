"""`cohort show`: what a cohort holds."""

from __future__ import annotations

import argparse
import json
import math
import textwrap
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SemiWeakSegLib.commands.failures import OK, reading_input
from SemiWeakSegLib.commands.parser import add_command
from SemiWeakSegLib.commands.reading import read_cohort
from SemiWeakSegLib.commands.tables import table

if TYPE_CHECKING:
    from SemiWeakSegLib.cohort import Cohort, CohortSummary, SegmentClass

WIDTH = 96
KINDS = ("labeled", "scribbled", "boxed", "tagged", "unlabeled")


def register(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "show",
        run,
        summary="Show what a cohort holds and which method to try: counts, classes, cases.",
        examples=["cohort show heart.json", "cohort show heart.json --cases"],
    )
    parser.add_argument("cohort", metavar="COHORT.json", type=Path, help="cohort file")
    parser.add_argument("--cases", action="store_true", help="list the cases")
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")


def run(arguments: argparse.Namespace) -> int:
    """Print counts and classes, what to try first, and the cases where asked."""
    from SemiWeakSegLib.cohort import summary
    from SemiWeakSegLib.methods import recommend

    cohort = read_cohort(arguments.cohort)
    with reading_input():
        counts = summary(cohort)
        rows = _rows(cohort) if arguments.cases or arguments.json else []
    recommended = recommend(counts)
    if arguments.json:
        classes = {each.index: each.name for each in cohort.classes}
        content = {
            "summary": asdict(counts),
            "recommendation": recommended.to_dict(),
            "classes": classes,
            "cases": rows,
        }
        print(json.dumps(content, indent=2))
        return OK
    print(as_text(counts))
    print("classes     " + ", ".join(f"{each.index} {each.name}" for each in cohort.classes))
    bounds = [_bounds(each) for each in cohort.classes if each.size_bounds is not None]
    if bounds:
        print("sizes       " + ", ".join(bounds))
    print(
        textwrap.fill(
            f"{recommended.options()}. {recommended.reason}",
            WIDTH,
            initial_indent="try first   ",
            subsequent_indent=" " * 12,
            break_long_words=False,
            break_on_hyphens=False,
        )
    )
    if rows:
        print(
            "\n" + table([list(rows[0]), *([str(cell) for cell in row.values()] for row in rows)])
        )
    return OK


def as_text(counts: CohortSummary) -> str:
    """The counts in a few lines."""
    kinds = ", ".join(f"{getattr(counts, kind)} {kind}" for kind in KINDS if getattr(counts, kind))
    carried = ", ".join(
        f"{what} in {number}"
        for what in ("points", "boxes", "tags", "sizes")
        if (number := getattr(counts, f"with_{what}"))
    )
    train = counts.cases - counts.validation - counts.test
    return "\n".join(
        [
            f"cases       {counts.cases}, {counts.dimension}-D, {counts.classes} classes",
            f"training    {train}" + (f": {kinds}" if kinds else ""),
            *([f"carrying    {carried}"] if carried else []),
            f"validation  {counts.validation}",
            f"test        {counts.test}",
        ]
    )


def _bounds(item: SegmentClass) -> str:
    """A class and its common bounds."""
    low, high = item.size_bounds or (0.0, math.inf)
    upper = "more" if math.isinf(high) else f"{high:g}"
    return f"{item.name} {low:g} to {upper}"


def _rows(cohort: Cohort) -> list[dict[str, Any]]:
    return [
        {
            "case": case.id,
            "role": case.role,
            "annotation": cohort.annotation_kind(case),
            "points": len(case.points),
            "boxes": len(case.boxes),
            "channels": len(case.images),
            "group": case.group or "",
            "truth": "yes" if case.truth else "",
        }
        for case in cohort.cases
    ]
