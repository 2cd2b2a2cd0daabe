"""train, resume, stop, status: checks before work, exit codes, log, signals."""

from __future__ import annotations

import json
import os
import signal
import sys
import types

import pytest

from SemiWeakSegLib.cohort import Cohort
from SemiWeakSegLib.commands import work as working
from SemiWeakSegLib.runs import EventLog, RunFolder, RunRequest


@pytest.fixture
def learning(monkeypatch):
    """Put a function in the place of learning.worker.work."""

    def replace(work):
        module = types.ModuleType("SemiWeakSegLib.learning.worker")
        module.work = work
        monkeypatch.setitem(sys.modules, "SemiWeakSegLib.learning.worker", module)

    return replace


@pytest.fixture
def run(tmp_path) -> RunFolder:
    return RunFolder.create(tmp_path / "made", RunRequest(method="supervised"))


def finishes(run, *, resume, progress):
    run.write_status("finished")
    return "finished"


def train_line(folder, cohort, *more):
    return ("train", folder, "--cohort", cohort, "--method", "supervised", *more)


class TestNewRun:
    def test_the_request_is_what_was_asked_for(self, command, learning, cohort_file, tmp_path):
        learning(finishes)
        folder = tmp_path / "runs" / "one"
        outcome = command(
            "train",
            folder,
            "--cohort",
            cohort_file,
            "--method",
            "scribble_crf",
            "--set",
            "crf_weight=0.5",
            "form=quadratic",
            "--set",
            "ramp=0",
            "--add",
            "entropy:0.3",
            "size,ramp=0.2",
            "--plan",
            "patch_size=4,16,16",
            "--steps",
            "7",
            "--seed",
            "3",
            "--device",
            "cpu",
            "--predict",
            "test,train",
        )
        assert outcome.code == 0, outcome.err
        request = RunFolder.open(folder).read_request()
        assert request.method == "scribble_crf"
        assert request.settings["crf_weight"] == 0.5
        assert request.settings["form"] == "quadratic"
        assert request.settings["ramp"] == 0.0
        assert [(term["name"], term["weight"]) for term in request.terms] == [
            ("entropy", 0.3),
            ("size", None),  # that of the plan's dimensions
        ]
        assert request.terms[1]["settings"]["ramp"] == 0.2
        assert request.plan == {"patch_size": [4, 16, 16]}
        assert (request.steps, request.minutes, request.seed, request.device) == (7, None, 3, "cpu")
        assert request.predict == ("test", "train")

    def test_the_cohort_is_copied(self, command, learning, cohort_file, tmp_path):
        learning(finishes)
        command(*train_line(tmp_path / "run", cohort_file))
        copy = Cohort.load(tmp_path / "run" / "cohort.json")
        assert copy == Cohort.load(cohort_file)
        assert all(path.is_file() for case in copy.cases for path in case.images)

    def test_networks_that_cannot_be_had_are_told_before_anything_is_made(
        self, command, cohort_file, tmp_path
    ):
        folder = tmp_path / "run"
        line = ("train", folder, "--cohort", cohort_file, "--method", "co_training")
        outcome = command(*line, "--set", "views=subsets", "members=8")
        assert "views=subsets gives each of 8 networks labeled cases of its own" in outcome.err
        assert not folder.exists()

    @pytest.mark.parametrize(
        ("method", "terms", "words"),
        [
            ("supervised", ("ict", "pseudo_label,teacher=frozen"), "a run has one teacher"),
            ("mean_teacher", ("pseudo_label,teacher=frozen",), "by the method mean_teacher"),
            ("supervised", ("crf", "crf:2"), "the term crf is added twice"),
            ("entropy", ("entropy",), "has the term entropy already"),
        ],
    )
    def test_what_does_not_go_together_is_told_before_anything_is_made(
        self, command, cohort_file, tmp_path, method, terms, words
    ):
        asked = ("--cohort", cohort_file, "--method", method, "--add", *terms)
        outcome = command("train", tmp_path / "run", *asked)
        assert outcome.code == 3
        assert words in outcome.err
        assert not (tmp_path / "run").exists()

    def test_all_problems_come_at_once_and_nothing_is_made(self, command, tmp_path):
        outcome = command(
            "train",
            tmp_path / "run",
            "--cohort",
            tmp_path / "none.json",
            "--method",
            "supervised",
            "--set",
            "learning_rate=9",
            "dise_weight=1",
            "--add",
            "crf:x",
            "entropi",
            "--plan",
            "patch",
            "--device",
            "gpu",
            "--predict",
            "everything",
        )
        assert outcome.code == 3
        assert outcome.err.startswith("8 problems:\n")
        for words in (
            "learning_rate is 9.0",
            "did you mean 'dice_weight'",
            "term crf: weight",
            "did you mean 'entropy'",
            "--plan: 'patch'",
            "--device is 'gpu'",
            "no cases 'everything'",
            "none.json",
        ):
            assert words in outcome.err
        assert list(tmp_path.iterdir()) == []

    def test_what_the_method_lacks_is_said(self, command, cohort_file, tmp_path):
        cohort = Cohort.load(cohort_file)
        for case in cohort.cases:
            case.label = None
        cohort.save(cohort_file)
        outcome = command(*train_line(tmp_path / "run", cohort_file))
        assert outcome.code == 3
        assert not (tmp_path / "run").exists()

    def test_a_bad_image_is_found_before_the_run_is_made(self, command, cohort_file, tmp_path):
        image = cohort_file.parent / "images" / "patientc.nii.gz"
        image.write_bytes(b"no image")
        outcome = command(*train_line(tmp_path / "run", cohort_file))
        assert outcome.code == 3
        assert "patientc" in outcome.err
        assert not (tmp_path / "run").exists()

    def test_a_plan_that_cannot_be_carried_out_is_refused(self, command, cohort_file, tmp_path):
        outcome = command(*train_line(tmp_path / "run", cohort_file, "--plan", "pach_size=9"))
        assert outcome.code == 3
        assert "pach_size" in outcome.err
        assert not (tmp_path / "run").exists()

    def test_a_folder_in_use_is_left_alone(self, command, cohort_file, tmp_path):
        outcome = command(*train_line(cohort_file.parent, cohort_file))
        assert outcome.code == 3
        assert "not empty" in outcome.err
        assert not (cohort_file.parent / "run.json").exists()

    def test_a_run_is_not_overwritten(self, command, cohort_file, run):
        before = run.request_path.read_bytes()
        outcome = command(*train_line(run.path, cohort_file))
        assert outcome.code == 3
        assert "already holds a run" in outcome.err
        assert run.request_path.read_bytes() == before


class TestWork:
    def test_a_made_run_is_worked_on(self, command, learning, run):
        seen = []

        def work(run, *, resume, progress):
            seen.append((run.state(), resume, os.environ["OMP_WAIT_POLICY"]))
            return finishes(run, resume=resume, progress=progress)

        learning(work)
        assert command("train", run.path).code == 0
        assert seen == [("running", False, os.environ["OMP_WAIT_POLICY"])]

    def test_printed_text_is_in_the_log_once(self, command, learning, run):
        def work(run, *, resume, progress):
            print("loading")
            progress({"kind": "warning", "message": "few cases"})
            return finishes(run, resume=resume, progress=progress)

        learning(work)
        shown = command("train", run.path).out
        log = run.log_path.read_text(encoding="utf-8")
        for text in ("loading", "warning: few cases", "finished"):
            assert shown.count(text) == 1
            assert log.count(text) == 1

    def test_a_failure_is_one_sentence_and_a_traceback_in_the_log(self, command, learning, run):
        def work(run, *, resume, progress):
            raise RuntimeError("the disk\nis full")

        learning(work)
        outcome = command("train", run.path)
        assert outcome.code == 1
        assert "failed: the disk is full" in outcome.err
        assert 'raise RuntimeError("the disk' in run.log_path.read_text(encoding="utf-8")
        assert run.state() == "failed"
        assert run.read_status()["message"] == "the disk is full"

    def test_a_stop_with_a_checkpoint_is_4_and_says_how_to_go_on(self, command, learning, run):
        def work(run, *, resume, progress):
            run.write_status("stopped")
            return "stopped"

        learning(work)
        outcome = command("train", run.path)
        assert outcome.code == 4
        assert f"resume {run.path}" in outcome.out

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_the_first_signal_asks_the_second_aborts(self, command, learning, run, number):
        asked = []

        def work(run, *, resume, progress):
            os.kill(os.getpid(), number)
            asked.append(run.stop_requested())
            os.kill(os.getpid(), number)
            raise AssertionError("the second signal was not heard")

        before = signal.getsignal(number)
        learning(work)
        assert command("train", run.path).code == 130
        assert asked == [True]
        assert run.state() == "stopped"
        assert EventLog(run.events_path).read()[0][-1]["kind"] == "stopped"
        assert signal.getsignal(number) == before

    def test_a_signal_after_a_request_by_file_does_not_abort(self, command, learning, run):
        def work(run, *, resume, progress):
            run.request_stop()
            os.kill(os.getpid(), signal.SIGINT)
            run.write_status("stopped")
            return "stopped"

        learning(work)
        assert command("train", run.path).code == 4

    def test_an_ignored_hang_up_stays_ignored(self, run):
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            with working.stopping_on_signals(run):
                os.kill(os.getpid(), signal.SIGHUP)
            assert not run.stop_requested()
        finally:
            signal.signal(signal.SIGHUP, before)


class TestStates:
    @pytest.mark.parametrize(
        ("state", "words"),
        [("finished", "start a new run"), ("stopped", "'resume'"), ("failed", "'resume'")],
    )
    def test_train_does_not_start_over(self, command, run, state, words):
        run.write_status(state)
        outcome = command("train", run.path)
        assert outcome.code == 3
        assert words in outcome.err

    @pytest.mark.parametrize("state", ["created", "stopped", "failed"])
    def test_resume_goes_on(self, command, learning, run, state):
        seen = []

        def work(run, *, resume, progress):
            seen.append((resume, run.stop_requested()))
            return finishes(run, resume=resume, progress=progress)

        learning(work)
        run.write_status(state)
        run.request_stop()
        assert command("resume", run.path).code == 0
        assert seen == [(True, False)]

    def test_a_finished_run_is_not_resumed(self, command, run):
        run.write_status("finished")
        assert command("resume", run.path).code == 3

    @pytest.mark.parametrize("name", ["train", "resume", "stop", "status", "predict", "report"])
    def test_what_is_no_run_is_named(self, command, tmp_path, name):
        outcome = command(name, tmp_path / "none")
        assert outcome.code == 3
        assert "none is not a run" in outcome.err

    @pytest.mark.parametrize("line", [("predict",), ("export", "--onnx", "x.onnx")])
    def test_what_needs_a_model_says_so(self, command, run, line):
        outcome = command(line[0], run.path, *line[1:])
        assert outcome.code == 3
        assert "no model yet (it is created)" in outcome.err

    def test_stopping_a_run_that_nobody_works_on_is_an_error(self, command, run):
        outcome = command("stop", run.path)
        assert outcome.code == 3
        assert "nobody works on" in outcome.err


class TestStatus:
    @pytest.fixture
    def watched(self, run):
        log = EventLog(run.events_path)
        log.append("started", method="supervised", device="cpu")
        for step in (5, 10):
            log.append("validation", step=step, mean_dice=0.9 - step / 100)
        log.append(
            "progress",
            stage="segment",
            step=10,
            total=20,
            progress=0.5,
            losses={"supervised": 0.25},
            rate=2.0,
            eta=300.0,
        )
        return run

    def test_a_person_sees_progress_and_validation(self, command, watched):
        text = command("status", watched.path).out
        assert "segment, step 10 of 20, supervised 0.25, 2 steps/s, 5 min left" in text
        assert "Dice 0.800, best 0.850" in text

    def test_a_program_sees_the_same(self, command, watched):
        content = json.loads(command("status", watched.path, "--json").out)
        assert content["state"] == "created"
        assert content["progress"]["losses"] == {"supervised": 0.25}
        assert content["best_dice"] == 0.85

    def test_following_ends_with_the_run(self, command, watched):
        watched.write_status("failed", "why")
        outcome = command("status", watched.path, "--follow")
        assert outcome.code == 0
        assert "validation at step 5: Dice 0.850" in outcome.out
        assert "why" in outcome.out
