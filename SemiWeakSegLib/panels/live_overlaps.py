"""Counts overlapping strokes while they are drawn, once the hand rests."""

from __future__ import annotations

import math
from collections.abc import Sequence

import qt
import slicer

from SemiWeakSegLib.panels.annotation_texts import overlapsText
from SemiWeakSegLib.panels.observations import Observations
from SemiWeakSegLib.panels.overlaps_view import OverlapsView, placeOfOverlap
from SemiWeakSegLib.scene.annotations import Annotation
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.label_maps import Overlap, labelOfSegmentation

REST_MS = 700
MOST_VOXELS = 50_000_000
"""In larger images overlaps are counted when the case is saved: counting would be felt."""


class LiveOverlaps:
    """Keeps ``view`` to what overlaps in the scribbles that ``watch`` was given."""

    def __init__(self, view: OverlapsView) -> None:
        self._view = view
        self._drawing: Annotation | None = None
        self._observations = Observations()
        self._rest = qt.QTimer()
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.connect("timeout()", self._count)

    def watch(self, drawing: Annotation | None) -> None:
        """Watch this drawing from now on, if it is scribbles; None: nothing."""
        self.stop()
        if drawing is None or drawing.mode != "scribble":
            return
        self._drawing = drawing
        for event in (
            slicer.vtkSegmentation.SourceRepresentationModified,
            slicer.vtkSegmentation.RepresentationModified,
            slicer.vtkSegmentation.SegmentModified,
        ):
            self._observations.add(drawing.segmentation, event, self._onDrawn)
        self._onDrawn()

    def show(self, overlaps: Sequence[Overlap]) -> None:
        """Overlaps that were counted elsewhere, such as when saving."""
        drawing = self._drawing
        if drawing is None or drawing.segmentation is None:
            self._view.clear()
            return
        node, volume = drawing.segmentation, drawing.volume
        self._view.show(
            overlaps,
            drawing.classes,
            overlapsText(drawing.mode),
            lambda overlap: placeOfOverlap(node, volume, overlap),
        )

    def stop(self) -> None:
        """Watch nothing."""
        self._rest.stop()
        self._observations.release()
        self._drawing = None
        self._view.clear()

    def cleanup(self) -> None:
        """Stop for good."""
        self.stop()
        self._rest.disconnect("timeout()", self._count)

    def _onDrawn(self, caller=None, event=None) -> None:
        self._rest.start()

    def _count(self) -> None:
        drawing = self._drawing
        node = None if drawing is None else drawing.segmentation
        if node is None or node.GetScene() is None or drawing.volume.GetImageData() is None:
            return
        if math.prod(drawing.volume.GetImageData().GetDimensions()) > MOST_VOXELS:
            return
        overlaps: list[Overlap] = []
        # Segments that share one layer cannot overlap, which is the rule.
        if node.GetSegmentation().GetNumberOfLayers() > 1:
            try:
                label = labelOfSegmentation(node, drawing.volume, drawing.classes, dense=False)
            except SceneError:
                return  # saving will say what is wrong
            overlaps = label.overlaps
        self.show(overlaps)
