"""A bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import io

import pytest

from SemiWeakSegLib.commands.cache import readable
from SemiWeakSegLib.commands.progress import Printer, bar, describe, duration


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def progress(step: int, total: int = 100) -> dict:
    return {"kind": "progress", "step": step, "total": total, "progress": step / total}


class TestPrinter:
    def test_elsewhere_there_are_plain_lines_and_not_too_many(self):
        stream = io.StringIO()
        printer = Printer(stream)
        for step in range(1, 101):
            printer(progress(step))
        assert stream.getvalue() == "step 1 of 100\nstep 100 of 100\n"

    def test_on_a_terminal_one_line_is_redrawn_and_cleared(self):
        stream, log = Terminal(), io.StringIO()
        printer = Printer(stream, log)
        printer(progress(50))
        printer(progress(100))
        printer({"kind": "finished", "message": ""})
        shown = stream.getvalue()
        assert shown.count("\n") == 1
        assert shown.endswith("\r\x1b[Kfinished\n")
        assert "[############------------]  50%" in shown
        assert log.getvalue() == "step 50 of 100\nstep 100 of 100\nfinished\n"

    def test_a_note_is_a_line_for_terminal_and_log(self):
        stream, log = io.StringIO(), io.StringIO()
        Printer(stream, log)({"kind": "note", "message": "network 1 learns from case 3"})
        assert stream.getvalue() == log.getvalue() == "note: network 1 learns from case 3\n"

    def test_checkpoints_are_not_worth_a_line(self):
        stream = io.StringIO()
        Printer(stream)({"kind": "checkpoint", "step": 5})
        assert stream.getvalue() == ""

    @pytest.mark.parametrize("share", [-1.0, 0.0, 0.5, 1.0, 7.0])
    def test_the_bar_never_leaves_its_brackets(self, share):
        text = bar({"kind": "progress", "progress": share})
        assert text.index("]") == 25


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (89, "89 s"), (90, "2 min"), (5400, "1 h 30 min")]
)
def test_durations_read_well(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 bytes"), (1500, "1.5 kB"), (2_500_000, "2.5 MB"), (3e12, "3.0 TB")]
)
def test_sizes_read_well(size, text):
    assert readable(size) == text


class TestSizes:
    def test_the_error_of_the_sizes_is_told_for_each_class(self):
        error = {"r2": -0.25, "mae": 12.0, "mae_percent": 30.0, "relative_width": 0.42}
        event = {
            "kind": "sizes",
            "source": "regressor",
            "per_class": {"wall": error},
            "note": "few",
        }
        assert describe(event) == "sizes from the regressor; wall R² -0.250, bounds ±42 %; few"

    def test_how_good_seeds_are_is_told_for_each_class(self):
        found = {"share": 0.01, "accuracy": 1.0, "precision": 0.75, "recall": None}
        event = {"kind": "seeds", "cases": 4, "per_class": {"wall": found}, "note": ""}
        assert describe(event) == "seeds in 4 cases; wall precision 0.750, recall -"

    def test_an_error_that_cannot_be_known_is_a_dash(self):
        error = {"r2": None, "relative_width": 0.5}
        event = {"kind": "sizes", "source": "segmenter", "per_class": {"wall": error}}
        assert describe(event) == "sizes from the segmenter; wall R² -, bounds ±50 %"
