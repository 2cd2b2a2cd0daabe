"""The metrics of a run as a table of the scene: a row per case and class, means at the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import slicer
import vtk

from SemiWeakSegLib.runs import RunFolder
from SemiWeakSegLib.scene.nodes import nodesOfClass
from SemiWeakSegLib.scene.result_rows import readMetrics
from SemiWeakSegLib.scene.texts import tr as _

METRICS = "SemiWeakSeg.Metrics"
"""Table: folder of the run it measures."""

MEASURES = ("dice", "hd95", "assd", "volume_difference", "volume_difference_percent")


def metricsTable(run: RunFolder) -> slicer.vtkMRMLTableNode | None:
    """The table of a run's metrics, made or brought up to date; None where nothing was measured.

    Cells are empty where a figure does not exist, as a distance to nothing.
    """
    metrics = readMetrics(run)
    cases = metrics.get("cases")
    if not cases:
        return None
    node = _existing(run)
    if node is None:
        title = _("{run} metrics").format(run=run.path.name)
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", title)
        node.SetAttribute(METRICS, str(run.path))
    columns: dict[str, list[Any]] = {title: [] for title in _titles(metrics)}
    for case in cases:
        for name, entry in case.get("per_class", {}).items():
            _append(columns, str(case["case"]), name, entry or {})
    for name, entry in metrics.get("per_class", {}).items():
        _append(columns, _("mean"), name, entry or {})
    _append(
        columns,
        _("mean"),
        _("all classes"),
        {
            "dice": metrics.get("mean_dice"),
            "hd95": metrics.get("mean_hd95"),
            "assd": metrics.get("mean_assd"),
        },
    )
    _fill(node, columns)
    return node


def _titles(metrics: Mapping[str, Any]) -> list[str]:
    distance = metrics.get("distance_unit", "mm")
    volume = metrics.get("volume_unit", "mL")
    return [
        _("case"),
        _("class"),
        _("Dice"),
        _("HD95 ({unit})").format(unit=distance),
        _("ASSD ({unit})").format(unit=distance),
        _("volume difference ({unit})").format(unit=volume),
        _("volume difference (%)"),
    ]


def _append(
    columns: Mapping[str, list[Any]], case: str, name: str, entry: Mapping[str, Any]
) -> None:
    row = [case, name, *(entry.get(measure) for measure in MEASURES)]
    for column, value in zip(columns.values(), row, strict=True):
        column.append(value)


def _fill(node: slicer.vtkMRMLTableNode, columns: Mapping[str, list[Any]]) -> None:
    wasModifying = node.StartModify()
    node.RemoveAllColumns()
    for title, values in columns.items():
        array = vtk.vtkStringArray()
        array.SetName(title)
        for value in values:
            array.InsertNextValue(_text(value))
        node.AddColumn(array)
    node.SetUseColumnTitleAsColumnHeader(True)
    node.EndModify(wasModifying)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else f"{value:.3f}"


def _existing(run: RunFolder) -> slicer.vtkMRMLTableNode | None:
    for node in nodesOfClass("vtkMRMLTableNode"):
        if node.GetAttribute(METRICS) == str(run.path):
            return node
    return None
