"""Watching a run: nothing that happens to its files makes the watcher raise."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from SemiWeakSegLib.runs import EventLog, RunFolder, RunRequest
from SemiWeakSegLib.scene.watching import READ_AT_ONCE, RunWatcher, describe, summaryOfRun


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "run", RunRequest(method="supervised"))


@pytest.fixture
def log(run: RunFolder) -> EventLog:
    return EventLog(run.events_path)


def train(log: EventLog) -> None:
    log.append("started", device="cpu", resumed=False)
    log.append("stage", name="segment", number=0, steps=100, step=0)
    losses = {"cross_entropy": 0.5, "total": 0.75, "broken": None}
    log.append(
        "progress",
        **{"stage": "segment", "step": 40, "total": 100, "progress": 0.4},
        **{"losses": losses, "rate": 8.0, "eta": 7.5},
    )


class TestPolling:
    def test_a_run_from_its_making_to_its_end(self, run, log):
        watcher = RunWatcher(run)
        assert watcher.poll().state == "created"
        run.write_status("running")
        train(log)
        update = watcher.poll()
        assert update.state == "running"
        assert [event["kind"] for event in update.newEvents] == ["started", "stage", "progress"]
        assert (update.stage, update.step, update.total) == ("segment", 40, 100)
        assert (update.progress, update.rate, update.eta) == (0.4, 8.0, 7.5)
        assert update.losses == {"cross_entropy": 0.5, "total": 0.75}
        log.append("validation", stage="segment", step=50, mean_dice=0.8, per_class={}, best=True)
        log.append("validation", stage="segment", step=90, mean_dice=0.7, per_class={}, best=False)
        update = watcher.poll()
        assert (update.lastDice, update.bestDice) == (0.7, 0.8)
        assert [event["kind"] for event in update.newEvents] == ["validation", "validation"]
        log.append("finished", message="")
        run.write_status("finished")
        update = watcher.poll()
        assert update.hasEnded
        assert (update.state, update.progress, update.eta) == ("finished", 1.0, None)
        assert watcher.poll().newEvents == []

    def test_preparing_and_predicting_count_cases(self, run, log):
        run.write_status("running")
        watcher = RunWatcher(run)
        assert describe(watcher.poll()) == "Starting"
        log.append("preparing", done=1, total=4)
        update = watcher.poll()
        assert (update.activity, update.progress) == ("preparing", 0.25)
        assert describe(update) == "Preparing: 1 of 4 cases"
        log.append("predicting", done=3, total=4)
        assert describe(watcher.poll()) == "Predicting: 3 of 4 cases"

    def test_a_watcher_that_comes_later_knows_the_same(self, run, log):
        run.write_status("running")
        first = RunWatcher(run)
        first.poll()
        train(log)
        seen, later = first.poll(), RunWatcher(run.path).poll()
        assert seen == later

    def test_after_a_resume_the_best_dice_stays_after_a_new_start_not(self, run, log):
        run.write_status("running")
        log.append("validation", stage="s", step=5, mean_dice=0.8, per_class={}, best=True)
        watcher = RunWatcher(run)
        log.append("started", resumed=True)
        assert watcher.poll().bestDice == 0.8
        log.append("started", resumed=False)
        assert watcher.poll().bestDice is None

    def test_a_failure_brings_its_sentence_a_warning_stays_visible(self, run, log):
        run.write_status("running")
        watcher = RunWatcher(run)
        log.append("out_of_memory", message="going on with a smaller plan")
        assert watcher.poll().message == "going on with a smaller plan"
        run.write_status("failed", "the loss became nan")
        update = watcher.poll()
        assert (update.state, update.message) == ("failed", "the loss became nan")
        assert describe(update) == "Failed: the loss became nan"

    def test_a_process_that_is_gone_says_what_to_do(self, run):
        run.write_status("running")
        status = json.loads(run.status_path.read_text(encoding="utf-8"))
        status["pid"] = 2**22 + 1
        run.write_json("status.json", status)
        update = RunWatcher(run).poll()
        assert update.state == "lost"
        assert "Resume" in update.message

    def test_the_whole_past_is_told_before_the_end(self, run, log, monkeypatch):
        monkeypatch.setattr("SemiWeakSegLib.scene.watching.READ_AT_ONCE", 1000)
        train(log)
        for step in range(100):
            log.append("progress", stage="segment", step=step, total=100, losses={"total": 1.0})
        log.append("finished", message="")
        run.write_status("finished")
        watcher = RunWatcher(run)
        updates = [watcher.poll()]
        while not updates[-1].hasEnded:
            updates.append(watcher.poll())
        assert len(updates) > 5
        assert sum(len(update.newEvents) for update in updates) == 104
        assert updates[-1].newEvents[-1]["kind"] == "finished"


class TestDamage:
    def test_half_an_event_waits_for_its_other_half(self, run, log):
        train(log)
        whole = run.events_path.read_bytes()
        run.events_path.write_bytes(whole[:-20])
        watcher = RunWatcher(run)
        assert len(watcher.poll().newEvents) == 2
        run.events_path.write_bytes(whole)
        assert [event["kind"] for event in watcher.poll().newEvents] == ["progress"]

    @pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe\x00", b'{"state": 3}'])
    def test_a_damaged_status_keeps_the_last_state(self, run, content):
        run.write_status("running")
        watcher = RunWatcher(run)
        assert watcher.poll().state == "running"
        run.status_path.write_bytes(content)
        assert watcher.poll().state in ("running", "3")

    def test_events_of_another_version_are_passed_on_not_stumbled_over(self, run):
        strange = [
            {"kind": "progress", "losses": 7, "progress": "x"},
            {"kind": "validation", "mean_dice": {}},
            {"kind": "preparing"},
            {"kind": "stage", "name": None},
            {"kind": "new kind"},
        ]
        run.events_path.write_text("\n".join(map(json.dumps, strange)) + "\n", encoding="utf-8")
        assert len(RunWatcher(run).poll().newEvents) == 5

    def test_a_folder_that_is_deleted_is_lost_and_may_come_back(self, run, log, tmp_path):
        run.write_status("running")
        train(log)
        watcher = RunWatcher(run)
        watcher.poll()
        shutil.move(run.path, tmp_path / "aside")
        update = watcher.poll()
        assert update.state == "lost"
        assert "is gone" in update.message
        shutil.move(tmp_path / "aside", run.path)
        assert watcher.poll().state == "running"

    def test_deleted_file_by_file_while_watched(self, run, log):
        run.write_status("running")
        train(log)
        watcher = RunWatcher(run)
        for file in sorted(run.path.iterdir()):
            file.unlink()
            watcher.poll()
        run.path.rmdir()
        assert watcher.poll().state == "lost"

    def test_a_folder_that_is_not_there_yet(self, tmp_path):
        assert RunWatcher(tmp_path / "none").poll().state == "lost"

    @pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root reads everything")
    def test_files_that_may_not_be_read(self, run, log):
        train(log)
        run.events_path.chmod(0)
        assert RunWatcher(run).poll().newEvents == []


class TestManyEvents:
    def test_ten_thousand_events_are_read_in_parts(self, run):
        event = {
            **{"kind": "progress", "time": 1.0, "stage": "segment", "total": 10_000},
            **{"losses": {"a": 0.123456789, "b": 0.2, "total": 0.3}, "rate": 1.0, "eta": 3.0},
        }
        text = "".join(json.dumps({**event, "step": step}) + "\n" for step in range(10_000))
        run.events_path.write_text(text, encoding="utf-8")
        run.write_status("finished")
        watcher, told = RunWatcher(run), []
        while True:
            update = watcher.poll()
            told.append(len(update.newEvents))
            if update.hasEnded:
                break
        assert sum(told) == 10_000
        assert max(told) <= READ_AT_ONCE / min(map(len, text.splitlines()))


class TestSummary:
    def test_it_has_what_a_list_shows(self, run, log):
        log.append("validation", stage="s", step=1, mean_dice=None, per_class={}, best=False)
        log.append("validation", stage="s", step=2, mean_dice=0.6, per_class={}, best=True)
        log.append("validation", stage="s", step=3, mean_dice=0.5, per_class={}, best=False)
        run.write_status("failed", "why")
        summary = summaryOfRun(run.path)
        assert (summary.name, summary.state, summary.method) == ("run", "failed", "supervised")
        assert (summary.bestDice, summary.message) == (0.6, "why")
        assert summary.created == run.read_request().created

    @pytest.mark.parametrize("content", [None, b"{", b'{"schema": 99}'])
    def test_a_damaged_run_is_lost_with_a_reason(self, run, content):
        run.request_path.unlink()
        if content is not None:
            run.request_path.write_bytes(content)
        summary = summaryOfRun(run.path)
        assert summary.state == "lost"
        assert "run" in summary.message
        assert summary.bestDice is None
