"""Live curves of a run: a table, plot series and a chart each for losses and Dice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import slicer

from SemiWeakSegLib.scene.charts import addNode, fillTable, findNode, removeNodes, showChart
from SemiWeakSegLib.scene.curve_points import Points, RunPoints
from SemiWeakSegLib.scene.texts import tr as _

CURVES = "SemiWeakSeg.Curves"
"""Node attribute: "<run> <family>" of a table or chart, "<run> <family> <curve>" of a series."""

LOSSES, DICE = "losses", "dice"
STEP_COLUMN = "step"
# Distinct for most colour-blind people and on black and white (Okabe and Ito).
COLORS = (
    (0.00, 0.45, 0.70),
    (0.90, 0.62, 0.00),
    (0.00, 0.62, 0.45),
    (0.80, 0.47, 0.65),
    (0.34, 0.71, 0.91),
    (0.84, 0.37, 0.00),
    (0.60, 0.60, 0.60),
)


class Curves:
    """The curves of one run in the scene.

    Nodes of the same run that are in the scene already, as in one that was saved, are used again;
    nodes that somebody removed are made anew with the next `update`.
    """

    def __init__(self, runName: str):
        self.runName = runName
        self._points = RunPoints()

    def update(self, events: Iterable[Mapping[str, Any]]) -> bool:
        """Append what new events of the run say; returns whether the curves changed."""
        if not self._points.take(events):
            return False
        self.draw()
        return True

    def draw(self) -> None:
        """Bring the nodes up to date, as after the scene was closed."""
        for family, points in self._families():
            if points.x:
                self._write(family, points)

    @property
    def charts(self) -> list[slicer.vtkMRMLPlotChartNode]:
        """The charts that are in the scene, losses first."""
        found = [self._find("vtkMRMLPlotChartNode", family) for family in (LOSSES, DICE)]
        return [node for node in found if node is not None]

    def chart(self, family: str = LOSSES) -> slicer.vtkMRMLPlotChartNode | None:
        """The chart of a family, LOSSES or DICE; None while it has no point."""
        return self._find("vtkMRMLPlotChartNode", family)

    def show(self, family: str = LOSSES) -> bool:
        """Show a chart in a layout that has a plot view; False where there is nothing to show."""
        return showChart(self.chart(family) or self.chart(LOSSES) or self.chart(DICE))

    def remove(self) -> None:
        """Remove the nodes from the scene."""
        own = tuple(f"{self.runName} {family}" for family in (LOSSES, DICE))
        removeNodes(CURVES, lambda name: name.startswith(own))

    def _families(self) -> tuple[tuple[str, Points], ...]:
        return (LOSSES, self._points.losses), (DICE, self._points.dice)

    def _write(self, family: str, points: Points) -> None:
        tableNode = self._find("vtkMRMLTableNode", family) or self._addTable(family)
        fillTable(tableNode, {STEP_COLUMN: points.x, **points.values})
        chart = self._find("vtkMRMLPlotChartNode", family) or self._addChart(family)
        for number, name in enumerate(points.values):
            series = self._find("vtkMRMLPlotSeriesNode", f"{family} {name}")
            if series is None:
                series = self._addSeries(family, name, number, tableNode)
            if not chart.HasPlotSeriesNodeID(series.GetID()):
                chart.AddAndObservePlotSeriesNodeID(series.GetID())

    def _find(self, className: str, name: str) -> Any:
        return findNode(className, CURVES, f"{self.runName} {name}")

    def _add(self, className: str, title: str, name: str) -> Any:
        return addNode(className, title, CURVES, f"{self.runName} {name}")

    def _addTable(self, family: str) -> slicer.vtkMRMLTableNode:
        return self._add("vtkMRMLTableNode", self._title(family), family)

    def _addSeries(
        self, family: str, name: str, number: int, tableNode: slicer.vtkMRMLTableNode
    ) -> slicer.vtkMRMLPlotSeriesNode:
        series = self._add("vtkMRMLPlotSeriesNode", name, f"{family} {name}")
        series.SetAndObserveTableNodeID(tableNode.GetID())
        series.SetXColumnName(STEP_COLUMN)
        series.SetYColumnName(name)
        series.SetPlotType(slicer.vtkMRMLPlotSeriesNode.PlotTypeScatter)
        marker = (
            slicer.vtkMRMLPlotSeriesNode.MarkerStyleCircle
            if family == DICE
            else slicer.vtkMRMLPlotSeriesNode.MarkerStyleNone
        )
        series.SetMarkerStyle(marker)
        series.SetColor(*COLORS[number % len(COLORS)])
        emphasised = name in ("total", "mean")
        series.SetLineWidth(3.0 if emphasised else 1.5)
        return series

    def _addChart(self, family: str) -> slicer.vtkMRMLPlotChartNode:
        chart = self._add("vtkMRMLPlotChartNode", self._title(family), family)
        chart.SetTitle(self._title(family))
        chart.SetXAxisTitle(_("step"))
        chart.SetYAxisTitle(_("loss") if family == LOSSES else _("Dice on validation cases"))
        chart.SetLegendVisibility(True)
        if family == DICE:
            chart.SetYAxisRangeAuto(False)
            chart.SetYAxisRange(0.0, 1.0)
        return chart

    def _title(self, family: str) -> str:
        if family == LOSSES:
            return _("{run}: losses").format(run=self.runName)
        return _("{run}: Dice").format(run=self.runName)
