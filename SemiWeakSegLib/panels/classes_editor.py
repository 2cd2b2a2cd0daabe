"""The list of classes: value, name, colour and standard term, each change applied at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import ctk
import qt
from slicer.i18n import tr as _

from SemiWeakSegLib.cohort import SegmentClass
from SemiWeakSegLib.panels.terminology import termName
from SemiWeakSegLib.panels.terminology_dialog import TerminologyDialog
from SemiWeakSegLib.scene.segments import defaultColor

_VALUE, _NAME, _COLOR, _TERM = range(4)
_FRAME = 6
_MOST_HEIGHT = 190


class ClassesEditor:
    """Edits classes in a QTableWidget with a button to add and one to remove.

    ``apply`` gets the new list and raises ValueError where the cohort refuses it: the reason is
    shown in ``message`` and the list is as before. It returns the cases whose label maps are older
    than a class that was added (Study.setClasses).
    """

    def __init__(
        self,
        table: qt.QTableWidget,
        addButton: qt.QPushButton,
        removeButton: qt.QPushButton,
        message: qt.QLabel,
        apply: Callable[[list[SegmentClass]], list[str]],
    ) -> None:
        self.table = table
        self._add, self._remove, self._message = addButton, removeButton, message
        self._apply = apply
        self._classes: list[SegmentClass] = []
        self._filling = False
        self._dialog: TerminologyDialog | None = None
        table.setColumnCount(4)
        table.setHorizontalHeaderLabels([_("Value"), _("Name"), _("Color"), _("Standard term")])
        table.verticalHeader().hide()
        table.horizontalHeader().setStretchLastSection(True)
        for column, width in ((_VALUE, 45), (_NAME, 130), (_COLOR, 60)):
            table.setColumnWidth(column, width)
        self._connections = (
            (table, "cellChanged(int,int)", self._nameChanged),
            (table, "itemSelectionChanged()", self._updateButtons),
            (addButton, "clicked()", self._addClass),
            (removeButton, "clicked()", self._removeClass),
        )
        for widget, signal, slot in self._connections:
            widget.connect(signal, slot)
        self._updateButtons()

    def cleanup(self) -> None:
        """Call nobody from now on."""
        for widget, signal, slot in self._connections:
            widget.disconnect(signal, slot)
        self._filling = True
        self._forgetDialog()

    def show(self, classes: Sequence[SegmentClass]) -> None:
        """Show these classes; rows that are there are rewritten in place."""
        self._filling = True
        try:
            self.table.setRowCount(len(classes))
            for row, item in enumerate(classes):
                self._fillRow(row, item)
        finally:
            self._filling = False
        self._classes = list(classes)
        self._fitHeight()
        self._updateButtons()

    def propose(self, classes: list[SegmentClass]) -> bool:
        """Apply a whole new list; False where it was refused (the reason is shown)."""
        try:
            older = self._apply(classes)
        except (ValueError, OSError) as error:
            self._say(str(error))
            self.show(self._classes)
            return False
        self._say(_olderText(older))
        return True

    def chooseTerm(self, row: int) -> TerminologyDialog:
        """Open the list of standard terms for the class in ``row``."""
        item = self._classes[row]
        self._forgetDialog()

        def chosen(entry: str | None, name: str | None, color: object) -> None:
            new = replace(item, terminology=entry)
            if color is not None and item.color is None:
                new = replace(new, color=color)
            if name is not None and item.name == _newName(item.index):
                new = replace(new, name=name)
            self._change(row, new)

        self._dialog = TerminologyDialog(self.table, chosen)
        self._dialog.show("" if item.name == _newName(item.index) else item.name, item.terminology)
        return self._dialog

    def _fillRow(self, row: int, item: SegmentClass) -> None:
        table = self.table
        if table.cellWidget(row, _COLOR) is None:
            self._makeRow(row)
        table.item(row, _VALUE).setText(str(item.index))
        table.item(row, _NAME).setText(item.name)
        color = qt.QColor()
        color.setRgbF(*(item.color or defaultColor(item.index)))
        table.cellWidget(row, _COLOR).color = color
        term = table.cellWidget(row, _TERM)
        term.text = termName(item.terminology) or _("Choose…")
        term.toolTip = item.terminology or _(
            "The standard term (for example a SNOMED CT code) that DICOM files name the class by."
        )

    def _fitHeight(self) -> None:
        rows = max(len(self._classes), 1)
        height = self.table.horizontalHeader().sizeHint.height()
        height += rows * self.table.verticalHeader().defaultSectionSize + _FRAME
        self.table.setFixedHeight(min(height, _MOST_HEIGHT))

    def _makeRow(self, row: int) -> None:
        value = qt.QTableWidgetItem()
        value.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsSelectable)
        value.setToolTip(_("The value in label maps. 0 is background, 255 unlabeled."))
        self.table.setItem(row, _VALUE, value)
        self.table.setItem(row, _NAME, qt.QTableWidgetItem())
        picker = ctk.ctkColorPickerButton()
        picker.setObjectName(f"ClassColor{row}")
        picker.displayColorName = False
        picker.toolTip = _("The color of the class in the views.")
        picker.connect("colorChanged(QColor)", lambda color: self._colorChanged(row, color))
        self.table.setCellWidget(row, _COLOR, picker)
        term = qt.QPushButton()
        term.setObjectName(f"ClassTerm{row}")
        term.flat = True
        term.connect("clicked()", lambda: self.chooseTerm(row))
        self.table.setCellWidget(row, _TERM, term)

    def _nameChanged(self, row: int, column: int) -> None:
        if not self._filling and column == _NAME and row < len(self._classes):
            name = self.table.item(row, _NAME).text().strip()
            self._change(row, replace(self._classes[row], name=name))

    def _colorChanged(self, row: int, color: qt.QColor) -> None:
        if not self._filling and row < len(self._classes):
            rgb = tuple(round(value, 4) for value in (color.redF(), color.greenF(), color.blueF()))
            self._change(row, replace(self._classes[row], color=rgb))

    def _change(self, row: int, item: SegmentClass) -> None:
        if row < len(self._classes) and item != self._classes[row]:
            self.propose([*self._classes[:row], item, *self._classes[row + 1 :]])
        elif row < len(self._classes):
            self.show(self._classes)

    def _addClass(self) -> None:
        index = len(self._classes) + 1
        name = _newName(index)
        taken = {item.name.casefold() for item in self._classes}
        while name.casefold() in taken:
            name += "'"
        if self.propose([*self._classes, SegmentClass(index, name)]):
            row = len(self._classes) - 1
            self.table.setCurrentCell(row, _NAME)
            self.table.editItem(self.table.item(row, _NAME))

    def _removeClass(self) -> None:
        row = self.table.currentRow()
        if 0 <= row < len(self._classes):
            left = [*self._classes[:row], *self._classes[row + 1 :]]
            self.propose([replace(item, index=n) for n, item in enumerate(left, start=1)])

    def _updateButtons(self) -> None:
        chosen = 0 <= self.table.currentRow() < len(self._classes)
        self._remove.enabled = chosen
        self._remove.toolTip = (
            _("Remove the selected class. Classes that annotations use cannot be removed.")
            if chosen
            else _("Select a class in the list first.")
        )

    def _say(self, text: str) -> None:
        self._message.text = text
        self._message.visible = bool(text)

    def _forgetDialog(self) -> None:
        dialog, self._dialog = self._dialog, None
        if dialog is not None:
            dialog.close()


def _newName(index: int) -> str:
    return _("class {index}").format(index=index)


def _olderText(cases: Sequence[str]) -> str:
    if not cases:
        return ""
    return _(
        "{count} case(s) have label maps older than the new class, which counts as background in "
        "them. Where nobody looked for it, say so in the Annotate section."
    ).format(count=len(cases))
