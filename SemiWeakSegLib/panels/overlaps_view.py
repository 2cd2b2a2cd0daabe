"""The list of places that are drawn in two classes: which classes, how many voxels, and where."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import qt
import slicer
import vtk
from slicer.i18n import tr as _

from SemiWeakSegLib.cohort import SegmentClass
from SemiWeakSegLib.panels.class_names import className
from SemiWeakSegLib.panels.slice_views import jumpTo
from SemiWeakSegLib.scene.segments import Overlap, segmentIdOfClass

Place = tuple[float, float, float]


class OverlapsView:
    """Shows overlaps in ``table``, hidden with ``frame`` when there are none.

    ``label`` says above the table what they mean.
    """

    def __init__(self, frame: qt.QWidget, label: qt.QLabel, table: qt.QTableWidget) -> None:
        self._frame = frame
        self._label = label
        self._table = table
        self._overlaps: list[Overlap] = []
        self._placeOf: Callable[[Overlap], Place | None] = lambda _overlap: None
        header = table.horizontalHeader()
        header.setSectionResizeMode(qt.QHeaderView.ResizeToContents)
        header.setSectionResizeMode(0, qt.QHeaderView.Stretch)
        frame.visible = False
        table.connect("cellClicked(int,int)", self._onCellClicked)

    def show(
        self,
        overlaps: Sequence[Overlap],
        classes: Sequence[SegmentClass],
        text: str,
        placeOf: Callable[[Overlap], Place | None],
    ) -> None:
        """List them under a text; ``placeOf`` gives the place (world RAS, mm) of one."""
        self._overlaps, self._placeOf = list(overlaps), placeOf
        self._label.text = text
        self._frame.visible = bool(self._overlaps)
        self._table.setRowCount(len(self._overlaps))
        for row, overlap in enumerate(self._overlaps):
            names = _("{first} and {second}").format(
                first=className(overlap.first, classes), second=className(overlap.second, classes)
            )
            for column, cell in enumerate((names, str(overlap.voxels))):
                item = qt.QTableWidgetItem(cell)
                item.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsSelectable)
                item.setToolTip(_("Click to see the overlap in the slice views"))
                self._table.setItem(row, column, item)

    def clear(self) -> None:
        self.show((), (), "", lambda _overlap: None)

    def cleanup(self) -> None:
        self.clear()
        self._table.disconnect("cellClicked(int,int)", self._onCellClicked)

    def _onCellClicked(self, row: int, _column: int) -> None:
        place = self._placeOf(self._overlaps[row]) if row < len(self._overlaps) else None
        if place is not None:
            jumpTo(place)


def placeOfOverlap(
    segmentation: slicer.vtkMRMLSegmentationNode,
    volume: slicer.vtkMRMLScalarVolumeNode,
    overlap: Overlap,
) -> Place | None:
    """A voxel of the overlap near its middle (world RAS, mm); None when it is gone."""
    ids = [segmentIdOfClass(segmentation, index) for index in (overlap.first, overlap.second)]
    if None in ids:
        return None
    arrays = [slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, i, volume) for i in ids]
    if any(array is None for array in arrays):
        return None
    voxels = np.argwhere((arrays[0] != 0) & (arrays[1] != 0))
    if not len(voxels):
        return None
    distances = np.linalg.norm(voxels - voxels.mean(axis=0), axis=1)
    k, j, i = voxels[int(np.argmin(distances))]
    ijkToWorld = vtk.vtkMatrix4x4()
    ijkToRas = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(ijkToRas)
    slicer.vtkMRMLTransformNode.GetMatrixTransformBetweenNodes(
        volume.GetParentTransformNode(), None, ijkToWorld
    )
    vtk.vtkMatrix4x4.Multiply4x4(ijkToWorld, ijkToRas, ijkToWorld)
    return tuple(ijkToWorld.MultiplyPoint((float(i), float(j), float(k), 1.0))[:3])
