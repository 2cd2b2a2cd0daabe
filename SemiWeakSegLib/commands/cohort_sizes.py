"""`cohort sizes`: how large the classes are in the labeled cases, and bounds made of that."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SemiWeakSegLib.commands.failures import OK, InputError, reading_input
from SemiWeakSegLib.commands.parser import add_command, number_between
from SemiWeakSegLib.commands.reading import read_cohort
from SemiWeakSegLib.commands.tables import table

if TYPE_CHECKING:
    from SemiWeakSegLib.cohort import Cohort

MARGIN = 0.1


def register(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "sizes",
        run,
        summary="Show how large each class is in the labeled cases, and suggest bounds.",
        description=(
            "Sizes of all fully labeled training cases, in mm³ (mm² for 2-D images); 0 where a "
            "case does not show the class. The suggested bounds are the smallest and the largest, "
            "each moved outwards by --margin. With --save the classes carry them from now on, and "
            "methods and terms that bound sizes use them for every case."
        ),
        examples=[
            "cohort sizes heart.json",
            "cohort sizes heart.json --margin 0.2 --save",
        ],
    )
    parser.add_argument("cohort", metavar="COHORT.json", type=Path, help="cohort file")
    parser.add_argument(
        "--margin",
        type=number_between(0),
        default=MARGIN,
        metavar="SHARE",
        help=f"share by which bounds lie outside the sizes that were found ({MARGIN:g})",
    )
    parser.add_argument(
        "--save", action="store_true", help="write the suggested bounds into COHORT.json"
    )
    parser.add_argument(
        "--out", metavar="FILE", type=Path, help="write them into a copy of the cohort instead"
    )
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")


def run(arguments: argparse.Namespace) -> int:
    """Print the distribution, and write the bounds where asked."""
    from SemiWeakSegLib.cohort.sizes import with_size_bounds

    cohort = read_cohort(arguments.cohort)
    with reading_input():
        content = _content(cohort, arguments.margin)
    rows = content["classes"]
    bounds = {row["index"]: tuple(row["suggested"]) for row in rows if row["suggested"]}
    if not bounds:
        raise InputError([f"{arguments.cohort}: no fully labeled training case shows a class"])
    target = arguments.out or (arguments.cohort if arguments.save else None)
    if target is not None:
        with reading_input():
            with_size_bounds(cohort, bounds).save(target)
    if arguments.json:
        print(json.dumps(content, indent=2))
        return OK
    print(_as_text(content))
    if target is not None:
        print(f"\nwrote {target}")
    return OK


def _content(cohort: Cohort, margin: float) -> dict[str, Any]:
    """Everything that is told, as plain values; an endless upper bound is null."""
    from SemiWeakSegLib.cohort import read_header
    from SemiWeakSegLib.cohort.sizes import labeled_sizes, suggested_bounds

    flat = bool(cohort.cases) and read_header(cohort.cases[0].images[0]).dimension == 2
    sizes = labeled_sizes(cohort)
    rows = []
    for item in cohort.classes:
        found = sizes[item.index]
        own = item.size_bounds
        rows.append(
            {
                "index": item.index,
                "name": item.name,
                "cases": len(found),
                **_quartiles(found),
                "sizes": found,
                "suggested": suggested_bounds(found, margin),
                "bounds": None
                if own is None
                else [own[0], own[1] if math.isfinite(own[1]) else None],
            }
        )
    return {"unit": "mm²" if flat else "mm³", "margin": margin, "classes": rows}


def _quartiles(sizes: list[float]) -> dict[str, float | None]:
    import numpy as np

    names = ("min", "q1", "median", "q3", "max")
    if not sizes:
        return dict.fromkeys(names)
    values = np.percentile(sizes, [0, 25, 50, 75, 100])
    return {name: float(value) for name, value in zip(names, values, strict=True)}


def _as_text(content: dict[str, Any]) -> str:
    head = ["class", "cases", "min", "25 %", "median", "75 %", "max", "suggested", "now"]
    rows = [head]
    for each in content["classes"]:
        quartiles = [each[name] for name in ("min", "q1", "median", "q3", "max")]
        rows.append(
            [
                f"{each['index']} {each['name']}",
                str(each["cases"]),
                *("" if value is None else _number(value) for value in quartiles),
                _range(each["suggested"]),
                _range(each["bounds"]),
            ]
        )
    return f"sizes in {content['unit']} of fully labeled training cases\n\n{table(rows)}"


def _range(bounds: list[Any] | None) -> str:
    if bounds is None:
        return ""
    low, high = bounds
    return f"from {_number(low)}" if high is None else f"{_number(low)} to {_number(high)}"


def _number(value: float) -> str:
    """At least four digits, without an exponent."""
    return f"{value:.0f}" if value >= 1000 else f"{value:.4g}"
