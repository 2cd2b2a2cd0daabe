"""Shows which points contradict another point or the saved strokes of the open case."""

from __future__ import annotations

import math

from SemiWeakSegLib.panels.annotation_texts import overlapsText
from SemiWeakSegLib.panels.live_overlaps import MOST_VOXELS
from SemiWeakSegLib.panels.overlaps_view import OverlapsView
from SemiWeakSegLib.scene.annotations import Annotation
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.label_maps import Overlap
from SemiWeakSegLib.scene.point_clashes import (
    LabelReader,
    PointClash,
    asOverlaps,
    placeOf,
    pointClashes,
)
from SemiWeakSegLib.scene.point_drawing import drawnPoints


class ShownClashes:
    """Keeps ``view`` to the clashes of the points that ``show`` was given.

    The label map is read once for each of its versions; in a large image it is left for saving.
    """

    def __init__(self, view: OverlapsView) -> None:
        self._view = view
        self._readLabel = LabelReader()

    def forget(self) -> None:
        """Let go of the label map that was read: large ones are not kept for nothing."""
        self._readLabel = LabelReader()

    def show(self, points: Annotation) -> None:
        """List what clashes now, strokes as they were saved last."""
        image = points.volume.GetImageData()
        if points.volume.GetScene() is None or image is None:
            self._view.clear()
            return
        label = None
        if math.prod(image.GetDimensions()) <= MOST_VOXELS:
            label = self._readLabel(points.case.label)
        try:
            clashes = pointClashes(drawnPoints(points), points.volume, label)
        except SceneError:
            self._view.clear()  # saving will say what is wrong
            return
        volume = points.volume
        self._view.show(
            asOverlaps(clashes),
            points.classes,
            overlapsText("point"),
            lambda overlap: placeOf(_firstOf(clashes, overlap).point, volume),
        )


def _firstOf(clashes: list[PointClash], overlap: Overlap) -> PointClash:
    pair = (overlap.first, overlap.second)
    return next(each for each in clashes if (each.first, each.second) == pair)
