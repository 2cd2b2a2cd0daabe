"""A form made from the descriptions of settings: label, editor, help, and a way back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import qt
from slicer.i18n import tr as _

from SemiWeakSegLib.methods import FieldDescription
from SemiWeakSegLib.panels.library_texts import libraryText, settingLabel
from SemiWeakSegLib.panels.setting_editors import Editor, makeEditor


class SettingsForm:
    """Rows for settings; keeps only the values that differ from their defaults.

    `onChanged` is called after each change that a person made. A value is stored as it was given:
    what a widget rounds for display does not change it.
    """

    def __init__(
        self,
        descriptions: Sequence[FieldDescription],
        onChanged: Callable[[], None] | None = None,
        namePrefix: str = "setting",
    ) -> None:
        self.descriptions = {each.name: each for each in descriptions}
        self.onChanged = onChanged
        self.editors: dict[str, Editor] = {}
        self.labels: dict[str, qt.QLabel] = {}
        self.resetButtons: dict[str, qt.QToolButton] = {}
        self._values: dict[str, Any] = {}
        self.widget = qt.QWidget()
        self._layout = qt.QFormLayout(self.widget)
        self._layout.setContentsMargins(0, 0, 0, 0)
        for description in descriptions:
            self._addRow(description, namePrefix)
        self.setValues({})

    @property
    def values(self) -> dict[str, Any]:
        """The settings that differ from their defaults."""
        return dict(self._values)

    def setValues(self, values: Mapping[str, Any]) -> None:
        """Show these values over the defaults; names that the form has no row for are left out."""
        self._values = {
            name: value
            for name, value in values.items()
            if name in self.descriptions and value != self.descriptions[name].default
        }
        for name, description in self.descriptions.items():
            self.editors[name].show(self._values.get(name, description.default))
            self._mark(name)
        self._greyOut()

    def reset(self) -> None:
        """Back to the defaults."""
        self.setValues({})
        self._tell()

    def resetOne(self, name: str) -> None:
        """One setting back to its default."""
        self.setValues({key: value for key, value in self._values.items() if key != name})
        self._tell()

    def _addRow(self, description: FieldDescription, namePrefix: str) -> None:
        name = description.name
        editor = makeEditor(description, lambda value: self._onEdited(name, value))
        label = qt.QLabel(self._labelOf(description))
        button = qt.QToolButton()
        button.text = "↺"
        button.autoRaise = True
        button.toolTip = _("Back to the default: {value}").format(value=description.default)
        button.connect("clicked()", lambda: self.resetOne(name))
        row = qt.QWidget()
        rowLayout = qt.QHBoxLayout(row)
        rowLayout.setContentsMargins(0, 0, 0, 0)
        rowLayout.addWidget(editor.widget, 1)
        rowLayout.addWidget(button)
        tooltip = helpOf(description)
        editor.widget.toolTip = tooltip
        label.toolTip = tooltip
        editor.widget.objectName = f"{namePrefix}_{name}"
        label.objectName = f"{namePrefix}_{name}_label"
        button.objectName = f"{namePrefix}_{name}_reset"
        self._layout.addRow(label, row)
        self.editors[name], self.labels[name], self.resetButtons[name] = editor, label, button

    def _labelOf(self, description: FieldDescription) -> str:
        if description.title:
            return libraryText(description.title)
        name, unit = description.name, description.unit
        # "reach" and "reach_mm" must not be called the same.
        isAlone = name.removesuffix(f"_{unit}") not in self.descriptions.keys() - {name}
        return settingLabel(name, unit if isAlone else None)

    def _onEdited(self, name: str, value: Any) -> None:
        if value == self._values.get(name, self.descriptions[name].default):
            return
        if value == self.descriptions[name].default:
            self._values.pop(name, None)
        else:
            self._values[name] = value
        self._mark(name)
        self._greyOut()
        self._tell()

    def _greyOut(self) -> None:
        """Disable what does nothing beside the values of the others."""
        values = {name: each.default for name, each in self.descriptions.items()} | self._values
        for name, description in self.descriptions.items():
            used = description.is_used(values)
            self.editors[name].widget.enabled = used
            self.labels[name].enabled = used

    def _mark(self, name: str) -> None:
        changed = name in self._values
        self.labels[name].styleSheet = "font-weight: bold" if changed else ""
        self.resetButtons[name].enabled = changed

    def _tell(self) -> None:
        if self.onChanged:
            self.onChanged()


def helpOf(description: FieldDescription) -> str:
    """Help, permitted values and default of a setting, for a tooltip."""
    text = _("{help}\nPermitted: {allowed}\nDefault: {default}\nIn a command: {name}").format(
        help=libraryText(description.help),
        allowed=description.allowed(),
        default=description.default,
        name=description.name,
    )
    if description.used_if:
        text += "\n" + _("Used with: {others}").format(others=description.used_with())
    return text
