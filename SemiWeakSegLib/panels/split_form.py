"""The form that gives every case a role by chance, patients undivided."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

from slicer.i18n import tr as _

from SemiWeakSegLib.panels.patient_pattern import PatientPattern, groupsText


class SplitForm:
    """``accept`` gets (validation share, test share, seed, group pattern)."""

    def __init__(
        self, ui: SimpleNamespace, accept: Callable[[float, float, int, str | None], None]
    ) -> None:
        self.ui = ui
        self._accept = accept
        self._names: list[str] = []
        self._groups = 0
        self._pattern = PatientPattern(
            ui.splitPatientComboBox,
            ui.splitPatternLineEdit,
            _("As it is in the cohort"),
            self._changed,
        )
        for box in (ui.validationSpinBox, ui.testSpinBox):
            box.connect("valueChanged(int)", self._changed)
        ui.splitAcceptButton.connect("clicked()", self._accepted)

    def cleanup(self) -> None:
        """Call nobody from now on."""
        self._pattern.cleanup()
        for box in (self.ui.validationSpinBox, self.ui.testSpinBox):
            box.disconnect("valueChanged(int)", self._changed)
        self.ui.splitAcceptButton.disconnect("clicked()", self._accepted)

    def show(self, names: list[str], groups: int) -> None:
        """The ids of the cohort's cases, and how many patients they have now."""
        self._names, self._groups = names, groups
        self._changed()

    def _changed(self, *_news: object) -> None:
        text, wrong = "", ""
        validation, test = self.ui.validationSpinBox.value, self.ui.testSpinBox.value
        try:
            pattern = self._pattern.pattern
            text = groupsText(self._names, pattern) or _(
                "{cases} names of {patients} patients."
            ).format(cases=len(self._names), patients=self._groups)
        except ValueError as error:
            text = wrong = str(error)
        if not wrong and validation + test >= 100:
            text = wrong = _("Validation and test together leave nothing to train on.")
        self.ui.splitPreviewLabel.text = text
        self.ui.splitAcceptButton.enabled = not wrong
        self.ui.splitAcceptButton.toolTip = wrong or _(
            "Give every case a role. Patients are not divided; cases on which nothing can be "
            "measured train. This can be undone."
        )

    def _accepted(self) -> None:
        self._accept(
            self.ui.validationSpinBox.value / 100.0,
            self.ui.testSpinBox.value / 100.0,
            self.ui.splitSeedSpinBox.value,
            self._pattern.pattern,
        )
