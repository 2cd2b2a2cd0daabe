"""Bounds of each class's size, common to all cases: typed, or taken from the labeled cases."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import qt
from slicer.i18n import tr as _

from SemiWeakSegLib.cohort import SegmentClass
from SemiWeakSegLib.cohort.sizes import suggested_bounds
from SemiWeakSegLib.panels.connections import Connections
from SemiWeakSegLib.scene.size_distribution import SizeDistribution, labeledSizes

CLASS, AT_LEAST, AT_MOST, MEASURED = range(4)
UNITS = {3: (("cm³", 1000.0), ("mm³", 1.0)), 2: (("mm²", 1.0), ("cm²", 100.0))}
DELAY_MS = 400
"""Changes are passed on when nothing more has come for this long: a held arrow key is one."""
BOUND_WIDTH = 95
MOST_HEIGHT = 190
FRAME = 6

Bounds = tuple[float, float]


class SizeBoundsView:
    """The group "Size bounds" of the Method section; every change is a step of the cohort's undo.

    An upper bound of 0 means none; bounds of both 0 are not said. Bounds whose lower one exceeds
    the upper one are not kept, and said to be so.
    """

    def __init__(self, ui: Any, logic: Any) -> None:
        self.ui = ui
        self.logic = logic
        self.distribution = SizeDistribution()
        self._rows: list[_Row] = []
        self._shown: tuple[Any, ...] = ()
        self._sizes: dict[int, list[float]] = {}
        self._drawn: tuple[Any, ...] = ()
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(DELAY_MS)
        table = ui.sizeBoundsTable
        table.setColumnCount(4)
        table.setHorizontalHeaderLabels([_("Class"), _("At least"), _("At most"), _("Labeled")])
        table.verticalHeader().hide()
        header = table.horizontalHeader()
        header.setSectionResizeMode(qt.QHeaderView.ResizeToContents)
        header.setSectionResizeMode(CLASS, qt.QHeaderView.Stretch)
        self._fillUnits()
        self._connections = Connections()
        self._connections.widget(self._timer, "timeout()", self._passOn)
        self._connections.widget(
            ui.sizeUnitSelector, "currentIndexChanged(int)", self._onUnitChanged
        )
        self._connections.widget(ui.sizeFromCasesButton, "clicked()", self.takeFromCases)
        self._connections.widget(ui.sizePlotButton, "clicked()", self.plot)
        self.refresh()

    @property
    def unit(self) -> tuple[str, float]:
        """The chosen unit, and how many mm³ (mm²) it is."""
        return UNITS[self._dimension][max(0, self.ui.sizeUnitSelector.currentIndex)]

    def refresh(self) -> None:
        """The classes, their bounds and their sizes, as cohort and check have them now."""
        study, inspection = self.logic.study, self.logic.inspection
        classes = () if study is None else tuple(study.classes)
        facts = {} if inspection is None else inspection.facts
        self._sizes = {} if study is None else labeledSizes(study, facts)
        self._fillUnits()
        state = (None if study is None else study.path, classes, self.unit)
        if state != self._shown:
            # What is being typed belongs to the cohort that it was typed for.
            self._timer.stop()
            self._show(classes)
            self._shown = state
        for row in self._rows:
            row.showMeasured(self._sizes.get(row.segmentClass.index, ()), self.unit)
        if study is None:
            self.distribution.remove()
        elif self.distribution.chart is not None and self._drawn != self._toDraw():
            self._draw()
        self._updateButtons()

    def takeFromCases(self) -> None:
        """Bounds from the smallest and the largest size in the labeled cases, with the margin."""
        self.flush()
        margin = float(self.ui.sizeMarginSpinBox.value) / 100.0
        found = {index: suggested_bounds(sizes, margin) for index, sizes in self._sizes.items()}
        self._keep({index: bounds for index, bounds in found.items() if bounds is not None})
        classes = [row.segmentClass for row in self._rows]
        nowhere = [each.name for each in classes if not found.get(each.index)]
        if nowhere:
            self._say(
                _("No labeled case shows {names}: the bounds stay as they were.").format(
                    names=", ".join(nowhere)
                )
            )

    def plot(self) -> None:
        """Draw the sizes of the labeled cases, and show them in a plot view."""
        self.flush()
        self._draw()
        if not self.distribution.show():
            self._say(_("There is no view for plots; the chart 'Sizes' is in the scene."))

    def control(self, name: str) -> qt.QDoubleSpinBox:
        """A control by its object name: "classLower1" or "classUpper1" for class 1."""
        for row in self._rows:
            if name in row.controls:
                return row.controls[name]
        raise KeyError(name)

    def flush(self) -> None:
        """Pass a change on that still waits."""
        if self._timer.active:
            self._timer.stop()
            self._passOn()

    def cleanup(self) -> None:
        """Call nobody any more."""
        self.flush()
        self._connections.release()

    @property
    def _dimension(self) -> int:
        inspection = self.logic.inspection
        facts = [] if inspection is None else list(inspection.facts.values())
        known = [each.dimension for each in facts if each.dimension]
        return 2 if known and set(known) == {2} else 3

    def _fillUnits(self) -> None:
        selector = self.ui.sizeUnitSelector
        names = [name for name, _size in UNITS[self._dimension]]
        if [selector.itemText(index) for index in range(selector.count)] == names:
            return
        wasBlocked = selector.blockSignals(True)
        selector.clear()
        for name in names:
            selector.addItem(name)
        selector.currentIndex = 0
        selector.blockSignals(wasBlocked)

    def _onUnitChanged(self, _index: int) -> None:
        # Typed in the former unit, which the rows still have.
        self.flush()
        self.refresh()

    def _show(self, classes: Sequence[SegmentClass]) -> None:
        table = self.ui.sizeBoundsTable
        if [row.segmentClass.index for row in self._rows] != [each.index for each in classes]:
            table.setRowCount(0)  # deletes the old controls
            table.setRowCount(len(classes))
            self._rows = [
                _Row(table, number, self._onEdited) for number, _item in enumerate(classes)
            ]
        for row, item in zip(self._rows, classes, strict=True):
            row.show(item, self.unit)
        height = table.horizontalHeader().sizeHint.height() + FRAME
        height += max(len(classes), 1) * table.verticalHeader().defaultSectionSize
        table.setFixedHeight(min(height, MOST_HEIGHT))

    def _onEdited(self) -> None:
        self._timer.start()

    def _passOn(self) -> None:
        said = {row.segmentClass.index: row.bounds() for row in self._rows if not row.contradicts}
        known = {row.segmentClass.index: row.segmentClass.size_bounds for row in self._rows}
        self._keep({index: pair for index, pair in said.items() if pair != known[index]})
        self._updateButtons()

    def _keep(self, bounds: dict[int, Bounds | None]) -> None:
        if not bounds or self.logic.study is None:
            return
        try:
            self.logic.study.setSizeBounds(bounds)
        except (ValueError, OSError) as error:
            self._shown = ()
            self.refresh()
            self._say(str(error))

    def _toDraw(self) -> tuple[Any, ...]:
        classes = () if self.logic.study is None else tuple(self.logic.study.classes)
        return classes, self._sizes, self.unit

    def _draw(self) -> None:
        self._drawn = self._toDraw()
        self.distribution.draw(*self._drawn)

    def _updateButtons(self) -> None:
        crossed = [row.segmentClass.name for row in self._rows if row.contradicts]
        self._say(
            _(
                "The lower bound exceeds the upper one for {names}; these bounds are not kept "
                "until one of them is changed."
            ).format(names=", ".join(crossed))
            if crossed
            else ""
        )
        ui = self.ui
        ui.sizeBoundsTable.enabled = bool(self._rows)
        if self.logic.study is None:
            missing = _("Open a cohort first")
        elif not any(self._sizes.values()):
            missing = _("The check of the cohort has found no fully labeled training case")
        else:
            missing = ""
        ui.sizeFromCasesButton.enabled = not missing
        ui.sizeFromCasesButton.toolTip = missing or _(
            "Take the smallest and the largest size in the labeled cases, with the margin"
        )
        ui.sizePlotButton.enabled = not missing
        ui.sizePlotButton.toolTip = missing or _(
            "Plot which share of the labeled cases is at most so large, with the bounds as lines"
        )

    def _say(self, text: str) -> None:
        self.ui.sizeBoundsMessage.text = text
        self.ui.sizeBoundsMessage.visible = bool(text)


class _Row:
    """The bounds of one class."""

    def __init__(self, table: qt.QTableWidget, number: int, onEdited: Callable[[], None]) -> None:
        self.segmentClass = SegmentClass(number + 1, "")
        self._unitSize = 1.0
        self._texts: Bounds = (0.0, 0.0)
        self._items = {column: qt.QTableWidgetItem() for column in (CLASS, MEASURED)}
        for column, item in self._items.items():
            item.setFlags(qt.Qt.ItemIsEnabled)
            table.setItem(number, column, item)
        self._lower = self._bound(f"classLower{number + 1}", _("0"), onEdited)
        self._upper = self._bound(f"classUpper{number + 1}", _("any"), onEdited)
        table.setCellWidget(number, AT_LEAST, self._lower)
        table.setCellWidget(number, AT_MOST, self._upper)
        self.controls = {each.objectName: each for each in (self._lower, self._upper)}

    @staticmethod
    def _bound(name: str, zeroText: str, onEdited: Callable[[], None]) -> qt.QDoubleSpinBox:
        spin = qt.QDoubleSpinBox()
        spin.setObjectName(name)
        spin.setDecimals(3)
        spin.setRange(0.0, 1e9)
        spin.setSpecialValueText(zeroText)
        spin.setKeyboardTracking(False)
        spin.setMaximumWidth(BOUND_WIDTH)
        spin.setStepType(qt.QDoubleSpinBox.AdaptiveDecimalStepType)
        spin.connect("valueChanged(double)", lambda _value: onEdited())
        return spin

    def show(self, item: SegmentClass, unit: tuple[str, float]) -> None:
        """Show a class's bounds without telling."""
        self.segmentClass, self._unitSize = item, unit[1]
        name = item.name
        self._items[CLASS].setText(name)
        self._lower.toolTip = _("{name} is at least this large in every image").format(name=name)
        self._upper.toolTip = _(
            "{name} is at most this large in every image; 0: no upper bound"
        ).format(name=name)
        lower, upper = item.size_bounds or (0.0, 0.0)
        values = lower, upper if math.isfinite(upper) else 0.0
        for spin, value in zip((self._lower, self._upper), values, strict=True):
            wasBlocked = spin.blockSignals(True)
            spin.setValue(value / self._unitSize)
            spin.blockSignals(wasBlocked)
        self._texts = float(self._lower.value), float(self._upper.value)

    def showMeasured(self, sizes: Sequence[float], unit: tuple[str, float]) -> None:
        """Show smallest and largest size in the labeled cases."""
        name, unitSize = unit
        text, tip = "", _("No labeled case says how large it is")
        if sizes:
            low, high = (f"{size / unitSize:.3g}" for size in (min(sizes), max(sizes)))
            text = low if low == high else f"{low}–{high}"
            tip = _("{count} labeled cases: {low} to {high} {unit}").format(
                count=len(sizes), low=low, high=high, unit=name
            )
        self._items[MEASURED].setText(text)
        self._items[MEASURED].setToolTip(tip)

    @property
    def contradicts(self) -> bool:
        """Whether the lower bound exceeds the upper one."""
        bounds = self.bounds()
        return bounds is not None and bounds[0] > bounds[1]

    def bounds(self) -> Bounds | None:
        """The bounds in mm³ (mm²), None where none is said."""
        typed = float(self._lower.value), float(self._upper.value)
        # What is shown is rounded, perhaps to nothing: what nobody touched stays as it was.
        if typed == self._texts:
            return self.segmentClass.size_bounds
        if typed == (0.0, 0.0):
            return None
        stored = self.segmentClass.size_bounds or (0.0, math.inf)
        lower, upper = (
            kept if value == shown else value * self._unitSize
            for value, shown, kept in zip(typed, self._texts, stored, strict=True)
        )
        return lower, upper if upper > 0 else math.inf
