"""The extra terms of the loss: add one, weigh it, set it, take it away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ctk
import qt
from slicer.i18n import tr as _

from SemiWeakSegLib.methods import FAMILIES, TERMS, by_family
from SemiWeakSegLib.panels.kernel_view import KernelView
from SemiWeakSegLib.panels.library_texts import libraryText
from SemiWeakSegLib.panels.selections import usualWeight
from SemiWeakSegLib.panels.settings_form import SettingsForm

LARGEST_WEIGHT = 1e6
FLAGS_ROLE = qt.Qt.UserRole - 1
"""Where the items of a combo box keep their flags; none: the item is no choice."""


class TermRow:
    """One term: its weight, its settings, a button that removes it."""

    def __init__(
        self,
        term: dict[str, Any],
        dimensions: int,
        onChanged: Callable[[], None],
        onRemoved: Callable[[str], None],
        kernel: KernelView,
    ) -> None:
        kind = TERMS[term["name"]]
        self.name = kind.name
        self._onChanged = onChanged
        self._dimensions = dimensions
        self._isChosen = term["weight"] is not None
        self.widget = qt.QGroupBox()
        self.widget.title = libraryText(kind.title)
        self.widget.objectName = f"term_{kind.name}"
        self.widget.toolTip = libraryText(kind.summary)
        layout = qt.QVBoxLayout(self.widget)
        top = qt.QHBoxLayout()
        label = qt.QLabel(_("Weight"))
        self.weight = qt.QDoubleSpinBox()
        self.weight.objectName = f"term_{kind.name}_weight"
        self.weight.decimals = 4
        self.weight.minimum = 0.0
        self.weight.maximum = LARGEST_WEIGHT
        self.weight.setStepType(qt.QDoubleSpinBox.AdaptiveDecimalStepType)
        self.weight.setKeyboardTracking(False)
        if self._isChosen:
            self.weight.value = term["weight"]
        self.weight.connect("valueChanged(double)", self._onWeight)
        self.removeButton = qt.QPushButton(_("Remove"))
        self.removeButton.objectName = f"term_{kind.name}_remove"
        self.removeButton.toolTip = _("Train without this term")
        self.removeButton.connect("clicked()", lambda: onRemoved(kind.name))
        top.addWidget(label)
        top.addWidget(self.weight, 1)
        top.addWidget(self.removeButton)
        layout.addLayout(top)
        self.form = SettingsForm(kind.descriptions(), self._onSettings, f"term_{kind.name}")
        self.form.setValues(term["settings"])
        self._showUsual()
        # A term is mostly used as it is.
        self.settingsBox = ctk.ctkCollapsibleGroupBox()
        self.settingsBox.title = _("Settings")
        self.settingsBox.objectName = f"term_{kind.name}_settings"
        self.settingsBox.toolTip = _("Settings of this term; the defaults mostly do")
        settingsLayout = qt.QVBoxLayout(self.settingsBox)
        settingsLayout.addWidget(self.form.widget)
        self.kernelRow = kernel.row(kind, lambda: self.form.values, f"kernel_term_{kind.name}")
        if self.kernelRow is not None:
            settingsLayout.addWidget(self.kernelRow.widget)
        self.settingsBox.collapsed = not term["settings"]
        layout.addWidget(self.settingsBox)

    def setDimensions(self, dimensions: int) -> None:
        """Whether slices (2) or volumes (3) are learned from: the usual weight may differ."""
        self._dimensions = dimensions
        self._showUsual()

    def _showUsual(self) -> None:
        """A weight that nobody chose is what is usual."""
        usual = usualWeight(self.name, self.form.values, self._dimensions)
        self.weight.toolTip = _(
            "How much this term counts beside the supervised loss; usual: {weight:g}"
        ).format(weight=usual)
        if not self._isChosen:
            wasBlocked = self.weight.blockSignals(True)
            self.weight.value = usual
            self.weight.blockSignals(wasBlocked)

    def _onWeight(self, _value: float) -> None:
        self._isChosen = True
        self._onChanged()

    def _onSettings(self) -> None:
        self._showUsual()
        self._onChanged()

    @property
    def value(self) -> dict[str, Any]:
        """The term as the parameter node keeps it: without a weight where nobody chose one."""
        weight = self.weight.value if self._isChosen else None
        return {"name": self.name, "weight": weight, "settings": self.form.values}


class TermsList:
    """The chosen terms, each at most once. `onChanged` is called after a person's change."""

    def __init__(
        self, container: qt.QWidget, onChanged: Callable[[], None], kernel: KernelView
    ) -> None:
        self.onChanged = onChanged
        self._kernel = kernel
        self._method = ""
        self._dimensions = 3
        self.rows: dict[str, TermRow] = {}
        self._layout = qt.QVBoxLayout(container)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self.addBox = qt.QComboBox()
        self.addBox.objectName = "addTermComboBox"
        self.addBox.maxVisibleItems = 20
        # The entries are sentences: the box must not be as wide as the longest.
        self.addBox.sizeAdjustPolicy = qt.QComboBox.AdjustToMinimumContentsLengthWithIcon
        self.addBox.toolTip = _(
            "Add a term to the loss of the chosen method; it is trained beside the method's own"
        )
        self.addBox.connect("activated(int)", self._onActivated)
        self._layout.addWidget(self.addBox)
        self._fillBox()

    @property
    def terms(self) -> list[dict[str, Any]]:
        """The terms in their order: name, weight, changed settings."""
        return [row.value for row in self.rows.values()]

    def setMethod(self, name: str) -> None:
        """The chosen method: the term that it consists of is not offered."""
        if name != self._method:
            self._method = name
            self._fillBox()

    def setDimensions(self, dimensions: int) -> None:
        """Slices (2) or volumes (3), which usual weights may depend on."""
        if dimensions != self._dimensions:
            self._dimensions = dimensions
            for row in self.rows.values():
                row.setDimensions(dimensions)

    def setTerms(self, terms: list[dict[str, Any]]) -> None:
        """Show these terms and no others."""
        for name in list(self.rows):
            self._drop(name)
        for term in terms:
            self._show(term)
        self._fillBox()

    def add(self, name: str) -> None:
        """Add a term with its usual weight and settings."""
        if name in self.rows:
            return
        self._show({"name": name, "weight": None, "settings": {}})
        self._fillBox()
        self.onChanged()

    def remove(self, name: str) -> None:
        """Take a term away."""
        self._drop(name)
        self._fillBox()
        self.onChanged()

    def _show(self, term: dict[str, Any]) -> None:
        row = TermRow(term, self._dimensions, self.onChanged, self.remove, self._kernel)
        self.rows[row.name] = row
        self._layout.addWidget(row.widget)

    def _drop(self, name: str) -> None:
        row = self.rows.pop(name)
        if row.kernelRow is not None:
            self._kernel.drop(row.kernelRow)
        widget = row.widget
        self._layout.removeWidget(widget)
        widget.hide()
        # Its own button may be what was clicked: it goes when that is over.
        widget.deleteLater()

    def _fillBox(self) -> None:
        box = self.addBox
        box.clear()
        box.addItem(_("Add a term…"), "")
        for family, terms in by_family(TERMS).items():
            left = [term for term in terms if term.name not in {self._method, *self.rows}]
            if left:
                self._addHeading(libraryText(FAMILIES[family]))
            for term in left:
                text = f"{libraryText(term.title)}: {libraryText(term.summary)}"
                box.addItem(text, term.name)
                box.setItemData(box.count - 1, libraryText(term.summary), qt.Qt.ToolTipRole)
        box.enabled = box.count > 1

    def _addHeading(self, text: str) -> None:
        """An entry that neither mouse nor keyboard can choose."""
        self.addBox.addItem(text, "")
        place = self.addBox.count - 1
        self.addBox.setItemData(place, 0, FLAGS_ROLE)
        font = qt.QFont()
        font.setBold(True)
        self.addBox.setItemData(place, font, qt.Qt.FontRole)

    def _onActivated(self, index: int) -> None:
        name = self.addBox.itemData(index)
        self.addBox.currentIndex = 0
        if name:
            self.add(name)
