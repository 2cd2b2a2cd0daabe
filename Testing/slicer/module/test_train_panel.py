"""Train, through its widgets, with real trainings in real background processes."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from SemiWeakSegLib.runs import RunFolder, RunRequest, worker
from Testing import testbed
from Testing.slicer.module.trainings import QUICK, makeStudyFolder, startIdleWorker, waitFor

READY = {
    "python": "3.12.4",
    "packages": {"torch": "2.9.1", "monai": "1.6.1", "matplotlib": "3.10.0"},
    "torch_build": "CPU only",
    "devices": [{"name": "cpu", "title": "CPU, 2 of 2 threads", "memory": None, "free": None}],
    "cache": None,
    "error": None,
}
HERE = pytest.mark.skipif(os.name == "nt", reason="stops a process as POSIX systems do")


@pytest.fixture
def panel(module, monkeypatch):
    """The panel on a computer where all is installed."""
    monkeypatch.setattr(module.logic, "environment", lambda waitForCompletion=False: None)
    say(module, READY)
    panel = module.panels["train"]
    yield panel
    endTraining(module.logic)


@pytest.fixture
def study(module, panel, tmp_path):
    """A tiny cohort, opened and checked."""
    study = module.logic.openCohort(makeStudyFolder(tmp_path / "study"))
    module.logic.inspect(waitForCompletion=True)
    node = module.logic.getParameterNode()
    node.settingsJson = QUICK
    node.device = "cpu"
    node.budgetKind = "steps"
    node.steps = 40
    return study


@pytest.fixture
def statusMessages(monkeypatch):
    """What the status bar was told."""
    import slicer

    told = []
    monkeypatch.setattr(slicer.util, "showStatusMessage", lambda text, *rest: told.append(text))
    return told


def say(module, found) -> None:
    """Let the child process of Setup answer."""
    module.logic.environmentFound = found
    module.logic.events.emit("setup", found)


def endTraining(logic) -> None:
    """No test leaves a process behind."""
    if logic.isTraining:
        worker.kill(logic.run)


def startEndless(module, panel) -> RunFolder:
    """A training that ends only when it is told to."""
    module.logic.getParameterNode().steps = 1_000_000
    panel.ui.startButton.click()
    waitFor(lambda: panel.runView.update and panel.runView.update.activity == "training")
    return module.logic.run


def madeRun(folder) -> RunFolder:
    """A run that nobody worked on yet."""
    return RunFolder.create(folder, RunRequest(method="supervised"))


# What keeps a training from starting


def test_start_asks_for_a_cohort_first(panel):
    assert not panel.ui.startButton.enabled
    assert "Create or open a cohort" in panel.ui.startButton.toolTip


def test_start_asks_for_torch(module, panel, study):
    say(module, {**READY, "packages": {**READY["packages"], "torch": None}, "devices": []})
    assert not panel.ui.startButton.enabled
    assert "torch" in panel.ui.startButton.toolTip
    assert "Setup" in panel.ui.trainMessageLabel.text


def test_start_is_possible_with_a_sound_cohort(panel, study):
    assert panel.ui.startButton.enabled
    assert panel.ui.startButton.toolTip == "Starts the training in the background."


def test_start_says_what_the_method_lacks(module, panel, tmp_path):
    module.logic.openCohort(makeStudyFolder(tmp_path / "full", unlabeled=0))
    module.logic.inspect(waitForCompletion=True)
    module.logic.getParameterNode().method = "pseudo_label"
    assert not panel.ui.startButton.enabled
    assert "without labels" in panel.ui.startButton.toolTip


def test_start_says_what_is_wrong_with_the_cohort(module, panel, tmp_path):
    folder = makeStudyFolder(tmp_path / "broken")
    (folder / "case00.mha").write_bytes(b"no image")
    module.logic.openCohort(folder)
    module.logic.inspect(waitForCompletion=True)
    assert not panel.ui.startButton.enabled
    assert "case00" in panel.ui.startButton.toolTip


def test_start_says_that_a_device_is_not_here(module, panel, study):
    module.logic.getParameterNode().device = "cuda:1"
    assert "cuda:1" in panel.ui.startButton.toolTip
    assert "not on this computer" in panel.ui.deviceComboBox.currentText


def test_start_says_that_the_output_folder_is_a_file(module, panel, study, tmp_path):
    file = tmp_path / "file"
    file.write_text("x", encoding="utf-8")
    module.logic.getParameterNode().outputFolder = str(file)
    assert "is a file" in panel.ui.startButton.toolTip


# Choices


def test_choices_go_to_the_parameter_node(module, panel, study, tmp_path):
    ui, node = panel.ui, module.logic.getParameterNode()
    ui.budgetComboBox.currentIndex = ui.budgetComboBox.findData("minutes")
    ui.minutesSpinBox.value = 2.5
    ui.seedSpinBox.value = 7
    ui.deviceComboBox.currentIndex = ui.deviceComboBox.findData("auto")
    ui.outputFolderPathLineEdit.currentPath = str(tmp_path)
    assert (node.budgetKind, node.minutes, node.seed) == ("minutes", 2.5, 7)
    assert (node.device, node.outputFolder) == ("auto", str(tmp_path))


def test_choices_come_back_from_the_parameter_node(module, panel, study):
    ui, node = panel.ui, module.logic.getParameterNode()
    node.budgetKind, node.steps, node.seed = "steps", 1234, 5
    assert ui.budgetComboBox.itemData(ui.budgetComboBox.currentIndex) == "steps"
    assert (ui.stepsSpinBox.value, ui.seedSpinBox.value) == (1234, 5)
    assert not ui.stepsSpinBox.isHidden()
    assert ui.minutesSpinBox.isHidden()


def test_devices_of_this_computer_are_offered(module, panel):
    devices = [
        {"name": "cuda:0", "title": "NVIDIA RTX 4090", "memory": 24 * 2**30, "free": 2**30},
        *READY["devices"],
    ]
    say(module, {**READY, "devices": devices})
    combo = panel.ui.deviceComboBox
    assert [combo.itemData(row) for row in range(combo.count)] == ["auto", "cuda:0", "cpu"]
    assert combo.itemText(0) == "Automatic: cuda:0: NVIDIA RTX 4090, 24 GiB"


# A training


def test_training_runs_to_its_end(module, panel, study, statusMessages):
    bars = []
    module.logic.events.connect("update", lambda update: bars.append(panel.ui.stageLabel.text))
    panel.ui.startButton.click()
    assert panel.ui.stopButton.enabled
    assert not panel.ui.startButton.enabled
    waitFor(lambda: module.logic.run is not None and not module.logic.isTraining)
    waitFor(lambda: panel.runView.update.state == "finished")
    assert any("steps/s" in text and "left" in text for text in bars)
    assert panel.ui.diceLabel.text.startswith("Validation Dice")
    assert "finished, best Dice" in module.widget.ui.trainSection.text
    assert any(module.logic.run.path.name in text for text in statusMessages)
    assert not panel.ui.resumeButton.enabled


def test_run_is_what_was_chosen(module, panel, study, tmp_path):
    node = module.logic.getParameterNode()
    node.steps, node.seed, node.outputFolder = 12, 3, str(tmp_path / "elsewhere")
    panel.ui.startButton.click()
    waitFor(lambda: module.logic.run is not None)
    request = module.logic.run.read_request()
    assert (request.steps, request.minutes, request.seed) == (12, None, 3)
    assert (request.method, request.device) == ("supervised", "cpu")
    assert request.settings["validations"] == 4
    assert module.logic.run.path == tmp_path / "elsewhere" / "supervised-1"


def test_curves_grow_while_it_trains(module, panel, study, monkeypatch):
    from SemiWeakSegLib.scene.curves import Curves

    shown = []
    monkeypatch.setattr(Curves, "show", lambda curves, *family: shown.append(curves.charts))
    assert not panel.ui.curvesButton.enabled
    startEndless(module, panel)
    lengths = []

    def points() -> int:
        nodes = slicerNodes("vtkMRMLTableNode")
        return max((node.GetNumberOfRows() for node in nodes), default=0)

    waitFor(lambda: points() >= 1)
    lengths.append(points())
    waitFor(lambda: points() > lengths[0])
    assert panel.ui.curvesButton.enabled
    (chartsAtOnce,) = shown
    assert chartsAtOnce
    panel.ui.curvesButton.click()
    assert len(shown) == 2


def test_log_grows_where_it_is_open(module, panel, study):
    panel.ui.logGroupBox.collapsed = False
    module.logic.attach(startIdleWorker(study))
    waitFor(lambda: "the worker prints\nand complains" in panel.ui.logTextEdit.toPlainText())


def test_cohort_is_checked_before_the_start_where_it_has_changed(module, panel, study):
    study.setRole([study.cohort.cases[2].id], "test")
    panel.ui.startButton.click()
    assert panel.headline == "checking the cohort…"
    assert panel.ui.trainMessageLabel.text == "Checking the cohort…"
    waitFor(lambda: module.logic.run is not None)
    assert panel.headline != "checking the cohort…"


def test_start_that_waits_for_the_check_can_be_taken_back(module, panel, study):
    study.setRole([study.cohort.cases[2].id], "test")
    panel.ui.startButton.click()
    panel.ui.stopButton.click()
    waitFor(lambda: module.logic.checking.isCurrent())
    assert module.logic.run is None


def test_check_that_finds_a_problem_keeps_the_training_from_starting(module, panel, study):
    study.cohort.cases[0].images[0].write_bytes(b"no image")
    panel.ui.startButton.click()
    waitFor(lambda: not panel.checkedStart.waiting)
    assert module.logic.run is None
    assert "case00" in panel.ui.trainMessageLabel.text


def test_stopped_training_can_be_resumed(module, panel, study):
    run = startEndless(module, panel)
    panel.ui.stopButton.click()
    assert panel.ui.stopButton.text == "Stopping…"
    assert not panel.ui.stopButton.enabled
    waitFor(lambda: panel.runView.update.state == "stopped")
    assert panel.ui.resumeButton.enabled
    panel.ui.resumeButton.click()
    waitFor(lambda: panel.runView.update.activity == "training")
    assert module.logic.run.path == run.path
    assert panel.ui.stopButton.enabled


@HERE
def test_worker_that_does_not_answer_can_be_ended_and_resumed(module, panel, study):
    run = startEndless(module, panel)
    assert panel.ui.killButton.isHidden()
    os.kill(run.worker().pid, signal.SIGSTOP)
    panel.stopPatience = 0.2
    panel.ui.stopButton.click()
    waitFor(lambda: not panel.ui.killButton.isHidden())
    panel.ui.killButton.click()
    waitFor(lambda: panel.runView.update.state == "lost")
    assert not panel.ui.failureFrame.isHidden()
    assert "Resume" in panel.ui.adviceLabel.text
    panel.ui.resumeButton.click()
    waitFor(lambda: panel.runView.update.activity == "training")
    assert panel.ui.failureFrame.isHidden()


def test_train_again_starts_with_the_present_choices(module, panel, study):
    module.logic.events.emit("trainAgain")
    waitFor(lambda: module.logic.run is not None)
    assert module.logic.isTraining


# Runs that go on without Slicer


def test_fresh_module_finds_the_training_of_its_cohort(module, panel, study, secondPanel):
    run = startIdleWorker(study)
    later, logic = secondPanel
    logic.openCohort(study.path)
    assert logic.run.path == run.path
    waitFor(lambda: later.runView.update.activity == "training")
    assert later.ui.stopButton.enabled
    later.ui.stopButton.click()
    waitFor(lambda: later.runView.update.state == "stopped")


def test_training_of_another_cohort_is_offered(module, panel, study, secondPanel):
    run = startIdleWorker(study)
    module.logic.attach(run)
    module.logic.detach()
    later, logic = secondPanel
    later.enter()
    assert logic.run is None
    assert str(run.path) in later.ui.foundRunLabel.text
    later.ui.watchRunButton.click()
    assert logic.run.path == run.path
    assert later.ui.foundRunLabel.isHidden()


def test_training_goes_on_when_the_scene_is_closed(module, panel, study):
    import slicer

    run = startIdleWorker(study)
    module.logic.attach(run)
    slicer.mrmlScene.Clear()
    assert run.state() == "running"
    step = panel.runView.update.step
    waitFor(lambda: panel.runView.update.step > step)
    panel.ui.stopButton.click()
    waitFor(lambda: panel.runView.update.state == "stopped")


# Failures


def test_failure_is_one_sentence_with_advice_and_details(module, panel, tmp_path):
    run = madeRun(tmp_path / "run")
    run.log_path.write_text("Traceback:\nRuntimeError: CUDA out of memory\n", encoding="utf-8")
    run.write_status("failed", "out of memory with batch 2 + 2; batch 1 + 1 may fit")
    module.logic.attach(run)
    ui = panel.ui
    assert ui.failureLabel.text == "out of memory with batch 2 + 2; batch 1 + 1 may fit"
    assert "patch_size" in ui.adviceLabel.text
    assert ui.logGroupBox.collapsed
    ui.detailsButton.click()
    assert not ui.logGroupBox.collapsed
    assert "RuntimeError" in ui.logTextEdit.toPlainText()


def test_worker_that_cannot_begin_is_explained_by_its_log(module, panel, tmp_path):
    run = madeRun(tmp_path / "run")
    sentence = "this command needs torch, which this Python does not have: see the README"
    worker.start(run, command=[sys.executable, "-c", f"print('problem: {sentence}')"])
    module.logic.attach(run)
    waitFor(lambda: panel.runView.update.state == "lost")
    assert panel.ui.failureLabel.text == sentence
    assert "Setup" in panel.ui.adviceLabel.text


def test_cohort_problem_at_work_is_told(module, panel, study):
    """An image that is lost between the check and the start."""
    panel.ui.startButton.click()
    waitFor(lambda: module.logic.run is not None)
    run = module.logic.run
    endTraining(module.logic)
    waitFor(lambda: panel.runView.update.state == "lost")
    study.cohort.cases[0].images[0].unlink()
    os.environ["SEMIWEAKSEG_CACHE"], before = (
        str(run.path / "empty"),
        os.environ.get("SEMIWEAKSEG_CACHE"),
    )
    try:
        panel.ui.resumeButton.click()
        waitFor(lambda: panel.runView.update.state == "failed")
    finally:
        os.environ["SEMIWEAKSEG_CACHE"] = before or ""
    assert "case00" in panel.ui.failureLabel.text
    assert "Cohort" in panel.ui.adviceLabel.text


# Closing Slicer


class Window:
    """A main window that can be closed, and the answers to the question."""

    def __init__(self, panel, monkeypatch):
        import qt
        import slicer

        self.widget = qt.QMainWindow()
        self.asked = []
        self.answer = "go on"
        monkeypatch.setattr(slicer.util, "mainWindow", lambda: self.widget)
        panel.quitQuestion.ask = self._ask

    def _ask(self, name):
        self.asked.append(name)
        return self.answer

    def close(self) -> bool:
        self.widget.show()
        return self.widget.close()


@pytest.fixture
def window(panel, monkeypatch):
    """Slicer's main window."""
    return Window(panel, monkeypatch)


def test_closing_slicer_asks_while_a_training_runs(module, panel, study, window):
    run = startIdleWorker(study)
    module.logic.attach(run)
    window.answer = "stay"
    assert not window.close()
    window.answer = "go on"
    assert window.close()
    assert window.asked == [run.path.name] * 2
    module.widget.cleanup()
    assert run.state() == "running"
    assert not run.stop_requested()
    worker.kill(run)


def test_training_is_stopped_when_slicer_was_told_so(module, panel, study, window):
    run = startIdleWorker(study)
    module.logic.attach(run)
    window.answer = "stop"
    assert window.close()
    assert not run.stop_requested()
    module.widget.cleanup()
    assert worker.wait(run, 60) == "stopped"


def test_closing_slicer_asks_nothing_without_a_training(panel, window):
    assert window.close()
    assert window.asked == []


def test_after_cleanup_nothing_is_called(module, panel, study):
    panel.cleanup()
    module.logic.events.emit("study")
    module.logic.events.emit("trainAgain")
    assert module.logic.run is None
    assert testbed.take_complaints() == []


@pytest.fixture
def secondPanel(module):
    """The Train panel of a later Slicer: another logic, another widget."""
    import ctk
    import qt

    logic = type(module.logic)()
    section = ctk.ctkCollapsibleButton()
    section.setLayout(qt.QVBoxLayout())
    panel = type(module.panels["train"])(section, logic, module.widget.resourcePath)
    logic.environmentFound = READY
    logic.events.emit("setup", READY)
    panel.setParameterNode(logic.getParameterNode())
    yield panel, logic
    endTraining(logic)
    panel.cleanup()
    logic.cleanup()


def slicerNodes(className: str) -> list:
    """Nodes of the scene by class."""
    import slicer

    return list(slicer.util.getNodesByClass(className))
