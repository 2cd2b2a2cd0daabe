"""`cohort make`: from folders of images and labels, or another program's list, to a cohort file."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SemiWeakSegLib.commands.failures import OK, InputError, UsageError, reading_input
from SemiWeakSegLib.commands.parser import PROGRAM, add_command, whole_number
from SemiWeakSegLib.commands.reading import report_findings

if TYPE_CHECKING:
    from SemiWeakSegLib.cohort import Cohort


def register(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "make",
        run,
        summary="Make a cohort file from folders, a MONAI datalist or an nnU-Net dataset.json.",
        description=(
            "Images and labels pair by file name; an image without a label file is an unlabeled "
            "case. Your files are never changed: where values have to be translated, translated "
            "copies are written beside the cohort file."
        ),
        examples=[
            "cohort make c.json --images images --labels labels --classes 1=anterior,2=posterior",
            "cohort make c.json --images images --labels scribbles --classes 1=cavity "
            "--unlabeled-value 4 --group-pattern '(patient\\d+)_'",
            "cohort make c.json --images images --labels painted --classes 1=cavity "
            "--unlabeled-value 0 --background-value 2",
            "cohort make c.json --from dataset.json",
        ],
    )
    parser.add_argument("cohort", metavar="COHORT.json", type=Path, help="file to write")
    parser.add_argument(
        "--images",
        metavar="DIR",
        type=Path,
        nargs="+",
        help="folder of images; several for several channels",
    )
    parser.add_argument("--labels", metavar="DIR", type=Path, help="folder of label maps")
    parser.add_argument(
        "--truth", metavar="DIR", type=Path, help="folder of references, used for measuring only"
    )
    parser.add_argument(
        "--classes",
        metavar="1=NAME,...",
        help="value and name of each class in the label maps (without it: every value found)",
    )
    parser.add_argument(
        "--unlabeled-value",
        metavar="N",
        type=whole_number(0),
        help="value that means 'not annotated' in your label maps",
    )
    parser.add_argument(
        "--background-value",
        metavar="N",
        type=whole_number(1),
        help="value of background strokes, where 0 is what nobody painted",
    )
    parser.add_argument(
        "--group-pattern",
        metavar="REGEX",
        help="what file names of one patient share; the first (group) if there is one",
    )
    parser.add_argument(
        "--from", dest="source", metavar="FILE", type=Path, help="datalist or dataset.json"
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the cohort file and show what is in it."""
    from SemiWeakSegLib.cohort import summary
    from SemiWeakSegLib.commands.cohort_show import as_text

    _require_one_source(arguments)
    problems: list[str] = []
    _check_paths(arguments, problems)
    if problems:
        raise InputError(problems)
    with reading_input():
        cohort = _read(arguments)
        if errors := report_findings(cohort.problems):
            raise InputError(errors)
        cohort.save(arguments.cohort)
        print(f"wrote {arguments.cohort}")
        print(as_text(summary(cohort)))
    print(f"\nnext: {PROGRAM} cohort check {arguments.cohort}")
    return OK


def _require_one_source(arguments: argparse.Namespace) -> None:
    if (arguments.images is None) == (arguments.source is None):
        raise UsageError("give either --images DIR or --from FILE")
    folder_options = (
        *("labels", "truth", "classes"),
        *("unlabeled_value", "background_value", "group_pattern"),
    )
    given = [name for name in folder_options if getattr(arguments, name) is not None]
    if arguments.source is not None and given:
        options = ", ".join("--" + name.replace("_", "-") for name in given)
        raise UsageError(f"{options} goes with --images; --from FILE says these things itself")


def _check_paths(arguments: argparse.Namespace, problems: list[str]) -> None:
    for name in ("images", "labels", "truth"):
        given = getattr(arguments, name) or ()
        for folder in [given] if isinstance(given, Path) else given:
            if not folder.is_dir():
                problems.append(f"--{name}: {folder} is not a folder")
    if arguments.group_pattern is not None:
        try:
            re.compile(arguments.group_pattern)
        except re.error as error:
            problems.append(f"--group-pattern: '{arguments.group_pattern}' is no regex: {error}")
    if not arguments.cohort.absolute().parent.is_dir():
        problems.append(f"{arguments.cohort}: its folder does not exist")


def _read(arguments: argparse.Namespace) -> Cohort:
    from SemiWeakSegLib.cohort import from_folders, parse_classes, read_any

    if arguments.source is not None:
        return read_any(arguments.source, out_path=arguments.cohort)
    background = arguments.background_value
    return from_folders(
        arguments.images,
        arguments.labels,
        classes=parse_classes(arguments.classes) if arguments.classes else None,
        unlabeled_value=arguments.unlabeled_value,
        group_pattern=arguments.group_pattern,
        truth=arguments.truth,
        remapped=None if background is None else {background: 0},
        out_path=arguments.cohort,
    )
