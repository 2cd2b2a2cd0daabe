"""From a request to a run, and through a real worker: trained, killed, resumed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from SemiWeakSegLib.cohort import Cohort, CohortSummary, summary
from SemiWeakSegLib.runs import RunError, RunFolder, worker
from SemiWeakSegLib.scene import interpreter, training
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.run_commands import newImagesFolder, newImagesFolders
from SemiWeakSegLib.scene.study import Study
from SemiWeakSegLib.scene.training import TrainingRequest, prepareRun, problemsOf, startRun
from SemiWeakSegLib.scene.watching import RunUpdate, RunWatcher
from Testing.learning.tiny import make_cohort

NOTHING = CohortSummary(2, 2, 0, 0, 0, 0, 2, 0, 0, 0, 1, 3)
QUICK = {"augmentation": "light", "learning_rate": 0.01, "average_decay": 0.9}


@pytest.fixture
def study(tmp_path: Path) -> Study:
    make_cohort(tmp_path / "study")
    return Study.open(tmp_path / "study")


def request(**changes) -> TrainingRequest:
    asked = TrainingRequest("supervised", settings=dict(QUICK), steps=3, device="cpu")
    return replace(asked, **changes)


class TestProblems:
    def test_a_sound_request_has_none(self, study):
        assert problemsOf(request(), summary(study.cohort)) == []

    def test_all_are_told_at_once(self):
        asked = TrainingRequest(
            "supervised",
            settings={"learning_rat": 1, "validations": -1},
            terms=[{"name": "crf"}, {"name": "crf"}, {"name": "entropy", "weight": -1}],
            plan={"spacing": {1}},
            steps=0,
            minutes=0.0,
            seed=-1,
            device="tpu",
            predict=("all", "some"),
        )
        problems = " ".join(problemsOf(asked, NOTHING))
        for word in (
            *("learning_rat", "validations", "crf is added twice", "entropy", "plan"),
            *("steps", "minutes", "not both", "seed", "tpu", "'some'", "segment or scribble"),
        ):
            assert word in problems

    def test_an_unknown_method_suggests_one(self):
        assert "did you mean 'supervised'" in problemsOf(request(method="supervise"))[0]

    @pytest.mark.parametrize("budget", [{"steps": 1.5}, {"steps": None, "minutes": float("nan")}])
    def test_budgets_that_are_none(self, budget):
        assert len(problemsOf(request(**budget))) == 1


class TestPreparing:
    def test_the_run_has_the_request_and_a_copy_of_the_cohort(self, study):
        before = study.path.read_bytes()
        run = prepareRun(study, request(terms=[{"name": "entropy"}], plan={"patch_size": [8, 8]}))
        assert run.path == study.folder / "runs" / "supervised-1"
        asked = run.read_request()
        assert (asked.method, asked.steps, asked.device) == ("supervised", 3, "cpu")
        assert asked.settings["learning_rate"] == 0.01
        assert asked.terms[0]["weight"] is None
        assert asked.plan == {"patch_size": [8, 8]}
        assert Cohort.load(run.cohort_path) == study.cohort
        assert study.cohort.path == study.path
        assert study.path.read_bytes() == before
        assert study.runFolders() == [run.path]
        assert run.state() == "created"

    def test_a_folder_of_ones_own_is_remembered(self, study, tmp_path):
        run = prepareRun(study, request(), tmp_path / "elsewhere")
        assert study.runFolders() == [run.path]

    def test_a_folder_with_something_in_it_is_refused_and_kept(self, study, tmp_path):
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "notes.txt").write_text("x", encoding="utf-8")
        with pytest.raises(SceneError, match="is not empty"):
            prepareRun(study, request(), tmp_path / "mine")
        assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]

    def test_a_bad_request_makes_no_folder(self, study):
        with pytest.raises(SceneError, match="seed"):
            prepareRun(study, request(seed=-1))
        assert not (study.folder / "runs").exists()

    def test_a_folder_that_cannot_be_written_leaves_nothing(self, study, tmp_path, monkeypatch):
        def full(*_arguments):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(RunFolder, "create", full)
        with pytest.raises(SceneError, match="No space left"):
            prepareRun(study, request(), tmp_path / "new")
        assert not (tmp_path / "new").exists()

    def test_a_folder_that_another_slicer_makes_meanwhile_is_its_own(
        self, study, tmp_path, monkeypatch
    ):
        new, make = tmp_path / "new", Path.mkdir

        def late(path, *arguments, **options):
            if path == new and not new.exists():
                make(new)
                (new / "run.json").write_text("theirs", encoding="utf-8")
            make(path, *arguments, **options)

        monkeypatch.setattr(Path, "mkdir", late)
        with pytest.raises(SceneError, match="cannot be made"):
            prepareRun(study, request(), new)
        assert [path.name for path in new.iterdir()] == ["run.json"]


class TestImports:
    def test_what_needs_no_scene_loads_without_slicer(self):
        names = ("study", "folder_sources", "inspection", "training", "watching", "result_rows")
        lines = [
            "import sys",
            "sys.modules['slicer'] = sys.modules['vtk'] = None",
            *(f"import SemiWeakSegLib.scene.{name}" for name in (*names, "reviews")),
            "assert 'torch' not in sys.modules",
        ]
        environment = worker.worker_environment()
        subprocess.run([sys.executable, "-c", "\n".join(lines)], env=environment, check=True)


class TestInterpreter:
    @pytest.fixture
    def slicerApp(self, monkeypatch, tmp_path):
        """Slicer's application as the worker's start sees it."""
        app = SimpleNamespace(slicerHome=str(tmp_path))
        monkeypatch.setattr(interpreter, "_slicerApplication", lambda: app)
        monkeypatch.setenv("PATH", str(tmp_path / "path"))
        monkeypatch.setattr(sys, "executable", str(tmp_path / "lib" / "SlicerApp-real"))
        return tmp_path

    def executable(self, path: Path) -> Path:
        path.parent.mkdir(exist_ok=True)
        path.write_text("#!/bin/sh\n", encoding="utf-8")
        path.chmod(0o755)
        return path

    def test_outside_slicer_it_is_this_python(self, monkeypatch):
        monkeypatch.setattr(interpreter, "_slicerApplication", lambda: None)
        assert interpreter.workerPython() == sys.executable

    @pytest.mark.parametrize("place", ["path", "lib", "bin"])
    def test_in_slicer_it_is_pythonslicer(self, slicerApp, place):
        launcher = self.executable(slicerApp / place / "PythonSlicer")
        assert interpreter.workerPython() == str(launcher)

    def test_the_application_itself_is_never_started_as_python(self, slicerApp):
        with pytest.raises(SceneError, match="PythonSlicer"):
            interpreter.workerPython()

    def test_children_get_the_environment_slicer_was_started_with(self, slicerApp, monkeypatch):
        import slicer.util

        started = {"HOME": "/home/me", "PATH": "/usr/bin"}
        monkeypatch.setattr(slicer.util, "startupEnvironment", lambda: started)
        for name in [each for each in os.environ if each.startswith("SEMIWEAKSEG_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("PYTHONHOME", "/slicer/lib/Python")
        monkeypatch.setenv("SEMIWEAKSEG_CACHE", "/cache")
        assert interpreter.workerEnvironment() == {**started, "SEMIWEAKSEG_CACHE": "/cache"}


class TestCommands:
    def call(self, arguments: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [training.workerPython(), *arguments],
            env=worker.worker_environment(training.workerEnvironment()),
            capture_output=True,
            encoding="utf-8",
            timeout=300,
            check=False,
        )

    def test_the_plan_follows_settings_terms_and_overrides(self, study):
        asked = request(
            settings={"learning_rate": 0.01, "augmentation": "light", "patience": 2},
            terms=[
                {"name": "crf", "weight": 0.5, "settings": {"on": "all"}},
                {"name": "entropy", "weight": None, "settings": {}},
            ],
            plan={"patch_size": [16, 16], "dimensions": 2},
        )
        done = self.call(training.planCommand(study, asked))
        assert done.returncode == 0, done.stderr
        plan = json.loads(done.stdout)["plan"]
        assert plan["patch_size"] == [16, 16]
        assert sorted(plan["overridden"]) == ["dimensions", "patch_size"]

    def test_the_environment_is_json(self):
        done = self.call(training.environmentCommand())
        assert json.loads(done.stdout)["packages"]["torch"]

    def test_commands_that_cannot_be_are_refused_here(self, study):
        run = prepareRun(study, request())
        with pytest.raises(SceneError, match="unlabelled"):
            training.predictCommand(run, "unlabelled")
        with pytest.raises(SceneError, match="pickle"):
            training.exportCommand(run, "pickle", "x")
        assert training.exportCommand(run, "onnx", "x")[-2:] == ["--onnx", "x"]
        refined = training.predictCommand(run, "test", refine="mean_field,weight=5.0")
        assert refined[-2:] == ["--refine", "mean_field,weight=5.0"]
        assert training.predictCommand(run, ["test", "train"], fillHoles=True)[-3:] == [
            *("--cases", "test,train", "--fill-holes")
        ]

    def test_new_images_are_predicted_into_a_folder_of_their_own(self, study, tmp_path):
        run = prepareRun(study, request())
        (tmp_path / "fresh").mkdir()
        for images in (tmp_path / "fresh", str(tmp_path / "fresh")):
            arguments = training.predictCommand(run, images)
            assert arguments[arguments.index("--images") + 1] == str(tmp_path / "fresh")
            assert arguments[arguments.index("--out") + 1] == str(run.predictions / "fresh")

    def test_new_images_with_the_same_folder_name_do_not_meet(self, study, tmp_path):
        run = prepareRun(study, request())
        for name in ("one", "two"):
            (tmp_path / name / "images").mkdir(parents=True)
        first, second = (
            newImagesFolder(run, tmp_path / each / "images") for each in ("one", "two")
        )
        assert first != second
        assert newImagesFolder(run, tmp_path / "two" / "images") == second
        assert newImagesFolders(run) == [first, second]


def follow(run: RunFolder, until=lambda update: update.hasEnded) -> list[RunUpdate]:
    """Poll as the module does until something is reached; fails after two minutes."""
    watcher, updates = RunWatcher(run), []
    deadline = time.monotonic() + 120
    while not updates or not until(updates[-1]):
        assert time.monotonic() < deadline, run.log_path.read_text(encoding="utf-8")
        updates.append(watcher.poll())
        time.sleep(0.02)
    return updates


@pytest.fixture
def ended():
    """Runs whose workers are ended whatever the test does."""
    runs: list[RunFolder] = []
    yield runs
    for run in runs:
        try:
            worker.kill(run)
        except RunError:
            continue


class TestWorkers:
    def test_a_run_is_trained_watched_and_found_again(self, study, ended):
        run = prepareRun(study, request(steps=2, predict=("unlabeled",)))
        ended.append(run)
        assert startRun(run) > 0
        updates = follow(run)
        assert updates[-1].state == "finished", run.log_path.read_text(encoding="utf-8")
        kinds = [event["kind"] for update in updates for event in update.newEvents]
        assert kinds[0] == "started"
        assert "progress" in kinds
        assert kinds[-1] == "finished"
        later = RunWatcher(Study.open(study.folder).runFolders()[0]).poll()
        assert later.state == "finished"
        assert later.bestDice == updates[-1].bestDice

    def test_a_second_worker_is_refused(self, study, ended):
        run = prepareRun(study, request(steps=100_000))
        ended.append(run)
        startRun(run)
        with pytest.raises(SceneError, match="being worked on"):
            startRun(run)

    def test_a_killed_worker_is_lost_and_resumes_where_it_was(self, study, ended):
        run = prepareRun(study, request(steps=120, predict=()))
        ended.append(run)
        startRun(run)
        follow(run, lambda update: run.last_checkpoint.exists() or update.hasEnded)
        worker.kill(run)
        assert RunWatcher(run).poll().state == "lost"
        startRun(run, resume=True)
        last = follow(run)[-1]
        assert last.state == "finished", run.log_path.read_text(encoding="utf-8")
        started = [
            json.loads(line)["resumed"]
            for line in run.events_path.read_text(encoding="utf-8").splitlines()
            if '"started"' in line
        ]
        assert started == [False, True]

    def test_a_worker_that_fails_says_why_in_a_sentence(self, study, ended):
        study.case("case00").images[0].write_bytes(b"broken")
        run = prepareRun(study, request())
        ended.append(run)
        startRun(run)
        last = follow(run)[-1]
        assert last.state == "failed"
        assert "case00" in last.message
        assert "Traceback" not in last.message
