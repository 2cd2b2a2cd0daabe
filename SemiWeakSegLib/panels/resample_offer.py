"""The line that offers to resample labels which lie on another grid than their image."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from slicer.i18n import tr as _

from SemiWeakSegLib.panels.cohort_actions import CohortActions
from SemiWeakSegLib.panels.resampling import Resampling


class ResampleOffer:
    """Shown where it is needed; nothing is resampled before its button is pressed."""

    def __init__(self, ui: SimpleNamespace, logic: Any, actions: CohortActions) -> None:
        self.ui, self.logic, self.actions = ui, logic, actions
        self._cases: list[str] = []
        self._work: Resampling | None = None
        ui.resampleButton.connect("clicked()", self._start)

    def cleanup(self) -> None:
        """Call nobody from now on."""
        self.stop()
        self.ui.resampleButton.disconnect("clicked()", self._start)

    def show(self, caseIds: list[str]) -> None:
        """The cases whose label or truth lies on another grid than their image."""
        self._cases = caseIds
        if self._work is not None:
            return
        self.ui.resampleButton.visible = bool(caseIds)
        self.ui.resampleLabel.visible = bool(caseIds)
        self.ui.resampleLabel.text = _(
            "The labels of {count} case(s) lie on another grid than their images."
        ).format(count=len(caseIds))

    def stop(self) -> None:
        """Give up what is under way; the cohort is as before."""
        work, self._work = self._work, None
        if work is not None:
            work.stop()

    def _start(self) -> None:
        self._work = Resampling(self.logic.study, self._cases, self._progress, self._end)
        self.ui.resampleButton.visible = False
        self._progress(0, len(self._cases))

    def _progress(self, done: int, count: int) -> None:
        self.ui.resampleLabel.text = _("Resampled {done} of {count} cases…").format(
            done=done, count=count
        )

    def _end(self, changed: int, complaints: list[str]) -> None:
        self._work = None
        # The check that follows the change says which labels still do not fit.
        self.show([])
        self.actions.resampled(changed, complaints)
