"""events.jsonl: appending, reading on, torn lines."""

from __future__ import annotations

import json
import math
import time

import pytest

from SemiWeakSegLib.runs import EventLog


@pytest.fixture
def log(tmp_path) -> EventLog:
    return EventLog(tmp_path / "events.jsonl")


class TestAppend:
    def test_one_json_object_a_line_with_kind_and_time(self, log):
        log.append("started", method="supervised")
        log.append("progress", step=1, losses={"dice": 0.5, "crf": math.nan})
        first, second = map(json.loads, log.path.read_text(encoding="utf-8").splitlines())
        assert first["kind"] == "started"
        assert abs(first["time"] - time.time()) < 60
        assert second["losses"] == {"dice": 0.5, "crf": None}

    def test_an_unknown_kind_is_refused_and_nothing_written(self, log):
        with pytest.raises(ValueError, match="epoch"):
            log.append("epoch")
        assert not log.path.exists()

    def test_line_breaks_inside_a_text_stay_inside_the_line(self, log):
        text = "two\nlines\u2028and\u0085more"
        log.append("warning", message=text)
        assert log.path.read_bytes().count(b"\n") == 1
        assert log.read()[0][0]["message"] == text


class TestRead:
    def test_nothing_there_is_no_error(self, log):
        assert log.read() == ([], 0)

    def test_reading_goes_on_where_it_ended(self, log):
        log.append("started")
        events, offset = log.read()
        assert len(events) == 1
        assert log.read(offset) == ([], offset)
        log.append("finished")
        assert [event["kind"] for event in log.read(offset)[0]] == ["finished"]

    @pytest.mark.parametrize("cut", [1, 5, 20])
    def test_a_line_that_is_being_written_waits(self, log, cut):
        log.append("started")
        whole = log.path.read_bytes()
        log.append("finished", message="ä" * 20)
        everything = log.path.read_bytes()
        log.path.write_bytes(everything[:-cut])
        events, offset = log.read()
        assert [event["kind"] for event in events] == ["started"]
        assert offset == len(whole)
        log.path.write_bytes(everything)
        assert [event["kind"] for event in log.read(offset)[0]] == ["finished"]

    def test_a_long_log_can_be_read_in_pieces_of_whole_lines(self, log):
        for step in range(50):
            log.append("progress", step=step)
        steps, offset, pieces = [], 0, 0
        while offset < log.path.stat().st_size:
            events, offset = log.read(offset, 200)
            steps += [event["step"] for event in events]
            pieces += 1
        assert steps == list(range(50))
        assert pieces > 5

    def test_a_file_that_was_replaced_is_read_anew(self, log):
        log.append("started", padding="x" * 100)
        offset = log.read()[1]
        log.path.unlink()
        log.append("started")
        assert len(log.read(offset)[0]) == 1


class TestTornLine:
    @pytest.mark.parametrize("keep", [1, 10, 30])
    def test_what_follows_a_torn_line_is_whole(self, log, keep):
        log.append("started")
        log.append("progress", step=1, padding="x" * 50)
        lines = log.path.read_bytes().splitlines(keepends=True)
        log.path.write_bytes(lines[0] + lines[1][:keep])
        resumed = EventLog(log.path)
        resumed.append("started", resumed=True)
        resumed.append("finished")
        assert [event["kind"] for event in resumed.read()[0]] == ["started", "started", "finished"]

    def test_a_line_that_lacks_only_its_end_is_kept(self, log):
        log.append("started")
        log.append("progress", step=7)
        log.path.write_bytes(log.path.read_bytes()[:-1])
        EventLog(log.path).append("finished")
        assert [event.get("step") for event in log.read()[0]] == [None, 7, None]

    def test_rubbish_is_passed_over(self, log):
        log.path.write_bytes(b'\xff\xfe\n[1, 2]\n{"no": "kind"}\n\n')
        log.append("started")
        assert [event["kind"] for event in log.read()[0]] == ["started"]
