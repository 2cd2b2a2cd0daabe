"""Loading and reviewing the listed predictions: accept, correct, reject, and the next one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from slicer.i18n import tr as _

from SemiWeakSegLib.panels.results_table import ResultsTable
from SemiWeakSegLib.panels.shown_results import EXPECTED, ShownResults
from SemiWeakSegLib.panels.stepper import Stepper

MOST_PROBLEMS = 3


class ReviewBox:
    """`say(text)` gets what happens; `onChanged()` is called when nodes or reviews changed."""

    def __init__(
        self,
        ui: Any,
        logic: Any,
        say: Callable[[str], None],
        onChanged: Callable[[], None],
    ) -> None:
        self.ui = ui
        self.logic = logic
        self.results: ShownResults | None = None
        self.active = ""
        self._say = say
        self._onChanged = onChanged
        self.table = ResultsTable(ui.resultsTable, self.update, self.show)
        self.stepper = Stepper(EXPECTED)
        for button, action in (
            (ui.loadSelectedButton, self._onLoadSelected),
            (ui.loadAllButton, self._onLoadAll),
            (ui.cancelResultsButton, self.stepper.cancel),
            (ui.acceptButton, self._onAccept),
            (ui.correctButton, self._onCorrect),
            (ui.rejectButton, self._onReject),
            (ui.nextButton, self._onNext),
        ):
            button.connect("clicked()", action)
        ui.uncertaintyCheckBox.connect("toggled(bool)", self._onUncertainty)
        self._showProgress(0, 0)

    def setResults(self, results: ShownResults | None) -> None:
        """List these predictions from now on."""
        if self.stepper.running:
            self.stepper.cancel()
        self.active = ""
        self.results = results

    def refresh(self) -> None:
        """List the predictions as their files and the scene are now."""
        rows: Sequence[Any] = ()
        loaded: set[str] = set()
        if self.results is not None:
            try:
                rows, loaded = self.results.rows(), self.results.loadedIds()
            except EXPECTED as error:
                self._say(str(error))
        self.table.setRows(rows, loaded)
        self.update()

    def show(self, caseId: str) -> None:
        """Load a prediction and show it alone, on its image."""
        if self.results is None or not self._attempt(lambda: self.results.show(caseId)):
            return
        self.active = caseId
        self.table.select(caseId)
        self._showUncertainty()
        self._onChanged()

    def chosenIds(self) -> list[str]:
        """The selected predictions, all listed ones where none is selected."""
        return self.table.selectedIds() or self.table.shownIds()

    def work(
        self, caseIds: Sequence[str], action: Callable[[str], Any], done: Callable[[int], str]
    ) -> None:
        """Do something for each case in small steps; `done` words how many it was done for."""
        if self.results is None or not caseIds:
            return

        def finished(problems: list[str], cancelled: bool) -> None:
            self._showProgress(0, 0)
            good = self.stepper.done - len(problems)
            text = _("Cancelled. ") if cancelled else ""
            text += done(good)
            if problems:
                text += "\n" + problemText(problems)
            self._say(text)
            self.logic.events.emit("results")
            self._onChanged()

        self.stepper.start(caseIds, action, self._showProgress, finished)
        self.update()

    def drop(self) -> None:
        """The scene or the panel goes away."""
        self.stepper.drop()
        self.active = ""
        self._showProgress(0, 0)

    def update(self) -> None:
        """Enable what can be done, and say what is missing for the rest."""
        busy = _("Wait for the present work to end, or cancel it") if self.stepper.running else ""
        nothing = "" if self.table.rows else _("There are no predictions: train, or predict")
        selected = self.table.selectedIds()
        unselected = nothing or ("" if selected else _("Select a prediction first"))
        several = _("Select one prediction, not several") if len(selected) > 1 else ""
        foreign = ""
        if self.results is not None and not self.results.isOfCohort:
            foreign = _("New images are in no cohort: add them to the cohort to review them")
        if self.results is not None and self.results.study is None:
            nothing = unselected = _("Open the cohort of this run first")
        ui = self.ui
        for button, missing, tooltip in (
            (ui.loadSelectedButton, unselected, _("Load the selected predictions")),
            (ui.loadAllButton, nothing, _("Load every listed prediction as a segmentation")),
            (
                ui.acceptButton,
                foreign or unselected,
                _("Make the selected predictions, as corrected, their cases' annotations"),
            ),
            (
                ui.correctButton,
                foreign or unselected or several,
                _("Correct the selected prediction in the Segment Editor"),
            ),
            (
                ui.rejectButton,
                unselected,
                _("Mark the selected predictions as unusable; their cases stay as they are"),
            ),
            (
                ui.nextButton,
                nothing,
                _("Show the most uncertain prediction that was not reviewed yet"),
            ),
        ):
            button.enabled = not (busy or missing)
            button.toolTip = busy or missing or tooltip

    def _onLoadSelected(self) -> None:
        selected = self.table.selectedIds()
        if len(selected) == 1:
            self.show(selected[0])
        else:
            self._load(selected)

    def _onLoadAll(self) -> None:
        self._load(self.table.shownIds())

    def _load(self, caseIds: list[str]) -> None:
        self.work(
            caseIds,
            self.results.load,
            lambda count: _("{count} predictions loaded.").format(count=count),
        )

    def _onAccept(self) -> None:
        self.work(
            self.table.selectedIds(),
            self.results.accept,
            lambda count: _("{count} accepted: now annotations of their cases.").format(
                count=count
            ),
        )

    def _onReject(self) -> None:
        self.work(
            self.table.selectedIds(),
            self.results.reject,
            lambda count: _("{count} rejected.").format(count=count),
        )

    def _onCorrect(self) -> None:
        caseId = self.table.selectedIds()[0]
        self.show(caseId)
        node = self.results.nodeOf(caseId)
        if node is not None:
            self._say(_("Correct {case} in Annotate; save it there.").format(case=caseId))
            self.logic.events.emit("correct", caseId, node)

    def _onNext(self) -> None:
        caseId = self.results.next(self.table.shownIds(), self.active or None)
        if caseId is None:
            self._say(_("Every prediction was reviewed."))
        else:
            self.show(caseId)

    def _onUncertainty(self, _checked: bool) -> None:
        self._showUncertainty()

    def _showUncertainty(self) -> None:
        if self.results is None or not self.active:
            return
        if self.ui.uncertaintyCheckBox.checked:
            self._attempt(lambda: self.results.showUncertainty(self.active))
        else:
            self.results.hideUncertainty()

    def _attempt(self, action: Callable[[], Any]) -> bool:
        try:
            action()
        except EXPECTED as error:
            self._say(str(error))
            return False
        return True

    def _showProgress(self, done: int, total: int) -> None:
        working = total > 0
        self.ui.resultsProgress.visible = working
        self.ui.cancelResultsButton.visible = working
        self.ui.resultsProgress.maximum = max(1, total)
        self.ui.resultsProgress.value = done
        if working:
            self._say(_("{done} of {total}").format(done=done, total=total))


def problemText(problems: Sequence[str]) -> str:
    """The first problems, a line each, and how many more there are."""
    lines = list(problems[:MOST_PROBLEMS])
    if len(problems) > MOST_PROBLEMS:
        lines.append(_("… and {count} more").format(count=len(problems) - MOST_PROBLEMS))
    return "\n".join(lines)
