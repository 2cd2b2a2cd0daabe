"""`cohort check`: every problem of a cohort, at once."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from SemiWeakSegLib.commands.failures import INPUT, OK, InputError, reading_input
from SemiWeakSegLib.commands.parser import add_command
from SemiWeakSegLib.commands.reading import problem_as_dict, read_cohort


def register(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "check",
        run,
        summary="Report every problem of a cohort: case, file, what was found, what is right.",
        description=(
            "Grids, values, classes, ids, channels, unreadable or empty images. Errors keep a "
            "cohort from training, warnings do not. --resample writes labels whose grid differs "
            "from their image's onto the image's grid, into a new folder, and a cohort file there."
        ),
        examples=["cohort check heart.json", "cohort check heart.json --resample resampled"],
    )
    parser.add_argument("cohort", metavar="COHORT.json", type=Path, help="cohort file")
    parser.add_argument(
        "--headers-only", action="store_true", help="do not read voxels: fast for many cases"
    )
    parser.add_argument(
        "--resample", metavar="DIR", type=Path, help="resample labels to their images, into DIR"
    )
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")


def run(arguments: argparse.Namespace) -> int:
    """Print the problems; the exit code says whether there are errors."""
    from SemiWeakSegLib.cohort import check_cohort

    cohort = read_cohort(arguments.cohort)
    if arguments.resample is not None:
        cohort = _resample(cohort, arguments.resample)
    with reading_input():
        findings = check_cohort(cohort, voxels=not arguments.headers_only)
    errors = [each for each in findings if each.severity == "error"]
    if arguments.json:
        print(json.dumps([problem_as_dict(each) for each in findings], indent=2))
    else:
        for each in findings:
            print(each.message)
        warnings = len(findings) - len(errors)
        print(f"{len(cohort.cases)} cases, {len(errors)} errors, {warnings} warnings")
    return INPUT if errors else OK


def _resample(cohort: Any, folder: Path) -> Any:
    from SemiWeakSegLib.cohort import resample_labels_to_images

    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise InputError([f"--resample: {folder} already exists, choose a new folder"])
    with reading_input():
        folder.mkdir(parents=True, exist_ok=True)
        resampled = resample_labels_to_images(cohort, folder)
        file = folder / "cohort.json"
        resampled.save(file)
    print(f"wrote {file}", file=sys.stderr)
    return resampled
