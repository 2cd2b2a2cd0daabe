"""The plan before training: what was decided from the data, why, and what a person overrides."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import qt
from slicer.i18n import tr as _

from SemiWeakSegLib.panels.library_texts import libraryText, settingLabel
from SemiWeakSegLib.panels.selections import PLAN_LINES

LINE, VALUE, WHY = range(3)


class PlanView:
    """A table of lines; a value that is typed over becomes an override, an empty one ends it.

    `onOverridden` is called with all overrides after each change that a person made. Lines that
    were not asked for yet say "automatic".
    """

    def __init__(
        self, table: qt.QTableWidget, onOverridden: Callable[[dict[str, Any]], None]
    ) -> None:
        self.table = table
        self.onOverridden = onOverridden
        self.overrides: dict[str, Any] = {}
        self.lines: list[dict[str, Any]] = []
        self._faulty: tuple[str, str] = ("", "")
        table.setColumnCount(3)
        table.setHorizontalHeaderLabels([_("Line"), _("Value"), _("Why")])
        table.verticalHeader().hide()
        table.horizontalHeader().setStretchLastSection(True)
        table.setWordWrap(True)
        table.verticalHeader().setSectionResizeMode(qt.QHeaderView.ResizeToContents)
        table.connect("cellChanged(int,int)", self._onCellChanged)
        self._fill()

    def showPlan(self, lines: list[dict[str, Any]]) -> None:
        """Show the lines that the planning process printed."""
        self.lines = lines
        self._faulty = ("", "")
        self._fill()

    def showProblem(self, message: str) -> None:
        """Mark the override that a message is about; everything else stays as it is."""
        named = [key for key in self.overrides if key in message]
        # The message begins with the line at fault; others may be named further on.
        key = min(named, key=message.index, default="")
        self._faulty = (key, message)
        self._fill()

    def setOverrides(self, overrides: dict[str, Any]) -> None:
        """Show these overrides, without telling that they changed."""
        self.overrides = dict(overrides)
        self._faulty = ("", "")
        self._fill()

    def clear(self) -> None:
        """Forget the lines of a plan; the overrides stay."""
        self.lines = []
        self._faulty = ("", "")
        self._fill()

    def rowOf(self, key: str) -> int:
        """The row of a line, -1 where there is none."""
        return next((row for row, line in enumerate(self._rows()) if line["key"] == key), -1)

    def valueOf(self, key: str) -> Any:
        """What was set for a line, else what the plan says; None where neither is there."""
        made = next((line["value"] for line in self.lines if line["key"] == key), None)
        return self.overrides.get(key, made)

    def _rows(self) -> list[dict[str, Any]]:
        known = {line["key"] for line in self.lines}
        automatic = [] if self.lines else PLAN_LINES
        missing = [key for key in (*automatic, *self.overrides) if key not in known]
        return self.lines + [
            {"key": key, "text": _("automatic"), "why": "", "settable": True}
            for key in dict.fromkeys(missing)
        ]

    def _fill(self) -> None:
        wasBlocked = self.table.blockSignals(True)
        rows = self._rows()
        self.table.setRowCount(len(rows))
        for row, line in enumerate(rows):
            key = line["key"]
            overridden = key in self.overrides
            isFaulty = overridden and key == self._faulty[0]
            why = libraryText(line["why"])
            if isFaulty:
                why = self._faulty[1]
            elif overridden:
                why = _("set by you")
            text = line["text"] or _("none")
            # What was typed stays to be seen until a plan with it came back.
            if overridden and not (line.get("overridden") and not isFaulty):
                text = overrideText(self.overrides[key])
            settable = bool(line.get("settable"))
            tooltip = _("Type another value; leave it empty for automatic") if settable else why
            self._put(row, LINE, settingLabel(key), False, why, overridden, isFaulty)
            self._put(row, VALUE, text, settable, tooltip, overridden, isFaulty)
            self._put(row, WHY, why, False, why, False, isFaulty)
            self.table.item(row, LINE).setData(qt.Qt.UserRole, key)
        self.table.resizeColumnToContents(LINE)
        self.table.blockSignals(wasBlocked)

    def _put(
        self,
        row: int,
        column: int,
        text: str,
        editable: bool,
        tooltip: str,
        bold: bool,
        isFaulty: bool,
    ) -> None:
        # Written over, not replaced: this may be the answer to an item's own change.
        item = self.table.item(row, column)
        if item is None:
            item = qt.QTableWidgetItem()
            self.table.setItem(row, column, item)
        item.setText(text)
        flags = qt.Qt.ItemIsEnabled | qt.Qt.ItemIsSelectable
        item.setFlags(flags | qt.Qt.ItemIsEditable if editable else flags)
        item.setToolTip(tooltip)
        font = qt.QFont(self.table.font)
        font.setBold(bold)
        item.setFont(font)
        # The collapsed box is disabled, and its grey would stay on the cells once it is opened.
        usual = self.table.palette.color(qt.QPalette.Active, qt.QPalette.Text)
        item.setForeground(qt.QBrush(qt.QColor(200, 30, 30) if isFaulty else usual))

    def _onCellChanged(self, row: int, column: int) -> None:
        if column != VALUE:
            return
        key = self.table.item(row, LINE).data(qt.Qt.UserRole)
        text = self.table.item(row, VALUE).text().strip()
        shown = next((line["text"] or _("none") for line in self.lines if line["key"] == key), "")
        if text == shown and key not in self.overrides:
            return
        overrides = {name: value for name, value in self.overrides.items() if name != key}
        if text and text != _("automatic"):
            overrides[key] = overrideValue(key, text)
        self.overrides = overrides
        self._faulty = ("", "")
        self._fill()
        self.onOverridden(dict(overrides))


def overrideValue(key: str, text: str) -> Any:
    """The value that a typed text means: JSON, numbers divided by commas or x, or the text."""
    if key == "mirror_axes" and text.lower() in ("none", _("none")):
        return []
    numbers = text.replace(" x ", ",").replace("×", ",")
    for candidate in (text, text.lower(), f"[{numbers}]"):
        try:
            return json.loads(candidate)
        except ValueError:
            continue
    return text


def overrideText(value: Any) -> str:
    """An override as a person types it."""
    if isinstance(value, list):
        return ", ".join(str(each) for each in value) or _("none")
    return json.dumps(value) if isinstance(value, bool) else str(value)
