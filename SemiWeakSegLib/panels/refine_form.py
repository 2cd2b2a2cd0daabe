"""Whether and how a CRF fits predictions to the edges of the image: a choice and its settings."""

from __future__ import annotations

import qt
from slicer.i18n import tr as _

from SemiWeakSegLib.methods.inference import INFERENCES
from SemiWeakSegLib.panels.library_texts import libraryText
from SemiWeakSegLib.panels.settings_form import SettingsForm


class RefineForm:
    """Fills ``selector`` with the kinds of inference, and ``container`` with a form for each."""

    def __init__(self, selector: qt.QComboBox, container: qt.QWidget) -> None:
        self._selector = selector
        self._container = container
        self.forms: dict[str, SettingsForm] = {}
        layout = qt.QVBoxLayout(container)
        layout.setContentsMargins(0, 0, 0, 0)
        selector.addItem(_("no"), "")
        for name, kind in INFERENCES.items():
            selector.addItem(libraryText(kind.title), name)
            selector.setItemData(selector.count - 1, libraryText(kind.summary), qt.Qt.ToolTipRole)
            self.forms[name] = SettingsForm(kind.descriptions(), namePrefix=f"refine_{name}")
            layout.addWidget(self.forms[name].widget)
        selector.connect("currentIndexChanged(int)", self._onChosen)
        self._show()

    @property
    def kind(self) -> str:
        """The chosen inference, "" for none."""
        return self._selector.itemData(self._selector.currentIndex) or ""

    @property
    def text(self) -> str:
        """The choice as `scene.run_commands.predictCommand` takes it: "mean_field,weight=5"."""
        if not self.kind:
            return ""
        values = self.forms[self.kind].values
        return ",".join([self.kind, *(f"{name}={value}" for name, value in values.items())])

    def _onChosen(self, _index: int) -> None:
        self._show()

    def _show(self) -> None:
        self._container.visible = bool(self.kind)
        for name, form in self.forms.items():
            form.widget.visible = name == self.kind
