"""The module with scenes: saved, closed, reloaded, several in a session; reloaded itself."""

from __future__ import annotations

import pytest
import slicer

from SemiWeakSegLib.cohort import make_phantom
from SemiWeakSegLib.runs import RunFolder, worker
from Testing import testbed
from Testing.slicer.module.annotating import show
from Testing.slicer.module.trainings import startIdleWorker, waitFor

STEPS = 3


@pytest.fixture
def hearts(tmp_path):
    folder = tmp_path / "hearts"
    make_phantom(folder, patients=3, labeled=1, scribbled=0, validation_patients=1, test_patients=1)
    return folder


class TestSavedScene:
    def test_the_module_comes_back_as_it_was(self, module, hearts, tmp_path):
        show(module)
        study = module.logic.openCohort(hearts)
        case = study.cohort.cases[1].id
        module.logic.setActiveCase(case)
        node = module.logic.getParameterNode()
        node.method = "pseudo_label"
        node.steps = 77
        path = str(tmp_path / "saved.mrb")
        assert slicer.util.saveScene(path)
        slicer.mrmlScene.Clear()
        assert module.logic.study is None
        assert module.logic.activeCase == ""
        slicer.util.loadScene(path)
        testbed.process_events(50)
        assert module.logic.study.path == study.path
        assert module.logic.activeCase == case
        again = module.logic.getParameterNode()
        assert (again.method, again.steps) == ("pseudo_label", 77)

    def test_a_cohort_that_is_gone_is_said(self, module, hearts, tmp_path):
        show(module)
        module.logic.openCohort(hearts)
        path = str(tmp_path / "saved.mrb")
        assert slicer.util.saveScene(path)
        slicer.mrmlScene.Clear()
        (hearts / "cohort.json").rename(hearts / "moved.json")
        slicer.util.loadScene(path)
        testbed.process_events(50)
        assert module.logic.study is None
        assert "cohort.json" in module.widget.ui.messageLabel.text
        assert not module.widget.ui.messageLabel.isHidden()

    def test_two_cohorts_in_two_scenes(self, module, hearts, tmp_path):
        other = tmp_path / "other"
        make_phantom(
            other, patients=2, labeled=1, scribbled=0, validation_patients=0, test_patients=1
        )
        module.logic.openCohort(hearts)
        slicer.mrmlScene.Clear()
        study = module.logic.openCohort(other)
        assert len(study.cohort.cases) == 4
        module.logic.setActiveCase(study.cohort.cases[0].id)
        slicer.mrmlScene.Clear()
        assert module.logic.openCohort(hearts).path == hearts / "cohort.json"


class TestSceneClosedWhileTraining:
    def test_the_run_goes_on_and_is_watched_to_its_end(self, module, hearts):
        module.logic.openCohort(hearts)
        run = module.logic.train("supervised", steps=STEPS)
        slicer.mrmlScene.Clear()
        assert module.logic.study is None
        assert module.logic.run.path == run.path
        ends = []
        module.logic.events.connect("finished", lambda folder, state: ends.append(state))
        assert worker.wait(run, 300) == "finished"
        waitFor(lambda: ends)
        assert ends == ["finished"]


class TestReload:
    def test_a_fresh_widget_finds_the_run_and_watches_on(self, module, hearts):
        run = startIdleWorker(module.logic.openCohort(hearts))
        module.logic.attach(run)
        try:
            module.widget.cleanup()
            fresh = type(module.widget)(None)
            try:
                if not fresh.panels:
                    fresh.setup()
                assert fresh.logic.study.path == hearts / "cohort.json"
                assert fresh.logic.run.path == run.path
                assert fresh.logic.isTraining
            finally:
                fresh.cleanup()
        finally:
            worker.kill(run)
        assert RunFolder(run.path).state() == "lost"

    def test_after_cleanup_nothing_is_called(self, module, hearts):
        study = module.logic.openCohort(hearts)
        module.logic.setActiveCase(study.cohort.cases[0].id)
        module.widget.cleanup()
        slicer.mrmlScene.Clear()
        testbed.process_events(600)
        study.setRole([study.cohort.cases[0].id], "test")
        assert module.logic.study is None


class TestTitles:
    def test_a_section_says_what_is_in_it(self, module, hearts):
        show(module)
        module.logic.openCohort(hearts)
        assert "6 cases" in module.widget.ui.cohortSection.text

    def test_the_cohort_section_says_what_the_check_found(self, module, hearts):
        show(module)
        module.logic.openCohort(hearts)
        module.logic.inspect(waitForCompletion=True)
        waitFor(lambda: "5 labeled" in module.widget.ui.cohortSection.text)

    def test_the_method_section_follows_the_parameter_node(self, module):
        show(module)
        module.logic.getParameterNode().method = "pseudo_label"
        testbed.process_events(50)
        assert "Pseudo-labels" in module.widget.ui.methodSection.text
