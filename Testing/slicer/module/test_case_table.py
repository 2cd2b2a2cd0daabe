"""The table of cases: what a row says, and how the table takes changes in."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

FACTS = SimpleNamespace(
    kind="scribbled",
    voxels={0: 1200, 1: 30},
    total=100_000,
    size=(100, 100, 10),
    spacing=(1.0, 1.0, 2.5),
    channels=1,
    dimension=3,
)


@pytest.fixture
def rows(application):
    """Makes rows as the panel does; imported late because the texts need Slicer's i18n."""
    from SemiWeakSegLib.cohort import Case, SegmentClass
    from SemiWeakSegLib.panels.case_row import caseRow
    from SemiWeakSegLib.panels.row_texts import RowTexts

    words = RowTexts()
    classes = [SegmentClass(1, "liver"), SegmentClass(2, "tumor")]

    def make(name, facts=None, problems=(), checked=True, **case):
        images = (Path(f"{name}.nii.gz"),)
        case = Case(id=name, images=images, **case)
        return caseRow(case, classes, facts, problems, checked, words)

    return make


@pytest.fixture
def problem():
    from SemiWeakSegLib.cohort import Problem

    def make(found, severity="error", code="grid", case="a"):
        return Problem(severity, code, case, Path("label.nii.gz"), found, "the image's grid")

    return make


@pytest.fixture
def table(application):
    import qt

    from SemiWeakSegLib.panels.case_table import CaseTable

    view = qt.QTableView()
    opened, selections = [], []
    table = CaseTable(view, opened.append, lambda: selections.append(1))
    table.opened, table.selections = opened, selections
    yield table
    view.deleteLater()


def texts(row):
    return [cell.text for cell in row.cells]


def shown(table, row, column, role=None):
    import qt

    index = table.view.model().index(row, column)
    return index.data(int(qt.Qt.DisplayRole) if role is None else role)


def doubleClick(view, row, column=0):
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    view.resize(600, 300)
    view.show()
    place = view.visualRect(view.model().index(row, column)).center()
    QTest.mouseClick(view.viewport(), Qt.LeftButton, Qt.NoModifier, place)
    QTest.mouseDClick(view.viewport(), Qt.LeftButton, Qt.NoModifier, place)


def changedCells(table):
    """A list that grows by one entry for each cell that is written."""
    cells = []
    table.view.model().sourceModel.connect(
        "dataChanged(QModelIndex,QModelIndex)", lambda first, *rest: cells.append(first.column())
    )
    return cells


class TestWhatARowSays:
    def test_scribbles_are_counted_with_their_background(self, rows):
        assert (
            texts(rows("a", FACTS, label="a.nii.gz"))[2] == "scribbled: background 1,200, liver 30"
        )

    def test_a_dense_label_names_its_structures_only(self, rows):
        dense = SimpleNamespace(**{**vars(FACTS), "kind": "labeled", "voxels": {0: 9, 2: 7}})
        assert texts(rows("a", dense, label="a.nii.gz"))[2] == "labeled: tumor 7"

    def test_a_label_that_was_not_read_yet_is_not_called_anything(self, rows):
        assert texts(rows("a", None, checked=False, label="a.nii.gz"))[2] == "label not read yet"

    def test_weaker_annotations_stand_beside_the_label(self, rows):
        row = rows("a", FACTS, label="a.nii.gz", present=(1,), absent=(2,), truth="t.nii.gz")
        assert texts(row)[2] == (
            "scribbled: background 1,200, liver 30; present: liver; absent: tumor; truth known"
        )

    def test_boxes_are_counted_by_class(self, rows):
        from SemiWeakSegLib.cohort import Box

        boxes = [Box(k, (0, 0, 0), (1, 1, 1), ((1, 0, 0), (0, 1, 0), (0, 0, 1))) for k in (1, 1, 2)]
        row = rows("a", boxes=boxes)
        assert (row.kind, texts(row)[2]) == ("boxed", "boxes: liver 2, tumor 1")

    def test_nothing_known(self, rows):
        assert texts(rows("a")) == ["a", "a.nii.gz", "nothing", "train", "ready"]

    def test_channels_are_counted_in_the_image_column(self, rows):
        from SemiWeakSegLib.cohort import Case
        from SemiWeakSegLib.panels.case_row import caseRow
        from SemiWeakSegLib.panels.row_texts import RowTexts

        case = Case(id="a", images=("t1.nii.gz", "t2.nii.gz", "flair.nii.gz"))
        row = caseRow(case, [], None, (), False, RowTexts())
        assert texts(row)[1] == "t1.nii.gz and 2 more"
        assert row.cells[1].tip.count(".nii.gz") == 3

    def test_the_worst_problem_is_shown_and_all_are_in_the_tooltip(self, rows, problem):
        row = rows("a", problems=[problem("few slices", "warning"), problem("another grid")])
        assert (row.severity, texts(row)[4]) == ("error", "another grid (+1)")
        tip = row.cells[4].tip
        assert "Warning: found few slices" in tip
        assert "Error: found another grid; expected the image's grid." in tip

    def test_an_unchecked_case_is_not_called_ready(self, rows):
        assert texts(rows("a", checked=False))[4] == "not checked yet"

    def test_the_share_of_annotated_voxels_is_in_the_tooltip(self, rows):
        assert "1.23 % of 100,000 voxels" in rows("a", FACTS, label="a.nii.gz").cells[2].tip


class TestSorting:
    def test_numbers_in_names_sort_as_numbers(self, table, rows):
        table.setRows([rows(name) for name in ("case10", "case2", "Case1")])
        assert table.shownIds() == ["Case1", "case2", "case10"]

    def test_roles_sort_in_their_order_not_by_alphabet(self, table, rows):
        import qt

        roles = {"a": "validation", "b": "test", "c": "train"}
        table.setRows([rows(name, role=role) for name, role in roles.items()])
        table.view.sortByColumn(3, qt.Qt.AscendingOrder)
        assert table.shownIds() == ["c", "a", "b"]

    def test_what_is_known_sorts_by_kind_then_by_voxels(self, table, rows):
        import qt

        more = SimpleNamespace(**{**vars(FACTS), "voxels": {1: 5000}})
        dense = SimpleNamespace(**{**vars(FACTS), "kind": "labeled", "voxels": {1: 10}})
        table.setRows(
            [
                rows("none"),
                rows("few", FACTS, label="x"),
                rows("more", more, label="x"),
                rows("dense", dense, label="x"),
            ]
        )
        table.view.sortByColumn(2, qt.Qt.AscendingOrder)
        assert table.shownIds() == ["dense", "more", "few", "none"]

    def test_errors_come_before_warnings_before_the_rest(self, table, rows, problem):
        import qt

        table.setRows(
            [
                rows("ready"),
                rows("waiting", checked=False),
                rows("bad", problems=[problem("x")]),
                rows("odd", problems=[problem("a", "warning")]),
            ]
        )
        table.view.sortByColumn(4, qt.Qt.AscendingOrder)
        assert table.shownIds() == ["bad", "odd", "waiting", "ready"]


class TestFiltering:
    @pytest.fixture
    def filled(self, table, rows, problem):
        table.setRows(
            [
                rows("heart_1", FACTS, label="x", role="train", group="anna"),
                rows("heart_2", role="validation", truth="t"),
                rows("brain_1", role="train", problems=[problem("a hole", "warning")]),
                rows("brain_2", role="test", problems=[problem("no file")], present=(1,)),
            ]
        )
        return table

    def test_every_word_must_be_there(self, filled):
        filled.setFilter("heart scribbled")
        assert filled.shownIds() == ["heart_1"]

    def test_case_does_not_matter_and_patients_are_found(self, filled):
        filled.setFilter("ANNA")
        assert filled.shownIds() == ["heart_1"]

    def test_what_a_pattern_would_mean_is_plain_text(self, filled):
        filled.setFilter(".*")
        assert filled.shownIds() == []

    @pytest.mark.parametrize(
        ("token", "expected"),
        [
            ("role=train", ["brain_1", "heart_1"]),
            ("kind=tagged", ["brain_2"]),
            ("state=problem", ["brain_1", "brain_2"]),
            ("state=error", ["brain_2"]),
            ("truth", ["heart_2"]),
        ],
    )
    def test_tokens(self, filled, token, expected):
        filled.setFilter("", token)
        assert filled.shownIds() == expected
        assert (filled.shownCount, filled.count) == (len(expected), 4)

    def test_a_changed_case_leaves_or_enters_the_filter(self, filled, rows):
        filled.setFilter("", "role=test")
        filled.updateRows([rows("heart_1", role="test"), rows("brain_2", role="train")])
        assert filled.shownIds() == ["heart_1"]


class TestChanges:
    def test_one_changed_case_costs_its_changed_cells(self, table, rows):
        made = [rows(f"case{i}") for i in range(50)]
        table.setRows(made)
        cells = changedCells(table)
        table.setRows([*made[:7], rows("case7", role="test"), *made[8:]])
        # Role: text, sort key; and the words that the first column is filtered by.
        assert sorted(cells) == [0, 3, 3]

    def test_nothing_is_written_where_nothing_changed(self, table, rows):
        table.setRows([rows(f"case{i}") for i in range(50)])
        cells = changedCells(table)
        table.setRows([rows(f"case{i}") for i in range(50)])
        assert cells == []

    def test_selection_stays_when_others_come_and_go(self, table, rows):
        table.setRows([rows(name) for name in "abcd"])
        table.select(["b", "d"])
        table.setRows([rows(name) for name in ("b", "c", "d", "e")])
        assert table.selectedIds() == ["b", "d"]
        assert table.shownIds() == ["b", "c", "d", "e"]

    def test_a_removed_case_can_come_back(self, table, rows):
        table.setRows([rows(name) for name in "abc"])
        table.setRows([rows(name) for name in "ac"])
        table.setRows([rows(name) for name in "abc"])
        assert [shown(table, row, 0) for row in range(3)] == ["a", "b", "c"]

    def test_another_cohort_replaces_everything(self, table, rows):
        table.setRows([rows(name) for name in "abc"])
        table.setRows([rows(name) for name in "xy"])
        assert table.shownIds() == ["x", "y"]
        table.setRows([])
        assert table.count == 0

    def test_the_open_case_is_bold(self, table, rows):
        import qt

        table.setRows([rows(name) for name in "ab"])
        table.setActive("b")
        table.setActive("a")
        fonts = [shown(table, row, 0, int(qt.Qt.FontRole)) for row in range(2)]
        assert [font.bold() for font in fonts] == [True, False]

    def test_problems_are_marked_by_an_icon_and_explained(self, table, rows, problem):
        import qt

        table.setRows([rows("a", problems=[problem("a hole")]), rows("b", checked=False)])
        icon = shown(table, 0, 4, int(qt.Qt.DecorationRole))
        assert icon is not None and not icon.isNull()
        assert "expected the image's grid" in shown(table, 0, 4, int(qt.Qt.ToolTipRole))
        assert shown(table, 1, 4, int(qt.Qt.DecorationRole)) is None


class TestPicking:
    def test_double_click_opens_what_is_under_it_after_sorting_and_filtering(self, table, rows):
        import qt

        table.setRows([rows(name) for name in ("a1", "b1", "a2", "b2")])
        table.view.sortByColumn(0, qt.Qt.DescendingOrder)
        table.setFilter("b")
        doubleClick(table.view, 0, 2)
        assert table.opened == ["b2"]

    def test_selected_cases_come_in_the_order_shown(self, table, rows):
        import qt

        table.setRows([rows(name) for name in "abc"])
        table.view.sortByColumn(0, qt.Qt.DescendingOrder)
        table.select(["a", "c"])
        assert table.selectedIds() == ["c", "a"]
        assert table.selections

    def test_after_cleanup_nobody_is_called(self, table, rows):
        table.setRows([rows("a")])
        table.cleanup()
        doubleClick(table.view, 0)
        table.select(["a"])
        assert (table.opened, table.selections) == ([], [])
