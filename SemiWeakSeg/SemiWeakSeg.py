"""SemiWeakSeg: train segmentation models from few labels inside 3D Slicer. Wiring only."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import slicer
import vtk
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import parameterNodeWrapper
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

# From a source tree the library lies beside this module's folder; installed, beside this file.
_besideModule = Path(__file__).resolve().parent.parent
_isSourceTree = (_besideModule / "SemiWeakSegLib" / "__init__.py").is_file()
if _isSourceTree and str(_besideModule) not in sys.path:
    sys.path.insert(0, str(_besideModule))
if slicer.util.settingsValue("Developer/DeveloperMode", False, converter=slicer.util.toBool):
    # "Reload" reads this file only: without this it would go on with the library's old code.
    for _name in [name for name in sys.modules if name.split(".")[0] == "SemiWeakSegLib"]:
        del sys.modules[_name]

# Slicer imports this file at every start, whether the module is used or not: these take a few
# milliseconds. cohort, scene and panels bring scipy and SimpleITK; they come at first use.
from SemiWeakSegLib.panels.children import ChildProcess, lastLines
from SemiWeakSegLib.panels.signals import Signals
from SemiWeakSegLib.runs import RunError, RunFolder
from SemiWeakSegLib.runs import worker as runWorker
from SemiWeakSegLib.scene.errors import SceneError

if TYPE_CHECKING:
    from SemiWeakSegLib.cohort import SegmentClass
    from SemiWeakSegLib.methods import Recommendation
    from SemiWeakSegLib.panels.attached_run import AttachedRun
    from SemiWeakSegLib.scene.study import Study

PREDICTED_CASES = ("unlabeled", "validation", "test")
LONGEST_TITLE = 52
SAMPLE_CATEGORY = "SemiWeakSeg"
SAMPLE_NAME = "SyntheticHearts"


class SemiWeakSeg(ScriptedLoadableModule):
    """What Slicer's module menu knows."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Few-Label Segmentation (SemiWeakSeg)")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        self.parent.dependencies = ["Segmentations"]
        self.parent.contributors = ["SemiWeakSeg maintainers"]
        self.parent.helpText = _(
            "Train a segmentation model from few labels: segment, scribble or box a few cases, "
            "choose a method, train in the background, review what comes back, train again. "
            "Sections from top to bottom are the steps."
        )
        self.parent.helpText += self.getDefaultModuleDocumentationLink()
        self.parent.acknowledgementText = _(
            "Methods and their sources are named in the Method section and in the documentation. "
            "Networks come from MONAI. SemiWeakSeg is not a medical device and is for research."
        )
        slicer.app.connect("startupCompleted()", registerSampleData)


def registerSampleData() -> None:
    """A synthetic cohort in the Sample Data module: made on this computer, no download."""
    try:
        import SampleData
    except ImportError:  # a Slicer built without that module
        return

    icons = os.path.join(os.path.dirname(__file__), "Resources", "Icons")
    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category=SAMPLE_CATEGORY,
        sampleName=SAMPLE_NAME,
        thumbnailFileName=os.path.join(icons, "SyntheticHearts.png"),
        customDownloader=openSyntheticHearts,
    )


def openSyntheticHearts(source: Any = None) -> list[Any]:
    """Make the synthetic hearts, where they are not there yet, and open them in the module."""
    from SemiWeakSegLib.cohort import make_phantom

    folder = Path(slicer.mrmlScene.GetCacheManager().GetRemoteCacheDirectory()) / SAMPLE_NAME
    if not (folder / "cohort.json").is_file():
        make_phantom(folder)
    if slicer.util.mainWindow() is not None:
        slicer.util.selectModule("SemiWeakSeg")
    logic = slicer.util.getModuleWidget("SemiWeakSeg").logic
    study = logic.openCohort(folder)
    logic.setActiveCase(study.cohort.cases[0].id)
    return []


@parameterNodeWrapper
class SemiWeakSegParameterNode:
    """What a saved scene brings back. Cohorts and runs are folders; here are their places.

    cohortPath - cohort.json. runPath - the run that is watched. activeCase - case in the views.
    annotationMode - segment, scribble, box or point. method, settingsJson (changed settings by
    method), termsJson, planJson (overrides) - what to train. budgetKind (usual, steps, minutes),
    steps, minutes, seed, device, outputFolder - how to train.
    """

    cohortPath: str = ""
    runPath: str = ""
    activeCase: str = ""
    annotationMode: str = "scribble"
    method: str = "supervised"
    settingsJson: str = "{}"
    termsJson: str = "[]"
    planJson: str = "{}"
    budgetKind: str = "usual"
    steps: int = 1000
    minutes: float = 30.0
    seed: int = 0
    device: str = "auto"
    outputFolder: str = ""


class SemiWeakSegWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The module's sections, and their life with scene and application."""

    def __init__(self, parent=None) -> None:
        VTKObservationMixin.__init__(self)
        self.logic = None
        self.panels: dict[str, Any] = {}
        self._titles: dict[str, str] = {}
        self._tips: dict[str, str] = {}
        self._parameterNode = None
        # Last: without a parent, Slicer's base class calls setup() at once.
        ScriptedLoadableModuleWidget.__init__(self, parent)

    def setup(self) -> None:
        """Build the sections; nothing is asked, installed or read here."""
        from SemiWeakSegLib.panels.annotate_panel import AnnotatePanel
        from SemiWeakSegLib.panels.cohort_panel import CohortPanel
        from SemiWeakSegLib.panels.method_panel import MethodPanel
        from SemiWeakSegLib.panels.results_panel import ResultsPanel
        from SemiWeakSegLib.panels.setup_panel import SetupPanel
        from SemiWeakSegLib.panels.train_panel import TrainPanel

        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/SemiWeakSeg.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.uiWidget = uiWidget
        self.logic = SemiWeakSegLogic()
        for name, panel in (
            ("setup", SetupPanel),
            ("cohort", CohortPanel),
            ("annotate", AnnotatePanel),
            ("method", MethodPanel),
            ("train", TrainPanel),
            ("results", ResultsPanel),
        ):
            section = getattr(self.ui, f"{name}Section")
            self._titles[name], self._tips[name] = section.text, section.toolTip
            self.panels[name] = panel(section, self.logic, self.resourcePath)
        self.logic.mayLeaveCase = self.panels["annotate"].mayLeave
        self.ui.messageLabel.visible = False
        self.logic.events.connect("problem", self.showMessage)
        for topic in (
            "study",
            "inspection",
            "case",
            "setup",
            "run",
            "update",
            "results",
            "headline",
        ):
            self.logic.events.connect(topic, self._updateTitles)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.onSceneEndImport)
        self.initializeParameterNode()

    def cleanup(self) -> None:
        """The module is reloaded or Slicer quits; a training goes on by itself."""
        self.removeObservers()
        for panel in self.panels.values():
            panel.cleanup()
        if self.logic is not None:
            self.logic.cleanup()

    def enter(self) -> None:
        """The module is shown."""
        self.initializeParameterNode()
        for panel in self.panels.values():
            panel.enter()
        self._updateTitles()

    def exit(self) -> None:
        """Another module is shown."""
        for panel in self.panels.values():
            panel.exit()

    def onSceneStartClose(self, caller=None, event=None) -> None:
        """Nothing of the scene may be used any more."""
        for panel in self.panels.values():
            panel.sceneStartClose()
        self.setParameterNode(None)
        self.logic.closeCohort()

    def onSceneEndClose(self, caller=None, event=None) -> None:
        """An empty scene: start afresh; a run goes on and is still watched."""
        self.logic.sceneClosed()
        for panel in self.panels.values():
            panel.sceneEndClose()
        if self.parent.isEntered:
            self.initializeParameterNode()

    def onSceneEndImport(self, caller=None, event=None) -> None:
        """A scene was loaded: come back as the module was when it was saved."""
        self.setParameterNode(None)
        if self.parent.isEntered:
            self.initializeParameterNode()

    def initializeParameterNode(self) -> None:
        """Make sure that there is a parameter node, and that the module shows what it says."""
        self.setParameterNode(self.logic.getParameterNode())

    def setParameterNode(self, parameterNode: "SemiWeakSegParameterNode | None") -> None:
        """Hand the parameter node to logic and panels; None before a scene closes."""
        nodes = [each and each.parameterNode for each in (parameterNode, self._parameterNode)]
        if nodes[0] is not None and nodes[0] is nodes[1]:
            return
        modified = vtk.vtkCommand.ModifiedEvent
        if self._parameterNode is not None:
            self.removeObserver(self._parameterNode, modified, self._updateTitles)
        self._parameterNode = parameterNode
        if parameterNode is not None:
            # After the panels, which hear of the same change: titles say what these show.
            self.addObserver(parameterNode, modified, self._updateTitles, priority=-1.0)
            self.logic.restore(parameterNode)
        for panel in self.panels.values():
            panel.setParameterNode(parameterNode)
        self._updateTitles()

    def showMessage(self, text: str) -> None:
        """A sentence above the sections; "" takes it away."""
        self.ui.messageLabel.text = text
        self.ui.messageLabel.visible = bool(text)

    def _updateTitles(self, *arguments: Any) -> None:
        for name, panel in self.panels.items():
            headline = panel.headline
            section = getattr(self.ui, f"{name}Section")
            title = f"{self._titles[name]}: {headline}" if headline else self._titles[name]
            section.text = shortTitle(title)
            # What was cut off can still be read.
            isWhole = len(title) <= LONGEST_TITLE
            section.toolTip = self._tips[name] if isWhole else f"{title}\n{self._tips[name]}"


class SemiWeakSegLogic(ScriptedLoadableModuleLogic):
    """Cohorts, training and results without the panels: from the Python console or a script.

    A whole study in ten lines (docs/slicer-console.md explains them)::

        import SemiWeakSeg

        logic = SemiWeakSeg.SemiWeakSegLogic()
        study = logic.createCohortFromFolders(
            "study", images="images", labels="labels", classes=["liver", "tumor"]
        )
        study.splitCases(validation=0.2, test=0.2, seed=0)
        run = logic.train("pseudo_label", steps=2000, waitForCompletion=True)
        for row in logic.listResults(run)[:3]:
            print(row.caseId, row.uncertainty, row.meanDice)
        nodes = logic.loadResults(run, cases=["case7"], uncertainty=True)
        logic.acceptResults(run, cases=["case7"])
        again = logic.train("pseudo_label", steps=2000, waitForCompletion=True)

    ``train`` and ``predict`` return at once unless ``waitForCompletion``; ``onEvent(event)`` gets
    the dictionaries of events.jsonl and ``onFinished(state)`` the end. Training works in a process
    of its own, outlives Slicer, and is found again by ``attach(runFolder)``. Errors that a user can
    put right are `SceneError`, raised before anything is changed. Works with ``--no-main-window``.
    The panels' own logic, to script what they show, is
    ``slicer.util.getModuleWidget("SemiWeakSeg").logic``.
    """

    def __init__(self) -> None:
        from SemiWeakSegLib.panels.checking import Checking

        ScriptedLoadableModuleLogic.__init__(self)
        self.events = Signals()
        self.study: Study | None = None
        self.checking = Checking(self.events)
        self.attached: AttachedRun | None = None
        self.environmentFound: dict[str, Any] | None = None
        self.activeCase = ""
        # Asks a person about unsaved strokes, where there is one to ask.
        self.mayLeaveCase: Callable[[], bool] = lambda: True
        self._environmentChild: ChildProcess | None = None
        self._children: list[ChildProcess] = []

    def getParameterNode(self) -> SemiWeakSegParameterNode:
        """The scene's parameter node of this module."""
        return SemiWeakSegParameterNode(super().getParameterNode())

    def cleanup(self) -> None:
        """End every child process and timer of this logic; a training goes on."""
        self.checking.stop()
        self.detach()
        if self._environmentChild is not None:
            self._environmentChild.stop()
        for child in list(self._children):
            child.stop()
        self._children.clear()
        self._setStudy(None, remember=False)

    # Cohorts

    def createCohort(
        self, folder: str | Path, classes: Iterable["str | SegmentClass"] = ()
    ) -> "Study":
        """A new, empty cohort in `folder`, which gets cohort.json, annotations and runs."""
        from SemiWeakSegLib.scene.study import Study

        study = Study.create(folder, _asClasses(classes))
        self._setStudy(study)
        return study

    def openCohort(self, path: str | Path) -> "Study":
        """Open a cohort.json, or the folder that has one."""
        from SemiWeakSegLib.scene.study import Study

        self._setStudy(Study.open(path))
        return self.study

    def createCohortFromFolders(
        self,
        folder: str | Path,
        images: str | Path,
        labels: str | Path | None = None,
        truth: str | Path | None = None,
        classes: Iterable["str | SegmentClass"] = (),
        groupPattern: str | None = None,
        unlabeledValue: int | None = None,
    ) -> "Study":
        """A new cohort of the images in a folder; labels pair with them by file name."""
        from SemiWeakSegLib.scene import sources
        from SemiWeakSegLib.scene.study import Study

        study = Study.create(folder, _asClasses(classes))
        sources.addFolder(study, images, labels, truth, groupPattern, unlabeledValue)
        self._setStudy(study)
        return study

    def createCohortFromVolumes(
        self,
        folder: str | Path,
        volumeNodes: Sequence[Any],
        segmentations: dict[Any, Any] | None = None,
        classes: Iterable["str | SegmentClass"] = (),
    ) -> "Study":
        """A new cohort of volumes of the scene; `segmentations` gives dense ones by volume."""
        from SemiWeakSegLib.scene import sources
        from SemiWeakSegLib.scene.study import Study

        study = Study.create(folder, _asClasses(classes))
        sources.addVolumes(study, volumeNodes, segmentations or {})
        self._setStudy(study)
        return study

    def closeCohort(self) -> None:
        """Let go of the cohort; its folder stays as it is."""
        self._setStudy(None, remember=False)

    def setActiveCase(self, caseId: str) -> None:
        """The case that the Annotate section works on; "" for none. SceneError where unknown."""
        if caseId:
            self._requireStudy().case(caseId)
        if caseId != self.activeCase:
            self.activeCase = caseId
            self.getParameterNode().activeCase = caseId
        # Also where it is the same: someone wants to see it.
        self.events.emit("case", caseId)

    def loadImages(self, caseId: str) -> list[Any]:
        """Load a case's image, one volume node for each channel (Annotate shows the first)."""
        from SemiWeakSegLib.scene.volumes import allChannels

        study = self._requireStudy()
        return allChannels(study.case(caseId), study.path)

    @property
    def inspection(self) -> Any:
        """What the checks found so far (scene.inspection.Inspection), or None."""
        return self.checking.inspection

    def inspect(self, waitForCompletion: bool = False) -> Any:
        """Check the cohort in a child process; returns what is known (all of it after waiting)."""
        self._requireStudy()
        if not waitForCompletion:
            self.checking.start()
            return self.checking.inspection
        inspection = self.checking.wait()
        if self.checking.failure:
            raise SceneError(self.checking.failure)
        return inspection

    # Training

    @property
    def run(self) -> RunFolder | None:
        """The run that is watched."""
        return None if self.attached is None else self.attached.run

    @property
    def curves(self) -> Any:
        """Table, series and chart nodes of the watched run (scene.curves.Curves), or None."""
        return None if self.attached is None else self.attached.curves

    def train(
        self,
        method: str = "supervised",
        settings: dict[str, Any] | None = None,
        terms: Sequence[dict[str, Any]] = (),
        plan: dict[str, Any] | None = None,
        steps: int | None = None,
        minutes: float | None = None,
        seed: int = 0,
        device: str = "auto",
        predict: Sequence[str] = PREDICTED_CASES,
        folder: str | Path | None = None,
        waitForCompletion: bool = False,
        onEvent: Callable[[dict[str, Any]], Any] | None = None,
        onFinished: Callable[[str], Any] | None = None,
    ) -> RunFolder:
        """Check the cohort, make a run (in `folder`, else in the cohort's) and start its worker."""
        from SemiWeakSegLib.scene import training

        study = self._requireStudy()
        self._requireIdle()
        request = training.TrainingRequest(
            method=method,
            settings=dict(settings or {}),
            terms=list(terms),
            plan=dict(plan or {}),
            steps=steps,
            minutes=minutes,
            seed=seed,
            device=device,
            predict=tuple(predict),
        )
        inspection = self.inspect(waitForCompletion=True)
        if inspection.hasErrors:
            errors = [each for each in inspection.problems if each.severity == "error"]
            raise SceneError("\n".join(problem.message for problem in errors))
        problems = training.problemsOf(request, inspection.summary)
        if problems:
            raise SceneError("\n".join(problems))
        run = training.prepareRun(study, request, folder)
        return self._work(run, False, waitForCompletion, onEvent, onFinished)

    def resume(
        self,
        run: RunFolder | str | Path | None = None,
        waitForCompletion: bool = False,
        onEvent: Callable[[dict[str, Any]], Any] | None = None,
        onFinished: Callable[[str], Any] | None = None,
    ) -> RunFolder:
        """Go on with a run that was stopped, killed or failed, from its last checkpoint."""
        self._requireIdle()
        return self._work(self._runOf(run), True, waitForCompletion, onEvent, onFinished)

    def attach(self, run: RunFolder | str | Path) -> RunFolder:
        """Watch a run, whoever started it."""
        from SemiWeakSegLib.panels.attached_run import AttachedRun

        folder = run if isinstance(run, RunFolder) else RunFolder.open(run)
        if self.run is not None and self.run.path == folder.path:
            self.attached.start()
            return folder
        self.detach()
        self.attached = AttachedRun(folder, self.events)
        self.getParameterNode().runPath = str(folder.path)
        self.events.emit("run", folder)
        self.attached.start()
        return folder

    def detach(self) -> None:
        """Watch no run; it goes on by itself."""
        if self.attached is not None:
            self.attached.stop()
            self.attached = None
            self.events.emit("run", None)

    def stop(self) -> None:
        """Ask the watched run to stop after its current step, with a checkpoint."""
        run = self._runOf(None)
        if run.state() == "running":
            run.request_stop()

    def kill(self) -> None:
        """End the watched run's worker at once; its last checkpoint is kept."""
        runWorker.kill(self._runOf(None))
        self.attached.poll()

    @property
    def isTraining(self) -> bool:
        """Whether the watched run works."""
        return self.run is not None and self.run.state() == "running"

    # Results

    def predict(
        self,
        run: RunFolder | str | Path | None = None,
        cases: str = "unlabeled",
        waitForCompletion: bool = False,
        onFinished: Callable[[int, str], Any] | None = None,
        **options: Any,
    ) -> ChildProcess:
        """Segment cases (unlabeled, train, validation, test, all) or a folder of new images.

        `options` go to `scene.training.predictCommand`. SceneError when it fails and is waited for.
        """
        from SemiWeakSegLib.scene import training

        arguments = training.predictCommand(self._runOf(run), cases, **options)

        def finished(exitCode: int, errorText: str) -> None:
            self._children.remove(child)
            self.events.emit("results")
            if onFinished is not None:
                onFinished(exitCode, errorText)

        child = ChildProcess(arguments, onFinished=finished)
        self._children.append(child)
        child.start()
        if waitForCompletion:
            child.wait()
            if child.exitCode:
                raise SceneError(lastLines(child.errorText))
        return child

    def listResults(self, run: RunFolder | str | Path | None = None) -> list[Any]:
        """The run's predictions (scene.results.ResultRow), the most uncertain first."""
        from SemiWeakSegLib.scene import results

        return results.listResults(self._runOf(run))

    def loadResults(
        self,
        run: RunFolder | str | Path | None = None,
        cases: Sequence[str] | None = None,
        uncertainty: bool = False,
    ) -> list[Any]:
        """Load predictions as segmentation nodes, those of `cases` or all; returns the nodes."""
        from SemiWeakSegLib.scene import results

        folder, study = self._runOf(run), self._requireStudy()
        nodes = []
        for row in self._rows(folder, cases):
            nodes.append(results.loadResult(study, folder, row))
            if uncertainty:
                results.loadUncertainty(study, folder, row)
        return nodes

    def acceptResults(
        self, run: RunFolder | str | Path | None = None, cases: Sequence[str] | None = None
    ) -> None:
        """Make predictions, as loaded and perhaps corrected, their cases' annotations: all or none.

        It is one step of the cohort's undo.
        """
        from SemiWeakSegLib.scene import results

        folder, study = self._runOf(run), self._requireStudy()
        results.acceptAll(study, folder, self._rows(folder, cases))
        self.events.emit("results")

    def recommend(self) -> "Recommendation":
        """The method to try first, with settings, terms and why; waits for the cohort's checks.

        `logic.train(**logic.recommend().request())` trains it.
        """
        from SemiWeakSegLib.methods import recommend

        summary = self.inspect(waitForCompletion=True).summary
        if summary is None:
            raise SceneError(_("The cohort has files that cannot be read: see its problems."))
        return recommend(summary)

    def plan(
        self,
        method: str = "supervised",
        settings: dict[str, Any] | None = None,
        terms: Sequence[dict[str, Any]] = (),
        plan: dict[str, Any] | None = None,
        device: str = "auto",
    ) -> dict[str, Any]:
        """What training would decide from the data; waits for the child that finds out."""
        from SemiWeakSegLib.scene import training

        request = training.TrainingRequest(
            method=method,
            settings=dict(settings or {}),
            terms=list(terms),
            plan=dict(plan or {}),
            device=device,
        )
        child = ChildProcess(training.planCommand(self._requireStudy(), request)).start()
        child.wait()
        if child.exitCode:
            raise SceneError(lastLines(child.errorText))
        return json.loads(child.output)["plan"]

    def environment(self, waitForCompletion: bool = False) -> dict[str, Any] | None:
        """Ask a child process for versions, devices and caches; the answer where it is known."""
        from SemiWeakSegLib.scene import training

        if self._environmentChild is None:
            self._environmentChild = ChildProcess(
                training.environmentCommand(), onFinished=self._onEnvironment
            ).start()
        if waitForCompletion and self._environmentChild is not None:
            self._environmentChild.wait()
        return self.environmentFound

    # Scene

    def restore(self, parameterNode: SemiWeakSegParameterNode) -> None:
        """Open the cohort and watch the run that a parameter node names; says what is not there."""
        path = parameterNode.cohortPath
        if path and (self.study is None or str(self.study.path) != path):
            case = parameterNode.activeCase
            try:
                self.openCohort(path)
            except (SceneError, ValueError, OSError) as error:
                self.events.emit("problem", str(error))
            else:
                if any(each.id == case for each in self.study.cohort.cases):
                    self.setActiveCase(case)
        run = parameterNode.runPath
        if run and (self.run is None or str(self.run.path) != run):
            try:
                self.attach(run)
            except (RunError, OSError) as error:
                self.events.emit("problem", str(error))

    def sceneClosed(self) -> None:
        """The scene is empty: curves of a run that goes on are drawn anew."""
        if self.attached is not None:
            self.attached.sceneClosed()

    def _setStudy(self, study: "Study | None", remember: bool = True) -> None:
        if self.study is not None and self._onStudyChanged in self.study.observers:
            self.study.observers.remove(self._onStudyChanged)
        self.study = study
        self.checking.setStudy(study)
        if self.activeCase:
            self.activeCase = ""
            self.events.emit("case", "")
        if remember:
            parameterNode = self.getParameterNode()
            parameterNode.cohortPath = "" if study is None else str(study.path)
            parameterNode.activeCase = ""
        if study is not None:
            study.observers.append(self._onStudyChanged)
            self.checking.request()
        self.events.emit("problem", "")
        self.events.emit("study")

    def _onStudyChanged(self, study: "Study") -> None:
        if self.activeCase and all(case.id != self.activeCase for case in study.cohort.cases):
            self.setActiveCase("")
        self.checking.request()
        self.events.emit("study")

    def _onEnvironment(self, exitCode: int, errorText: str) -> None:
        child, self._environmentChild = self._environmentChild, None
        found: dict[str, Any] = {"packages": {}, "devices": [], "cache": None}
        try:
            found.update(json.loads(child.output))
        except ValueError:
            found["error"] = lastLines(errorText) or f"the check ended with code {exitCode}"
        self.environmentFound = found
        self.events.emit("setup", found)

    def _work(
        self,
        run: RunFolder,
        resume: bool,
        waitForCompletion: bool,
        onEvent: Callable[[dict[str, Any]], Any] | None,
        onFinished: Callable[[str], Any] | None,
    ) -> RunFolder:
        from SemiWeakSegLib.scene import training

        training.startRun(run, resume)
        self.attach(run)
        self.attached.onEvent, self.attached.onFinished = onEvent, onFinished
        if waitForCompletion:
            while self.isTraining:
                slicer.app.processEvents()
                time.sleep(0.02)
            self.attached.poll()
            if run.state() == "failed":
                raise SceneError(run.read_status().get("message") or str(run.log_path))
        return run

    def _requireStudy(self) -> "Study":
        if self.study is None:
            raise SceneError(_("There is no cohort yet: create one or open one."))
        return self.study

    def _requireIdle(self) -> None:
        if self.isTraining:
            raise SceneError(
                _("{run} is still training: stop it, or wait for its end.").format(
                    run=self.run.path
                )
            )

    def _runOf(self, run: RunFolder | str | Path | None) -> RunFolder:
        if run is None:
            if self.run is None:
                raise SceneError(_("There is no run yet: train one, or attach to one."))
            return self.run
        return run if isinstance(run, RunFolder) else RunFolder.open(run)

    def _rows(self, run: RunFolder, cases: Sequence[str] | None) -> list[Any]:
        from SemiWeakSegLib.scene import results

        rows = results.listResults(run)
        if cases is None:
            return rows
        missing = sorted(set(cases) - {row.caseId for row in rows})
        if missing:
            raise SceneError(
                _("{run} has no prediction of {cases}.").format(
                    run=run.path, cases=", ".join(missing)
                )
            )
        return [row for row in rows if row.caseId in set(cases)]


class SemiWeakSegTest(ScriptedLoadableModuleTest):
    """Runs in Slicer (Reload and Test): cohort, scribbles, checks, and training where torch is."""

    def setUp(self) -> None:
        slicer.mrmlScene.Clear()

    def runTest(self) -> None:
        self.setUp()
        self.test_whole_path()

    def test_whole_path(self) -> None:
        """From a synthetic cohort to reviewed segmentations."""
        from SemiWeakSegLib.scene.self_test import runSelfTest

        runSelfTest(SemiWeakSegLogic(), self.delayDisplay)


def shortTitle(title: str) -> str:
    """A section's title, cut where it would make Slicer's module panel wider.

    A collapsible button is never narrower than its text, and takes "&" for a keyboard shortcut.
    """
    if len(title) > LONGEST_TITLE:
        title = title[: LONGEST_TITLE - 1].rstrip() + "…"
    return title.replace("&", "&&")


def _asClasses(classes: Iterable["str | SegmentClass"]) -> "list[SegmentClass]":
    from SemiWeakSegLib.cohort import SegmentClass

    return [
        each if isinstance(each, SegmentClass) else SegmentClass(index, str(each))
        for index, each in enumerate(classes, start=1)
    ]
