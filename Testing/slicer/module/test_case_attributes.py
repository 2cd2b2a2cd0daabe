"""Tags, bounds of size and classes looked at, through the controls of the Annotate panel."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from Testing import testbed
from Testing.slicer.module.annotating import choose, openStudy

WAIT_MS = 600
NOT_SAID, PRESENT, ABSENT = range(3)
WHOLE = 12 * 0.8 * 10 * 0.9 * 8 * 3.0
"""Size of the test images in mm³."""


@pytest.fixture
def panel(module):
    return module.panels["annotate"]


@pytest.fixture
def study(module, panel, tmp_path):
    study = openStudy(module, tmp_path)
    choose(panel, "case1")
    return study


def settle() -> None:
    testbed.process_events(WAIT_MS)


class TestTags:
    def test_present_and_absent_are_kept_at_once(self, panel, study):
        panel.attributes.control("tag1").setCurrentIndex(PRESENT)
        panel.attributes.control("tag2").setCurrentIndex(ABSENT)
        settle()
        case = study.case("case1")
        assert (case.present, case.absent) == ((1,), (2,))
        assert study.cohort.annotation_kind(case) == "tagged"

    def test_they_are_taken_back_in_one_step(self, panel, study):
        panel.attributes.control("tag1").setCurrentIndex(PRESENT)
        panel.attributes.control("tag2").setCurrentIndex(ABSENT)
        settle()
        study.undo()
        assert study.case("case1").present == ()
        assert panel.attributes.control("tag1").currentIndex == NOT_SAID
        assert panel.attributes.control("tag2").currentIndex == NOT_SAID

    def test_each_case_has_its_own(self, panel, study):
        panel.attributes.control("tag1").setCurrentIndex(PRESENT)
        choose(panel, "case2")
        assert panel.attributes.control("tag1").currentIndex == NOT_SAID
        assert study.case("case1").present == (1,)
        choose(panel, "case1")
        assert panel.attributes.control("tag1").currentIndex == PRESENT

    def test_a_tagged_case_needs_no_drawing_to_go_on(self, panel, study):
        panel.attributes.control("tag1").setCurrentIndex(ABSENT)
        panel.ui.saveAndNextButton.click()
        assert panel.session.caseId == "case2"


class TestKeys:
    def press(self, panel, *keys) -> None:
        from PySide6.QtCore import Qt
        from PySide6.QtTest import QTest

        panel.ui.attributesTable.show()
        for key in keys:
            QTest.keyClick(panel.ui.attributesTable, getattr(Qt, f"Key_{key}"))

    def test_one_key_for_each_class_tags_a_case(self, panel, study):
        self.press(panel, "P", "A")
        settle()
        assert (study.case("case1").present, study.case("case1").absent) == ((1,), (2,))

    def test_they_go_on_from_the_chosen_class_and_round(self, panel, study):
        panel.ui.attributesTable.selectRow(1)
        self.press(panel, "P", "A", "N")
        settle()
        assert (study.case("case1").present, study.case("case1").absent) == ((), (1,))

    def test_the_next_case_is_tagged_with_the_same_keys(self, panel, study):
        self.press(panel, "P", "P")
        panel.ui.nextCaseButton.click()
        self.press(panel, "A", "P")
        settle()
        assert study.case("case1").present == (1, 2)
        assert (study.case("case2").present, study.case("case2").absent) == ((2,), (1,))

    def test_the_controls_are_in_sight(self, panel, study):
        assert not panel.ui.attributesGroup.collapsed


class TestSizes:
    def test_millilitres_become_cubic_millimetres(self, panel, study):
        panel.attributes.control("lower1").setValue(0.25)
        panel.attributes.control("upper1").setValue(1.5)
        settle()
        assert study.case("case1").sizes == {1: (250.0, 1500.0)}

    def test_without_an_upper_bound_the_image_is_the_bound(self, panel, study):
        panel.attributes.control("lower2").setValue(0.5)
        settle()
        lower, upper = study.case("case1").sizes[2]
        assert lower == 500.0
        assert upper == pytest.approx(WHOLE)
        choose(panel, "case2")
        choose(panel, "case1")
        assert panel.attributes.control("upper2").value == 0.0

    def test_both_at_zero_say_nothing(self, panel, study):
        panel.attributes.control("upper1").setValue(1.0)
        settle()
        panel.attributes.control("upper1").setValue(0.0)
        settle()
        assert study.case("case1").sizes == {}

    def test_crossed_bounds_are_not_kept_and_that_is_said(self, panel, study):
        panel.attributes.control("upper1").setValue(1.0)
        settle()
        panel.attributes.control("lower1").setValue(2.0)
        settle()
        assert study.case("case1").sizes == {1: (0.0, 1000.0)}
        assert "liver" in panel.ui.attributesProblemLabel.text
        assert panel.attributes.control("lower1").value == 2.0
        panel.attributes.control("upper1").setValue(3.0)
        settle()
        assert study.case("case1").sizes == {1: (2000.0, 3000.0)}
        assert panel.ui.attributesProblemLabel.text == ""

    def test_what_is_shown_rounded_is_kept_exactly(self, panel, study):
        study.setSizes("case1", {1: (123.45678, 987.65432)})
        panel.attributes.control("tag1").setCurrentIndex(PRESENT)
        settle()
        assert study.case("case1").sizes == {1: (123.45678, 987.65432)}

    def test_a_picture_is_measured_in_square_centimetres(self, module, panel, tmp_path):
        folder = tmp_path / "pictures"
        folder.mkdir()
        image = sitk.GetImageFromArray(np.zeros((20, 30), np.uint8))
        sitk.WriteImage(image, str(folder / "a.png"))
        study = module.logic.createCohortFromFolders(tmp_path / "flat", folder, classes=["cell"])
        choose(panel, "a")
        assert panel.attributes.control("upper1").suffix == " cm²"
        panel.attributes.control("upper1").setValue(2.0)
        settle()
        assert study.case("a").sizes == {1: (0.0, 200.0)}


class TestLookedAt:
    def test_everything_is_looked_at_unless_said_otherwise(self, panel, study):
        assert panel.attributes.control("lookedAt1").checked
        assert panel.attributes.control("lookedAt2").checked

    def test_a_class_nobody_looked_for(self, panel, study):
        panel.attributes.control("lookedAt2").setChecked(False)
        settle()
        assert study.case("case1").looked_at == (1,)
        panel.attributes.control("lookedAt2").setChecked(True)
        settle()
        assert study.case("case1").looked_at is None


class TestControls:
    def test_they_are_off_without_a_case(self, module, panel, tmp_path):
        openStudy(module, tmp_path)
        assert not panel.ui.attributesTable.enabled

    def test_a_new_class_gets_a_row(self, panel, study):
        from SemiWeakSegLib.cohort import SegmentClass

        study.setClasses([*study.classes, SegmentClass(3, "vessel")])
        assert panel.ui.attributesTable.rowCount == 3
        assert panel.ui.attributesTable.item(2, 0).text() == "vessel"

    def test_a_change_that_waits_is_kept_when_the_cohort_is_closed(self, module, panel, study):
        panel.attributes.control("tag1").setCurrentIndex(PRESENT)
        module.logic.closeCohort()
        assert study.case("case1").present == (1,)

    def test_and_when_the_scene_is_closed(self, panel, study):
        import slicer

        panel.attributes.control("tag1").setCurrentIndex(PRESENT)
        slicer.mrmlScene.Clear()
        assert study.case("case1").present == (1,)
