"""The Cohort section: what is to be segmented and what is known about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from SemiWeakSegLib.panels import cohort_questions as questions
from SemiWeakSegLib.panels.case_menus import AddMenu, TagMenu, caseMenu, roleMenu
from SemiWeakSegLib.panels.case_table import CaseTable
from SemiWeakSegLib.panels.check_line import CheckLine
from SemiWeakSegLib.panels.classes_editor import ClassesEditor
from SemiWeakSegLib.panels.cohort_actions import CohortActions, readClasses
from SemiWeakSegLib.panels.cohort_buttons import showSelectionButtons, showStudyButtons
from SemiWeakSegLib.panels.cohort_forms import CohortForms
from SemiWeakSegLib.panels.cohort_state import CohortState
from SemiWeakSegLib.panels.resample_offer import ResampleOffer
from SemiWeakSegLib.panels.row_texts import shownChoices
from SemiWeakSegLib.panels.table_keys import TableKeys
from SemiWeakSegLib.scene.hierarchy import cohortFolder, hierarchyNode

# While a check tells what it finds, the table follows at this pace.
_PACE_MS = 200
_ERROR_STYLE = "color: #d0392b;"


class CohortPanel:
    """Shows ``logic.study``; every change goes through it and comes back as the event "study"."""

    def __init__(
        self, container: qt.QWidget, logic: Any, resourcePath: Callable[[str], str]
    ) -> None:
        self.logic = logic
        self.widget = slicer.util.loadUI(resourcePath("UI/Cohort.ui"))
        container.layout().addWidget(self.widget)
        self.ui = slicer.util.childWidgetVariables(self.widget)
        self.widget.setMRMLScene(slicer.mrmlScene)
        self._state = CohortState()
        self._study: Any = None
        self._shown: tuple[Any, ...] = ()
        self.actions = CohortActions(logic, self.say)
        self._makeParts()
        self._connectAll()
        self.say("", False)
        self.refresh()

    def _makeParts(self) -> None:
        ui = self.ui
        self.table = CaseTable(ui.caseTable, self.actions.openCase, self._selectionChanged)
        self.classes = ClassesEditor(
            ui.classesTable,
            ui.addClassButton,
            ui.removeClassButton,
            ui.classesMessageLabel,
            lambda classes: self.logic.study.setClasses(classes),
        )
        self.forms = CohortForms(ui, self.logic, self.actions)
        self._resample = ResampleOffer(ui, self.logic, self.actions)
        self._check = CheckLine(ui, self.logic)
        self.addMenu = AddMenu(ui.addCasesButton, self.openForm)
        self.roleMenu = roleMenu(ui.roleButton, self._setRole)
        ui.roleButton.setMenu(self.roleMenu)
        self.tagMenu = TagMenu(ui.caseTable, self._classesNow, self._setTag)
        self.caseMenu = caseMenu(
            ui.caseTable, self._openSelected, self._setRole, self.tagMenu.menu, self.askRemove
        )
        self._keys = TableKeys(
            ui.caseTable,
            {
                "Delete": self.askRemove,
                "Backspace": self.askRemove,
                "Return": self._openSelected,
                "Enter": self._openSelected,
                "Ctrl+Z": self.actions.undo,
                "Ctrl+Shift+Z": self.actions.redo,
                "Ctrl+Y": self.actions.redo,
            },
        )
        for text, token in shownChoices():
            ui.showComboBox.addItem(text, token)
        ui.caseTable.setContextMenuPolicy(qt.Qt.CustomContextMenu)
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(_PACE_MS)

    def _connectAll(self) -> None:
        ui = self.ui
        self._connections = [
            (ui.newCohortButton, "clicked()", self.askNew),
            (ui.openCohortButton, "clicked()", self.askOpen),
            (ui.undoButton, "clicked()", self.actions.undo),
            (ui.redoButton, "clicked()", self.actions.redo),
            (ui.readClassesButton, "clicked()", self.askClasses),
            (ui.splitButton, "clicked()", self._openSplit),
            (ui.removeCasesButton, "clicked()", self.askRemove),
            (ui.filterEdit, "textChanged(QString)", self._filter),
            (ui.showComboBox, "currentIndexChanged(int)", self._filter),
            (ui.caseTable, "customContextMenuRequested(QPoint)", self._showCaseMenu),
            (self._timer, "timeout()", self._followCheck),
        ]
        for sender, signal, slot in self._connections:
            sender.connect(signal, slot)
        self.logic.events.connect("study", self._studyChanged)
        self.logic.events.connect("inspection", self._inspectionChanged)
        self.logic.events.connect("case", self._caseChanged)

    # The module's life

    @property
    def headline(self) -> str:
        """What the section's title adds: "24 cases, 3 labeled, 4 scribbled"."""
        return self._state.headline(self.logic.study)

    def setParameterNode(self, parameterNode: Any) -> None:
        """The logic keeps the cohort's place in it; nothing of this section stands there."""
        self.refresh()

    def enter(self) -> None:
        """The module is shown: files may have changed meanwhile."""
        self.actions.reloadIfChanged()
        self.refresh()

    def exit(self) -> None:
        """Another module is shown."""

    def sceneStartClose(self) -> None:
        """Volumes go away: no form may hold on to them."""
        self.forms.close()
        self._resample.stop()

    def sceneEndClose(self) -> None:
        """An empty scene."""
        self.refresh()

    def cleanup(self) -> None:
        """Call nobody from now on."""
        self._timer.stop()
        for topic, slot in (
            ("study", self._studyChanged),
            ("inspection", self._inspectionChanged),
            ("case", self._caseChanged),
        ):
            self.logic.events.disconnect(topic, slot)
        for sender, signal, slot in self._connections:
            sender.disconnect(signal, slot)
        self._connections = []
        self._keys.remove()
        for part in (
            self.table,
            self.classes,
            self.forms,
            self._resample,
            self._check,
            self.addMenu,
            self.tagMenu,
        ):
            part.cleanup()

    # Showing

    def say(self, text: str, wrong: bool) -> None:
        """A message in the section, "" for none."""
        self.ui.cohortMessageLabel.text = text
        self.ui.cohortMessageLabel.styleSheet = _ERROR_STYLE if wrong else ""
        self.ui.cohortMessageLabel.visible = bool(text)

    def refresh(self) -> None:
        """Show everything as it is now."""
        study = self.logic.study
        if study is not self._study:
            self._study = study
            self._replaced()
        self.ui.classesGroupBox.enabled = study is not None
        self.classes.show([] if study is None else study.classes)
        self._updateCases()
        self.table.setActive(self.logic.activeCase or None)
        showStudyButtons(self.ui, study)

    def _replaced(self) -> None:
        study = self._study
        self.forms.close()
        self._resample.stop()
        self.say("", False)
        label = self.ui.cohortPathLabel
        label.text = _("No cohort is open.") if study is None else study.name
        label.toolTip = "" if study is None else str(study.path)
        self.ui.classesGroupBox.collapsed = study is None or bool(study.classes)
        if study is not None and hierarchyNode() is not None:
            cohortFolder(study)

    def _followCheck(self) -> None:
        if self._shown != self._newest():
            self._updateCases()
        else:
            self._check.show(self._state)

    def _newest(self) -> tuple[Any, ...]:
        """What the rows are made of, as far as it tells old from new."""
        study, inspection = self.logic.study, self.logic.inspection
        revision = None if study is None else study.revision
        if inspection is None:
            return (study, revision)
        counts = (len(inspection.facts), len(inspection.problems), inspection.finished)
        return (study, revision, inspection, *counts)

    def _updateCases(self) -> None:
        study = self.logic.study
        self._shown = self._newest()
        self.table.setRows(self._state.rows(study, self.logic.inspection))
        text = self._state.cohortText()
        self.ui.cohortProblemsLabel.text = text
        self.ui.cohortProblemsLabel.visible = bool(text)
        self._resample.show([] if study is None else self._state.casesWith("grid", study))
        self._updateShown()
        self._updateSelected()
        self._check.show(self._state)
        self.logic.events.emit("headline")

    def _updateShown(self) -> None:
        shown, count = self.table.shownCount, self.table.count
        self.ui.shownLabel.text = (
            f"{count:,}"
            if shown == count
            else _("{shown} of {count}").format(shown=f"{shown:,}", count=f"{count:,}")
        )

    def _updateSelected(self) -> None:
        selected = self.table.selectedIds()
        problems = self._state.problemTextOf(selected[0]) if len(selected) == 1 else ""
        self.ui.caseProblemsLabel.text = problems
        self.ui.caseProblemsLabel.visible = bool(problems)
        showSelectionButtons(self.ui, len(selected))

    # What the logic tells

    def _studyChanged(self) -> None:
        self.refresh()

    def _inspectionChanged(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    def _caseChanged(self, caseId: str) -> None:
        self.table.setActive(caseId or None)

    # What a person asks for

    def openForm(self, way: str) -> None:
        """Open the form for "folders", "list", "volumes", "dicom" or "split"."""
        self.say("", False)
        self.forms.open(way)

    def _openSplit(self) -> None:
        self.openForm("split")

    def askNew(self) -> None:
        """Choose a folder and make a cohort there; the form that adds images comes next."""
        folder = questions.askNewFolder(self.widget)
        if folder and self.actions.create(folder):
            self.openForm("folders")

    def askOpen(self) -> None:
        """Choose a cohort file and open it."""
        path = questions.askCohortFile(self.widget)
        if path:
            self.actions.open(path)

    def askClasses(self) -> None:
        """Choose a file that names classes and take them over."""
        path = questions.askClassesFile(self.widget)
        classes = self.actions.attempt(lambda: readClasses(path)) if path else None
        if classes:
            self.classes.propose(classes)

    def askRemove(self) -> None:
        """Take the selected cases out, after asking."""
        selected = self.table.selectedIds()
        if selected and questions.confirmRemoval(self.widget, selected):
            self.actions.remove(selected)

    # The table

    def _selectionChanged(self) -> None:
        self._updateSelected()

    def _filter(self, *_news: object) -> None:
        token = self.ui.showComboBox.itemData(self.ui.showComboBox.currentIndex) or ""
        self.table.setFilter(self.ui.filterEdit.text, token)
        self._updateShown()
        self._updateSelected()

    def _setRole(self, role: str) -> None:
        self.actions.setRole(self.table.selectedIds(), role)

    def _setTag(self, classIndex: int, tag: str | None) -> None:
        self.actions.setTag(self.table.selectedIds(), classIndex, tag)

    def _classesNow(self) -> list[Any]:
        return [] if self.logic.study is None else list(self.logic.study.classes)

    def _openSelected(self) -> None:
        selected = self.table.selectedIds()
        if selected:
            self.actions.openCase(selected[0])

    def _showCaseMenu(self, position: qt.QPoint) -> None:
        if self.table.selectedIds():
            self.tagMenu.update()
            self.caseMenu.popup(self.ui.caseTable.viewport().mapToGlobal(position))
