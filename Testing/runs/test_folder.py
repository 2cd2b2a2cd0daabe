"""A run's folder: making, status, states."""

from __future__ import annotations

import json
import math
import os
import socket
import threading
import time
from pathlib import Path

import pytest

from SemiWeakSegLib.runs import Heartbeat, RunError, RunFolder, RunRequest
from SemiWeakSegLib.runs.processes import identify


def write_status(run: RunFolder, **changes) -> None:
    status = {"state": "running", "heartbeat": time.time(), **identify().to_dict(), **changes}
    run.status_path.write_text(json.dumps(status), encoding="utf-8")


class TestCreate:
    def test_a_new_run_is_created(self, run):
        assert run.state() == "created"
        assert run.read_plan() is None
        assert not run.stop_requested()

    def test_a_second_run_in_the_same_folder_is_refused(self, run):
        with pytest.raises(RunError, match="already holds a run"):
            RunFolder.create(run.path, RunRequest(method="proposals"))
        assert run.read_request().method == "supervised"

    def test_a_file_is_no_place_for_a_run(self, tmp_path):
        (tmp_path / "file").write_text("mine", encoding="utf-8")
        with pytest.raises(RunError, match="is a file"):
            RunFolder.create(tmp_path / "file", RunRequest(method="supervised"))

    @pytest.mark.parametrize(("name", "words"), [("", "no run.json"), ("x", "does not exist")])
    def test_opening_what_is_no_run_is_refused(self, tmp_path, name, words):
        with pytest.raises(RunError, match=words):
            RunFolder.open(tmp_path / name)


class TestWriteJson:
    def test_values_that_json_lacks_become_null(self, run):
        run.write_json(
            "plan.json", {"a": math.nan, "b": [math.inf, 1.5], "c": Path("x"), "d": (1,)}
        )
        assert run.read_plan() == {"a": None, "b": [None, 1.5], "c": "x", "d": [1]}

    def test_a_failed_write_leaves_the_old_file_and_no_rubbish(self, run):
        run.write_json("plan.json", {"patch": [96, 96]})
        before = sorted(os.listdir(run.path))
        with pytest.raises(TypeError, match="object"):
            run.write_json("plan.json", {"patch": object()})
        assert run.read_plan() == {"patch": [96, 96]}
        assert sorted(os.listdir(run.path)) == before

    def test_a_reader_never_sees_half_a_file(self, run):
        done = threading.Event()

        def write() -> None:
            for number in range(200):
                run.write_json("plan.json", {"number": number, "padding": ["x" * 50] * 200})
            done.set()

        run.write_json("plan.json", {"number": -1})
        writer = threading.Thread(target=write)
        writer.start()
        seen = set()
        while not done.is_set():
            seen.add(run.read_plan()["number"])
        writer.join()
        assert len(seen) > 3
        assert run.read_plan()["number"] == 199


class TestCanPredict:
    def test_a_new_run_cannot(self, run):
        assert not run.can_predict()

    @pytest.mark.parametrize("name", ["model/model.json", "checkpoints/last.pt"])
    def test_with_a_model_or_a_checkpoint_it_can(self, run, name):
        path = run.path / name
        path.parent.mkdir()
        path.touch()
        assert run.can_predict()


class TestState:
    def test_a_status_of_this_process_is_running(self, run):
        run.write_status("running")
        assert run.state() == "running"
        assert run.worker().pid == os.getpid()

    @pytest.mark.parametrize("state", ["finished", "failed", "stopped"])
    def test_an_end_stays_what_it_was(self, run, state):
        run.write_status(state, "why")
        assert run.state() == state
        assert run.read_status()["message"] == "why"

    def test_an_unknown_state_cannot_be_written(self, run):
        with pytest.raises(ValueError, match="lost"):
            run.write_status("lost")

    @pytest.mark.parametrize(("age", "state"), [(60, "running"), (100, "lost")])
    def test_on_another_host_the_heartbeat_decides(self, run, age, state):
        write_status(run, host="elsewhere", heartbeat=time.time() - age)
        assert run.state() == state

    def test_in_another_container_of_this_name_the_heartbeat_decides(self, run):
        write_status(run, machine="another boot", pid=2**22 + 1)
        assert run.state() == "running"

    def test_a_pid_that_is_not_there_is_lost_at_once(self, run):
        write_status(run, pid=2**22 + 1)
        assert run.state() == "lost"

    @pytest.mark.skipif(not identify().started, reason="the system tells no start times")
    def test_a_reused_pid_is_lost_at_once(self, run):
        write_status(run, started=str(int(identify().started) - 1))
        assert run.state() == "lost"

    @pytest.mark.skipif(not identify().started, reason="the system tells no start times")
    def test_a_process_that_lives_is_not_lost_for_a_late_heartbeat(self, run):
        write_status(run, heartbeat=time.time() - 1000)
        assert run.state() == "running"

    @pytest.mark.parametrize(("age", "state"), [(60, "running"), (100, "lost")])
    def test_without_start_times_a_living_pid_needs_a_heartbeat(self, run, age, state):
        write_status(run, started="", heartbeat=time.time() - age)
        assert run.state() == state

    def test_the_host_is_recorded(self, run):
        run.write_status("running")
        assert run.read_status()["host"] == socket.gethostname()


class TestHeartbeat:
    def test_it_is_refreshed_while_the_worker_is_up(self, run):
        run.write_status("running")
        first = run.read_status()["heartbeat"]
        with Heartbeat(run, interval_s=0.02):
            deadline = time.monotonic() + 10
            while run.read_status()["heartbeat"] == first and time.monotonic() < deadline:
                time.sleep(0.01)
        assert run.read_status()["heartbeat"] > first

    def test_it_never_brings_back_a_run_that_ended(self, run):
        run.write_status("running")
        with Heartbeat(run, interval_s=0.001):
            for _ in range(30):
                run.write_status("running")
                run.write_status("finished")
                time.sleep(0.003)
                assert run.read_status()["state"] == "finished"

    def test_it_leaves_the_status_of_another_worker_alone(self, run):
        write_status(run, pid=1, heartbeat=5.0)
        run.beat()
        assert run.read_status()["heartbeat"] == 5.0

    def test_a_folder_that_goes_away_does_not_end_the_work(self, run):
        run.write_status("running")
        with Heartbeat(run, interval_s=0.01) as heartbeat:
            run.status_path.write_text("{", encoding="utf-8")
            time.sleep(0.1)
            run.write_status("running")
            first = run.read_status()["heartbeat"]
            deadline = time.monotonic() + 10
            while run.read_status()["heartbeat"] == first and time.monotonic() < deadline:
                time.sleep(0.01)
            assert run.read_status()["heartbeat"] > first
        assert not heartbeat._thread.is_alive()
