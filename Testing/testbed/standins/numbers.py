"""Numbers: spin boxes, sliders, ranges."""

from __future__ import annotations

from PySide6 import QtCore, QtWidgets

from .factory import behaviour

STEPS = 1000


class Number:
    """Shared by widgets that hold one number in a QDoubleSpinBox."""

    _box = None
    _slider = None

    def _make_box(self, minimum: float, maximum: float, slider: bool) -> None:
        self._box = QtWidgets.QDoubleSpinBox()
        self._box.setRange(minimum, maximum)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        if slider:
            self._slider = QtWidgets.QSlider(QtCore.Qt.Orientation.Horizontal)
            self._slider.setRange(0, STEPS)
            self._slider.sliderMoved.connect(self._slider_moved)
            layout.addWidget(self._slider)
        layout.addWidget(self._box)
        self._box.valueChanged.connect(self._value_changed)

    def _slider_moved(self, step: int) -> None:
        low, high = self._box.minimum, self._box.maximum
        self._box.setValue(low + step / STEPS * (high - low))

    def _value_changed(self, value: float) -> None:
        span = self._box.maximum - self._box.minimum
        if self._slider is not None and span > 0 and span != float("inf"):
            self._slider.setValue(round(STEPS * (value - self._box.minimum) / span))
        self.valueChanged.emit(value)

    def _get_value(self) -> float:
        return self._box.value

    def _set_value(self, value: float) -> None:
        self._box.setValue(value)

    def setValue(self, value: float) -> None:
        self._box.setValue(value)

    def _get_minimum(self) -> float:
        return self._box.minimum

    def _set_minimum(self, value: float) -> None:
        self._box.setMinimum(max(value, -1e300))

    def _get_maximum(self) -> float:
        return self._box.maximum

    def _set_maximum(self, value: float) -> None:
        self._box.setMaximum(min(value, 1e300))

    def _get_singleStep(self) -> float:
        return self._box.singleStep

    def _set_singleStep(self, value: float) -> None:
        self._box.setSingleStep(value)

    def _get_decimals(self) -> int:
        return self._box.decimals

    def _set_decimals(self, value: int) -> None:
        self._box.setDecimals(value)

    def _get_suffix(self) -> str:
        return self._box.suffix

    def _set_suffix(self, value: str) -> None:
        self._box.setSuffix(value)

    def _get_prefix(self) -> str:
        return self._box.prefix

    def _set_prefix(self, value: str) -> None:
        self._box.setPrefix(value)


@behaviour
class ctkSliderWidget(Number):
    def _build(self) -> None:
        self._make_box(0.0, 99.0, slider=True)

    def setDecimals(self, decimals: int) -> None:
        self.decimals = decimals

    def reset(self) -> None:
        self._box.setValue(self._box.minimum)

    def setSpinBoxVisible(self, visible: bool) -> None:
        self._box.setVisible(visible)


@behaviour
class ctkDoubleSlider(Number):
    def _build(self) -> None:
        self._make_box(0.0, 99.0, slider=True)
        self._box.hide()


@behaviour
class ctkDoubleSpinBox(Number):
    def _build(self) -> None:
        self._make_box(0.0, 99.0, slider=False)
        self._box.editingFinished.connect(self.editingFinished.emit)


@behaviour
class ctkRangeWidget:
    """Two numbers, the first never above the second."""

    _low = None
    _high = None

    def _build(self) -> None:
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._low, self._high = QtWidgets.QDoubleSpinBox(), QtWidgets.QDoubleSpinBox()
        for box in (self._low, self._high):
            layout.addWidget(box)
            box.setRange(0.0, 99.0)
        self._high.setValue(99.0)
        self._low.valueChanged.connect(self._changed)
        self._high.valueChanged.connect(self._changed)

    def _changed(self, _value: float) -> None:
        if self._low.value > self._high.value:
            self._high.setValue(self._low.value)
            return
        self.minimumValueChanged.emit(self._low.value)
        self.maximumValueChanged.emit(self._high.value)
        self.valuesChanged.emit(self._low.value, self._high.value)

    def _get_minimumValue(self) -> float:
        return self._low.value

    def _set_minimumValue(self, value: float) -> None:
        self._low.setValue(value)

    def _get_maximumValue(self) -> float:
        return self._high.value

    def _set_maximumValue(self, value: float) -> None:
        self._high.setValue(value)

    def _get_minimum(self) -> float:
        return self._low.minimum

    def _set_minimum(self, value: float) -> None:
        self._low.setMinimum(value)
        self._high.setMinimum(value)

    def _get_maximum(self) -> float:
        return self._low.maximum

    def _set_maximum(self, value: float) -> None:
        self._low.setMaximum(value)
        self._high.setMaximum(value)

    def setRange(self, minimum: float, maximum: float) -> None:
        self.minimum, self.maximum = minimum, maximum

    def setValues(self, low: float, high: float) -> None:
        self._high.setValue(high)
        self._low.setValue(low)
