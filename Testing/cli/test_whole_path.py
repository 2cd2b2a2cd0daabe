"""The usual path with the real training: train, kill, resume, stop, predict, evaluate, report."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from SemiWeakSegLib.cohort import Cohort
from SemiWeakSegLib.runs import EventLog, RunFolder
from SemiWeakSegLib.runs.processes import pid_exists
from SemiWeakSegLib.runs.worker import kill, worker_environment

# A shell may have started the tests with Ctrl-C ignored, which children inherit.
LISTENING = (
    "import runpy, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "sys.argv[0] = 'SemiWeakSegLib'; runpy.run_module('SemiWeakSegLib', run_name='__main__')"
)


def until(condition, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@pytest.fixture
def cohort(cohort_file, command):
    command("cohort", "split", cohort_file, "--validation", "1")
    return cohort_file


def kinds(run: RunFolder) -> list[str]:
    return [event["kind"] for event in EventLog(run.events_path).read()[0]]


class TestInterruptions:
    def test_killed_then_resumed_then_stopped_by_ctrl_c(self, cohort, command, tmp_path):
        run = RunFolder(tmp_path / "run")
        started = command(
            "train",
            run.path,
            "--cohort",
            cohort,
            "--method",
            "supervised",
            "--steps",
            "100000",
            "--device",
            "cpu",
            "--background",
        )
        try:
            assert started.code == 0, started.err
            assert run.state() == "running"
            until(lambda: "progress" in kinds(run))
            pid = run.worker().pid
            assert command("resume", run.path).code == 3
            os.kill(pid, signal.SIGKILL)
            until(lambda: not pid_exists(pid))
            assert "lost" in command("status", run.path).out

            resumed = subprocess.Popen(
                [sys.executable, "-c", LISTENING, "resume", str(run.path)],
                env=worker_environment(),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
            )
            until(lambda: kinds(run).count("started") == 2 and kinds(run)[-1] == "progress")
            resumed.send_signal(signal.SIGINT)
            out, _ = resumed.communicate(timeout=60)
        finally:
            kill(run)
        assert resumed.returncode == 4, out
        assert "stopping after this step" in out
        assert "Traceback" not in out
        assert run.state() == "stopped"
        assert any(run.checkpoints.iterdir())


class TestWholePath:
    def test_from_a_cohort_to_a_report(self, cohort, shell, tmp_path):
        def ok(*arguments):
            done = shell(*arguments, cwd=tmp_path)
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        ok(
            "train",
            "run",
            "--cohort",
            cohort.name,
            "--method",
            "supervised",
            "--steps",
            "3",
            "--device",
            "cpu",
            "--predict",
            "none",
            "--plan",
            "mirror_axes=0,1,2",
        )
        assert RunFolder(tmp_path / "run").state() == "finished"
        assert "state       finished" in ok("status", "run")

        shown = ok(
            "predict",
            "run",
            "--images",
            "images",
            "--out",
            "predictions",
            "--flips",
            "--largest-component",
            "--fill-holes",
        )
        assert "6 predictions in predictions" in shown
        assert "annotate next" in shown
        made = {path.name for path in (tmp_path / "predictions").iterdir()}
        assert {f"patient{name}.nii.gz" for name in "abcdef"} <= made

        table = ok(
            "evaluate",
            "predictions",
            "--truth",
            "labels",
            "--json",
            "metrics.json",
            "--cohort",
            cohort.name,
        )
        assert "anterior" in table
        metrics = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
        assert 0 <= metrics["mean_dice"] <= 1
        assert set(metrics["per_class"]) == {"anterior", "posterior"}
        assert len(metrics["cases"]) == 4

        study = Cohort.load(cohort)
        seen = [dataclasses.replace(case, looked_at=(1,)) for case in study.cases]
        study.with_cases(seen).save(tmp_path / "partly.json")
        table = ok("evaluate", "predictions", "--truth", "labels", "--cohort", "partly.json")
        rows = {line.split()[0]: line.split()[-1] for line in table.splitlines() if line}
        assert (rows["anterior"], rows["posterior"]) == ("4", "0")

        assert ok("report", "run").strip().endswith("report.html")
        assert shell("predict", "run", "--cases", "test", cwd=tmp_path).returncode == 3
        assert shell("evaluate", "predictions", "--truth", "none", cwd=tmp_path).returncode == 3
