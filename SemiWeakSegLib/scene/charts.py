"""What all charts of the module share: nodes found by an attribute, tables filled, views shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk

from SemiWeakSegLib.scene.nodes import nodesOfClass

CHART_CLASSES = ("vtkMRMLPlotChartNode", "vtkMRMLPlotSeriesNode", "vtkMRMLTableNode")


def findNode(className: str, attribute: str, value: str) -> Any:
    """The node of a class whose attribute has this value; None where there is none."""
    nodes = nodesOfClass(className)
    return next((node for node in nodes if node.GetAttribute(attribute) == value), None)


def addNode(className: str, title: str, attribute: str, value: str) -> Any:
    """A new node that `findNode` finds."""
    node = slicer.mrmlScene.AddNewNodeByClass(className, title)
    node.SetAttribute(attribute, value)
    return node


def removeNodes(attribute: str, isOwn: Callable[[str], bool]) -> None:
    """Take the charts, series and tables out of the scene whose attribute ``isOwn`` accepts."""
    for className in CHART_CLASSES:
        for node in nodesOfClass(className):
            value = node.GetAttribute(attribute)
            if value is not None and isOwn(value):
                slicer.mrmlScene.RemoveNode(node)


def fillTable(
    tableNode: slicer.vtkMRMLTableNode, columns: Mapping[str, Sequence[float] | np.ndarray]
) -> None:
    """Make the table's columns these, equally long; one event, whatever was in it before."""
    wasModifying = tableNode.StartModify()
    table: vtk.vtkTable = tableNode.GetTable()
    for index in reversed(range(table.GetNumberOfColumns())):
        if table.GetColumnName(index) not in columns:
            table.RemoveColumn(index)
    for name, values in columns.items():
        array = numpy_to_vtk(np.ascontiguousarray(values, dtype=float), deep=True)
        array.SetName(name)
        # One array for each, as plots look them up by name; it takes that name's place.
        table.GetRowData().AddArray(array)
    table.Modified()
    tableNode.Modified()
    tableNode.EndModify(wasModifying)


def showChart(chart: slicer.vtkMRMLPlotChartNode | None) -> bool:
    """Show a chart in a layout that has a plot view; False where there is nothing to show."""
    layout = slicer.app.layoutManager() if hasattr(slicer, "app") else None
    plots = getattr(slicer.modules, "plots", None)
    if chart is None or layout is None or plots is None:
        return False
    plots.logic().ShowChartInLayout(chart)
    return True
