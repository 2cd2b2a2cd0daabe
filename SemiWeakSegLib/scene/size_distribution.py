"""How large the classes are in the labeled cases: numbers, and a chart with the bounds as lines."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import slicer

from SemiWeakSegLib.cohort import SegmentClass
from SemiWeakSegLib.scene.charts import addNode, fillTable, findNode, removeNodes, showChart
from SemiWeakSegLib.scene.inspection import CaseFacts
from SemiWeakSegLib.scene.nodes import nodesOfClass
from SemiWeakSegLib.scene.segments import defaultColor
from SemiWeakSegLib.scene.study import Study
from SemiWeakSegLib.scene.texts import tr as _

SIZES = "SemiWeakSeg.Sizes"
"""Node attribute: "table", "chart", or what a series shows, as in "2 cases" or "2 bounds"."""

# Classes whose sizes lie further apart than this are drawn on a logarithmic axis.
LARGEST_RATIO = 30.0
# Room for the legend, as a share of what the curves take.
LEGEND_SHARE = 0.6


def labeledSizes(study: Study, facts: Mapping[str, CaseFacts]) -> dict[int, list[float]]:
    """Sizes of each class in the labeled training cases, mm³ (mm² for 2-D images).

    As ``cohort.sizes.labeled_sizes`` measures them, from the voxels that an inspection counted: a
    case in which nobody looked for a class says nothing of it; one that was looked at and does not
    show it has size 0.
    """
    sizes: dict[int, list[float]] = {item.index: [] for item in study.classes}
    for case in study.cohort.by_role("train"):
        found = facts.get(case.id)
        if case.label is None or found is None or found.kind != "labeled":
            continue
        voxel = math.prod(found.spacing)
        for index in sizes if case.looked_at is None else sizes.keys() & set(case.looked_at):
            sizes[index].append(found.voxels.get(index, 0) * voxel)
    return sizes


class SizeDistribution:
    """A chart: which share of the labeled cases is at most so large, for each class.

    Nodes that are in the scene already are used again.
    """

    @property
    def chart(self) -> slicer.vtkMRMLPlotChartNode | None:
        """The chart, None where it was not drawn."""
        return findNode("vtkMRMLPlotChartNode", SIZES, "chart")

    def draw(
        self,
        classes: Sequence[SegmentClass],
        sizes: Mapping[int, Sequence[float]],
        unit: tuple[str, float],
    ) -> None:
        """Draw sizes and bounds in ``unit``: its name, and how many mm³ (mm²) it is."""
        unitName, unitSize = unit
        curves: dict[str, tuple[SegmentClass, np.ndarray]] = {}
        for item in classes:
            found = np.sort(np.asarray(sizes.get(item.index, ()), dtype=float)) / unitSize
            if found.size:
                shares = np.arange(1, found.size + 1) / found.size
                curves[f"{item.index} cases"] = item, np.stack([found, shares])
            if item.size_bounds is not None:
                curves[f"{item.index} bounds"] = item, _outline(item.size_bounds, unitSize)
        chart = self.chart or addNode("vtkMRMLPlotChartNode", _("Sizes"), SIZES, "chart")
        self._fill(curves)
        chart.RemoveAllPlotSeriesNodeIDs()
        for node in nodesOfClass("vtkMRMLPlotSeriesNode"):
            name = node.GetAttribute(SIZES)
            if name is not None and name not in curves:
                slicer.mrmlScene.RemoveNode(node)
        for name, (item, _points) in curves.items():
            chart.AddAndObservePlotSeriesNodeID(self._series(name, item).GetID())
        chart.SetTitle(_("Sizes in the labeled cases"))
        chart.SetXAxisTitle(_("size, {unit}").format(unit=unitName))
        chart.SetYAxisTitle(_("share of the cases that are at most so large"))
        chart.SetLegendVisibility(True)
        values = np.concatenate([*(points[0] for _item, points in curves.values()), np.zeros(0)])
        isWide = _isWide(values)
        chart.SetXAxisLogScale(isWide)
        chart.SetXAxisRangeAuto(isWide or not values.size)
        if not isWide and values.size:
            low, high = _withRoom(float(values.min()), float(values.max()))
            chart.SetXAxisRange(low, high)
        chart.SetYAxisRangeAuto(False)
        chart.SetYAxisRange(0.0, 1.05)

    def show(self) -> bool:
        """Show the chart in a layout that has a plot view; False where there are no views."""
        return showChart(self.chart)

    def remove(self) -> None:
        """Take the nodes out of the scene."""
        removeNodes(SIZES, lambda _name: True)

    def _fill(self, curves: Mapping[str, tuple[SegmentClass, np.ndarray]]) -> None:
        tableNode = findNode("vtkMRMLTableNode", SIZES, "table")
        if tableNode is None:
            tableNode = addNode("vtkMRMLTableNode", _("Sizes in the labeled cases"), SIZES, "table")
        rows = max((points.shape[1] for _item, points in curves.values()), default=0)
        columns: dict[str, np.ndarray] = {}
        for name, (_item, points) in curves.items():
            # Columns of a table are equally long; a last point drawn twice is not seen.
            padded = np.pad(points, ((0, 0), (0, rows - points.shape[1])), mode="edge")
            columns.update(zip(_columns(name), padded, strict=True))
        fillTable(tableNode, columns)

    def _series(self, name: str, item: SegmentClass) -> slicer.vtkMRMLPlotSeriesNode:
        kind = slicer.vtkMRMLPlotSeriesNode
        isBounds = name.endswith("bounds")
        series = findNode("vtkMRMLPlotSeriesNode", SIZES, name) or addNode(
            "vtkMRMLPlotSeriesNode", "", SIZES, name
        )
        series.SetName(_("{name}, bounds").format(name=item.name) if isBounds else item.name)
        series.SetAndObserveTableNodeID(findNode("vtkMRMLTableNode", SIZES, "table").GetID())
        series.SetXColumnName(_columns(name)[0])
        series.SetYColumnName(_columns(name)[1])
        series.SetPlotType(kind.PlotTypeScatter)
        series.SetColor(*(item.color or defaultColor(item.index)))
        series.SetLineStyle(kind.LineStyleDash if isBounds else kind.LineStyleSolid)
        series.SetLineWidth(1.5 if isBounds else 2.5)
        series.SetMarkerStyle(kind.MarkerStyleNone if isBounds else kind.MarkerStyleCircle)
        return series


def _outline(bounds: tuple[float, float], unitSize: float) -> np.ndarray:
    """Two upright lines, joined at the top; one where there is no upper bound."""
    low, high = (bound / unitSize for bound in bounds)
    if not math.isfinite(high):
        return np.array([[low, low], [0.0, 1.0]])
    return np.array([[low, low, high, high], [0.0, 1.0, 1.0, 0.0]])


def _withRoom(low: float, high: float) -> tuple[float, float]:
    """The ends of an axis whose legend, on the right, covers nothing."""
    length = high - low or high or 1.0
    return max(0.0, low - 0.05 * length), high + LEGEND_SHARE * length


def _isWide(values: np.ndarray) -> bool:
    return bool(values.size and values.min() > 0 and values.max() > LARGEST_RATIO * values.min())


def _columns(name: str) -> tuple[str, str]:
    return f"{name}: size", f"{name}: share"
