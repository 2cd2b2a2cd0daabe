"""Device, budget, seed and output folder, as widgets and as the parameter node keeps them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
from slicer.i18n import tr as _

from SemiWeakSegLib.panels.connections import Connections
from SemiWeakSegLib.panels.packages import Device, Environment, readableMemory
from SemiWeakSegLib.panels.training_choices import AUTOMATIC, MINUTES, STEPS, USUAL


class TrainingForm:
    """Keeps widgets and parameter node alike; `onChanged` is called after a person's change."""

    def __init__(self, ui: Any, connections: Connections, onChanged: Callable[[], None]) -> None:
        self.ui = ui
        self._onChanged = onChanged
        self._parameterNode: Any = None
        self._isShowing = False
        self._environment: Environment | None = None
        for kind, text in (
            (USUAL, _("Usual for the device")),
            (STEPS, _("Steps")),
            (MINUTES, _("Minutes")),
        ):
            ui.budgetComboBox.addItem(text, kind)
        self._fillDevices(AUTOMATIC)
        for widget, signal in (
            (ui.deviceComboBox, "currentIndexChanged(int)"),
            (ui.budgetComboBox, "currentIndexChanged(int)"),
            (ui.stepsSpinBox, "valueChanged(int)"),
            (ui.minutesSpinBox, "valueChanged(double)"),
            (ui.seedSpinBox, "valueChanged(int)"),
            (ui.outputFolderPathLineEdit, "currentPathChanged(QString)"),
            # An empty text is no valid path: clearing the field is told this way only.
            (ui.outputFolderPathLineEdit, "validInputChanged(bool)"),
        ):
            connections.widget(widget, signal, self.read)
        self.show(None)

    def setEnvironment(self, environment: Environment) -> None:
        """Offer the devices of this computer."""
        self._environment = environment
        self.show(self._parameterNode)

    def show(self, parameterNode: Any) -> None:
        """Show what the parameter node says; nothing can be changed where there is none."""
        self._parameterNode = parameterNode
        ui = self.ui
        widgets = (
            ui.deviceComboBox,
            ui.budgetComboBox,
            ui.stepsSpinBox,
            ui.minutesSpinBox,
            ui.seedSpinBox,
            ui.outputFolderPathLineEdit,
        )
        for widget in widgets:
            widget.enabled = parameterNode is not None
        if parameterNode is None:
            self._showBudgetWidgets()
            return
        self._isShowing = True
        try:
            self._fillDevices(parameterNode.device)
            kind = ui.budgetComboBox.findData(parameterNode.budgetKind)
            ui.budgetComboBox.currentIndex = max(kind, 0)
            ui.stepsSpinBox.value = parameterNode.steps
            ui.minutesSpinBox.value = parameterNode.minutes
            ui.seedSpinBox.value = parameterNode.seed
            if ui.outputFolderPathLineEdit.currentPath != parameterNode.outputFolder:
                ui.outputFolderPathLineEdit.currentPath = parameterNode.outputFolder
        finally:
            self._isShowing = False
        self._showBudgetWidgets()

    def read(self, *arguments: Any) -> None:
        """Write what a person chose to the parameter node."""
        node = self._parameterNode
        if self._isShowing or node is None:
            return
        ui = self.ui
        wasModifying = node.StartModify()
        for name, value in (
            ("device", _chosen(ui.deviceComboBox)),
            ("budgetKind", _chosen(ui.budgetComboBox)),
            ("steps", ui.stepsSpinBox.value),
            ("minutes", ui.minutesSpinBox.value),
            ("seed", ui.seedSpinBox.value),
            ("outputFolder", ui.outputFolderPathLineEdit.currentPath.strip()),
        ):
            if getattr(node, name) != value:
                setattr(node, name, value)
        node.EndModify(wasModifying)
        self._showBudgetWidgets()
        self._onChanged()

    def _showBudgetWidgets(self) -> None:
        kind = _chosen(self.ui.budgetComboBox)
        self.ui.stepsSpinBox.visible = kind == STEPS
        self.ui.minutesSpinBox.visible = kind == MINUTES

    def _fillDevices(self, chosen: str) -> None:
        """Automatic, this computer's devices, and a chosen one that is not here."""
        devices = self._environment.devices if self._environment is not None else ()
        items = [(AUTOMATIC, _("Automatic")), *((each.name, _describe(each)) for each in devices)]
        if devices and chosen == AUTOMATIC:
            items[0] = (AUTOMATIC, _("Automatic: {device}").format(device=_describe(devices[0])))
        if all(name != chosen for name, _text in items):
            text = _("{name} (not on this computer)") if devices else "{name}"
            items.append((chosen, text.format(name=chosen)))
        combo = self.ui.deviceComboBox
        wasBlocked = combo.blockSignals(True)
        combo.clear()
        for name, text in items:
            combo.addItem(text, name)
        combo.currentIndex = combo.findData(chosen)
        combo.blockSignals(wasBlocked)
        combo.setItemData(
            0,
            _("The fastest device of this computer, found when the training starts."),
            qt.Qt.ToolTipRole,
        )


def _chosen(combo: qt.QComboBox) -> str:
    return combo.itemData(combo.currentIndex)


def _describe(device: Device) -> str:
    if device.memory is None:
        return f"{device.name}: {device.title}"
    return f"{device.name}: {device.title}, {readableMemory(device.memory)}"
