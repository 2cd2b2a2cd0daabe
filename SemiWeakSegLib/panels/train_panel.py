"""Train: where and how long; start, stop, resume; how it goes, and how it ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from SemiWeakSegLib.panels.checked_start import CheckedStart
from SemiWeakSegLib.panels.connections import Connections
from SemiWeakSegLib.panels.folders import openFolder
from SemiWeakSegLib.panels.found_runs import rememberedPaths, rememberRun, runningRun
from SemiWeakSegLib.panels.log_view import LogView
from SemiWeakSegLib.panels.packages import Environment, Package, missingPackages
from SemiWeakSegLib.panels.quit_question import STOP, QuitQuestion
from SemiWeakSegLib.panels.run_view import RunView
from SemiWeakSegLib.panels.train_buttons import Situation, showButtons
from SemiWeakSegLib.panels.training_choices import obstacles, requestOf
from SemiWeakSegLib.panels.training_form import TrainingForm
from SemiWeakSegLib.runs import RunError, RunFolder
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.run_folders import RunFolders

# How long a worker may take to end its step and write a checkpoint, before one may end it.
STOP_PATIENCE_S = 15.0
TICK_MS = 1000
# What a worker prints last comes after its state says that it has ended.
TICKS_AFTER_END = 3


class TrainPanel:
    """Everything that takes long is done by child processes; this reads small files by timers."""

    def __init__(
        self, container: qt.QWidget, logic: Any, resourcePath: Callable[[str], str]
    ) -> None:
        self.container = container
        self.logic = logic
        self.requirementsFile = Path(resourcePath("requirements.txt"))
        self.environment: Environment | None = None
        self.missing: list[Package] = []
        self.foundRun: RunFolder | None = None
        self.stopPatience = STOP_PATIENCE_S
        self._parameterNode: Any = None
        self._endObserving: Callable[[], None] | None = None
        self._problem = ""
        self._stopAskedAt: float | None = None
        self._studyPath: Path | None = None
        self._ticksLeft = 0
        self._curvesAreDue = False
        self._connections = Connections()
        self.widget = slicer.util.loadUI(resourcePath("UI/Train.ui"))
        container.layout().addWidget(self.widget)
        self.ui = slicer.util.childWidgetVariables(self.widget)
        self.widget.setMRMLScene(slicer.mrmlScene)
        self.form = TrainingForm(self.ui, self._connections, self.refresh)
        self.runView = RunView(self.ui)
        self.log = LogView(self.ui.logTextEdit)
        self.quitQuestion = QuitQuestion(self._nameOfRunning)
        self.checkedStart = CheckedStart(logic, self._startChecked)
        self._timer = qt.QTimer()
        self._timer.setInterval(TICK_MS)
        self._connect()
        if logic.environmentFound is not None:
            self._onEnvironment(logic.environmentFound)
        self._onRun(logic.run)

    @property
    def headline(self) -> str:
        """For the section's title."""
        return _("checking the cohort…") if self.checkedStart.waiting else self.runView.headline

    def setParameterNode(self, parameterNode: Any) -> None:
        """Show another scene's choices, or none while a scene closes."""
        if self._endObserving is not None:
            self._endObserving()
            self._endObserving = None
        self._parameterNode = parameterNode
        if parameterNode is not None:
            self._endObserving = self._connections.modified(parameterNode, self._onModified)
        self._onModified()

    def enter(self) -> None:
        """The module is shown: look for trainings that go on."""
        self.quitQuestion.answer = ""
        self._findRuns()
        self.refresh()

    def exit(self) -> None:
        """Another module is shown; a training goes on and its end will be told."""

    def sceneStartClose(self) -> None:
        """The choices go with the scene; a training goes on."""
        self.checkedStart.cancel()
        self.setParameterNode(None)

    def sceneEndClose(self) -> None:
        """The scene is empty."""
        self.refresh()

    def cleanup(self) -> None:
        """Let go of everything; Slicer may be closing, so the answer about that counts now."""
        if self.quitQuestion.answer == STOP and self.logic.isTraining:
            self.logic.stop()
        self.quitQuestion.release()
        self._timer.stop()
        self._connections.release()
        self._endObserving = None
        self._parameterNode = None

    def refresh(self, *arguments: Any) -> None:
        """Show what is possible now."""
        run = self.logic.run
        state = run.state() if run is not None else ""
        isTraining = state == "running"
        isStopping = isTraining and run.stop_requested()
        showButtons(
            self.ui,
            Situation(
                state=state,
                isStopping=isStopping,
                mayEnd=isStopping and self._isPatienceOver(),
                waitsForCheck=self.checkedStart.waiting,
                hasStudy=self.logic.study is not None,
                hasCurves=self._hasCurves(),
                canWork=not self._cannotWork(),
                obstacles=[] if isTraining else self._obstacles(),
                problem=self._problem or self.checkedStart.problem,
                foundRun=None if self.foundRun is None else self.foundRun.path,
            ),
        )

    # What a person does

    def start(self) -> None:
        """Start a training with the present choices, after a check of the cohort where due."""
        self.form.read()
        self._problem = ""
        if self.logic.isTraining or self._obstacles():
            self.refresh()
            return
        self.checkedStart.request()
        self.refresh()

    def stop(self) -> None:
        """Ask the training to stop, or take back a start that waits for the check."""
        if self.checkedStart.waiting:
            self.checkedStart.cancel()
        elif self.logic.isTraining:
            self.logic.stop()
            self._stopAskedAt = time.monotonic()
        self.refresh()

    def kill(self) -> None:
        """End a training that does not answer."""
        self._attempt(self.logic.kill)

    def resume(self) -> None:
        """Go on with the run that is shown, from its last checkpoint."""
        self._problem = ""
        self._attempt(self.logic.resume)

    def watchFound(self) -> None:
        """Show the training that was found."""
        found, self.foundRun = self.foundRun, None
        if found is not None:
            self._attempt(lambda: self.logic.attach(found))

    def showCurves(self) -> None:
        """Put the curves in a plot view."""
        if self.logic.curves is not None:
            self.logic.curves.show()

    def showDetails(self) -> None:
        """Open the log, which has the whole error."""
        self.ui.logGroupBox.collapsed = False
        self.log.update()

    # What happens

    def _connect(self) -> None:
        ui = self.ui
        for button, receiver in (
            (ui.startButton, self.start),
            (ui.stopButton, self.stop),
            (ui.killButton, self.kill),
            (ui.resumeButton, self.resume),
            (ui.watchRunButton, self.watchFound),
            (ui.curvesButton, self.showCurves),
            (ui.detailsButton, self.showDetails),
            (ui.openRunButton, self._openRunFolder),
        ):
            self._connections.widget(button, "clicked()", receiver)
        self._connections.widget(ui.logGroupBox, "toggled(bool)", self._onTick)
        self._connections.widget(self._timer, "timeout()", self._onTick)
        for topic, receiver in (
            ("study", self._onStudy),
            ("inspection", self._onInspection),
            ("setup", self._onEnvironment),
            ("run", self._onRun),
            ("update", self._onUpdate),
            ("finished", self._onFinished),
            ("trainAgain", self.start),
        ):
            self._connections.topic(self.logic.events, topic, receiver)

    def _onModified(self, caller: Any = None, event: Any = None) -> None:
        self.form.show(self._parameterNode)
        self.refresh()

    def _onStudy(self) -> None:
        study = self.logic.study
        path = None if study is None else study.path
        # Also told when a role changes; another cohort's runs are looked for once.
        if path != self._studyPath:
            self._studyPath = path
            self._findRuns()
        self.refresh()

    def _onEnvironment(self, found: Mapping[str, Any]) -> None:
        self.environment = Environment.fromDict(found)
        self.missing = missingPackages(self.requirementsFile, self.environment.packages)
        self.form.setEnvironment(self.environment)
        self.refresh()

    def _onInspection(self) -> None:
        if self.logic.checking.running:
            return  # of hundreds of pieces the last one decides what is possible
        self.checkedStart.heed()
        self.refresh()

    def _onRun(self, run: RunFolder | None) -> None:
        self._curvesAreDue = False
        self.runView.showRun(run)
        self.log.follow(None if run is None else run.log_path)
        self._stopAskedAt = None
        self.refresh()

    def _onUpdate(self, update: Any) -> None:
        self.runView.showUpdate(update)
        if update.state == "running" and not self._timer.isActive():
            rememberRun(self.logic.run)
            self.quitQuestion.watch()
            self._ticksLeft = TICKS_AFTER_END
            self._timer.start()
        if self._curvesAreDue and self._hasCurves():
            # There is no chart before there is a first point.
            self._curvesAreDue = False
            self.showCurves()
        self.refresh()

    def _onFinished(self, run: RunFolder, state: str) -> None:
        self._stopAskedAt = None
        self.quitQuestion.release()
        slicer.util.showStatusMessage(
            _("Training {run}: {end}").format(run=run.path.name, end=self.runView.headline)
        )
        self.refresh()

    def _onTick(self, *arguments: Any) -> None:
        if not self.ui.logGroupBox.collapsed:
            self.log.update()
        if not self.logic.isTraining:
            self._ticksLeft -= 1
            if self._ticksLeft <= 0:
                self._timer.stop()
        elif self.logic.run.stop_requested():
            self.refresh()

    # Inside

    def _startChecked(self) -> None:
        # The check may have found what the last one did not: then the panel says so instead.
        if not self._obstacles():
            self._attempt(self._train)

    def _train(self) -> None:
        request = requestOf(self._parameterNode)
        parent = self._parameterNode.outputFolder
        folder = RunFolders(Path(parent).expanduser()).new(request.method) if parent else None
        self.logic.train(
            method=request.method,
            settings=request.settings,
            terms=request.terms,
            plan=request.plan,
            steps=request.steps,
            minutes=request.minutes,
            seed=request.seed,
            device=request.device,
            folder=folder,
        )
        self._curvesAreDue = True

    def _attempt(self, act: Callable[[], Any]) -> None:
        """Do it; what a user can put right is said in the panel."""
        try:
            act()
        except (SceneError, RunError, OSError, ValueError) as error:
            self._problem = str(error)
        self.refresh()

    def _findRuns(self) -> None:
        """Watch a training of this cohort that goes on; offer any other one."""
        self.foundRun = None
        if self.logic.isTraining:
            return
        study = self.logic.study
        own = runningRun(study.runFolders()) if study is not None else None
        if own is not None and self.logic.run is None:
            self._attempt(lambda: self.logic.attach(own))
        else:
            self.foundRun = own or runningRun(rememberedPaths())

    def _openRunFolder(self) -> None:
        if self.logic.run is not None:
            openFolder(self.logic.run.path)

    def _nameOfRunning(self) -> str:
        return self.logic.run.path.name if self.logic.isTraining else ""

    def _hasCurves(self) -> bool:
        return self.logic.curves is not None and bool(self.logic.curves.charts)

    def _isPatienceOver(self) -> bool:
        if self._stopAskedAt is None:
            self._stopAskedAt = time.monotonic()
        return time.monotonic() - self._stopAskedAt >= self.stopPatience

    def _obstacles(self) -> list[str]:
        return obstacles(self._parameterNode, self.logic, self.environment, self.missing)

    def _cannotWork(self) -> bool:
        return self.environment is not None and bool(self.missing or self.environment.error)
