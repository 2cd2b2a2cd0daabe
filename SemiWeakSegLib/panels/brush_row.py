"""The width of the scribble brush, as a multiple of the slice thickness."""

from __future__ import annotations

from typing import Any

import slicer
from slicer.i18n import tr as _

from SemiWeakSegLib.panels.brush import defaultDiameter, finestEdge, sliceThickness
from SemiWeakSegLib.panels.connections import Connections
from SemiWeakSegLib.panels.editor import AnnotationEditor


class BrushRow:
    """Keeps the spin box and the editor's brush equal; a width that was chosen stays chosen.

    The choice is a multiple of the slice thickness, so that it carries over to the next case.
    """

    def __init__(self, ui: Any, editor: AnnotationEditor) -> None:
        self._ui = ui
        self._editor = editor
        self._chosen: float | None = None
        self._thickness = 1.0
        self._finest = 1.0
        self._default = 1.0
        self._updating = False
        self._connections = Connections()
        self._connections.widget(ui.brushSpinBox, "valueChanged(double)", self._onValue)
        self._connections.widget(ui.defaultBrushButton, "clicked()", self._onReset)
        editor.onBrushChanged = self._onEditorChanged

    @property
    def diameter(self) -> float:
        """Diameter in millimetres for the present volume."""
        return self._default if self._chosen is None else self._chosen * self._thickness

    def setVolume(self, volume: slicer.vtkMRMLScalarVolumeNode) -> None:
        """Measure the slices of the volume that is drawn on."""
        spacing, size = volume.GetSpacing(), volume.GetImageData().GetDimensions()
        self._thickness = sliceThickness(spacing, size)
        self._default = defaultDiameter(spacing, size)
        self._finest = finestEdge(spacing, size)
        self._show()

    def cleanup(self) -> None:
        """Nothing is called any more."""
        self._editor.onBrushChanged = None
        self._connections.release()

    def _show(self) -> None:
        self._updating = True
        try:
            self._ui.brushSpinBox.value = self.diameter / self._thickness
        finally:
            self._updating = False
        self._ui.brushSizeLabel.text = _("{diameter:.3g} mm, {pixels:.0f} voxels").format(
            diameter=self.diameter, pixels=max(1.0, self.diameter / self._finest)
        )

    def _onValue(self, value: float) -> None:
        if not self._updating:
            self._chosen = float(value)
            self._apply()

    def _onReset(self) -> None:
        self._chosen = None
        self._apply()

    def _apply(self) -> None:
        self._editor.brushDiameter = self.diameter
        self._show()

    def _onEditorChanged(self, millimetres: float) -> None:
        if abs(millimetres - self.diameter) > 1e-6 * self._thickness:
            self._chosen = millimetres / self._thickness
            self._show()
