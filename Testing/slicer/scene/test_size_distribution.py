"""Sizes in the labeled cases: numbers as the cohort measures them, and the chart of them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import slicer

from SemiWeakSegLib.cohort import Case, Geometry, SegmentClass
from SemiWeakSegLib.cohort.file_facts import FileFacts
from SemiWeakSegLib.cohort.sizes import labeled_sizes
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.inspection import CaseFacts
from SemiWeakSegLib.scene.nodes import nodesOfClass
from SemiWeakSegLib.scene.size_distribution import SizeDistribution, labeledSizes
from SemiWeakSegLib.scene.study import Study
from Testing.slicer.scene.studies import write

GRID = Geometry((6, 5, 4), (0.5, 1.5, 3.0), (0.0, 0.0, 0.0), tuple(np.eye(3).ravel()))
FLAT = Geometry((6, 5), (0.5, 1.5), (0.0, 0.0), tuple(np.eye(2).ravel()))
CLASSES = [SegmentClass(1, "liver", (0.8, 0.2, 0.2)), SegmentClass(2, "tumor", (0.1, 0.9, 0.1))]
ML = ("cm³", 1000.0)


def addCase(study, name, seed, geometry=GRID, highest=3, **fields):
    folder = study.folder.parent
    suffix = ".nii.gz" if geometry.dimension == 3 else ".mha"
    rng = np.random.default_rng(seed)
    shape = geometry.array_shape
    image = write(folder / f"{name}{suffix}", rng.normal(size=shape).astype(np.float32), geometry)
    label = rng.integers(0, highest, shape).astype(np.uint8)
    if fields.pop("scribbled", False):
        label[..., 0] = 255
    path = write(folder / f"{name}_label{suffix}", label, geometry)
    study.addCases([Case(id=name, images=(image,), label=path, **fields)])


def factsOf(study):
    """What ``cohort inspect`` counts in the files."""
    files = FileFacts()
    facts = {}
    for case in study.cohort.cases:
        found = files.label(case.label, 2)
        voxels = {index: n for index, n in found.counts.items() if index != 255}
        geometry = FLAT if case.label.suffix == ".mha" else GRID
        total = math.prod(geometry.size)
        facts[case.id] = CaseFacts(
            found.kind, voxels, total, geometry.size, geometry.spacing, 1, geometry.dimension
        )
    return facts


@pytest.fixture
def study(tmp_path):
    return Study.create(tmp_path / "study", CLASSES)


class TestSizes:
    def test_they_are_those_that_the_cohort_measures(self, study):
        addCase(study, "a", 1)
        addCase(study, "b", 2, looked_at=(2,))
        addCase(study, "c", 3, scribbled=True)
        addCase(study, "d", 4, role="validation")
        addCase(study, "e", 5, highest=2)
        found = labeledSizes(study, factsOf(study))
        assert found == {k: pytest.approx(v) for k, v in labeled_sizes(study.cohort).items()}
        assert [len(sizes) for sizes in found.values()] == [2, 3]
        assert found[2][-1] == 0.0

    def test_areas_of_pictures(self, study):
        addCase(study, "a", 1, FLAT)
        found = labeledSizes(study, factsOf(study))
        assert found == {k: pytest.approx(v) for k, v in labeled_sizes(study.cohort).items()}

    def test_before_the_check_nothing_is_known(self, study):
        addCase(study, "a", 1)
        assert labeledSizes(study, {}) == {1: [], 2: []}


class TestBounds:
    def test_they_are_saved_undone_and_made_again(self, study):
        study.setSizeBounds({1: (1200.0, math.inf), 2: (3.5, 80.0)})
        reopened = Study.open(study.folder)
        assert [each.size_bounds for each in reopened.classes] == [(1200.0, math.inf), (3.5, 80.0)]
        study.setSizeBounds({1: None})
        assert [each.size_bounds for each in study.classes] == [None, (3.5, 80.0)]
        study.undo()
        assert study.classes[0].size_bounds == (1200.0, math.inf)
        study.undo()
        assert [each.size_bounds for each in study.classes] == [None, None]
        study.redo()
        assert study.classes[1].size_bounds == (3.5, 80.0)
        assert study.undoText == "Set size bounds"

    @pytest.mark.parametrize("bounds", [(5.0, 4.0), (-1.0, 4.0), (math.nan, 4.0)])
    def test_what_cannot_be_is_refused(self, study, bounds):
        with pytest.raises(SceneError, match="tumor is bounded"):
            study.setSizeBounds({2: bounds})
        assert study.classes[1].size_bounds is None

    def test_a_class_takes_its_bounds_along(self, study):
        study.setSizeBounds({2: (3.5, 80.0)})
        liver, tumor = study.classes
        study.setClasses([replace(tumor, index=1, name="lesion"), replace(liver, index=2)])
        assert [each.size_bounds for each in study.classes] == [(3.5, 80.0), None]


def series(name):
    nodes = nodesOfClass("vtkMRMLPlotSeriesNode")
    return next(node for node in nodes if node.GetName() == name)


def pointsOf(node):
    table = node.GetTableNode().GetTable()
    columns = [node.GetXColumnName(), node.GetYColumnName()]
    return np.array(
        [[table.GetValueByName(row, each).ToDouble() for each in columns]
         for row in range(table.GetNumberOfRows())]
    )  # fmt: skip


class TestChart:
    SIZES = {1: [3000.0, 1000.0, 2000.0], 2: [40.0]}  # noqa: RUF012

    @pytest.fixture
    def distribution(self, slicerScene):
        return SizeDistribution()

    def test_shares_of_the_cases_and_bounds_as_lines(self, distribution):
        classes = [replace(CLASSES[0], size_bounds=(900.0, 3300.0)), CLASSES[1]]
        distribution.draw(classes, self.SIZES, ML)
        chart = distribution.chart
        names = [chart.GetNthPlotSeriesNode(i).GetName() for i in range(3)]
        assert names == ["liver", "liver, bounds", "tumor"]
        np.testing.assert_allclose(
            pointsOf(series("liver"))[:3], [[1.0, 1 / 3], [2.0, 2 / 3], [3.0, 1.0]]
        )
        np.testing.assert_allclose(
            pointsOf(series("liver, bounds")), [[0.9, 0.0], [0.9, 1.0], [3.3, 1.0], [3.3, 0.0]]
        )
        np.testing.assert_allclose(pointsOf(series("tumor"))[0], [0.04, 1.0])
        assert series("liver").GetColor() == pytest.approx((0.8, 0.2, 0.2))
        assert series("liver, bounds").GetColor() == pytest.approx((0.8, 0.2, 0.2))
        assert "cm³" in chart.GetXAxisTitle()
        assert chart.GetXAxisLogScale()

    def test_no_upper_bound_is_one_line_and_zero_no_logarithm(self, distribution):
        classes = [replace(CLASSES[0], size_bounds=(900.0, math.inf))]
        distribution.draw(classes, {1: [0.0, 1000.0]}, ML)
        points = pointsOf(series("liver, bounds"))
        np.testing.assert_allclose(points, [[0.9, 0.0], [0.9, 1.0]])
        assert not distribution.chart.GetXAxisLogScale()

    def test_drawn_again_the_same_nodes_follow(self, distribution):
        distribution.draw(CLASSES, self.SIZES, ML)
        nodes = {node.GetID() for node in nodesOfClass("vtkMRMLPlotSeriesNode")}
        SizeDistribution().draw(CLASSES, {1: [500.0], 2: [40.0]}, ("mm³", 1.0))
        assert {node.GetID() for node in nodesOfClass("vtkMRMLPlotSeriesNode")} == nodes
        np.testing.assert_allclose(pointsOf(series("liver")), [[500.0, 1.0]])
        SizeDistribution().draw(CLASSES[:1], self.SIZES, ML)
        assert [node.GetName() for node in nodesOfClass("vtkMRMLPlotSeriesNode")] == ["liver"]
        assert distribution.chart.GetNumberOfPlotSeriesNodes() == 1

    def test_nothing_is_left_after_removal(self, distribution):
        before = slicer.mrmlScene.GetNumberOfNodes()
        distribution.draw(CLASSES, self.SIZES, ML)
        distribution.remove()
        assert slicer.mrmlScene.GetNumberOfNodes() == before
        assert distribution.chart is None
        assert distribution.show() is False

    def test_the_legend_has_room_of_its_own(self, distribution):
        classes = [SegmentClass(1, "liver", size_bounds=(10_000.0, 60_000.0))]
        distribution.draw(classes, {1: [20_000.0, 50_000.0]}, ("cm³", 1000.0))
        chart = distribution.chart
        assert list(chart.GetXAxisRange()) == pytest.approx([7.5, 90.0])
        assert not chart.GetXAxisRangeAuto()
        distribution.draw(classes, {1: [20.0, 50_000.0]}, ("cm³", 1000.0))
        assert chart.GetXAxisLogScale() and chart.GetXAxisRangeAuto()

    def test_it_can_be_drawn(self, distribution):
        from Testing.testbed import render

        if render.unavailable():
            pytest.skip(render.unavailable())
        classes = [replace(CLASSES[0], size_bounds=(900.0, 3300.0)), CLASSES[1]]
        distribution.draw(classes, self.SIZES, ML)
        with render.PlotView(distribution.chart) as view:
            assert render.shows_color(view.image(), CLASSES[0].color)
