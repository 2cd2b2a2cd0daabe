"""Under the table: how far the check is, what it found, and the button to check again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from slicer.i18n import tr as _

from SemiWeakSegLib.panels.cohort_state import CohortState


class CheckLine:
    """Shows the check of ``logic``'s cohort; the button starts it anew."""

    def __init__(self, ui: SimpleNamespace, logic: Any) -> None:
        self.ui, self.logic = ui, logic
        self._state = CohortState()
        ui.recheckButton.connect("clicked()", self._recheck)

    def cleanup(self) -> None:
        """Call nobody from now on."""
        self.ui.recheckButton.disconnect("clicked()", self._recheck)

    def show(self, state: CohortState) -> None:
        """Bring the line up to date."""
        self._state = state
        study = self.logic.study
        count = 0 if study is None else len(study.cohort.cases)
        running = count > 0 and self.logic.checking.running
        missing = ""
        if study is None:
            missing = _("Open or create a cohort first.")
        elif not count:
            missing = _("There is no case to check yet.")
        elif running:
            missing = _("The check is running.")
        self.ui.recheckButton.enabled = not missing
        self.ui.recheckButton.toolTip = missing or _(
            "Read every file again, for example after files have changed."
        )
        bar = self.ui.checkProgressBar
        bar.visible = running
        if running:
            bar.setRange(0, count)
            bar.setValue(self.logic.checking.checked)
        self.ui.checkLabel.text = self._text(state, count, running)

    def _text(self, state: CohortState, count: int, running: bool) -> str:
        inspection = self.logic.inspection
        if not count:
            return ""
        if running:
            return _("Checked {done} of {count} cases…").format(
                done=f"{self.logic.checking.checked:,}", count=f"{count:,}"
            )
        if self.logic.checking.failure:
            return _("The check failed: {reason}").format(reason=self.logic.checking.failure)
        if inspection is not None and inspection.errors:
            return _("The check failed: {reason}").format(reason=" ".join(inspection.errors))
        if inspection is not None and inspection.finished:
            return state.verdict(self.logic.study)
        return _("Not checked yet.")

    def _recheck(self) -> None:
        self.logic.inspect()
        self.show(self._state)
