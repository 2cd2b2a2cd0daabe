"""The settings of the chosen method as two forms: its own first, those of every method below."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import qt

from SemiWeakSegLib.methods import METHODS, SegmentationSettings
from SemiWeakSegLib.panels.kernel_view import KernelRow, KernelView
from SemiWeakSegLib.panels.settings_form import SettingsForm

SHARED = {each.name for each in SegmentationSettings.descriptions()}


class MethodForms:
    """A pair of forms for each method that was shown; `onChanged` after a person's change."""

    def __init__(
        self,
        basic: qt.QWidget,
        advanced: qt.QWidget,
        onChanged: Callable[[], None],
        kernel: KernelView,
    ) -> None:
        self._containers = (basic, advanced)
        self._onChanged = onChanged
        self._kernel = kernel
        self._method = ""
        self._forms: dict[str, list[SettingsForm]] = {}
        self.kernelRows: dict[str, KernelRow] = {}
        for container in self._containers:
            layout = qt.QVBoxLayout(container)
            layout.setContentsMargins(0, 0, 0, 0)

    @property
    def values(self) -> dict[str, Any]:
        """The settings of the shown method that differ from their defaults."""
        found: dict[str, Any] = {}
        for form in self._forms.get(self._method, []):
            found |= form.values
        return found

    @property
    def editors(self) -> dict[str, Any]:
        """The editors of the shown method, by setting."""
        found: dict[str, Any] = {}
        for form in self._forms.get(self._method, []):
            found |= form.editors
        return found

    def show(self, method: str, values: Mapping[str, Any]) -> None:
        """Show a method's settings with these values over the defaults."""
        if method not in self._forms:
            self._forms[method] = self._make(method)
        if method != self._method:
            for name, forms in self._forms.items():
                for form in forms:
                    form.widget.visible = name == method
            for name, row in self.kernelRows.items():
                row.widget.visible = name == method
            self._kernel.hideUnless(self.kernelRows.get(method), self.kernelRows.values())
            self._method = method
        if self.values != dict(values):
            for form in self._forms[method]:
                form.setValues(values)

    def _make(self, method: str) -> list[SettingsForm]:
        descriptions = METHODS[method].descriptions()
        own = [each for each in descriptions if each.name not in SHARED]
        shared = [each for each in descriptions if each.name in SHARED]
        forms = []
        for container, rows in zip(self._containers, (own, shared), strict=True):
            form = SettingsForm(rows, self._onChanged, f"setting_{method}")
            container.layout().addWidget(form.widget)
            forms.append(form)
        row = self._kernel.row(METHODS[method], lambda: forms[0].values, f"kernel_{method}")
        if row is not None:
            self._containers[0].layout().addWidget(row.widget)
            self.kernelRows[method] = row
        return forms
