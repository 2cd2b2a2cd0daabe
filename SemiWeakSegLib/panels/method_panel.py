"""The Method section: choose how to train, set it, add to it, and see the plan beforehand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
import slicer
import vtk
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from SemiWeakSegLib.methods import METHODS, TERMS, Recommendation
from SemiWeakSegLib.methods.evidence import usual_dimensions
from SemiWeakSegLib.panels.kernel_view import KernelView
from SemiWeakSegLib.panels.library_texts import libraryText
from SemiWeakSegLib.panels.method_forms import MethodForms
from SemiWeakSegLib.panels.method_menu import MethodMenu
from SemiWeakSegLib.panels.plan_view import PlanView
from SemiWeakSegLib.panels.planning import Planner
from SemiWeakSegLib.panels.recommendation_row import RecommendationRow, take
from SemiWeakSegLib.panels.selections import Selections, readSelections, writeSelections
from SemiWeakSegLib.panels.size_bounds_view import SizeBoundsView
from SemiWeakSegLib.panels.term_notes import termNotes
from SemiWeakSegLib.panels.terms_list import TermsList
from SemiWeakSegLib.scene.run_commands import planCommand
from SemiWeakSegLib.scene.training import TrainingRequest, problemsOf


class MethodPanel(VTKObservationMixin):
    """Everything chosen here lives in the parameter node and comes back with a saved scene."""

    def __init__(
        self, container: qt.QWidget, logic: Any, resourcePath: Callable[[str], str]
    ) -> None:
        VTKObservationMixin.__init__(self)
        self.logic = logic
        widget = slicer.util.loadUI(resourcePath("UI/Method.ui"))
        container.layout().addWidget(widget)
        self.widget = widget
        self.ui = slicer.util.childWidgetVariables(widget)
        self.selections = Selections()
        self._parameterNode: Any = None
        self._isWriting = False
        self.recommendation = RecommendationRow(
            self.ui.recommendationLabel, self.ui.useRecommendationButton, self._onUseRecommendation
        )
        self.menu = MethodMenu(self.ui.methodMenu, self.ui.methodSearchBox, self._onMethodChosen)
        self.plan = PlanView(self.ui.planTable, self._onPlanOverridden)
        self.kernel = KernelView(logic, self._planned)
        self.forms = MethodForms(
            self.ui.basicSettings,
            self.ui.advancedSettings,
            self._onSettingsChanged,
            self.kernel,
        )
        self.terms = TermsList(self.ui.termsContainer, self._onTermsChanged, self.kernel)
        self.sizeBounds = SizeBoundsView(self.ui, logic)
        self.planner = Planner(self._onPlanMade, self._onPlanProblem)
        self.ui.resetButton.connect("clicked()", self._onReset)
        self.ui.planButton.connect("clicked()", self.makePlan)
        self.ui.resetPlanButton.connect("clicked()", self._onResetPlan)
        self._receivers = {"study": self._onStudy, "inspection": self._onInspection}
        for topic, receiver in self._receivers.items():
            logic.events.connect(topic, receiver)
        self._showSelections()
        self.refresh()

    @property
    def headline(self) -> str:
        """What is chosen, for the section's title."""
        text = libraryText(METHODS[self.selections.method].title)
        changed = len(self.selections.methodSettings) + len(self.selections.plan)
        if changed:
            text += _(", {count} changed").format(count=changed)
        for term in self.selections.terms:
            text += " + " + libraryText(TERMS[term["name"]].title)
        return text

    def setParameterNode(self, parameterNode: Any) -> None:
        """Show, and from now on keep, the selections in this parameter node."""
        if self._parameterNode is not None:
            self.removeObserver(
                self._parameterNode, vtk.vtkCommand.ModifiedEvent, self._onParameterNodeModified
            )
        self._parameterNode = parameterNode
        if parameterNode is not None:
            self.addObserver(
                parameterNode, vtk.vtkCommand.ModifiedEvent, self._onParameterNodeModified
            )
            self._onParameterNodeModified()
        else:
            self._take(Selections())

    def enter(self) -> None:
        """The module is shown."""
        self.refresh()

    def exit(self) -> None:
        """The module is left; a plan that is being made goes on."""
        self.kernel.hide()
        self.sizeBounds.flush()

    def sceneStartClose(self) -> None:
        """The scene goes: so does the question for its plan."""
        self.planner.stop()
        self.kernel.hide()
        self.sizeBounds.flush()
        self.setParameterNode(None)

    def sceneEndClose(self) -> None:
        """The scene is empty."""
        self.plan.clear()
        self.refresh()

    def cleanup(self) -> None:
        """Disconnect from everything."""
        self.planner.stop()
        self.kernel.cleanup()
        self.sizeBounds.cleanup()
        for topic, receiver in self._receivers.items():
            self.logic.events.disconnect(topic, receiver)
        self._parameterNode = None
        self.removeObservers()

    def refresh(self) -> None:
        """Availability, recommendation, problems and buttons, as the cohort is now."""
        summary = self._summary()
        self.recommendation.show(summary, self.selections)
        self.menu.showSummary(summary, self.recommendation.method)
        self.menu.choose(self.selections.method)
        self.terms.setDimensions(self._dimensions())
        self.sizeBounds.refresh()
        self.kernel.refresh()
        self._showNotes()
        self._updateButtons()

    def request(self) -> TrainingRequest:
        """The selections as a request; budget, seed and folder belong to the Train section."""
        device = self._parameterNode.device if self._parameterNode is not None else "auto"
        return TrainingRequest(
            method=self.selections.method,
            settings=self.selections.methodSettings,
            terms=self.selections.terms,
            plan=self.selections.plan,
            device=device,
        )

    def makePlan(self) -> None:
        """Ask for the plan with the present selections."""
        if self.logic.study is None:
            return
        self.planner.ask(planCommand(self.logic.study, self.request()))
        self.ui.planStatusLabel.text = _("Reading the images…")
        self._updateButtons()

    def _summary(self) -> Any:
        inspection = self.logic.inspection
        return None if inspection is None else inspection.summary

    def _planned(self, key: str) -> Any:
        """A line of the plan, as it was set or made; None where nothing is known yet."""
        summary = self._summary()
        if key == "dimensions" and summary is not None and summary.dimension == 2:
            return 2
        return self.plan.valueOf(key)

    def _dimensions(self) -> int:
        """2 where slices are learned from, 3 where volumes, as far as that is known."""
        planned, summary = self._planned("dimensions"), self._summary()
        if planned in (2, 3):
            return planned
        return 3 if summary is None else usual_dimensions(summary)

    def _onStudy(self, *_arguments: Any) -> None:
        self._forgetPlan()
        self.refresh()

    def _onInspection(self, *_arguments: Any) -> None:
        self.refresh()

    def _onParameterNodeModified(self, _caller: Any = None, _event: Any = None) -> None:
        if self._isWriting:
            return
        found = readSelections(self._parameterNode)
        if found != self.selections:
            self._take(found)

    def _take(self, selections: Selections) -> None:
        self.selections = selections
        self._showSelections()
        self._forgetPlan()
        self.refresh()

    def _showSelections(self) -> None:
        self.menu.choose(self.selections.method)
        self.forms.show(self.selections.method, self.selections.methodSettings)
        self.terms.setMethod(self.selections.method)
        if self.terms.terms != self.selections.terms:
            self.terms.setTerms(self.selections.terms)
        if self.plan.overrides != self.selections.plan:
            self.plan.setOverrides(self.selections.plan)

    def _onMethodChosen(self, name: str) -> None:
        self.selections.method = name
        self._keep()

    def _onUseRecommendation(self, recommended: Recommendation) -> None:
        take(recommended, self.selections)
        self._keep()

    def _onSettingsChanged(self) -> None:
        self.selections.settings[self.selections.method] = self.forms.values
        self._keep()

    def _onReset(self) -> None:
        self.selections.settings.pop(self.selections.method, None)
        self._keep()

    def _onTermsChanged(self) -> None:
        self.selections.terms = self.terms.terms
        self._keep()

    def _onPlanOverridden(self, overrides: dict[str, Any]) -> None:
        self.selections.plan = overrides
        self._keep()
        self.makePlan()

    def _onResetPlan(self) -> None:
        hadPlan = bool(self.plan.lines)
        self.selections.plan = {}
        self._keep()
        if hadPlan:
            self.makePlan()

    def _keep(self) -> None:
        """Store what a person changed, and show it; a scene's odd leftovers go with it."""
        self.selections.notes = []
        self.selections.settings = {
            name: values for name, values in self.selections.settings.items() if values
        }
        if self._parameterNode is not None:
            # Between the first and the last text the node holds half of each.
            self._isWriting = True
            try:
                writeSelections(self._parameterNode, self.selections)
            finally:
                self._isWriting = False
        self._showSelections()
        self._forgetPlan()
        self.refresh()

    def _forgetPlan(self) -> None:
        if self.plan.lines or self.planner.running:
            self.ui.planStatusLabel.text = _("The choices changed since this plan was made.")
        self.planner.stop()

    def _onPlanMade(self, lines: list[dict[str, Any]], notes: list[str]) -> None:
        self.plan.showPlan(lines)
        self.terms.setDimensions(self._dimensions())
        self.kernel.refresh()
        text = [_("This is how it will be trained."), *map(libraryText, notes)]
        self.ui.planStatusLabel.text = "\n".join(text)
        self._updateButtons()

    def _onPlanProblem(self, message: str) -> None:
        self.plan.showProblem(message)
        self.ui.planStatusLabel.text = message
        self._updateButtons()

    def _showNotes(self) -> None:
        summary = self._summary()
        notes = [*self.selections.notes, *problemsOf(self.request(), summary)]
        if self.logic.study is not None:
            chosen, cohort = self.selections, self.logic.study.cohort
            notes += termNotes(chosen.terms, chosen.method, cohort, summary)
        self.ui.noteLabel.text = "\n".join(notes)
        self.ui.noteLabel.visible = bool(notes)

    def _updateButtons(self) -> None:
        hasStudy = self.logic.study is not None
        self.ui.planButton.enabled = hasStudy and not self.planner.running
        if not hasStudy:
            tooltip = _("Open or create a cohort first: the plan is made from its images")
        elif self.planner.running:
            tooltip = _("The plan is being made")
        else:
            tooltip = _("Decide the plan from the images now, in a process of its own")
        self.ui.planButton.toolTip = tooltip
        self.ui.resetPlanButton.enabled = bool(self.selections.plan)
        self.ui.resetPlanButton.toolTip = (
            _("Take all your values out of the plan")
            if self.selections.plan
            else _("Every line of the plan is automatic")
        )
        hasChanges = bool(self.selections.methodSettings)
        self.ui.resetButton.enabled = hasChanges
        self.ui.resetButton.toolTip = (
            _("All settings of this method back to their defaults")
            if hasChanges
            else _("All settings have their defaults")
        )
