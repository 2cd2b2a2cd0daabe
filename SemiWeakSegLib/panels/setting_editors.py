"""One editor for each kind of setting: a widget that shows a value and tells when it changes."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import qt
from slicer.i18n import tr as _

from SemiWeakSegLib.methods import FieldDescription

LARGEST_WHOLE = 999_999_999
LARGEST_NUMBER = 1e9
MOST_DECIMALS = 12


def makeEditor(description: FieldDescription, onChanged: Callable[[Any], None]) -> Editor:
    """The editor for a setting; `onChanged` is called with the value that a person chose."""
    if description.optional:
        return OptionalEditor(description, onChanged)
    return _plainEditor(description, onChanged)


def _plainEditor(description: FieldDescription, onChanged: Callable[[Any], None]) -> Editor:
    if description.choices is not None:
        return ChoiceEditor(description, onChanged)
    kinds = {"bool": BoolEditor, "int": IntEditor, "float": FloatEditor}
    return kinds.get(description.type, TextEditor)(description, onChanged)


class Editor:
    """Base of the editors: `widget`, and `show(value)`, which tells nobody."""

    def __init__(self, description: FieldDescription, onChanged: Callable[[Any], None]) -> None:
        self.description = description
        self.onChanged = onChanged
        self.widget = self._makeWidget()

    def show(self, value: Any) -> None:
        """Show a value without telling that it changed."""
        wasBlocked = self.widget.blockSignals(True)
        self._setValue(value)
        self.widget.blockSignals(wasBlocked)

    def _makeWidget(self) -> qt.QWidget:
        raise NotImplementedError

    def _setValue(self, value: Any) -> None:
        raise NotImplementedError


class BoolEditor(Editor):
    """A check box."""

    def _makeWidget(self) -> qt.QWidget:
        box = qt.QCheckBox()
        box.connect("toggled(bool)", lambda checked: self.onChanged(bool(checked)))
        return box

    def _setValue(self, value: Any) -> None:
        self.widget.checked = bool(value)


class IntEditor(Editor):
    """A whole number within its range."""

    def _makeWidget(self) -> qt.QWidget:
        low, high = self.description.minimum, self.description.maximum
        box = qt.QSpinBox()
        box.minimum = -LARGEST_WHOLE if low is None else int(low)
        box.maximum = LARGEST_WHOLE if high is None else int(high)
        _finish(box, self.description)
        box.connect("valueChanged(int)", lambda value: self.onChanged(int(value)))
        return box

    def _setValue(self, value: Any) -> None:
        self.widget.value = int(value)


class FloatEditor(Editor):
    """A number within its range, with as many decimals as its default, range and value need."""

    def _makeWidget(self) -> qt.QWidget:
        low, high = self.description.minimum, self.description.maximum
        box = qt.QDoubleSpinBox()
        # Decimals first: the range is rounded to them.
        box.decimals = decimalsFor(self.description.default or 0.0, low or 0.0, high or 0.0)
        box.minimum = -LARGEST_NUMBER if low is None else float(low)
        box.maximum = LARGEST_NUMBER if high is None else float(high)
        box.setStepType(qt.QDoubleSpinBox.AdaptiveDecimalStepType)
        _finish(box, self.description)
        box.connect("valueChanged(double)", lambda value: self.onChanged(float(value)))
        return box

    def _setValue(self, value: Any) -> None:
        # More digits than the box has would be shown, and kept at the next step, as another value.
        self.widget.decimals = max(self.widget.decimals, decimalsFor(value))
        self.widget.value = float(value)


class ChoiceEditor(Editor):
    """One of a few values."""

    def _makeWidget(self) -> qt.QWidget:
        box = qt.QComboBox()
        for choice in self.description.choices or ():
            box.addItem(str(choice).replace("_", " "))
        box.connect("currentIndexChanged(int)", self._onIndexChanged)
        return box

    def _setValue(self, value: Any) -> None:
        self.widget.currentIndex = list(self.description.choices or ()).index(value)

    def _onIndexChanged(self, index: int) -> None:
        self.onChanged((self.description.choices or ())[index])


class TextEditor(Editor):
    """A line of text, taken when it is finished."""

    def _makeWidget(self) -> qt.QWidget:
        line = qt.QLineEdit()
        line.connect("editingFinished()", lambda: self.onChanged(line.text))
        return line

    def _setValue(self, value: Any) -> None:
        self.widget.text = str(value)


class OptionalEditor(Editor):
    """A check box "automatic" (None) beside the editor of the value."""

    def _makeWidget(self) -> qt.QWidget:
        widget = qt.QWidget()
        layout = qt.QHBoxLayout(widget)
        layout.setContentsMargins(0, 0, 0, 0)
        self.automatic = qt.QCheckBox(_("automatic"))
        self.inner = _plainEditor(self.description, self.onChanged)
        layout.addWidget(self.automatic)
        layout.addWidget(self.inner.widget)
        self.automatic.connect("toggled(bool)", self._onToggled)
        return widget

    def show(self, value: Any) -> None:
        """Show a value, or "automatic" for None, without telling that it changed."""
        wasBlocked = self.automatic.blockSignals(True)
        self.automatic.checked = value is None
        self.automatic.blockSignals(wasBlocked)
        self.inner.widget.enabled = value is not None
        if value is not None:
            self.inner.show(value)

    def _onToggled(self, automatic: bool) -> None:
        self.inner.widget.enabled = not automatic
        if automatic:
            self.onChanged(None)
            return
        value = firstValue(self.description)
        self.inner.show(value)
        self.onChanged(value)


def firstValue(description: FieldDescription) -> Any:
    """A permitted value to start from where "automatic" is taken away."""
    if description.default is not None:
        return description.default
    if description.choices:
        return next(choice for choice in description.choices if choice is not None)
    if description.type in ("int", "float"):
        number = description.minimum if description.minimum is not None else 0
        return int(number) if description.type == "int" else float(number)
    return False if description.type == "bool" else ""


def decimalsFor(*values: float) -> int:
    """Decimals that show every one of the values in full, at least 2."""
    places = [-int(Decimal(repr(float(value))).normalize().as_tuple().exponent) for value in values]
    return min(MOST_DECIMALS, max(2, *places))


def _finish(box: Any, description: FieldDescription) -> None:
    # A number is taken when it is typed to its end, not digit by digit.
    box.setKeyboardTracking(False)
    if description.unit:
        box.suffix = f" {description.unit}"
