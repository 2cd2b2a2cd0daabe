"""The logic from the Python console: the whole study in a few calls."""

from __future__ import annotations

import json

import numpy as np
import pytest
import slicer

from SemiWeakSegLib.cohort import Cohort, make_phantom, read_image, read_label
from SemiWeakSegLib.methods import recommend
from SemiWeakSegLib.runs import worker
from SemiWeakSegLib.scene.errors import SceneError
from Testing.slicer.module.annotating import makeRun
from Testing.slicer.module.trainings import startIdleWorker

STEPS = 3


@pytest.fixture
def logic(module):
    return module.logic


@pytest.fixture
def hearts(tmp_path):
    folder = tmp_path / "hearts"
    make_phantom(folder, patients=4, labeled=1, scribbled=1, validation_patients=1, test_patients=1)
    return folder


class TestCohorts:
    def test_from_folders(self, logic, hearts, tmp_path):
        study = logic.createCohortFromFolders(
            tmp_path / "study",
            images=hearts / "images",
            labels=hearts / "labels",
            classes=["cavity", "wall", "right"],
            groupPattern=r"(.*)_E[DS]",
        )
        assert len(study.cohort.cases) == 8
        assert [each.name for each in study.classes] == ["cavity", "wall", "right"]
        assert len({case.group for case in study.cohort.cases}) == 4
        assert Cohort.load(tmp_path / "study" / "cohort.json").cases[0].label is not None
        assert logic.getParameterNode().cohortPath == str(study.path)

    def test_the_checks_are_waited_for(self, logic, hearts):
        logic.openCohort(hearts)
        inspection = logic.inspect(waitForCompletion=True)
        assert inspection.finished
        assert inspection.summary.labeled == 1
        assert not inspection.hasErrors

    def test_a_case_that_is_none_is_refused(self, logic, hearts):
        logic.openCohort(hearts)
        with pytest.raises((SceneError, KeyError), match="nobody"):
            logic.setActiveCase("nobody")

    def test_images_of_a_case_are_loaded(self, logic, hearts):
        study = logic.openCohort(hearts)
        [volume] = logic.loadImages(study.cohort.cases[0].id)
        image, _ = read_image(study.cohort.cases[0].images[0])
        assert np.array_equal(slicer.util.arrayFromVolume(volume), image[0])

    def test_closing_forgets(self, logic, hearts):
        study = logic.openCohort(hearts)
        logic.setActiveCase(study.cohort.cases[0].id)
        logic.closeCohort()
        assert logic.study is None
        assert logic.activeCase == ""
        assert (hearts / "cohort.json").is_file()


class TestTraining:
    def test_without_a_cohort_it_says_what_to_do(self, logic):
        with pytest.raises(SceneError, match="create one or open one"):
            logic.train("supervised")

    def test_a_broken_image_is_named_and_no_run_is_made(self, logic, hearts):
        study = logic.openCohort(hearts)
        broken = study.cohort.cases[0].images[0]
        broken.write_bytes(b"nothing")
        with pytest.raises(SceneError, match=study.cohort.cases[0].id) as caught:
            logic.train("supervised", steps=STEPS)
        assert str(broken) in str(caught.value)
        assert not list((hearts / "runs").glob("*/run.json"))

    def test_a_wrong_setting_is_refused_before_anything_is_made(self, logic, hearts):
        logic.openCohort(hearts)
        with pytest.raises(SceneError, match="learning_rate"):
            logic.train("supervised", settings={"learning_rate": -1.0}, steps=STEPS)
        assert not list((hearts / "runs").glob("*/run.json"))

    def test_what_a_method_needs_is_asked_for(self, logic, hearts):
        study = logic.openCohort(hearts)
        study.removeCases([case.id for case in study.cohort.by_role("train") if case.label is None])
        with pytest.raises(SceneError, match="pseudo_label needs"):
            logic.train("pseudo_label", steps=STEPS)

    def test_a_whole_round_and_another(self, logic, hearts):
        study = logic.openCohort(hearts)
        events = []
        ends = []
        run = logic.train(
            "supervised",
            steps=STEPS,
            waitForCompletion=True,
            onEvent=events.append,
            onFinished=ends.append,
        )
        assert run.state() == "finished"
        assert ends == ["finished"]
        assert {"started", "stage", "finished"} <= {event["kind"] for event in events}
        assert run.path.parent == hearts / "runs"
        rows = logic.listResults(run)
        uncertainties = [row.uncertainty for row in rows]
        assert uncertainties == sorted(uncertainties, reverse=True)
        case = next(each for each in study.cohort.by_role("train") if each.label is None)
        [node] = logic.loadResults(run, cases=[case.id], uncertainty=True)
        assert node.IsA("vtkMRMLSegmentationNode")
        logic.acceptResults(run, cases=[case.id])
        predicted, _ = read_label(next(row for row in rows if row.caseId == case.id).labelFile)
        label, _ = read_label(study.case(case.id).label)
        assert np.array_equal(label, predicted)
        again = logic.train("supervised", steps=STEPS, waitForCompletion=True)
        assert again.path != run.path
        study.undo()
        assert study.case(case.id).label is None
        assert logic.inspection.summary.labeled == 2

    def test_what_is_recommended_can_be_trained_as_it_is(self, logic, hearts):
        logic.openCohort(hearts)
        found = logic.recommend()
        assert found == recommend(logic.inspection.summary)
        assert found.reason
        run = logic.train(**found.request(), steps=1, predict=())
        logic.kill()
        assert run.read_request().method == found.method

    def test_terms_that_do_not_go_together_are_refused_before_anything_is_made(self, logic, hearts):
        logic.openCohort(hearts)
        frozen = {"name": "pseudo_label", "settings": {"teacher": "frozen"}}
        with pytest.raises(SceneError, match=r"one teacher.*mean_teacher"):
            logic.train("mean_teacher", terms=[frozen])
        assert logic.study.runFolders() == []

    def test_a_second_training_is_refused_while_one_goes_on(self, logic, hearts):
        run = startIdleWorker(logic.openCohort(hearts))
        logic.attach(run)
        try:
            with pytest.raises(SceneError, match="still training"):
                logic.train("supervised", steps=STEPS)
        finally:
            worker.kill(run)

    def test_an_unknown_case_of_a_run_is_refused(self, logic, hearts):
        study = logic.openCohort(hearts)
        run = makeRun(study, {study.cohort.by_role("test")[0].id: 0.5})
        with pytest.raises(SceneError, match="nobody"):
            logic.loadResults(run, cases=["nobody"])

    def test_the_plan_is_told_before(self, logic, hearts):
        logic.openCohort(hearts)
        plan = logic.plan("supervised", plan={"batch_labeled": 3})
        assert plan["dimensions"] == 2
        assert plan["batch_labeled"] == 3
        with pytest.raises(SceneError, match="channels"):
            logic.plan("supervised", plan={"channels": [1]})


class TestEnvironment:
    def test_it_is_asked_in_a_child_and_told(self, logic):
        told = []
        logic.events.connect("setup", told.append)
        found = logic.environment(waitForCompletion=True)
        assert found["packages"]["torch"]
        assert told == [found]

        assert json.dumps(found)
        assert slicer.app is not None
