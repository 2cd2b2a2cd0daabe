"""Curves: points of all stages on one axis, and nodes that follow them cheaply."""

from __future__ import annotations

import math

import numpy as np
import pytest

from SemiWeakSegLib.scene.curve_points import Points, RunPoints


def progress(stage: str, step: int, **losses: float | None) -> dict:
    return {"kind": "progress", "stage": stage, "step": step, "losses": losses}


def validation(stage: str, step: int, mean: float | None, **classes: float | None) -> dict:
    return {
        **{"kind": "validation", "stage": stage, "step": step},
        **{"mean_dice": mean, "per_class": classes},
    }


class TestPoints:
    def test_all_rows_are_there_while_they_are_few(self):
        points = Points(most=10)
        for x in range(10):
            points.append(x, {"a": x * x})
        assert points.x == list(range(10))
        assert points.values["a"] == [x * x for x in range(10)]

    @pytest.mark.parametrize("count", [11, 100, 999, 10_000])
    def test_many_rows_are_thinned_evenly_and_the_newest_stays(self, count):
        points = Points(most=100)
        for x in range(count):
            points.append(x, {"a": 2 * x})
            assert points.x[-1] == x
        assert len(points.x) <= 100
        assert points.values["a"] == [2 * x for x in points.x]
        gaps = np.diff(points.x)[:-1]
        assert gaps.max() <= 2 * gaps.min()
        assert len(points.x) >= min(count, 50)

    def test_a_name_that_comes_later_is_nan_before_and_missing_ones_after(self):
        points = Points()
        points.append(1, {"a": 1.0})
        points.append(2, {"b": 2.0})
        assert points.values["a"][0] == 1.0
        assert math.isnan(points.values["a"][1])
        assert math.isnan(points.values["b"][0])
        assert points.values["b"][1] == 2.0

    def test_what_is_cut_can_be_told_again(self):
        points = Points(most=8)
        for x in range(100):
            points.append(x, {"a": 0.0})
        points.cut(50)
        assert points.x[-1] < 50
        for x in range(50, 60):
            points.append(x, {"a": 1.0})
        assert points.x == sorted(points.x)
        assert points.x[-1] == 59
        assert len(points.x) <= 8


class TestRunPoints:
    def test_stages_are_laid_end_to_end(self):
        points = RunPoints()
        points.take([progress("warm", 5, a=1.0), progress("warm", 10, a=0.5)])
        points.take([progress("main", 4, a=0.4), validation("main", 4, 0.7, liver=0.7)])
        assert points.losses.x == [5, 10, 14]
        assert points.dice.x == [14]
        assert points.dice.values == {"mean": [0.7], "liver": [0.7]}
        assert points.stages == [("warm", 0, 10), ("main", 10, 14)]

    def test_steps_repeated_after_a_resume_count_once(self):
        points = RunPoints()
        points.take([progress("s", step, a=1.0) for step in (10, 20, 30, 40)])
        points.take([validation("s", 40, 0.5)])
        points.take([{"kind": "started", "resumed": True}, progress("s", 25, a=2.0)])
        assert points.losses.x == [10, 20, 25]
        assert points.losses.values["a"] == [1.0, 1.0, 2.0]
        assert points.dice.x == []

    def test_a_resume_may_go_back_to_an_earlier_stage(self):
        points = RunPoints()
        points.take([progress("one", 10, a=1.0), progress("two", 5, a=1.0)])
        points.take([progress("one", 8, a=2.0), progress("one", 10, a=2.0)])
        points.take([progress("two", 1, a=3.0)])
        assert points.losses.x == [8, 10, 11]

    def test_a_new_start_begins_with_nothing(self):
        points = RunPoints()
        points.take([progress("s", 10, a=1.0), validation("s", 10, 0.5)])
        assert points.take([{"kind": "started", "resumed": False}])
        assert points.losses.x == points.dice.x == []

    def test_figures_that_are_none_are_left_out(self):
        points = RunPoints()
        points.take([progress("s", 1, a=None, b=1.0), validation("s", 1, None, liver=None)])
        assert list(points.losses.values) == ["b"]
        assert points.dice.x == []

    def test_other_events_change_nothing(self):
        points = RunPoints()
        strange = [{"kind": "checkpoint"}, {"kind": "progress", "losses": 3, "step": 1}, {}]
        assert not points.take([*strange, {"kind": "progress", "losses": {"a": 1.0}}])


@pytest.fixture
def curves(slicerScene):
    from SemiWeakSegLib.scene.curves import Curves

    return Curves("supervised-1")


def column(chart, name: str) -> tuple[list[float], list[float]]:
    """x and y of a curve as the plot would draw it: through the series and its table."""
    for number in range(chart.GetNumberOfPlotSeriesNodes()):
        series = chart.GetNthPlotSeriesNode(number)
        if series.GetName() == name:
            table = series.GetTableNode().GetTable()
            arrays = (series.GetXColumnName(), series.GetYColumnName())
            return tuple(
                [
                    table.GetColumnByName(each).GetValue(row)
                    for row in range(table.GetNumberOfRows())
                ]
                for each in arrays
            )
    raise AssertionError(f"no curve {name}")


class TestNodes:
    def test_charts_show_what_was_told(self, curves):
        curves.update([progress("s", 1, total=2.0, crf=1.0), progress("s", 2, total=1.5, crf=0.5)])
        curves.update([validation("s", 2, 0.6, liver=0.5, tumor=0.7)])
        losses, dice = curves.charts
        assert column(losses, "total") == ([1, 2], [2.0, 1.5])
        assert column(losses, "crf") == ([1, 2], [1.0, 0.5])
        assert column(dice, "tumor") == ([2], [0.7])
        assert list(dice.GetYAxisRange()) == [0.0, 1.0]
        assert losses.GetTitle() == "supervised-1: losses"

    def test_updates_append_to_the_same_nodes(self, curves, slicerScene):
        curves.update([progress("s", 1, total=2.0)])
        before = slicerScene.GetNumberOfNodes()
        for step in range(2, 30):
            curves.update([progress("s", step, total=1.0)])
        assert slicerScene.GetNumberOfNodes() == before
        assert column(curves.charts[0], "total")[0] == list(range(1, 30))

    def test_a_plot_that_watches_the_table_hears_of_each_update(self, curves):
        curves.update([progress("s", 1, total=2.0)])
        heard = []
        table = curves.charts[0].GetNthPlotSeriesNode(0).GetTableNode()
        tag = table.AddObserver("ModifiedEvent", lambda *_: heard.append(1))
        curves.update([progress("s", 2, total=1.0)])
        table.RemoveObserver(tag)
        assert heard

    def test_losses_of_a_later_stage_get_a_curve_too(self, curves):
        curves.update([progress("one", 5, total=1.0), progress("two", 3, pseudo=0.2, total=1.0)])
        x, y = column(curves.charts[0], "pseudo")
        assert x == [5, 8]
        assert math.isnan(y[0])
        assert y[1] == 0.2

    def test_after_the_scene_was_closed_they_come_back_whole(self, curves, slicerScene):
        curves.update([progress("s", 1, total=2.0)])
        slicerScene.Clear(0)
        assert curves.charts == []
        curves.update([progress("s", 2, total=1.0)])
        assert column(curves.charts[0], "total") == ([1, 2], [2.0, 1.0])

    def test_nodes_of_a_saved_scene_are_used_again(self, curves, slicerScene):
        from SemiWeakSegLib.scene.curves import Curves

        curves.update([progress("s", 1, total=2.0)])
        before = slicerScene.GetNumberOfNodes()
        again = Curves("supervised-1")
        again.update([progress("s", 1, total=2.0), progress("s", 2, total=1.0)])
        assert slicerScene.GetNumberOfNodes() == before
        assert column(again.charts[0], "total")[0] == [1, 2]

    def test_two_runs_have_their_own_and_removing_one_leaves_the_other(self, curves):
        from SemiWeakSegLib.scene.curves import Curves

        other = Curves("supervised-10")
        for each in (curves, other):
            each.update([progress("s", 1, total=2.0), validation("s", 1, 0.5)])
        curves.remove()
        assert curves.charts == []
        assert len(other.charts) == 2
        assert column(other.charts[0], "total") == ([1], [2.0])

    def test_showing_without_views_is_no_error(self, curves):
        assert not curves.show()
        curves.update([progress("s", 1, total=2.0)])
        assert not curves.show()

    def test_ten_thousand_steps_keep_few_points(self, curves):
        for start in range(0, 10_000, 100):
            curves.update(
                progress("s", step, total=1.0, a=0.5, b=0.25, c=0.125)
                for step in range(start, start + 100)
            )
        x, _y = column(curves.charts[0], "total")
        assert len(x) <= 2000
        assert x[-1] == 9999
