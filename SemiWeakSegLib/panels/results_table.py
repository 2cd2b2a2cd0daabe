"""The table of predictions: uncertainty, Dice where the truth is known, review; 1,000 rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from typing import Any

import qt
from slicer.i18n import tr as _

CASE, UNCERTAINTY, DICE, REVIEW, LOADED = range(5)
ROW_HEIGHT = 24
ALL, OPEN, DONE = "all", "open", "done"


class ResultsTable:
    """Rows of `scene.results.ResultRow`; sortable, several may be selected.

    `onSelected()` is called after the selection changed, `onActivated(caseId)` on a double click.
    """

    def __init__(
        self,
        table: qt.QTableWidget,
        onSelected: Callable[[], None],
        onActivated: Callable[[str], None],
    ) -> None:
        self.table = table
        self.rows: dict[str, Any] = {}
        self.loaded: set[str] = set()
        self._filter = ALL
        self._onActivated = onActivated
        titles = [_("Case"), _("Uncertainty"), _("Dice"), _("Review"), _("Loaded")]
        tips = [
            _("Double click loads the prediction and shows it"),
            _("Mean entropy of the predicted classes, from 0 (certain) to 1"),
            _("Mean Dice over the classes, where a reference segmentation is known"),
            _("What you decided about the prediction"),
            _("Whether the prediction is in the scene"),
        ]
        table.setColumnCount(len(titles))
        table.setHorizontalHeaderLabels(titles)
        for column, tip in enumerate(tips):
            table.horizontalHeaderItem(column).setToolTip(tip)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        table.horizontalHeader().setSectionResizeMode(CASE, qt.QHeaderView.Stretch)
        table.setSelectionBehavior(qt.QTableWidget.SelectRows)
        table.setSelectionMode(qt.QTableWidget.ExtendedSelection)
        table.setEditTriggers(qt.QTableWidget.NoEditTriggers)
        table.setSortingEnabled(True)
        # Equal until a person sorts: the order of the rows as they come, most uncertain first.
        table.horizontalHeader().setSortIndicator(UNCERTAINTY, qt.Qt.DescendingOrder)
        table.connect("itemSelectionChanged()", onSelected)
        table.connect("cellDoubleClicked(int,int)", self._onDoubleClicked)

    def setRows(self, rows: Sequence[Any], loaded: set[str]) -> None:
        """Show these rows; what is unchanged is not written again, the selection is kept."""
        # Copies: reviewing changes a row itself, and would hide that its line is out of date.
        new = {row.caseId: copy(row) for row in rows}
        if list(new) != list(self.rows):
            self._rebuild(new, loaded)
            return
        changed = [
            caseId
            for caseId, row in new.items()
            if row != self.rows[caseId] or (caseId in loaded) != (caseId in self.loaded)
        ]
        self.rows, self.loaded = new, set(loaded)
        if not changed:
            return
        places = {self.caseAt(row): row for row in range(self.table.rowCount)}
        self._write({caseId: places[caseId] for caseId in changed})

    def selectedIds(self) -> list[str]:
        """The selected cases from top to bottom, without those that the filter hides."""
        lines = sorted(index.row() for index in self.table.selectionModel().selectedRows())
        return [self.caseAt(line) for line in lines if not self.table.isRowHidden(line)]

    def shownIds(self) -> list[str]:
        """The cases that the filter shows, from top to bottom."""
        lines = range(self.table.rowCount)
        return [self.caseAt(line) for line in lines if not self.table.isRowHidden(line)]

    def select(self, caseId: str) -> None:
        """Select this case alone and bring it into sight."""
        line = self.lineOf(caseId)
        if line >= 0:
            self.table.selectRow(line)
            self.table.scrollToItem(self.table.item(line, CASE))

    def setFilter(self, which: str) -> None:
        """ALL, OPEN (not reviewed yet) or DONE."""
        self._filter = which
        self._applyFilter()

    def caseAt(self, line: int) -> str:
        """The case in a line of the table as it is sorted now."""
        return self.table.item(line, CASE).text()

    def lineOf(self, caseId: str) -> int:
        """Where a case is now, -1 where it is not."""
        lines = range(self.table.rowCount)
        return next((line for line in lines if self.caseAt(line) == caseId), -1)

    def _rebuild(self, rows: dict[str, Any], loaded: set[str]) -> None:
        selected = set(self.selectedIds())
        self.rows, self.loaded = rows, set(loaded)
        wasBlocked = self.table.blockSignals(True)
        # Sorting while rows are filled would move them away under the pen.
        self.table.setSortingEnabled(False)
        self.table.setRowCount(0)
        self.table.setRowCount(len(rows))
        for line, caseId in enumerate(rows):
            for column in range(LOADED + 1):
                self.table.setItem(line, column, qt.QTableWidgetItem())
            self.table.item(line, CASE).setText(caseId)
        self.table.blockSignals(wasBlocked)
        self._write({caseId: line for line, caseId in enumerate(rows)})
        for line in range(len(rows)):
            if self.caseAt(line) in selected:
                for column in range(LOADED + 1):
                    self.table.item(line, column).setSelected(True)

    def _write(self, places: dict[str, int]) -> None:
        wasBlocked = self.table.blockSignals(True)
        wasSorting = self.table.isSortingEnabled()
        self.table.setSortingEnabled(False)
        for caseId, line in places.items():
            self._writeRow(line, self.rows[caseId])
        self.table.setSortingEnabled(True)
        self.table.blockSignals(wasBlocked)
        self._applyFilter()
        if not wasSorting:
            self.table.resizeColumnsToContents()

    def _writeRow(self, line: int, row: Any) -> None:
        item = self.table.item(line, CASE)
        item.setToolTip(str(row.labelFile))
        review = self.table.item(line, REVIEW)
        review.setText(reviewText(row.review) or (_("lies askew") if row.askew else ""))
        review.setToolTip(askewText(row.askew))
        # Shares between 0 and 1 with as many digits each sort as texts like the numbers they are.
        if row.uncertainty is not None:
            self.table.item(line, UNCERTAINTY).setText(f"{row.uncertainty:.4f}")
        dice = self.table.item(line, DICE)
        if row.meanDice is not None:
            dice.setText(f"{row.meanDice:.3f}")
        dice.setToolTip(diceText(row.perClass))
        self.table.item(line, LOADED).setText(_("yes") if row.caseId in self.loaded else "")

    def _applyFilter(self) -> None:
        for line in range(self.table.rowCount):
            isReviewed = bool(self.rows[self.caseAt(line)].review)
            hidden = isReviewed if self._filter == OPEN else not isReviewed
            self.table.setRowHidden(line, self._filter != ALL and hidden)

    def _onDoubleClicked(self, line: int, _column: int) -> None:
        self._onActivated(self.caseAt(line))


def reviewText(review: str) -> str:
    """A review state in words."""
    return {
        "accepted": _("accepted"),
        "corrected": _("corrected"),
        "rejected": _("rejected"),
    }.get(review, "")


def askewText(askew: int | None) -> str:
    """What it means that an image lies askew; empty where it does not."""
    if not askew:
        return ""
    return _(
        "This image lies {degrees} degrees from the axes of the images that were learned from: the "
        "network sees it as it never saw one. Look at the result."
    ).format(degrees=askew)


def diceText(perClass: dict[str, float] | None) -> str:
    """The Dice of each class, a line each."""
    if not perClass:
        return _("No reference segmentation is known for this case")
    return "\n".join(
        f"{name}: {value:.3f}" if value is not None else _("{name}: absent").format(name=name)
        for name, value in perClass.items()
    )
