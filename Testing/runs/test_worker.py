"""Real worker processes: started, found, stopped, killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from SemiWeakSegLib.runs import EventLog, RunError, RunFolder, worker
from SemiWeakSegLib.runs.processes import pid_exists


class TestStart:
    def test_the_worker_is_found_through_the_folder(self, run, start_dummy):
        pid = start_dummy()
        seen = RunFolder.open(run.path)
        assert seen.state() == "running"
        assert seen.worker().pid == pid

    def test_a_run_is_running_from_the_moment_it_is_started(self, run):
        worker.start(run, command=[sys.executable, "-c", "import time; time.sleep(30)"])
        assert run.state() == "running"

    def test_what_it_prints_is_in_the_log(self, run, start_dummy):
        run.log_path.write_text("from before\n", encoding="utf-8")
        start_dummy()
        assert run.log_path.read_text(encoding="utf-8").split("\n")[:3] == [
            "from before",
            "the worker prints",
            "and complains",
        ]

    def test_it_has_a_session_of_its_own_and_quiet_threads(self, run, start_dummy):
        pid = start_dummy()
        started = EventLog(run.events_path).read()[0][0]
        assert started["policy"] == os.environ.get("OMP_WAIT_POLICY", "PASSIVE")
        assert os.getsid(pid) == pid != os.getsid(0)
        assert Path(started["folder"]) == run.path

    def test_a_second_worker_is_refused(self, run, start_dummy):
        pid = start_dummy()
        with pytest.raises(RunError, match=f"being worked on by process {pid}"):
            worker.start(run)
        with pytest.raises(RunError, match="being worked on"):
            worker.claim(run)
        assert run.worker().pid == pid

    def test_a_program_that_is_not_there_leaves_the_run_as_it_was(self, run):
        with pytest.raises(RunError, match="cannot be started"):
            worker.start(run, python="/no/such/python")
        assert run.state() == "created"

    def test_a_worker_that_dies_before_it_says_who_it_is_is_lost(self, run):
        worker.start(run, command=[sys.executable, "-c", "raise SystemExit(1)"])
        assert worker.wait(run, 20) == "lost"

    def test_the_standard_command_is_the_command_line(self, run, until):
        python = run.path / "python"
        python.write_text('#!/bin/sh\necho "$@"\n', encoding="utf-8")
        python.chmod(0o755)
        worker.start(run, resume=True, python=python)
        worker.wait(run, 20)
        until(lambda: run.log_path.stat().st_size > 0)
        expected = f"-u -m SemiWeakSegLib train {run.path} --resume\n"
        assert run.log_path.read_text(encoding="utf-8") == expected


class TestEnvironment:
    def test_the_package_is_found_from_anywhere_and_the_rest_is_kept(self):
        made = worker.worker_environment({"PYTHONPATH": "/a", "HOME": "/h"})
        package = Path(worker.__file__).parents[2]
        assert made["PYTHONPATH"].split(os.pathsep) == [str(package), "/a"]
        assert made["HOME"] == "/h"

    def test_a_wait_policy_of_the_user_is_kept(self):
        assert worker.worker_environment({})["OMP_WAIT_POLICY"] == "PASSIVE"
        assert (
            worker.worker_environment({"OMP_WAIT_POLICY": "ACTIVE"})["OMP_WAIT_POLICY"] == "ACTIVE"
        )


class TestStop:
    def test_asked_to_stop_it_stops(self, run, start_dummy):
        start_dummy()
        assert worker.stop(run, timeout=20) == "stopped"
        assert EventLog(run.events_path).read()[0][-1]["kind"] == "stopped"

    def test_a_stopped_run_can_be_started_again(self, run, start_dummy):
        start_dummy()
        worker.stop(run, timeout=20)
        start_dummy()
        assert run.state() == "running"

    def test_a_worker_that_does_not_listen_is_still_running_after_the_timeout(self, run):
        worker.start(run, command=[sys.executable, "-c", "import time; time.sleep(30)"])
        assert worker.stop(run, timeout=0.2) == "running"

    def test_a_run_that_nobody_works_on_gets_no_request(self, run):
        assert worker.stop(run, timeout=1) == "created"
        assert not run.stop_requested()


class TestKill:
    def test_the_whole_tree_ends(self, run, start_dummy, until):
        pid = start_dummy("child")
        child = int((run.path / "child").read_text(encoding="utf-8"))
        assert worker.kill(run)
        until(lambda: not pid_exists(pid) and not pid_exists(child))
        assert run.state() == "lost"

    def test_a_worker_in_the_group_of_who_started_it_takes_its_children_along(
        self, run, dummy, until
    ):
        command = [sys.executable, str(dummy), str(run.path), "child"]
        process = subprocess.Popen(command, env=worker.worker_environment())
        until(lambda: run.state() == "running" and (run.path / "child").exists())
        until(lambda: (run.path / "child").read_text(encoding="utf-8"))
        child = int((run.path / "child").read_text(encoding="utf-8"))
        assert worker.kill(run)
        until(lambda: not pid_exists(child))
        assert process.wait() == -signal.SIGKILL

    def test_a_process_does_not_end_itself(self, run):
        run.write_status("running")
        with pytest.raises(RunError, match="cannot end itself"):
            worker.kill(run)

    def test_another_users_process_is_not_said_to_have_ended(self, run, start_dummy, monkeypatch):
        pid = start_dummy()
        with monkeypatch.context() as denied:

            def refuse(*_):
                raise PermissionError

            denied.setattr(os, "kill", refuse)
            denied.setattr(os, "killpg", refuse)
            denied.setattr(worker, "END_LIMIT_S", 0.1)
            with pytest.raises(RunError, match=f"process {pid}, which does not end"):
                worker.kill(run)
        assert run.state() == "running"
        assert worker.kill(run)

    def test_there_may_be_nothing_to_kill(self, run):
        assert not worker.kill(run)

    def test_killed_by_the_system_it_is_lost_at_once(self, run, start_dummy, until):
        pid = start_dummy()
        os.kill(pid, signal.SIGKILL)
        until(lambda: not pid_exists(pid), seconds=5)
        assert run.state() == "lost"
        assert time.time() - run.read_status()["heartbeat"] < 60

    def test_a_zombie_is_dead(self, run, until, dummy):
        process = subprocess.Popen(
            [sys.executable, str(dummy), str(run.path)], env=worker.worker_environment()
        )
        until(lambda: run.state() == "running")
        process.kill()
        until(lambda: run.state() == "lost", seconds=5)
        assert process.wait() == -signal.SIGKILL

    def test_killed_at_random_moments_no_whole_line_is_lost(self, run, start_dummy, until):
        moments = random.Random(0)
        for number in range(1, 5):
            pid = start_dummy()
            time.sleep(moments.uniform(0, 0.1))
            os.kill(pid, signal.SIGKILL)
            until(lambda: run.state() == "lost")
            events = EventLog(run.events_path).read()[0]
            assert sum(event["kind"] == "started" for event in events) == number
            steps = [event["step"] for event in events if event["kind"] == "progress"]
            assert steps.count(1) == number

    def test_a_worker_on_another_machine_cannot_be_killed_from_here(self, run):
        run.write_status("running")
        status = {**run.read_status(), "host": "elsewhere"}
        run.write_json("status.json", status)
        with pytest.raises(RunError, match="elsewhere"):
            worker.kill(run)
        run.write_status("stopped")


class TestStarters:
    def test_of_many_at_once_one_wins(self, run):
        code = (
            "import sys\n"
            "from SemiWeakSegLib.runs import RunError, RunFolder, worker\n"
            "run = RunFolder.open(sys.argv[1])\n"
            "try:\n"
            "    worker.start(run, command=[sys.executable, '-c', 'import time; time.sleep(30)'])\n"
            "except RunError:\n"
            "    sys.exit(9)\n"
        )
        command = [sys.executable, "-c", code, str(run.path)]
        starters = [subprocess.Popen(command, env=worker.worker_environment()) for _ in range(4)]
        assert sorted(each.wait() for each in starters) == [0, 9, 9, 9]

    def test_the_worker_outlives_its_starter(self, run, until, dummy):
        code = (
            "import sys\n"
            "from SemiWeakSegLib.runs import RunFolder, worker\n"
            "worker.start(RunFolder.open(sys.argv[1]), command=sys.argv[2:])\n"
        )
        command = [
            sys.executable,
            "-c",
            code,
            str(run.path),
            sys.executable,
            str(dummy),
            str(run.path),
        ]
        subprocess.run(command, env=worker.worker_environment(), check=True)
        until(lambda: run.events_path.exists())
        assert run.state() == "running"
        assert worker.stop(run, 20) == "stopped"


class TestClaim:
    def test_claiming_again_keeps_a_request_to_stop(self, run):
        run.request_stop()
        worker.claim(run)
        assert not run.stop_requested()
        run.request_stop()
        worker.claim(run)
        assert run.stop_requested()
        assert run.state() == "running"

    def test_a_stop_between_start_and_claim_is_heard(self, run, dummy):
        code = f"import runpy, sys, time; time.sleep(0.5); runpy.run_path({str(dummy)!r}, "
        code += "run_name='__main__')"
        worker.start(run, command=[sys.executable, "-c", code, str(run.path)])
        assert worker.stop(run, timeout=20) == "stopped"
        assert [event["kind"] for event in EventLog(run.events_path).read()[0]] == [
            "started",
            "stopped",
        ]
