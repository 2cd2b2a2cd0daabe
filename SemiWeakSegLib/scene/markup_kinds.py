"""What is annotated by markups instead of voxels: boxes (ROIs) and points (point lists)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from SemiWeakSegLib.cohort import Case
from SemiWeakSegLib.scene import box_drawing, point_drawing


@dataclass(frozen=True)
class MarkupKind:
    """How markups of one kind are opened, listed, read, compared and saved.

    ``open(study, case, volume)`` and ``present(study, case, volume)`` give nodes, the second those
    of an open case as the scene has them now; ``nodesIn(caseId, cohortFile)`` finds them without
    a study. ``drawn(annotation)`` gives what they mean, which ``same`` compares with what
    ``ofCase(case)`` holds and ``save(study, case, volume)`` stores.
    """

    open: Callable[..., list[Any]]
    present: Callable[..., list[Any]]
    nodesIn: Callable[[str, str], list[Any]]
    drawn: Callable[[Any], list[Any]]
    same: Callable[[Sequence[Any], Sequence[Any]], bool]
    save: Callable[..., list[Any]]
    ofCase: Callable[[Case], tuple[Any, ...]]


MARKUPS = {
    "box": MarkupKind(
        box_drawing.openBoxes,
        lambda study, case, _volume: box_drawing.roisOfCase(study, case),
        box_drawing.roisIn,
        box_drawing.drawnBoxes,
        box_drawing.sameBoxes,
        box_drawing.saveBoxes,
        lambda case: case.boxes,
    ),
    "point": MarkupKind(
        point_drawing.openPoints,
        point_drawing.presentLists,
        point_drawing.listsIn,
        point_drawing.drawnPoints,
        point_drawing.samePoints,
        point_drawing.savePoints,
        lambda case: case.points,
    ),
}
"""By mode (see ``annotation_types.MODES``)."""
