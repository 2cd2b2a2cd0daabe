"""The Results section: whose predictions are shown, and what is made of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from SemiWeakSegLib.panels.export_box import ExportBox
from SemiWeakSegLib.panels.predict_box import PredictBox
from SemiWeakSegLib.panels.report_button import ReportButton
from SemiWeakSegLib.panels.results_table import ALL, DONE, OPEN
from SemiWeakSegLib.panels.review_box import ReviewBox
from SemiWeakSegLib.panels.run_choice import RunChoice
from SemiWeakSegLib.panels.shown_results import EXPECTED, ShownResults
from SemiWeakSegLib.runs import RunError, RunFolder
from SemiWeakSegLib.scene.results import metricsTable
from SemiWeakSegLib.scene.run_commands import imagesOf, newImagesFolders

FILTERS = (ALL, OPEN, DONE)
METRICS_FILE = "metrics.json"
SETTLE_MS = 300


class ResultsPanel(VTKObservationMixin):
    """Shows one run of the study: its cohort's predictions, or those of new images."""

    def __init__(
        self, container: qt.QWidget, logic: Any, resourcePath: Callable[[str], str]
    ) -> None:
        VTKObservationMixin.__init__(self)
        self.logic = logic
        widget = slicer.util.loadUI(resourcePath("UI/Results.ui"))
        container.layout().addWidget(widget)
        widget.setMRMLScene(slicer.mrmlScene)
        self.widget = widget
        self.ui = ui = slicer.util.childWidgetVariables(widget)
        self.run: RunFolder | None = None
        self._study: Any = None
        self._sets: list[Path | None] = [None]
        self.runChoice = RunChoice(ui.runSelector, self._onRunChosen)
        self.review = ReviewBox(ui, logic, self.say, self._refreshRows)
        self.table = self.review.table
        self.predictBox = PredictBox(ui, logic, self._onPredicted)
        self.exportBox = ExportBox(ui, self._onExport)
        self.reportButton = ReportButton(ui.reportButton, self.say)
        # Nodes come and go in crowds: one look when they have settled.
        self._settled = qt.QTimer()
        self._settled.setSingleShot(True)
        self._settled.setInterval(SETTLE_MS)
        self._settled.connect("timeout()", self._refreshRows)
        ui.setSelector.connect("activated(int)", self._onSetChosen)
        ui.filterSelector.connect("currentIndexChanged(int)", self._onFilter)
        ui.resultsTable.connect("itemSelectionChanged()", self._updateButtons)
        ui.trainAgainButton.connect("clicked()", self._onTrainAgain)
        ui.runFolderButton.connect("clicked()", self._onOpenFolder)
        ui.metricsButton.connect("clicked()", self._onMetrics)
        self._receivers = {
            "study": self._onStudy,
            "run": self._onRun,
            "finished": self._onFinished,
            "results": self._onResults,
        }
        for topic, receiver in self._receivers.items():
            logic.events.connect(topic, receiver)
        self._observeScene()
        self.say("")
        self.refresh()

    @property
    def headline(self) -> str:
        """How many predictions there are, and how many are reviewed."""
        rows = self.table.rows.values()
        if not rows:
            return ""
        reviewed = sum(bool(row.review) for row in rows)
        return _("{count} predictions, {reviewed} reviewed").format(
            count=len(rows), reviewed=reviewed
        )

    def setParameterNode(self, parameterNode: Any) -> None:
        """The run that a scene remembers is attached by the logic, which tells it by "run"."""
        if parameterNode is not None:
            self.refresh()

    def enter(self) -> None:
        """The module is shown."""
        self.refresh()

    def exit(self) -> None:
        """The module is left; loading goes on."""

    def sceneStartClose(self) -> None:
        """Let go of everything in the scene."""
        self.review.drop()
        self._settled.stop()
        self.removeObservers()
        self.ui.metricsTable.setMRMLTableNode(None)

    def sceneEndClose(self) -> None:
        """The scene is empty."""
        self._observeScene()
        self.refresh()

    def cleanup(self) -> None:
        """Disconnect from everything."""
        self.review.drop()
        self._settled.stop()
        self._settled.disconnect("timeout()", self._refreshRows)
        self.predictBox.cleanup()
        self.exportBox.cleanup()
        self.reportButton.cleanup()
        for topic, receiver in self._receivers.items():
            self.logic.events.disconnect(topic, receiver)
        self.removeObservers()

    def refresh(self) -> None:
        """The study's runs, the chosen one's predictions, and what can be done with them."""
        study = self.logic.study
        if study is not self._study:
            self._study, self.run = study, None
        paths = list(study.runFolders()) if study is not None else []
        shown = self.run or self.logic.run
        self.runChoice.fill(paths, None if shown is None else shown.path)
        self._setRun(self.runChoice.path)

    def say(self, text: str) -> None:
        """A sentence below the review buttons, "" for none."""
        self.ui.resultsMessage.text = text
        self.ui.resultsMessage.visible = bool(text)

    def _observeScene(self) -> None:
        scene = slicer.mrmlScene
        for event in (scene.NodeAddedEvent, scene.NodeRemovedEvent):
            self.addObserver(scene, event, self._onNodes)

    def _onNodes(self, _caller: Any = None, _event: Any = None) -> None:
        if self.review.results is not None and not self.review.stepper.running:
            self._settled.start()

    def _onStudy(self, *_arguments: Any) -> None:
        # Accepting many cases changes the study with each of them.
        if not self.review.stepper.running or self.logic.study is not self._study:
            self.refresh()

    def _onRun(self, *_arguments: Any) -> None:
        run = self.logic.run
        # A run that has just begun has nothing to show; what is being reviewed stays.
        if run is not None and (not self.table.rows or not self.logic.isTraining):
            self._study, self.run = self.logic.study, run
        self.refresh()

    def _onFinished(self, run: RunFolder, _state: str) -> None:
        self._study, self.run = self.logic.study, run
        self.refresh()

    def _onResults(self, *_arguments: Any) -> None:
        self.refresh()

    def _onRunChosen(self, path: Path) -> None:
        self._setRun(path)
        # The scene remembers the watched run; one that trains is not left for another.
        if self.run is not None and not self.logic.isTraining:
            try:
                self.logic.attach(path)
            except EXPECTED as error:
                self.say(str(error))

    def _setRun(self, path: Path | None) -> None:
        if path is None or self.run is None or self.run.path != path:
            self.run = None
            self._sets = [None]
        if path is not None and self.run is None:
            try:
                self.run = RunFolder.open(path)
            except (RunError, OSError) as error:
                self.say(str(error))
        self._fillSets()
        self.predictBox.setRun(self.run)
        self.reportButton.setRun(self.run)
        exports = None
        if self.logic.study is not None and self.run is not None:
            exports = self.logic.study.folder / "exports" / self.run.path.name
        self.exportBox.setRun(self.run, exports)
        self._showSet()

    def _fillSets(self, chosen: Path | None = None) -> None:
        """The cohort's cases and each folder of new images; what was chosen stays chosen."""
        box = self.ui.setSelector
        if chosen is None and 0 <= box.currentIndex < len(self._sets):
            chosen = self._sets[box.currentIndex]
        self._sets = [None, *(newImagesFolders(self.run) if self.run is not None else [])]
        wasBlocked = box.blockSignals(True)
        box.clear()
        for index, folder in enumerate(self._sets):
            box.addItem(_("cases of the cohort") if folder is None else folder.name)
            if folder is not None:
                box.setItemData(index, str(imagesOf(folder)), qt.Qt.ToolTipRole)
        box.currentIndex = self._sets.index(chosen) if chosen in self._sets else 0
        box.enabled = len(self._sets) > 1
        box.toolTip = (
            _("The cases of the cohort, or new images that this run has predicted")
            if len(self._sets) > 1
            else _("New images that this run predicts are listed here, beside the cohort's cases")
        )
        box.blockSignals(wasBlocked)

    def _onSetChosen(self, _index: int) -> None:
        self._showSet()

    def _showSet(self) -> None:
        """List what run and set say; nothing is interrupted where they are the same."""
        wanted = None
        if self.run is not None:
            folder = self._sets[max(0, self.ui.setSelector.currentIndex)]
            wanted = ShownResults(self.logic.study, self.run, folder)
        if wanted is None or not wanted.isLike(self.review.results):
            self.review.setResults(wanted)
        self._refreshRows()

    def _refreshRows(self) -> None:
        self.review.refresh()
        self._updateButtons()

    def _onFilter(self, index: int) -> None:
        self.table.setFilter(FILTERS[max(0, index)])
        self.review.update()
        self._updateButtons()

    def _onPredicted(self, folder: Path | None) -> None:
        if folder is not None:
            self._fillSets(folder)
            self._showSet()
        else:
            self._refreshRows()

    def _onExport(self, folder: Path, kind: str, overwrite: bool) -> None:
        results = self.review.results
        self.review.work(
            self.review.chosenIds(),
            lambda caseId: results.export(caseId, folder, kind, overwrite),
            lambda count: _("{count} segmentations exported to {folder}.").format(
                count=count, folder=folder
            ),
        )

    def _onMetrics(self) -> None:
        try:
            node = metricsTable(self.run)
        except EXPECTED as error:
            self.say(str(error))
            return
        self.ui.metricsTable.setMRMLTableNode(node)

    def _onOpenFolder(self) -> None:
        if not qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(self.run.path))):
            self.say(_("The run's folder is {path}").format(path=self.run.path))

    def _onTrainAgain(self) -> None:
        self.say("")
        self.logic.events.emit("trainAgain")

    def _updateButtons(self) -> None:
        self.exportBox.setCount(len(self.review.chosenIds()))
        noRun = "" if self.run is not None else _("Train a model first")
        if self.logic.study is None:
            again = _("Open a cohort first")
        else:
            again = _("A run is training: stop it first") if self.logic.isTraining else ""
        measured = self.run is not None and (self.run.predictions / METRICS_FILE).is_file()
        unmeasured = "" if measured else _("No predicted case has a reference segmentation")
        for button, missing, tooltip in (
            (self.ui.runFolderButton, noRun, _("Open the run's folder")),
            (
                self.ui.trainAgainButton,
                again,
                _("Start a new run with the annotations as they are now"),
            ),
            (
                self.ui.metricsButton,
                noRun or unmeasured,
                _("Put the run's metrics into a table of the scene and show it"),
            ),
        ):
            button.enabled = not missing
            button.toolTip = missing or tooltip
