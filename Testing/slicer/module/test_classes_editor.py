"""The list of classes, through its widgets."""

from __future__ import annotations

import numpy as np
import pytest
import slicer

from SemiWeakSegLib.cohort import Cohort, Geometry, write_label, write_scalar

GRID = Geometry((8, 8, 4), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))


@pytest.fixture
def panel(module):
    return module.panels["cohort"]


@pytest.fixture
def ui(panel):
    return panel.ui


@pytest.fixture
def study(panel, ui, tmp_path):
    study = panel.logic.createCohort(tmp_path / "study", ["liver", "tumor"])
    assert ui.classesGroupBox.collapsed, "it opens by itself only where there is no class yet"
    ui.classesGroupBox.collapsed = False
    return study


def saved(study):
    return [(each.index, each.name) for each in Cohort.load(study.path).classes]


def shownNames(ui):
    return [ui.classesTable.item(row, 1).text() for row in range(ui.classesTable.rowCount)]


def term(ui, row=0):
    return ui.classesTable.cellWidget(row, 3)


class TestEditing:
    def test_classes_are_shown_with_value_and_name(self, ui, study):
        values = [ui.classesTable.item(row, 0).text() for row in range(2)]
        assert (values, shownNames(ui)) == (["1", "2"], ["liver", "tumor"])

    def test_add(self, ui, study):
        ui.addClassButton.click()
        assert saved(study) == [(1, "liver"), (2, "tumor"), (3, "class 3")]
        assert shownNames(ui)[2] == "class 3"

    def test_a_name_that_is_taken_is_not_proposed(self, ui, study):
        ui.classesTable.item(0, 1).setText("class 3")
        ui.addClassButton.click()
        assert len(saved(study)) == 3
        assert ui.classesMessageLabel.isHidden()

    def test_rename(self, ui, study):
        ui.classesTable.item(0, 1).setText("  left liver ")
        assert saved(study)[0] == (1, "left liver")

    @pytest.mark.parametrize("name", ["Tumor", ""])
    def test_a_name_that_cannot_be_is_refused_and_taken_back(self, ui, study, name):
        ui.classesTable.item(0, 1).setText(name)
        assert not ui.classesMessageLabel.isHidden()
        assert shownNames(ui) == ["liver", "tumor"]
        assert saved(study) == [(1, "liver"), (2, "tumor")]

    def test_a_refusal_is_forgotten_at_the_next_success(self, ui, study):
        ui.classesTable.item(0, 1).setText("tumor")
        ui.classesTable.item(0, 1).setText("kidney")
        assert ui.classesMessageLabel.isHidden()

    def test_remove_renumbers_what_follows(self, ui, study):
        assert ui.removeClassButton.toolTip == "Select a class in the list first."
        ui.classesTable.setCurrentCell(0, 1)
        assert ui.removeClassButton.enabled
        ui.removeClassButton.click()
        assert saved(study) == [(1, "tumor")]

    def test_a_class_that_annotations_use_stays_and_the_case_is_named(self, ui, study, tmp_path):
        image = np.random.default_rng(0).normal(0, 1, GRID.array_shape).astype(np.float32)
        label = np.full(GRID.array_shape, 255, np.uint8)
        label[1, 2:4] = 2
        write_scalar(tmp_path / "images" / "scan7.nii.gz", image, GRID)
        write_label(tmp_path / "labels" / "scan7.nii.gz", label, GRID)
        from SemiWeakSegLib.scene import sources

        sources.addFolder(study, tmp_path / "images", tmp_path / "labels")
        ui.classesTable.setCurrentCell(1, 1)
        ui.removeClassButton.click()
        assert "scan7" in ui.classesMessageLabel.text
        assert saved(study) == [(1, "liver"), (2, "tumor")]

    def test_undo_brings_a_class_back(self, panel, ui, study):
        ui.classesTable.setCurrentCell(1, 1)
        ui.removeClassButton.click()
        ui.undoButton.click()
        assert shownNames(ui) == ["liver", "tumor"]

    def test_color(self, ui, study):
        import qt

        ui.classesTable.cellWidget(1, 2).color = qt.QColor(255, 0, 51)
        assert study.classes[1].color == pytest.approx((1.0, 0.0, 0.2), abs=1e-3)
        assert study.classes[0].color is None

    def test_older_labels_are_told_about_a_new_class(self, ui, study, tmp_path):
        image = np.random.default_rng(0).normal(0, 1, GRID.array_shape).astype(np.float32)
        write_scalar(tmp_path / "images" / "a.nii.gz", image, GRID)
        write_label(tmp_path / "labels" / "a.nii.gz", np.ones(GRID.array_shape, np.uint8), GRID)
        from SemiWeakSegLib.scene import sources

        sources.addFolder(study, tmp_path / "images", tmp_path / "labels")
        ui.addClassButton.click()
        assert "1 case(s) have label maps older than the new class" in ui.classesMessageLabel.text


class TestReadingFromAFile:
    def test_a_color_table(self, ui, study, tmp_path, monkeypatch):
        import qt

        table = tmp_path / "colors.ctbl"
        table.write_text("0 background 0 0 0 0\n4 kidney 200 100 0 255\n", encoding="utf-8")
        monkeypatch.setattr(qt.QFileDialog, "getOpenFileName", staticmethod(lambda *_: str(table)))
        ui.readClassesButton.click()
        assert saved(study) == [(1, "kidney")]
        assert study.classes[0].color == pytest.approx((200 / 255, 100 / 255, 0))

    def test_a_file_without_classes_is_refused(self, ui, study, tmp_path, monkeypatch):
        import qt

        table = tmp_path / "colors.txt"
        table.write_text("hello\n", encoding="utf-8")
        monkeypatch.setattr(qt.QFileDialog, "getOpenFileName", staticmethod(lambda *_: str(table)))
        ui.readClassesButton.click()
        assert str(table) in ui.cohortMessageLabel.text
        assert len(saved(study)) == 2


class TestStandardTerms:
    def test_the_name_is_searched_and_the_choice_is_saved(self, panel, ui, study):
        term(ui).click()
        dialog = panel.classes._dialog
        assert dialog.search.text == "liver"
        assert dialog.view.model().rowCount() >= 1
        dialog.view.selectRow(0)
        assert "Liver" in dialog.entry.text
        dialog.dialog.accept()
        saved = Cohort.load(study.path).classes[0]
        assert "^Liver~" in saved.terminology
        assert saved.color is not None
        assert term(ui).text == "Liver"

    def test_a_color_that_was_chosen_stays(self, panel, ui, study):
        import qt

        ui.classesTable.cellWidget(0, 2).color = qt.QColor(255, 0, 0)
        term(ui).click()
        panel.classes._dialog.view.selectRow(0)
        panel.classes._dialog.dialog.accept()
        assert study.classes[0].terminology
        assert study.classes[0].color == pytest.approx((1, 0, 0))

    def test_words_in_any_order_find_a_term(self, panel, ui, study):
        term(ui, 1).click()
        dialog = panel.classes._dialog
        dialog.search.text = "structure liver"
        assert dialog.view.model().rowCount() == 1

    def test_a_term_can_be_taken_away(self, panel, ui, study):
        term(ui).click()
        panel.classes._dialog.view.selectRow(0)
        panel.classes._dialog.dialog.accept()
        assert study.classes[0].terminology
        term(ui).click()
        panel.classes._dialog.entry.text = ""
        panel.classes._dialog.dialog.accept()
        assert study.classes[0].terminology is None
        assert term(ui).text == "Choose…"

    def test_cancel_changes_nothing(self, panel, ui, study):
        revision = study.revision
        term(ui).click()
        panel.classes._dialog.view.selectRow(0)
        panel.classes._dialog.dialog.reject()
        assert study.revision == revision

    def test_without_terminologies_a_term_can_be_written(self, panel, ui, study, monkeypatch):
        monkeypatch.delattr(slicer.modules, "terminologies")
        term(ui).click()
        dialog = panel.classes._dialog
        assert dialog.view.model().rowCount() == 0
        dialog.entry.text = "my list~SCT^1^Organ~SCT^2^Liver lobe~^^~~^^~^^"
        dialog.dialog.accept()
        assert term(ui).text == "Liver lobe"

    def test_modifiers_are_terms_of_their_own(self, module, tmp_path):
        from SemiWeakSegLib.panels.terminology import loadedTerms

        logic = slicer.modules.terminologies.logic()
        path = tmp_path / "terms.json"
        path.write_text(TERMS_WITH_SIDES, encoding="utf-8")
        logic.LoadTerminologyFromFile(str(path))
        terms = {each.name: each for each in loadedTerms() if each.entry.startswith("sides~")}
        assert set(terms) == {"Adrenal gland", "Adrenal gland, Left", "Adrenal gland, Right"}
        assert terms["Adrenal gland"].color is None
        assert terms["Adrenal gland, Left"].color == pytest.approx((10 / 255, 20 / 255, 30 / 255))
        assert "SCT^7771000^Left" in terms["Adrenal gland, Left"].entry


TERMS_WITH_SIDES = """{
 "SegmentationCategoryTypeContextName": "sides",
 "@schema": "https://raw.githubusercontent.com/qiicr/dcmqi/master/doc/segment-context-schema.json#",
 "SegmentationCodes": {"Category": [{
  "CodeMeaning": "Anatomical Structure", "CodingSchemeDesignator": "SCT",
  "CodeValue": "123037004", "showAnatomy": false,
  "Type": [{
   "CodeMeaning": "Adrenal gland", "CodingSchemeDesignator": "SCT", "CodeValue": "23451007",
   "Modifier": [
    {"CodeMeaning": "Left", "CodingSchemeDesignator": "SCT", "CodeValue": "7771000",
     "recommendedDisplayRGBValue": [10, 20, 30]},
    {"CodeMeaning": "Right", "CodingSchemeDesignator": "SCT", "CodeValue": "24028007",
     "recommendedDisplayRGBValue": [10, 20, 40]}
   ]}]}]}}
"""
