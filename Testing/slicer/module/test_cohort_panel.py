"""The Cohort section, through its widgets: create, add, look at problems, split, undo."""

from __future__ import annotations

import hashlib
import json
import time
from types import SimpleNamespace

import numpy as np
import pytest
import slicer

from SemiWeakSegLib.cohort import Geometry, Point, SegmentClass, write_label, write_scalar
from Testing import testbed

GRID = Geometry((12, 10, 6), (1.0, 1.0, 2.0), (5.0, -3.0, 2.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))
SHIFTED = Geometry((12, 10, 6), (1.0, 1.0, 2.0), (6.0, -3.0, 2.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))


@pytest.fixture
def panel(module):
    return module.panels["cohort"]


@pytest.fixture
def ui(panel):
    return panel.ui


@pytest.fixture
def scans(tmp_path):
    """Images of three patients, two each; the first four have labels."""
    folder = tmp_path / "scans"
    generator = np.random.default_rng(0)
    names = [f"pat{patient}_{visit}" for patient in (1, 2, 3) for visit in "ab"]
    label = np.zeros(GRID.array_shape, np.uint8)
    label[2:4, 3:6, 3:6] = 1
    for name in names:
        image = generator.normal(100, 20, GRID.array_shape).astype(np.float32)
        write_scalar(folder / "images" / f"{name}.nii.gz", image, GRID)
    for name in names[:4]:
        write_label(folder / "labels" / f"{name}.nii.gz", label, GRID)
    return folder


@pytest.fixture
def opened(panel, scans, tmp_path):
    """A cohort of the scans, in the panel."""
    study = panel.logic.createCohort(tmp_path / "study", ["liver"])
    assert panel.actions.addFolders(scans / "images", scans / "labels", None, None, None)
    return study


def until(true, seconds=60.0):
    """Handle events until something holds; fails where it does not in time."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        testbed.process_events(20)


def checked(panel):
    """Wait for the check, and for the table that follows it."""
    until(lambda: not panel.logic.checking.running and panel.logic.inspection is not None)
    testbed.process_events(300)


def state(panel, caseId):
    return panel.table.row(caseId).cells[4].text


def known(panel, caseId):
    return panel.table.row(caseId).cells[2].text


def choose(combo, text):
    index = combo.findText(text)
    assert index >= 0, text
    combo.setCurrentIndex(index)


def press(widget, key, modifiers=None):
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    widget.show()
    QTest.keyClick(widget, key, modifiers or Qt.NoModifier)


def fingerprints(folder):
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def answer(monkeypatch, path):
    """Let the next file dialog return ``path``."""
    import qt

    for name in ("getExistingDirectory", "getOpenFileName"):
        monkeypatch.setattr(qt.QFileDialog, name, staticmethod(lambda *_asked: str(path)))


class TestWithoutCohort:
    def test_what_cannot_be_done_yet_says_why(self, ui):
        for name in ("addCasesButton", "splitButton"):
            button = getattr(ui, name)
            assert not button.enabled
            assert button.toolTip == "Open or create a cohort first."
        assert not ui.roleButton.enabled and not ui.undoButton.enabled
        assert not ui.recheckButton.enabled

    def test_the_section_has_no_headline(self, panel):
        assert panel.headline == ""

    def test_every_widget_explains_itself(self, ui):
        kinds = ("QPushButton", "QComboBox", "QSpinBox", "QTableView", "QTableWidget")
        kinds += ("ctkPathLineEdit", "ctkSearchBox", "QLineEdit")
        unexplained = [
            name
            for name, widget in vars(ui).items()
            if widget.className() in kinds and not name.startswith("qt_") and not widget.toolTip
        ]
        assert unexplained == []


class TestCreatingAndOpening:
    def test_new_asks_for_a_folder_and_goes_on_to_images(self, panel, ui, tmp_path, monkeypatch):
        answer(monkeypatch, tmp_path / "study")
        ui.newCohortButton.click()
        assert (tmp_path / "study" / "cohort.json").is_file()
        assert ui.cohortPathLabel.text == "study"
        assert ui.cohortPathLabel.toolTip == str(tmp_path / "study" / "cohort.json")
        assert not ui.addFoldersForm.isHidden()

    def test_a_folder_that_holds_a_cohort_is_refused_in_the_section(
        self, panel, ui, opened, tmp_path, monkeypatch
    ):
        answer(monkeypatch, tmp_path / "study")
        ui.newCohortButton.click()
        assert "already holds a cohort" in ui.cohortMessageLabel.text
        assert not ui.cohortMessageLabel.isHidden()
        assert panel.logic.study is opened

    def test_open(self, panel, ui, opened, monkeypatch):
        panel.logic.closeCohort()
        assert panel.table.count == 0
        answer(monkeypatch, opened.path)
        ui.openCohortButton.click()
        assert panel.table.count == 6

    def test_a_file_that_is_no_cohort_is_refused(self, panel, ui, tmp_path, monkeypatch):
        wrong = tmp_path / "wrong.json"
        wrong.write_text("[1]", encoding="utf-8")
        answer(monkeypatch, wrong)
        ui.openCohortButton.click()
        assert str(wrong) in ui.cohortMessageLabel.text
        assert panel.logic.study is None

    def test_changing_ones_mind_changes_nothing(self, panel, ui, monkeypatch):
        answer(monkeypatch, "")
        ui.newCohortButton.click()
        ui.openCohortButton.click()
        assert panel.logic.study is None
        assert ui.cohortMessageLabel.isHidden()

    def test_the_cohort_has_a_folder_in_the_subject_hierarchy(self, opened):
        hierarchy = slicer.mrmlScene.GetSubjectHierarchyNode()
        assert hierarchy.GetItemByName("study") != 0

    def test_a_file_that_another_program_changed_is_read_again(self, panel, ui, opened):
        document = json.loads(opened.path.read_text(encoding="utf-8"))
        document["cases"] = document["cases"][:2]
        opened.path.write_text(json.dumps(document), encoding="utf-8")
        panel.enter()
        assert panel.table.count == 2
        assert "read again" in ui.cohortMessageLabel.text


class TestAddingFolders:
    @pytest.fixture
    def form(self, panel, ui, tmp_path):
        panel.logic.createCohort(tmp_path / "study", ["liver"])
        panel.addMenu.actions["folders"].trigger()
        return ui

    def test_images_labels_and_patients(self, panel, form, scans):
        before = fingerprints(scans)
        form.imagesPathEdit.currentPath = str(scans / "images")
        form.labelsPathEdit.currentPath = str(scans / "labels")
        choose(form.addPatientComboBox, "Name up to the first underscore")
        until(lambda: form.addFoldersAcceptButton.enabled)
        assert "6 images or series, 4 labels. 6 names of 3 patients." in (
            form.addFoldersPreviewLabel.text
        )
        form.addFoldersAcceptButton.click()
        assert panel.table.shownIds()[:2] == ["pat1_a", "pat1_b"]
        assert [case.group for case in panel.logic.study.cohort.cases][:3] == [
            "pat1",
            "pat1",
            "pat2",
        ]
        assert "Added 6 case(s)" in form.cohortMessageLabel.text
        assert form.addFoldersForm.isHidden()
        assert fingerprints(scans) == before

    def test_what_is_missing_is_in_the_tooltip(self, form, tmp_path):
        assert not form.addFoldersAcceptButton.enabled
        assert form.addFoldersAcceptButton.toolTip == "Choose the folder of images first."
        form.imagesPathEdit.currentPath = str(tmp_path / "nowhere")
        until(lambda: "is no folder" in form.addFoldersAcceptButton.toolTip)
        assert not form.addFoldersAcceptButton.enabled

    def test_a_pattern_that_is_none_is_refused_before_adding(self, form, scans):
        form.imagesPathEdit.currentPath = str(scans / "images")
        choose(form.addPatientComboBox, "Own pattern")
        form.addPatternLineEdit.text = "("
        until(lambda: "no regular expression" in form.addFoldersPreviewLabel.text)
        assert not form.addFoldersAcceptButton.enabled
        form.addPatternLineEdit.text = r"pat(\d)"
        until(lambda: form.addFoldersAcceptButton.enabled)
        assert "3 patients" in form.addFoldersPreviewLabel.text

    def test_names_without_a_patient_are_told(self, form, scans):
        form.imagesPathEdit.currentPath = str(scans / "images")
        choose(form.addPatientComboBox, "Own pattern")
        form.addPatternLineEdit.text = "pat[12]"
        until(lambda: "2 names do not match" in form.addFoldersPreviewLabel.text)

    def test_a_failure_is_said_and_the_form_stays(self, panel, form, scans, tmp_path):
        (tmp_path / "other").mkdir()
        image = scans / "images" / "pat1_a.nii.gz"
        (tmp_path / "other" / "stranger.nii.gz").write_bytes(image.read_bytes())
        form.imagesPathEdit.currentPath = str(scans / "images")
        form.labelsPathEdit.currentPath = str(tmp_path / "other")
        until(lambda: form.addFoldersAcceptButton.enabled)
        form.addFoldersAcceptButton.click()
        assert "none of its 1 label files has the name of an image" in form.cohortMessageLabel.text
        assert not form.addFoldersForm.isHidden()
        assert panel.table.count == 0

    def test_adding_twice_adds_nothing(self, panel, ui, opened, scans):
        panel.actions.addFolders(scans / "images", scans / "labels", None, None, None)
        assert "6 case(s) were left out" in ui.cohortMessageLabel.text
        assert panel.table.count == 6

    def test_cancel_closes_the_form(self, form):
        form.addFoldersCancelButton.click()
        assert form.addFoldersForm.isHidden()


class TestAddingLists:
    @pytest.fixture
    def datalist(self, scans):
        path = scans / "datalist.json"
        entries = [
            {"image": f"images/{name}.nii.gz", "label": f"labels/{name}.nii.gz"}
            for name in ("pat1_a", "pat2_a")
        ]
        document = {"labels": {"0": "background", "1": "spleen"}, "training": entries}
        path.write_text(json.dumps(document), encoding="utf-8")
        return path

    def test_a_datalist_brings_its_classes(self, panel, ui, datalist, tmp_path):
        panel.logic.createCohort(tmp_path / "study")
        panel.addMenu.actions["list"].trigger()
        assert not ui.addListAcceptButton.enabled
        ui.listPathEdit.currentPath = str(datalist)
        ui.addListAcceptButton.click()
        assert panel.table.count == 2
        assert ui.classesTable.item(0, 1).text() == "spleen"

    def test_another_cohort(self, panel, ui, opened, tmp_path):
        panel.logic.createCohort(tmp_path / "second")
        panel.openForm("list")
        ui.listPathEdit.currentPath = str(opened.path)
        ui.addListAcceptButton.click()
        assert panel.table.count == 6

    def test_a_wrong_file_is_said(self, panel, ui, opened, tmp_path):
        panel.openForm("list")
        ui.listPathEdit.currentPath = str(tmp_path / "nothing.json")
        ui.addListAcceptButton.click()
        assert "there is no such file" in ui.cohortMessageLabel.text
        assert not ui.addListForm.isHidden()


class TestAddingVolumes:
    @pytest.fixture
    def volumes(self, panel, tmp_path):
        panel.logic.createCohort(tmp_path / "study", ["liver"])
        array = np.random.default_rng(1).normal(0, 1, (6, 10, 12)).astype(np.float32)
        return [slicer.util.addVolumeFromArray(array + k, name=f"scan {k}") for k in range(2)]

    def test_checked_volumes_are_saved_and_added(self, panel, ui, volumes):
        panel.addMenu.update()
        assert panel.addMenu.actions["volumes"].isEnabled()
        panel.addMenu.actions["volumes"].trigger()
        assert ui.volumesTable.rowCount == 2
        assert not ui.addVolumesAcceptButton.enabled
        import qt

        ui.volumesTable.item(1, 0).setCheckState(qt.Qt.Checked)
        assert "1 volume(s)" in ui.addVolumesAcceptButton.toolTip
        ui.addVolumesAcceptButton.click()
        assert panel.table.count == 1
        (case,) = panel.logic.study.cohort.cases
        assert case.images[0].parent == panel.logic.study.imagesFolder

    def test_the_segmentation_drawn_on_a_volume_is_its_label(self, panel, ui, volumes):
        segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "drawn")
        segmentation.SetReferenceImageGeometryParameterFromVolumeNode(volumes[0])
        segment = segmentation.GetSegmentation().AddEmptySegment("", "liver")
        mask = np.zeros((6, 10, 12), np.uint8)
        mask[2:4, 2:5, 2:5] = 1
        slicer.util.updateSegmentBinaryLabelmapFromArray(mask, segmentation, segment, volumes[0])
        panel.openForm("volumes")
        boxes = [ui.volumesTable.cellWidget(row, 1) for row in range(2)]
        assert [box.currentText for box in boxes] == ["drawn", "none"]
        panel.forms._volumes.check([0])
        ui.addVolumesAcceptButton.click()
        checked(panel)
        assert known(panel, panel.table.shownIds()[0]) == "labeled: liver 18"

    def test_without_volumes_the_menu_says_what_to_do(self, panel, tmp_path):
        panel.logic.createCohort(tmp_path / "study")
        panel.addMenu.update()
        assert not panel.addMenu.actions["volumes"].isEnabled()
        assert "load one first" in panel.addMenu.actions["volumes"].toolTip

    def test_maps_of_labels_and_of_uncertainty_are_no_images(self, panel, ui, volumes):
        array = np.zeros((6, 10, 12), np.uint8)
        slicer.util.addVolumeFromArray(
            array, name="labels", nodeClassName="vtkMRMLLabelMapVolumeNode"
        )
        volumes[0].SetAttribute("SemiWeakSeg.Run", "runs/one")
        panel.openForm("volumes")
        rows = range(ui.volumesTable.rowCount)
        assert [ui.volumesTable.item(row, 0).text() for row in rows] == ["scan 1"]

    def test_without_dicom_volumes_the_menu_says_why(self, panel, volumes):
        panel.addMenu.update()
        action = panel.addMenu.actions["dicom"]
        assert not action.isEnabled()
        expected = "DICOM module" if hasattr(slicer.modules, "dicom") else "no DICOM module"
        assert expected in action.toolTip

    def test_dicom_volumes_alone_are_offered(self, panel, ui, volumes):
        volumes[1].SetAttribute("DICOM.instanceUIDs", "1.2.3 1.2.4")
        panel.addMenu.update()
        assert panel.addMenu.actions["dicom"].isEnabled()
        panel.addMenu.actions["dicom"].trigger()
        assert ui.volumesTable.rowCount == 1
        assert ui.volumesTable.item(0, 0).text() == "scan 1"
        panel.forms._volumes.check()
        ui.addVolumesAcceptButton.click()
        assert panel.table.shownIds() == ["scan 1"]


class TestProblems:
    def test_a_sound_cohort_is_ready(self, panel, ui, opened):
        checked(panel)
        assert state(panel, "pat1_a") == "ready"
        assert known(panel, "pat1_a") == "labeled: liver 18"
        assert known(panel, "pat3_a") == "nothing"
        assert panel.headline == "6 cases, 4 labeled"
        assert ui.checkLabel.text.startswith("Checked 6 cases")

    def test_all_problems_stand_on_their_rows_at_once(self, panel, ui, scans, tmp_path):
        (scans / "images" / "pat3_b.nii.gz").write_bytes(b"not an image")
        label = np.ones(GRID.array_shape, np.uint8)
        write_label(scans / "labels" / "pat1_a.nii.gz", label, SHIFTED)
        write_label(scans / "labels" / "pat1_b.nii.gz", label * 7, GRID)
        panel.logic.createCohort(tmp_path / "study", ["liver"])
        panel.actions.addFolders(scans / "images", scans / "labels", None, None, None)
        checked(panel)
        ui.showComboBox.setCurrentIndex(ui.showComboBox.findData("state=error"))
        assert {"pat1_a", "pat1_b", "pat3_b"} <= set(panel.table.shownIds())
        assert "grid that differs" in state(panel, "pat1_a")
        tip = panel.table.row("pat1_b").cells[4].tip
        assert "7" in tip and "expected" in tip
        assert "Errors: " in ui.checkLabel.text

    def test_problems_of_the_whole_cohort_stand_above_the_table(self, panel, ui, opened):
        opened.setRole([case.id for case in opened.cohort.cases], "test")
        checked(panel)
        assert not ui.cohortProblemsLabel.isHidden()
        assert "no training case" in ui.cohortProblemsLabel.text
        assert "expected" in ui.cohortProblemsLabel.text

    def test_a_selected_case_shows_its_problems_in_full(self, panel, ui, opened, scans):
        (scans / "images" / "pat3_b.nii.gz").unlink()
        ui.recheckButton.click()
        checked(panel)
        panel.table.select(["pat3_b"])
        assert "expected a readable image file" in ui.caseProblemsLabel.text
        panel.table.select(["pat3_a", "pat3_b"])
        assert ui.caseProblemsLabel.isHidden()

    def test_check_again_sees_what_changed_on_disk(self, panel, ui, opened, scans):
        checked(panel)
        image = scans / "images" / "pat3_b.nii.gz"
        content = image.read_bytes()
        image.unlink()
        ui.recheckButton.click()
        assert not ui.recheckButton.enabled
        assert ui.recheckButton.toolTip == "The check is running."
        checked(panel)
        assert panel.table.row("pat3_b").severity == "error"
        image.write_bytes(content)
        ui.recheckButton.click()
        checked(panel)
        assert state(panel, "pat3_b") == "ready"
        assert ui.recheckButton.enabled

    def test_the_check_is_followed_while_it_runs(self, panel, ui, opened):
        seen = set()

        def ended():
            seen.add((ui.checkLabel.text, ui.checkProgressBar.isHidden()))
            return not panel.logic.checking.running

        until(ended)
        assert any(text.startswith("Check") and not hidden for text, hidden in seen)
        testbed.process_events(300)
        assert ui.checkProgressBar.isHidden()

    def test_a_new_annotation_is_unchecked_until_it_was_read(self, panel, opened, scans):
        checked(panel)
        opened.setLabel("pat3_a", scans / "labels" / "pat1_a.nii.gz")
        assert known(panel, "pat3_a") == "label not read yet"
        assert state(panel, "pat3_a") == "not checked yet"
        assert state(panel, "pat3_b") == "ready"
        checked(panel)
        assert known(panel, "pat3_a") == "labeled: liver 18"


class TestResampling:
    @pytest.fixture
    def shifted(self, panel, scans, tmp_path):
        label = np.zeros(GRID.array_shape, np.uint8)
        label[2:4, 3:6, 3:6] = 1
        for name in ("pat1_a", "pat2_a"):
            write_label(scans / "labels" / f"{name}.nii.gz", label, SHIFTED)
        study = panel.logic.createCohort(tmp_path / "study", ["liver"])
        panel.actions.addFolders(scans / "images", scans / "labels", None, None, None)
        checked(panel)
        return study

    def test_it_is_offered_done_and_undone(self, panel, ui, shifted, scans):
        before = fingerprints(scans)
        assert not ui.resampleButton.isHidden()
        assert "labels of 2 case(s)" in ui.resampleLabel.text
        ui.resampleButton.click()
        until(lambda: "2 case(s) have" in ui.cohortMessageLabel.text)
        checked(panel)
        assert state(panel, "pat1_a") == "ready"
        assert known(panel, "pat1_a") == "scribbled: background 642, liver 18"
        assert ui.resampleButton.isHidden()
        assert shifted.case("pat1_a").label.parent == shifted.folder / "annotations"
        assert fingerprints(scans) == before
        ui.undoButton.click()
        assert shifted.case("pat1_a").label == scans / "labels" / "pat1_a.nii.gz"
        assert shifted.case("pat2_a").label == scans / "labels" / "pat2_a.nii.gz"

    def test_closing_the_cohort_gives_it_up(self, panel, ui, shifted):
        ui.resampleButton.click()
        panel.logic.closeCohort()
        testbed.process_events(300)
        assert not list((shifted.folder / "annotations").glob("*.nii.gz"))
        assert ui.resampleLabel.isHidden()


class TestRolesAndSplit:
    def test_split_says_how_many_cases_have_which_role(self, panel, ui, opened):
        ui.splitButton.click()
        choose(ui.splitPatientComboBox, "Name up to the first underscore")
        assert ui.splitPreviewLabel.text == "6 names of 3 patients."
        ui.validationSpinBox.value = 50
        ui.splitAcceptButton.click()
        assert ui.cohortMessageLabel.text == "Roles: 4 train, 2 validation, 0 test."
        assert ui.splitForm.isHidden()
        roles = {case.group: set() for case in opened.cohort.cases}
        for case in opened.cohort.cases:
            roles[case.group].add(case.role)
        assert all(len(found) == 1 for found in roles.values())

    def test_the_same_seed_splits_alike(self, panel, ui, opened):
        found = []
        for seed in (3, 4, 3):
            panel.openForm("split")
            ui.splitSeedSpinBox.value = seed
            ui.splitAcceptButton.click()
            found.append([case.role for case in opened.cohort.cases])
        assert found[0] == found[2]

    def test_shares_that_leave_nothing_are_refused(self, panel, ui, opened):
        panel.openForm("split")
        ui.validationSpinBox.value, ui.testSpinBox.value = 60, 40
        assert not ui.splitAcceptButton.enabled
        assert "nothing to train on" in ui.splitAcceptButton.toolTip

    def test_a_split_that_cannot_be_is_said(self, panel, ui, opened):
        panel.openForm("split")
        choose(ui.splitPatientComboBox, "Own pattern")
        ui.splitPatternLineEdit.text = "pat"
        ui.splitAcceptButton.click()
        assert "no case is left to train on" in ui.cohortMessageLabel.text
        assert not ui.splitForm.isHidden()

    def test_role_of_the_selected_cases(self, panel, ui, opened):
        assert ui.roleButton.toolTip == "Select cases in the table first."
        panel.table.select(["pat1_a", "pat2_b"])
        assert ui.roleButton.enabled
        panel.roleMenu.actions()[1].trigger()
        roles = {case.id: case.role for case in opened.cohort.cases}
        assert [name for name, role in roles.items() if role == "validation"] == [
            "pat1_a",
            "pat2_b",
        ]
        assert panel.table.row("pat1_a").cells[3].text == "validation"


class TestTags:
    def test_selected_cases_are_tagged_at_once(self, panel, opened):
        panel.table.select(["pat1_a", "pat2_a"])
        panel.tagMenu.update()
        panel.tagMenu.actions[1, "absent"].trigger()
        assert [case.id for case in opened.cohort.cases if case.absent == (1,)] == [
            "pat1_a",
            "pat2_a",
        ]
        assert "absent: liver" in known(panel, "pat2_a")
        panel.tagMenu.actions[1, None].trigger()
        assert not any(case.absent for case in opened.cohort.cases)
        opened.undo()
        opened.undo()
        panel.tagMenu.actions[1, "present"].trigger()
        assert opened.case("pat1_a").present == (1,)

    def test_the_menu_has_the_classes_of_now(self, panel, opened):
        opened.setClasses([*opened.classes, SegmentClass(2, "head & neck")])
        panel.tagMenu.update()
        texts = [action.text for action in panel.tagMenu.menu.actions()]
        assert texts == ["liver", "head && neck"]

    def test_points_are_told_in_the_table(self, panel, opened):
        opened.setPoints("pat3_a", [Point(1, (0.0, 0.0, 0.0)), Point(0, (1.0, 0.0, 0.0))])
        assert "points: background 1, liver 1" in known(panel, "pat3_a")


class TestFiltering:
    def test_words_and_choices_narrow_the_table(self, panel, ui, opened):
        checked(panel)
        ui.filterEdit.text = "pat1"
        assert panel.table.shownIds() == ["pat1_a", "pat1_b"]
        assert ui.shownLabel.text == "2 of 6"
        ui.filterEdit.text = ""
        choose(ui.showComboBox, "nothing known")
        assert panel.table.shownIds() == ["pat3_a", "pat3_b"]
        choose(ui.showComboBox, "All cases")
        assert ui.shownLabel.text == "6"

    def test_cases_that_are_filtered_out_are_not_selected(self, panel, ui, opened):
        panel.table.select(["pat1_a", "pat3_a"])
        ui.filterEdit.text = "pat3"
        assert panel.table.selectedIds() == ["pat3_a"]


class TestRemovingAndUndo:
    @pytest.fixture
    def asked(self, monkeypatch):
        """What the person is asked, and what they answer."""
        asked = SimpleNamespace(texts=[], reply=True)

        def confirm(text, **_options):
            asked.texts.append(text)
            return asked.reply

        monkeypatch.setattr(slicer.util, "confirmYesNoDisplay", confirm)
        return asked

    def test_delete_asks_and_removes_and_files_stay(self, panel, ui, opened, scans, asked):
        from PySide6.QtCore import Qt

        before = fingerprints(scans)
        panel.table.select(["pat1_a", "pat1_b"])
        press(ui.caseTable, Qt.Key_Delete)
        assert "2 case(s)" in asked.texts[0] and "pat1_a, pat1_b" in asked.texts[0]
        assert panel.table.count == 4
        assert fingerprints(scans) == before

    def test_no_means_no(self, panel, ui, opened, asked):
        asked.reply = False
        panel.table.select(["pat1_a"])
        ui.removeCasesButton.click()
        assert len(asked.texts) == 1
        assert panel.table.count == 6

    def test_nothing_selected_asks_nothing(self, panel, ui, opened, asked):
        from PySide6.QtCore import Qt

        press(ui.caseTable, Qt.Key_Delete)
        assert asked.texts == []

    def test_keys_undo_and_redo(self, panel, ui, opened):
        from PySide6.QtCore import Qt

        opened.setRole(["pat1_a"], "test")
        press(ui.caseTable, Qt.Key_Z, Qt.ControlModifier)
        assert opened.case("pat1_a").role == "train"
        press(ui.caseTable, Qt.Key_Z, Qt.ControlModifier | Qt.ShiftModifier)
        assert opened.case("pat1_a").role == "test"

    def test_the_table_takes_ctrl_z_from_other_shortcuts(self, panel, ui, opened):
        """The Segment Editor has Ctrl+Z for the whole window: two shortcuts would cancel out."""
        from PySide6.QtCore import QEvent, Qt
        from PySide6.QtGui import QKeyEvent
        from PySide6.QtWidgets import QApplication

        event = QKeyEvent(QEvent.ShortcutOverride, Qt.Key_Z, Qt.ControlModifier)
        event.ignore()
        QApplication.sendEvent(ui.caseTable, event)
        assert event.isAccepted()

    def test_buttons_name_what_they_undo(self, panel, ui, opened):
        opened.setRole(["pat1_a"], "test")
        assert "Set role to test" in ui.undoButton.toolTip
        ui.undoButton.click()
        assert opened.case("pat1_a").role == "train"
        assert "Set role to test" in ui.redoButton.toolTip
        ui.redoButton.click()
        assert panel.table.row("pat1_a").cells[3].text == "test"


class TestOpeningACase:
    def test_double_click_opens_it(self, panel, ui, opened):
        from PySide6.QtCore import Qt
        from PySide6.QtTest import QTest

        panel.widget.resize(460, 700)
        panel.widget.show()
        testbed.process_events(50)
        view = ui.caseTable
        place = view.visualRect(view.model().index(2, 0)).center()
        QTest.mouseClick(view.viewport(), Qt.LeftButton, Qt.NoModifier, place)
        QTest.mouseDClick(view.viewport(), Qt.LeftButton, Qt.NoModifier, place)
        assert panel.logic.activeCase == "pat2_a"

    def test_enter_opens_the_selected_case(self, panel, ui, opened):
        from PySide6.QtCore import Qt

        panel.table.select(["pat2_b"])
        press(ui.caseTable, Qt.Key_Return)
        assert panel.logic.activeCase == "pat2_b"


class TestLife:
    def test_scene_close_closes_the_forms(self, panel, ui, opened):
        panel.openForm("volumes")
        slicer.mrmlScene.Clear(False)
        assert ui.addVolumesForm.isHidden()
        assert panel.table.count == 0

    def test_after_cleanup_the_panel_is_not_called(self, module, panel, opened):
        module.widget.cleanup()
        panel.refresh = lambda: pytest.fail("called after cleanup")
        module.logic.events.emit("study")
        module.logic.events.emit("inspection")
        testbed.process_events(300)
