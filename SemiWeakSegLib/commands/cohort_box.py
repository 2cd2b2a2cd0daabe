"""`cohort box`: boxes around points that were set on the outermost places of objects."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SemiWeakSegLib.commands.failures import OK, InputError, reading_input
from SemiWeakSegLib.commands.parser import add_command, number_between
from SemiWeakSegLib.commands.reading import read_cohort

if TYPE_CHECKING:
    from SemiWeakSegLib.cohort import Box, Case, Cohort


def register(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "box",
        run,
        summary="Give cases with extreme points the boxes that the points span.",
        description=(
            "Per training case and class, the box along the image's axes around all points of the "
            "class, each side moved out by half a voxel and by --margin. Classes that have a box "
            "in a case keep it; those with fewer points than a box has faces (4 in an image, 6 in "
            "a volume) get none. Points that are not outermost places make boxes too small."
        ),
        examples=["cohort box points.json", "cohort box points.json --margin 1 --out boxed.json"],
    )
    parser.add_argument("cohort", metavar="COHORT.json", type=Path, help="cohort file")
    parser.add_argument(
        "--margin",
        type=number_between(0),
        default=0.0,
        metavar="MM",
        help="how far the sides are moved out beside half a voxel, in mm (0)",
    )
    parser.add_argument(
        "--classes", nargs="+", metavar="NAME", help="names of the classes to box (all)"
    )
    parser.add_argument(
        "--out", metavar="FILE", type=Path, help="write here instead of changing COHORT.json"
    )


def run(arguments: argparse.Namespace) -> int:
    """Make the boxes and write the cohort."""
    cohort = read_cohort(arguments.cohort)
    names = {item.name: item.index for item in cohort.classes}
    wanted = list(names) if arguments.classes is None else arguments.classes
    if unknown := [name for name in wanted if name not in names]:
        known = ", ".join(names)
        raise InputError(
            [f"{arguments.cohort} has no class '{name}'; it has {known}" for name in unknown]
        )
    out = arguments.out or arguments.cohort
    made: dict[str, list[Box]] = {}
    with reading_input():
        for case in cohort.by_role("train"):
            if boxes := _boxes(case, [names[name] for name in wanted], arguments.margin):
                made[case.id] = boxes
        if not made:
            raise InputError([_nothing(cohort)])
        cases = [
            dataclasses.replace(case, boxes=(*case.boxes, *made.get(case.id, ())))
            for case in cohort.cases
        ]
        cohort.with_cases(cases).save(out)
    title = {item.index: item.name for item in cohort.classes}
    for case_id, boxes in made.items():
        for box in boxes:
            edges = " x ".join(f"{edge:.1f}" for edge in box.size)
            print(f"{case_id}: {title[box.class_index]}, {edges} mm")
    print(f"wrote {out}")
    return OK


def _boxes(case: Case, classes: list[int], margin: float) -> list[Box]:
    """The boxes that a case's points span, of classes that have none in it."""
    from SemiWeakSegLib.cohort import read_header
    from SemiWeakSegLib.cohort.extremes import box_of_clicks

    boxed = {box.class_index for box in case.boxes}
    clicked = [
        [point for point in case.points if point.class_index == index]
        for index in classes
        if index not in boxed
    ]
    clicked = [own for own in clicked if own and len(own) >= 2 * own[0].dimension]
    if not clicked:
        return []
    geometry = read_header(case.images[0]).geometry
    try:
        return [box_of_clicks(own, geometry, margin) for own in clicked]
    except ValueError as error:
        raise InputError([f"case {case.id}: {error}"]) from error


def _nothing(cohort: Cohort) -> str:
    return (
        f"{cohort.path}: no training case has enough points of a class that has no box in it: a "
        "box needs the outermost places along each axis, 4 in an image and 6 in a volume"
    )
