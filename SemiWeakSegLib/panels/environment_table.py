"""Packages and devices as rows: what it is, what was found, what is needed."""

from __future__ import annotations

import qt
from slicer.i18n import tr as _

from SemiWeakSegLib.panels.packages import Device, Environment, Package, readableMemory


class EnvironmentTable:
    """Fills a table and keeps it as high as its rows; what is missing is red."""

    def __init__(self, table: qt.QTableWidget) -> None:
        self.table = table
        table.setColumnCount(3)
        table.setHorizontalHeaderLabels([_("What"), _("Found"), _("Needed")])
        table.verticalHeader().hide()
        table.horizontalHeader().setStretchLastSection(True)

    def show(self, environment: Environment | None, packages: list[Package]) -> None:
        """Show what was found; hidden before anything is known."""
        rows = _rows(environment, packages) if environment is not None else []
        table = self.table
        table.visible = bool(rows)
        table.setRowCount(len(rows))
        for number, (texts, isMissing) in enumerate(rows):
            for column, text in enumerate(texts):
                item = qt.QTableWidgetItem(text)
                item.setToolTip(text)
                if isMissing:
                    item.setForeground(qt.QBrush(qt.QColor(200, 30, 30)))
                table.setItem(number, column, item)
        for column in (0, 1):
            table.resizeColumnToContents(column)
        # The header is no higher than a row; its own height is unknown before it was shown.
        height = table.rowHeight(0) * (len(rows) + 1) + 2 * table.frameWidth
        table.setFixedHeight(height)


def _rows(
    environment: Environment, packages: list[Package]
) -> list[tuple[tuple[str, str, str], bool]]:
    """Three texts a row, and whether something is wrong with it."""
    rows = [(("Python", environment.python, ""), False)] if environment.python else []
    for each in packages:
        found = each.installed or _("not installed")
        if each.name == "torch" and environment.torchBuild:
            found = f"{found} ({environment.torchBuild})"
        rows.append(((each.name, found, each.required), not each.satisfied))
    return rows + [
        ((each.name, f"{each.title}{_memory(each)}", ""), False) for each in environment.devices
    ]


def _memory(device: Device) -> str:
    if device.memory is None:
        return ""
    memory = readableMemory(device.memory)
    if device.free is None:
        return f", {memory}"
    return _(", {memory}, {free} free").format(memory=memory, free=readableMemory(device.free))
