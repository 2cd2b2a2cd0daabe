"""What an open annotation is, and what is told when it is saved."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import slicer

from SemiWeakSegLib.cohort import Case, SegmentClass
from SemiWeakSegLib.scene.label_maps import Overlap

MODES = ("segment", "scribble", "box", "point")
"""Dense segmentation, scribbles (the rest stays unlabeled), boxes, points."""


@dataclass
class Annotation:
    """A case being annotated.

    ``mode`` is one of ``MODES``; ``segmentation`` is None for boxes and points, ``markups`` (ROIs
    or point lists) empty otherwise.
    ``ownNode``: the segmentation is one that the user chose and that is never removed here.
    """

    case: Case
    volume: slicer.vtkMRMLScalarVolumeNode
    mode: str
    classes: list[SegmentClass]
    cohortFile: str
    segmentation: slicer.vtkMRMLSegmentationNode | None = None
    markups: list[slicer.vtkMRMLMarkupsNode] = field(default_factory=list)
    ownNode: bool = False
    saved: object = None
    """What was drawn when it was opened or last saved, to tell changes by."""
    _compared: tuple[object, bool] | None = None


@dataclass(frozen=True)
class SaveReport:
    """What was saved: file (None for boxes and points), voxels, boxes or points per class, what
    was left out.

    ``overlaps`` are voxels drawn in two classes: unlabeled among scribbles, the later class's in
    a dense map. ``unknown`` names segments that are of no class.
    """

    path: Path | None
    counts: dict[int, int]
    overlaps: list[Overlap]
    unknown: list[str]
    mode: str
