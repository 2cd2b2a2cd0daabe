"""The table of cases: filled, sorted and filtered in C++, changed cell by cell."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager

import qt

from SemiWeakSegLib.panels.case_row import COLUMNS, CaseRow
from SemiWeakSegLib.panels.row_texts import RowTexts

_WIDTHS = (100, 60, 110, 66, 60)
_WIDEST_CASE = 160
_CELL_MARGIN = 12
_ROW_MARGIN = 6


class CaseTable:
    """Shows ``CaseRow`` objects in a QTableView.

    The rows live in a QStandardItemModel: Python is asked for nothing while the view paints, sorts
    or filters, and a changed case costs only its changed cells. ``onActivated`` is called with a
    case id, ``onSelected`` without arguments.
    """

    def __init__(
        self,
        view: qt.QTableView,
        onActivated: Callable[[str], None],
        onSelected: Callable[[], None],
    ) -> None:
        self.view = view
        self._onActivated = onActivated
        self._onSelected = onSelected
        self._rows: dict[str, CaseRow] = {}
        self._order: list[str] = []
        self._active: str | None = None
        self._filter = ""
        self._sortRole = int(qt.Qt.UserRole) + 1
        self._searchRole = int(qt.Qt.UserRole) + 2
        self._icons = _stateIcons(view)
        self._model = qt.QStandardItemModel(view)
        self._model.setColumnCount(len(COLUMNS))
        self._model.setHorizontalHeaderLabels(RowTexts().titles)
        self._proxy = qt.QSortFilterProxyModel(view)
        self._proxy.setSourceModel(self._model)
        self._proxy.setSortRole(self._sortRole)
        self._proxy.setFilterRole(self._searchRole)
        self._proxy.setFilterKeyColumn(0)
        self._setUpView()

    def _setUpView(self) -> None:
        view = self.view
        view.setModel(self._proxy)
        view.setSelectionBehavior(qt.QAbstractItemView.SelectRows)
        view.setSelectionMode(qt.QAbstractItemView.ExtendedSelection)
        view.setEditTriggers(qt.QAbstractItemView.NoEditTriggers)
        view.setWordWrap(False)
        view.verticalHeader().hide()
        view.verticalHeader().setDefaultSectionSize(view.fontMetrics().height() + _ROW_MARGIN)
        header = view.horizontalHeader()
        header.setStretchLastSection(True)
        header.setHighlightSections(False)
        for column, width in enumerate(_WIDTHS):
            view.setColumnWidth(column, width)
        view.setSortingEnabled(True)
        view.sortByColumn(0, qt.Qt.AscendingOrder)
        self._selection = view.selectionModel()
        view.connect("doubleClicked(QModelIndex)", self._activated)
        self._selection.connect(
            "selectionChanged(QItemSelection,QItemSelection)", self._selectionChanged
        )

    def cleanup(self) -> None:
        """Call nobody from now on."""
        self.view.disconnect("doubleClicked(QModelIndex)", self._activated)
        self._selection.disconnect(
            "selectionChanged(QItemSelection,QItemSelection)", self._selectionChanged
        )

    @property
    def count(self) -> int:
        """Number of cases, shown or not."""
        return len(self._order)

    @property
    def shownCount(self) -> int:
        """Number of cases that pass the filter."""
        return self._proxy.rowCount()

    def row(self, caseId: str) -> CaseRow:
        """The row of a case; raises KeyError."""
        return self._rows[caseId]

    def setRows(self, rows: Sequence[CaseRow]) -> None:
        """Show these cases: gone ones are taken out, new ones added, changed cells rewritten."""
        wanted = {row.id for row in rows}
        if wanted == self._rows.keys():
            self.updateRows(rows)
            return
        with self._editing():
            if wanted.isdisjoint(self._rows):
                self._model.setRowCount(0)
                self._rows, self._order = {}, []
            else:
                self._removeAllBut(wanted)
            known = len(self._order)
            self._order += [row.id for row in rows if row.id not in self._rows]
            if len(self._order) > known:
                self._model.setRowCount(len(self._order))
            positions = {caseId: position for position, caseId in enumerate(self._order)}
            for row in rows:
                self._write(positions[row.id], row)
        if known == 0:
            self._fitCaseColumn()

    def updateRows(self, rows: Iterable[CaseRow]) -> None:
        """Rewrite the changed cells of cases that are already there."""
        known = self._rows
        changed = [row for row in rows if row.id in known and row is not known[row.id]]
        changed = [row for row in changed if row != known[row.id]]
        if not changed:
            return
        positions = {caseId: position for position, caseId in enumerate(self._order)}
        if len(changed) == 1:
            self._write(positions[changed[0].id], changed[0])
            return
        with self._editing():
            for row in changed:
                self._write(positions[row.id], row)

    def setActive(self, caseId: str | None) -> None:
        """Mark the case that is open (bold), and no other."""
        if caseId == self._active:
            return
        for each, bold in ((self._active, False), (caseId, True)):
            if each in self._rows:
                self._setBold(self._order.index(each), bold)
        self._active = caseId

    def setFilter(self, text: str, token: str = "") -> None:
        """Show the cases that hold every word of ``text`` (in any cell) and the ``token``.

        Tokens: kind=…, role=…, state=error|warning|problem|unchecked|ready, truth.
        """
        words = text.split()
        parts = [f"(?=.*{re.escape(word)})" for word in words]
        if token:
            parts.append(rf"(?=(?:.*\s)?{re.escape(token)}(?:\s|$))")
        pattern = f"(?si)^{''.join(parts)}" if parts else ""
        if pattern != self._filter:
            self._filter = pattern
            self._proxy.setFilterRegularExpression(pattern)

    def shownIds(self) -> list[str]:
        """The cases as they are shown, from top to bottom."""
        return [self._proxy.index(row, 0).data() for row in range(self._proxy.rowCount())]

    def selectedIds(self) -> list[str]:
        """The selected cases from top to bottom."""
        rows = sorted(index.row() for index in self._selection.selectedRows())
        return [self._proxy.index(row, 0).data() for row in rows]

    def select(self, caseIds: Iterable[str]) -> None:
        """Select these cases, as far as they are shown, and no others."""
        wanted = set(caseIds)
        self._selection.clearSelection()
        flags = qt.QItemSelectionModel.Select | qt.QItemSelectionModel.Rows
        first = None
        for row, caseId in enumerate(self.shownIds()):
            if caseId in wanted:
                index = self._proxy.index(row, 0)
                self._selection.select(index, flags)
                first = index if first is None else first
        if first is not None:
            self.view.scrollTo(first)

    @contextmanager
    def _editing(self):
        """Sort and filter once after many changes instead of after each."""
        self.view.setUpdatesEnabled(False)
        self._proxy.setDynamicSortFilter(False)
        try:
            yield
        finally:
            self._proxy.setDynamicSortFilter(True)
            self._proxy.invalidate()
            self.view.setUpdatesEnabled(True)

    def _fitCaseColumn(self) -> None:
        """Wide enough for the longest id: cut off names all look alike."""
        longest = max(self._order, key=len, default="")
        width = self.view.fontMetrics().boundingRect(longest).width() + _CELL_MARGIN
        self.view.setColumnWidth(0, min(max(width, _WIDTHS[0]), _WIDEST_CASE))

    def _removeAllBut(self, wanted: set[str]) -> None:
        last = len(self._order) - 1
        while last >= 0:
            if self._order[last] in wanted:
                last -= 1
                continue
            first = last
            while first > 0 and self._order[first - 1] not in wanted:
                first -= 1
            self._model.removeRows(first, last - first + 1)
            for caseId in self._order[first : last + 1]:
                del self._rows[caseId]
            del self._order[first : last + 1]
            last = first - 1

    def _write(self, position: int, row: CaseRow) -> None:
        old = self._rows.get(row.id)
        if row == old:
            return
        model = self._model
        for column, cell in enumerate(row.cells):
            before = None if old is None else old.cells[column]
            if cell == before:
                continue
            index = model.index(position, column)
            if before is None or cell.text != before.text:
                model.setData(index, cell.text)
            if before is None or cell.sort != before.sort:
                model.setData(index, cell.sort, self._sortRole)
            if before is None or cell.tip != before.tip:
                model.setData(index, cell.tip, int(qt.Qt.ToolTipRole))
        if old is None or row.severity != old.severity:
            icon = self._icons.get(row.severity)
            state = model.index(position, COLUMNS.index("state"))
            model.setData(state, icon, int(qt.Qt.DecorationRole))
        if old is None or row.search != old.search:
            model.setData(model.index(position, 0), row.search, self._searchRole)
        self._rows[row.id] = row
        if old is None and row.id == self._active:
            self._setBold(position, True)

    def _setBold(self, position: int, bold: bool) -> None:
        font = qt.QFont(self.view.font)
        font.setBold(bold)
        for column in range(len(COLUMNS)):
            self._model.setData(self._model.index(position, column), font, int(qt.Qt.FontRole))

    def _activated(self, index: qt.QModelIndex) -> None:
        self._onActivated(self._proxy.index(index.row(), 0).data())

    def _selectionChanged(self) -> None:
        # Takes no arguments: PythonQt would have to turn both selections into Python objects.
        self._onSelected()


def _stateIcons(view: qt.QTableView) -> dict[str, qt.QIcon]:
    style = view.style()
    return {
        "error": style.standardIcon(qt.QStyle.SP_MessageBoxCritical),
        "warning": style.standardIcon(qt.QStyle.SP_MessageBoxWarning),
        "ready": style.standardIcon(qt.QStyle.SP_DialogApplyButton),
    }
