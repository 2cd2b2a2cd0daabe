"""Size bounds through the Method section: typed, from labeled cases, plotted, undone."""

from __future__ import annotations

import math

import pytest

from SemiWeakSegLib.cohort.sizes import labeled_sizes, suggested_bounds
from SemiWeakSegLib.scene.study import Study
from Testing import testbed
from Testing.learning.tiny import make_cohort

SETTLE_MS = 500


@pytest.fixture
def panel(module):
    return module.panels["method"]


@pytest.fixture
def view(panel):
    return panel.sizeBounds


@pytest.fixture
def study(module, tmp_path):
    """3 labeled volumes of two balls, opened."""
    make_cohort(tmp_path / "study", shape=(12, 20, 24), labeled=3)
    return module.logic.openCohort(tmp_path / "study")


@pytest.fixture
def checked(module, study):
    """The same, checked."""
    module.logic.inspect(waitForCompletion=True)
    return study


def boundsOf(study):
    return [item.size_bounds for item in study.classes]


def typeIn(view, name: str, value: float) -> None:
    """Type a value, and let it be taken."""
    view.control(name).value = value
    testbed.process_events(SETTLE_MS)


def columnOf(view, column: int) -> list[str]:
    table = view.ui.sizeBoundsTable
    return [table.item(row, column).text() for row in range(table.rowCount)]


class TestTable:
    def test_without_a_cohort_it_is_empty_and_says_what_is_missing(self, view):
        assert view.ui.sizeBoundsTable.rowCount == 0
        assert view.ui.sizeFromCasesButton.enabled is False
        assert "cohort" in view.ui.sizeFromCasesButton.toolTip
        assert view.ui.sizePlotButton.enabled is False

    def test_classes_and_their_sizes_in_labeled_cases_are_shown(self, view, checked):
        assert columnOf(view, 0) == [item.name for item in checked.classes]
        sizes = labeled_sizes(checked.cohort)[1]
        shown = columnOf(view, 3)[0]
        assert shown == f"{min(sizes) / 1000:.3g}–{max(sizes) / 1000:.3g}"
        assert "3 labeled cases" in view.ui.sizeBoundsTable.item(0, 3).toolTip()
        view.ui.sizeUnitSelector.currentIndex = 1
        assert columnOf(view, 3)[0] == f"{min(sizes):.3g}–{max(sizes):.3g}"

    def test_pictures_have_areas(self, module, view, tmp_path):
        make_cohort(tmp_path / "flat")
        module.logic.openCohort(tmp_path / "flat")
        module.logic.inspect(waitForCompletion=True)
        assert view.ui.sizeUnitSelector.itemText(0) == "mm²"

    def test_what_is_typed_is_saved_in_the_unit_and_undone(self, view, study):
        typeIn(view, "classLower1", 0.25)
        assert boundsOf(study) == [(250.0, math.inf), None]
        typeIn(view, "classUpper1", 1.5)
        assert boundsOf(Study.open(study.folder)) == [(250.0, 1500.0), None]
        view.ui.sizeUnitSelector.currentIndex = 1
        assert view.control("classUpper1").value == pytest.approx(1500.0)
        typeIn(view, "classUpper1", 1600.0)
        assert boundsOf(study) == [(250.0, 1600.0), None]
        study.undo()
        assert view.control("classUpper1").value == pytest.approx(1500.0)

    def test_both_emptied_nothing_is_known(self, view, study):
        study.setSizeBounds({2: (3.0, 80.0)})
        view.control("classLower2").value = 0.0
        typeIn(view, "classUpper2", 0.0)
        assert boundsOf(study) == [None, None]

    def test_an_end_that_nobody_touched_is_not_rounded(self, view, study):
        study.setSizeBounds({1: (123.4567891, 9876.54321)})
        typeIn(view, "classUpper1", 20.0)
        assert boundsOf(study)[0] == (123.4567891, 20000.0)

    def test_bounds_too_small_for_the_unit_are_not_lost(self, view, study):
        tiny = (0.1, 0.4)  # mm³, shown in cm³
        study.setSizeBounds({1: tiny})
        typeIn(view, "classUpper2", 20.0)
        assert boundsOf(study) == [tiny, (0.0, 20000.0)]

    def test_crossed_bounds_are_said_and_not_kept(self, view, study):
        study.setSizeBounds({1: (250.0, 1500.0)})
        typeIn(view, "classLower1", 2.0)
        assert "lower bound exceeds" in view.ui.sizeBoundsMessage.text
        assert boundsOf(study)[0] == (250.0, 1500.0)
        typeIn(view, "classUpper1", 3.0)
        assert boundsOf(study)[0] == (2000.0, 3000.0)
        assert view.ui.sizeBoundsMessage.text == ""

    def test_a_change_that_waits_is_kept_when_the_module_is_left(self, module, view, study):
        view.control("classLower1").value = 0.25
        module.frame.exit()
        assert boundsOf(study)[0] == (250.0, math.inf)


class TestFromLabeledCases:
    def test_smallest_and_largest_with_the_margin_in_one_step(self, view, checked):
        view.ui.sizeMarginSpinBox.value = 25
        view.ui.sizeFromCasesButton.click()
        sizes = labeled_sizes(checked.cohort)
        wanted = [pytest.approx(suggested_bounds(sizes[index], 0.25)) for index in (1, 2)]
        assert boundsOf(checked) == wanted
        checked.undo()
        assert boundsOf(checked) == [None, None]

    def test_a_class_that_no_labeled_case_shows_is_named_and_not_forbidden(self, view, checked):
        from SemiWeakSegLib.cohort import SegmentClass

        checked.setClasses([*checked.classes, SegmentClass(3, "tumor")])
        view.logic.inspect(waitForCompletion=True)
        view.ui.sizeFromCasesButton.click()
        assert boundsOf(checked)[0] is not None
        assert boundsOf(checked)[2] is None
        assert "No labeled case shows tumor" in view.ui.sizeBoundsMessage.text

    def test_without_labeled_cases_it_says_so(self, module, view, tmp_path):
        make_cohort(tmp_path / "scribbled", labeled=0, scribbled=2)
        module.logic.openCohort(tmp_path / "scribbled")
        module.logic.inspect(waitForCompletion=True)
        assert view.ui.sizeFromCasesButton.enabled is False
        assert "no fully labeled" in view.ui.sizeFromCasesButton.toolTip

    def test_the_size_term_has_something_to_go_by(self, panel, view, checked):
        panel.terms.add("size")
        assert "does nothing" in panel.ui.noteLabel.text
        view.ui.sizeFromCasesButton.click()
        assert "does nothing" not in panel.ui.noteLabel.text


class TestPlot:
    def test_it_is_shown_and_follows_the_bounds(self, view, checked, layoutManager):
        view.ui.sizePlotButton.click()
        chart = view.distribution.chart
        assert chart.GetNumberOfPlotSeriesNodes() == 2
        assert layoutManager.plotViewCount > 0
        view.ui.sizeFromCasesButton.click()
        assert chart.GetNumberOfPlotSeriesNodes() == 4
        view.ui.sizeUnitSelector.currentIndex = 1
        assert "mm³" in chart.GetXAxisTitle()

    def test_it_is_drawn_when_something_changed_only_and_goes_with_the_cohort(
        self, module, panel, view, checked, monkeypatch
    ):
        view.ui.sizePlotButton.click()
        drawn = []
        draw = view.distribution.draw
        monkeypatch.setattr(
            view.distribution, "draw", lambda *given: (drawn.append(given), draw(*given))
        )
        panel.refresh()
        assert drawn == []
        checked.setSizeBounds({1: (250.0, 1500.0)})
        assert len(drawn) == 1
        module.logic.closeCohort()
        assert view.distribution.chart is None

    def test_without_views_the_chart_is_in_the_scene(self, view, checked):
        view.ui.sizePlotButton.click()
        assert view.distribution.chart is not None
        assert "is in the scene" in view.ui.sizeBoundsMessage.text


def test_after_cleanup_nothing_is_called(module, panel, view, study):
    panel.cleanup()
    view.control("classLower1").value = 0.25
    testbed.process_events(SETTLE_MS)
    assert boundsOf(study) == [None, None]
