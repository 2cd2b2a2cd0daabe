"""A study: every change is saved, can be undone, and is never made over somebody else's."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from SemiWeakSegLib.cohort import Box, Case, Cohort, Geometry, SegmentClass, write_label
from SemiWeakSegLib.scene import signature, stored_cohort
from SemiWeakSegLib.scene.annotation_files import versionOf
from SemiWeakSegLib.scene.case_ids import distinctId, fileSafe
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.inspection import CaseFacts
from SemiWeakSegLib.scene.study import Study

CLASSES = [SegmentClass(1, "liver", (0.8, 0.2, 0.2)), SegmentClass(2, "tumor")]
GRID = Geometry((4, 3, 2), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))


@pytest.fixture
def study(tmp_path: Path) -> Study:
    made = Study.create(tmp_path / "study", CLASSES)
    made.addCases(Case(name, (tmp_path / f"{name}.nii.gz",)) for name in "abc")
    return made


def label(path: Path, value: int = 1) -> Path:
    array = np.zeros(GRID.array_shape, np.uint8)
    array[0, 0, 0] = value
    write_label(path, array, GRID)
    return path


def onDisk(study: Study) -> Cohort:
    return Cohort.load(study.path)


class TestOpening:
    def test_what_was_saved_is_opened_by_folder_and_by_file(self, study):
        study.setRole(["a"], "test")
        for path in (study.folder, study.path):
            assert Study.open(path).cohort == study.cohort

    def test_a_folder_with_a_cohort_is_not_taken_for_a_new_one(self, study):
        before = study.path.read_bytes()
        with pytest.raises(SceneError, match="already holds a cohort"):
            Study.create(study.folder)
        assert study.path.read_bytes() == before

    def test_a_folder_without_cohort_says_what_to_do(self, tmp_path):
        with pytest.raises(SceneError, match=r"holds no cohort\.json"):
            Study.open(tmp_path)

    def test_a_file_where_the_folder_should_be(self, tmp_path):
        (tmp_path / "taken").write_text("x", encoding="utf-8")
        with pytest.raises(SceneError, match="is a file"):
            Study.create(tmp_path / "taken")

    def test_another_json_file_is_named(self, tmp_path):
        (tmp_path / "cohort.json").write_text('{"training": []}', encoding="utf-8")
        with pytest.raises(SceneError, match="schema"):
            Study.open(tmp_path)


class TestChanges:
    def test_each_change_is_on_disk_at_once(self, study, tmp_path):
        file = label(tmp_path / "label.nii.gz")
        box = Box(1, (1.0, 2.0, 3.0), (2.0, 2.0, 2.0), ((1, 0, 0), (0, 1, 0), (0, 0, 1)))
        study.setLabel("a", file)
        study.setTruth("a", file)
        study.setBoxes("a", [box])
        study.setTags("a", present=[2], absent=[1])
        study.setSizes("a", {1: (10.0, 20.0)})
        study.setLookedAt("a", [1])
        study.setGroup(["a"], "p1")
        case = onDisk(study).case("a")
        assert (case.label, case.truth, case.boxes) == (file, file, (box,))
        assert (case.present, case.absent, case.sizes) == ((2,), (1,), {1: (10.0, 20.0)})
        assert (case.looked_at, case.group) == ((1,), "p1")

    def test_observers_are_called_after_saving_once_per_change(self, study):
        seen = []
        study.observers.append(lambda s: seen.append((s.revision, onDisk(s).case("a").role)))
        study.setRole(["a", "b"], "test")
        assert seen == [(study.revision, "test")]

    def test_a_change_that_changes_nothing_is_none(self, study):
        before = study.revision
        study.setRole(["a"], "train")
        assert study.revision == before
        assert study.undoText.startswith("Add")

    def test_an_observer_that_fails_does_not_undo_the_change(self, study):
        calls = []
        study.observers += [lambda _s: 1 / 0, lambda _s: calls.append(1)]
        study.setRole(["a"], "test")
        assert study.case("a").role == "test"
        assert calls == [1]

    def test_removing_a_case_leaves_its_files(self, study, tmp_path):
        file = label(tmp_path / "label.nii.gz")
        study.setLabel("a", file)
        study.removeCases(["a"])
        assert [case.id for case in study.cohort.cases] == ["b", "c"]
        assert file.exists()

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            (lambda s: s.setRole(["a"], "teach"), "teach"),
            (lambda s: s.setRole(["z"], "test"), "no case 'z'"),
            (lambda s: s.setLabel("a", s.folder / "absent.nii.gz"), "absent.nii.gz"),
            (lambda s: s.setTags("a", [1], [1]), "both present and absent"),
            (lambda s: s.setTags("a", [9], []), "no class 9"),
            (lambda s: s.setSizes("a", {1: (5.0, 2.0)}), "lower bound"),
            (lambda s: s.setLookedAt("a", [3]), "no class 3"),
            (
                lambda s: s.setBoxes("a", [Box(1, (0, 0), (1, 0), ((1, 0), (0, 1)))]),
                "longer than 0",
            ),
        ],
    )
    def test_what_cannot_be_right_is_refused_and_nothing_saved(self, study, change, says):
        before = study.path.read_bytes()
        with pytest.raises(SceneError, match=says):
            change(study)
        assert study.path.read_bytes() == before

    def test_only_one_of_two_cases_with_one_id_is_changed(self, tmp_path):
        cases = [Case("a", (tmp_path / "1.nii",)), Case("a", (tmp_path / "2.nii",))]
        Cohort(CLASSES, cases).save(tmp_path / "cohort.json")
        study = Study.open(tmp_path)
        study.setRole(["a"], "test")
        assert [c.images[0].name for c in study.cohort.cases] == ["1.nii", "2.nii"]
        study.removeCases(["a"])
        assert [c.images[0].name for c in study.cohort.cases] == ["1.nii"]


class TestIds:
    @pytest.mark.parametrize(
        ("name", "safe"),
        [
            ("ct/liver:1", "ct_liver_1"),
            ("..hidden", "hidden"),
            ("  ", "case"),
            ("CON", "case_CON"),
            ("Müller 3 (ärm)", "Müller 3 (ärm)"),
            ("a_uncertainty", "a_uncertainty_image"),
            ("trailing. ", "trailing"),
        ],
    )
    def test_ids_can_be_file_names(self, name, safe):
        assert fileSafe(name) == safe
        assert fileSafe(safe) == safe

    def test_long_names_are_cut_between_characters(self):
        assert len(fileSafe("ü" * 500).encode()) <= 120

    def test_ids_differ_on_file_systems_that_ignore_case(self):
        taken = {"scan"}
        assert [distinctId(name, taken) for name in ("Scan", "SCAN", "scan_2")] == [
            "Scan_2",
            "SCAN_3",
            "scan_2_2",
        ]

    def test_added_cases_get_ids_of_their_own(self, study, tmp_path):
        ids = study.addCases([Case("A", (tmp_path / "x.nii",)), Case("a/b", (tmp_path / "y.nii",))])
        assert ids == ["A_2", "a_b"]


class TestUndo:
    def test_undo_and_redo_go_through_all_states_on_disk(self, study, tmp_path):
        states = [study.cohort]
        for change in (
            lambda: study.setRole(["a"], "test"),
            lambda: study.setClasses([*CLASSES, SegmentClass(3, "vessel")]),
            lambda: study.setLabel("b", label(tmp_path / "b_label.nii.gz")),
            lambda: study.removeCases(["c"]),
        ):
            change()
            states.append(study.cohort)
        for expected in reversed(states[:-1]):
            study.undo()
            assert onDisk(study) == expected == study.cohort
        for expected in states[1:]:
            study.redo()
            assert onDisk(study) == expected
        assert not study.canRedo

    def test_texts_say_what_comes_next(self, study):
        study.setRole(["a"], "test")
        assert study.undoText == "Set role to test"
        study.undo()
        assert study.redoText == "Set role to test"

    def test_a_new_change_ends_what_could_be_redone(self, study):
        study.setRole(["a"], "test")
        study.undo()
        study.setRole(["b"], "test")
        assert not study.canRedo

    def test_nothing_to_undo_is_no_error(self, tmp_path):
        study = Study.create(tmp_path / "new")
        study.undo()
        study.redo()
        assert study.revision == 0

    def test_a_group_is_one_step_saved_and_told_once(self, study):
        told = []
        study.observers.append(told.append)
        with study.grouped("Both"):
            study.setRole(["a"], "test")
            study.setRole(["b"], "validation")
        assert len(told) == 1
        assert study.undoText == "Both"
        study.undo()
        assert {case.role for case in onDisk(study).cases} == {"train"}

    def test_a_group_that_fails_changes_nothing(self, study):
        before = study.path.read_bytes()
        with pytest.raises(SceneError), study.grouped("Both"):
            study.setRole(["a"], "test")
            study.setRole(["z"], "test")
        assert study.path.read_bytes() == before
        assert study.case("a").role == "train"

    def test_what_goes_along_is_done_when_saved_undone_in_reverse_and_redone(self, study):
        calls = []
        with study.grouped("Outer", lambda: calls.append("+out"), lambda: calls.append("-out")):
            study.setRole(["a"], "test")
            with study.grouped("x", lambda: calls.append("+in"), lambda: calls.append("-in")):
                study.setRole(["b"], "test")
            assert calls == []
        study.undo()
        study.redo()
        assert calls == ["+out", "+in", "-in", "-out", "+out", "+in"]

    def test_what_goes_along_with_a_step_that_fails_is_not_done(self, study):
        calls = []
        Study.open(study.folder).setRole(["a"], "test")
        with pytest.raises(SceneError), study.grouped("x", lambda: calls.append("+")):
            study.setRole(["b"], "test")
        assert calls == []


class TestTwoSlicers:
    def test_the_other_ones_change_is_not_overwritten(self, study):
        other = Study.open(study.folder)
        other.setRole(["a"], "test")
        theirs = study.path.read_bytes()
        with pytest.raises(SceneError, match="another program"):
            study.setRole(["b"], "validation")
        assert study.path.read_bytes() == theirs
        assert study.case("b").role == "train"

    def test_after_reloading_both_changes_are_there(self, study):
        Study.open(study.folder).setRole(["a"], "test")
        assert study.hasChangedOnDisk()
        study.reload()
        study.setRole(["b"], "validation")
        assert [case.role for case in onDisk(study).cases] == ["test", "validation", "train"]

    def test_undo_after_reload_brings_back_ones_own(self, study):
        mine = study.cohort
        Study.open(study.folder).setRole(["a"], "test")
        study.reload()
        study.undo()
        assert onDisk(study) == mine

    def test_undo_does_not_overwrite_either(self, study):
        study.setRole(["c"], "test")
        Study.open(study.folder).setRole(["a"], "test")
        with pytest.raises(SceneError, match="another program"):
            study.undo()
        assert study.undoText == "Set role to test"

    def test_a_file_that_cannot_be_read_now_is_no_crash(self, study, monkeypatch):
        def refuse(_path):
            raise PermissionError(13, "Permission denied")

        study.path.write_bytes(study.path.read_bytes() + b" ")
        monkeypatch.setattr(Path, "read_bytes", refuse)
        assert not study.hasChangedOnDisk()
        with pytest.raises(SceneError, match=r"cohort\.json: cannot be read \(Permission denied"):
            study.reload()
        monkeypatch.undo()
        assert study.hasChangedOnDisk()

    def test_a_change_of_equal_length_within_one_tick_of_the_clock_is_seen(self, study):
        state = study.path.stat()
        text = study.path.read_text(encoding="utf-8").replace('"id": "a"', '"id": "x"')
        study.path.write_text(text, encoding="utf-8")
        os.utime(study.path, ns=(state.st_atime_ns, state.st_mtime_ns))
        with pytest.raises(SceneError, match="another program"):
            study.setRole(["b"], "test")

    def test_touching_the_file_is_no_change(self, study):
        os.utime(study.path)
        assert not study.hasChangedOnDisk()
        study.setRole(["b"], "test")

    def test_a_lock_whose_owner_died_does_not_stop_forever(self, study, monkeypatch):
        monkeypatch.setattr("SemiWeakSegLib.scene.stored_cohort.LOCK_LIMIT_S", 0.1)
        (study.folder / ".cohort.json.lock").touch()
        study.setRole(["a"], "test")
        assert onDisk(study).case("a").role == "test"

    def test_a_folder_that_is_gone_is_said(self, study):
        study.folder.rename(study.folder.with_name("moved"))
        with pytest.raises(SceneError, match="cannot be written"):
            study.setRole(["a"], "test")
        assert not study.folder.exists()

    def test_a_full_disk_leaves_file_and_study_as_they_were(self, study, monkeypatch):
        before = study.path.read_bytes()

        def full(*_arguments):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.replace", full)
        with pytest.raises(SceneError, match="No space left"):
            study.setRole(["a"], "test")
        monkeypatch.undo()
        assert study.path.read_bytes() == before
        assert study.case("a").role == "train"
        assert [path.name for path in study.folder.iterdir()] == ["cohort.json"]


class TestClasses:
    def test_a_used_class_is_neither_removed_nor_moved(self, study, tmp_path):
        study.setLabel("a", label(tmp_path / "a_label.nii.gz", 2))
        study.setTags("b", [2], [])
        for wanted in (
            [SegmentClass(1, "liver")],
            [SegmentClass(1, "tumor"), SegmentClass(2, "liver")],
        ):
            with pytest.raises(SceneError, match=r"class 2 \(tumor\) is used by a, b"):
                study.setClasses(wanted)

    def test_a_used_class_can_be_renamed(self, study, tmp_path):
        study.setLabel("a", label(tmp_path / "a_label.nii.gz", 2))
        study.setClasses([SegmentClass(1, "liver"), SegmentClass(2, " lesion ")])
        assert [item.name for item in onDisk(study).classes] == ["liver", "lesion"]

    def test_an_unused_class_goes_and_the_rest_moves_up(self, study):
        study.setLookedAt("a", [2])
        study.setClasses([SegmentClass(1, "tumor")])
        assert onDisk(study).case("a").looked_at == (1,)

    def test_a_class_that_goes_was_not_a_look_for_its_neighbour(self, study):
        study.setClasses([*CLASSES, SegmentClass(3, "vessel")])
        study.setLookedAt("a", [1, 2])
        study.setClasses([SegmentClass(1, "liver"), SegmentClass(2, "vessel")])
        assert onDisk(study).case("a").looked_at == (1,)

    def test_adding_a_class_names_the_labels_that_do_not_know_it(self, study, tmp_path):
        study.setLabel("a", label(tmp_path / "a_label.nii.gz"))
        study.setLabel("b", label(tmp_path / "b_label.nii.gz"))
        study.setLookedAt("b", [1])
        assert study.setClasses([*CLASSES, SegmentClass(3, "vessel")]) == ["a"]

    @pytest.mark.parametrize(
        ("classes", "says"),
        [
            ([SegmentClass(2, "liver")], "must be 1 to 1"),
            ([SegmentClass(1, " ")], "no name"),
            ([SegmentClass(1, "Liver"), SegmentClass(2, "liver ")], "Two classes"),
        ],
    )
    def test_classes_that_cannot_be(self, study, classes, says):
        with pytest.raises(SceneError, match=says):
            study.setClasses(classes)

    def test_what_an_inspection_found_spares_reading(self, study, tmp_path, monkeypatch):
        study.setLabel("a", label(tmp_path / "a_label.nii.gz", 2))
        facts = CaseFacts("labeled", {0: 23, 2: 1}, 24, (4, 3, 2), (1, 1, 1), 1, 3)
        study.rememberFacts({"a": facts, "gone": facts})
        for place in ("cohort.cohort.read_label", "scene.class_changes.read_label"):
            monkeypatch.setattr(f"SemiWeakSegLib.{place}", None)
        with pytest.raises(SceneError, match="is used by a"):
            study.setClasses([SegmentClass(1, "liver")])
        assert study.cohort.annotation_kind(study.case("a")) == "labeled"


class TestSplit:
    def test_groups_stay_together(self, study, tmp_path):
        names = [f"p{number}_{phase}" for number in range(6) for phase in ("ED", "ES")]
        study.removeCases(["a", "b", "c"])
        file = label(tmp_path / "l.nii.gz")
        study.addCases(Case(name, (tmp_path / f"{name}.nii",), truth=file) for name in names)
        study.splitCases(validation=2, test=4, seed=1, groupPattern=r"^(p\d)_")
        roles = {}
        for case in onDisk(study).cases:
            roles.setdefault(case.group, set()).add(case.role)
        assert all(len(each) == 1 for each in roles.values())
        assert sorted(role for (role,) in roles.values()) == ["test"] * 2 + ["train"] * 3 + [
            "validation"
        ]

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [((0.5, 0.9), "leave none"), ((0, 0, 0, "("), "regular"), ((0, 0, 0, "xyz"), "nothing")],
    )
    def test_what_cannot_be_split(self, study, tmp_path, arguments, says):
        file = label(tmp_path / "l.nii.gz")
        study.setTruth("a", file)
        study.setTruth("b", file)
        with pytest.raises(SceneError, match=says):
            study.splitCases(*arguments)


class TestAnnotationFiles:
    def save(self, study: Study, caseId: str = "a", value: int = 1) -> Path:
        path = label(study.newAnnotationPath(study.case(caseId)), value)
        path.with_name(path.name.replace(".nii.gz", ".seg.nrrd")).write_text("x", encoding="utf-8")
        study.setLabel(caseId, path)
        return path

    def test_versions_count_up_and_none_is_overwritten(self, study):
        names = [self.save(study).name for _ in range(3)]
        assert names == ["a-1.nii.gz", "a-2.nii.gz", "a-3.nii.gz"]
        study.undo()
        study.undo()
        assert self.save(study).name == "a-4.nii.gz"
        assert {path.name for path in study.annotationFiles.folder.glob("*.nii.gz")} == {
            f"a-{number}.nii.gz" for number in (1, 2, 3, 4)
        }

    def test_cases_with_numbers_in_their_names_do_not_meet(self, study, tmp_path):
        study.addCases([Case("a-1", (tmp_path / "y.nii.gz",))])
        assert self.save(study, "a-1").name == "a-1-1.nii.gz"
        assert self.save(study, "a").name == "a-1.nii.gz"
        assert self.save(study, "a-1").name == "a-1-2.nii.gz"

    def test_a_file_of_a_case_whose_name_begins_alike_is_no_version(self):
        assert versionOf("a-1.nii.gz", "a") == versionOf("a-1.seg.nrrd", "a") == 1
        assert versionOf("a-1.b-2.nii.gz", "a") is None
        assert versionOf("a-1.b-2.nii.gz", "a-1.b") == 2

    def test_nothing_goes_that_a_step_under_way_began_with(self, study):
        first = self.save(study)
        again = Study.open(study.folder)
        with again.grouped("many"):
            for _ in range(14):
                self.save(again)
        assert first.exists()
        again.undo()
        assert again.case("a").label == first

    def test_nothing_goes_that_another_list_names_in_escapes(self, study):
        study.addCases([Case("é", study.case("a").images)])
        first = self.save(study, "é")
        lists = json.dumps({"training": [{"label": f"annotations/{first.name}"}]})
        (study.folder / "list.json").write_text(lists, encoding="ascii")
        for _ in range(13):
            self.save(study, "é")
        again = Study.open(study.folder)
        self.save(again, "é")
        assert first.exists()
        assert not first.with_name("é-2.nii.gz").exists()

    def test_pictures_get_png_stacks_and_volumes_nifti(self, study, tmp_path):
        picture = Case("p", (tmp_path / "p.jpg",))
        volume = Case("v", (tmp_path / "v.mha",))
        assert study.newAnnotationPath(picture).name == "p-1.png"
        assert study.newAnnotationPath(volume).name == "v-1.nii.gz"

    def reopened(self, study: Study, saves: int) -> Study:
        """As after a restart: the history is gone, the files are there."""
        for _ in range(saves):
            self.save(study)
        return Study.open(study.folder)

    def test_after_ten_newer_ones_old_versions_go(self, study):
        again = self.reopened(study, 14)
        self.save(again)
        left = sorted(path.name for path in again.annotationFiles.folder.glob("a-*"))
        numbers = {int(name.split("-")[1].split(".")[0]) for name in left}
        assert numbers == set(range(5, 16))
        assert len(left) == 22

    def test_nothing_goes_that_undo_can_bring_back(self, study):
        first = self.save(study)
        for _ in range(14):
            self.save(study)
        for _ in range(14):
            study.undo()
        assert study.case("a").label == first
        assert first.exists()

    def test_nothing_goes_that_a_run_names(self, study):
        first = self.save(study)
        run = study.newRunFolder("supervised")
        run.mkdir(parents=True)
        Cohort(CLASSES, study.cohort.cases).save(run / "cohort.json")
        (run / "run.json").write_text("{}", encoding="utf-8")
        again = self.reopened(study, 14)
        self.save(again)
        assert first.exists()
        assert not first.with_name("a-2.nii.gz").exists()

    def test_the_users_own_files_in_the_folder_are_never_removed_or_overwritten(self, study):
        folder = study.annotationFiles.folder
        folder.mkdir()
        own = [label(folder / f"a-{number}.nii.gz", 2) for number in range(1, 13)]
        contents = [path.read_bytes() for path in own]
        again = self.reopened(study, 14)
        self.save(again)
        assert [path.read_bytes() for path in own] == contents
        assert study.case("a").label.name == "a-26.nii.gz"

    def test_a_damaged_record_removes_nothing(self, study):
        again = self.reopened(study, 12)
        (again.annotationFiles.folder / "versions.json").write_text("{", encoding="utf-8")
        self.save(again)
        assert len(list(again.annotationFiles.folder.glob("a-*.nii.gz"))) == 13


class TestRuns:
    def makeRun(self, folder: Path) -> Path:
        folder.mkdir(parents=True)
        (folder / "run.json").write_text("{}", encoding="utf-8")
        return folder

    def test_new_folders_count_up_and_the_newest_is_first(self, study):
        made = [self.makeRun(study.newRunFolder("supervised")) for _ in range(3)]
        assert [path.name for path in made] == [f"supervised-{n}" for n in (1, 2, 3)]
        assert study.runFolders() == made[::-1]

    def test_a_run_elsewhere_is_remembered_until_it_is_gone(self, study, tmp_path):
        far = self.makeRun(tmp_path / "far")
        study.runs.note(far)
        assert Study.open(study.folder).runFolders() == [far]
        (far / "run.json").unlink()
        assert study.runFolders() == []

    def test_folders_without_request_are_no_runs(self, study):
        study.newRunFolder("x").mkdir(parents=True)
        assert study.runFolders() == []


class TestSignature:
    def test_it_changes_with_cohort_images_and_labels(self, study, tmp_path):
        seen = {study.signature()}
        assert study.signature() in seen
        study.setLabel("a", label(tmp_path / "l.nii.gz"))
        seen.add(study.signature())
        os.utime(tmp_path / "l.nii.gz", ns=(1, 1))
        seen.add(study.signature())
        study.case("b").images[0].write_bytes(b"new")
        seen.add(study.signature())
        study.setRole(["a"], "test")
        seen.add(study.signature())
        assert len(seen) == 5


class TestManyCases:
    @pytest.fixture
    def many(self, tmp_path) -> Study:
        study = Study.create(tmp_path / "many", CLASSES)
        file = label(tmp_path / "label.nii.gz")
        study.addCases(
            Case(f"case{n:04d}", (tmp_path / "images" / f"{n}.nii.gz",), label=file, group=f"p{n}")
            for n in range(1000)
        )
        return study

    def counted(self, monkeypatch, module, name: str) -> list[object]:
        """Grows with each call of a module's function."""
        calls, function = [], getattr(module, name)

        def count(*given, **named):
            calls.append(given)
            return function(*given, **named)

        monkeypatch.setattr(module, name, count)
        return calls

    def test_a_thousand_roles_are_one_file_written_and_no_label_read(self, many, monkeypatch):
        written = self.counted(monkeypatch, stored_cohort, "write_text")
        encoded = self.counted(monkeypatch, stored_cohort, "encode")
        read = self.counted(monkeypatch, sitk, "ReadImage")
        many.setRole([case.id for case in many.cohort.cases], "test")
        assert {case.role for case in onDisk(many).cases} == {"test"}
        assert (len(written), len(encoded), len(read)) == (1, 1, 0)

    def test_the_signature_of_a_thousand_cases_is_encoded_once(self, many, monkeypatch):
        encoded = self.counted(monkeypatch, signature, "encode")
        asked = self.counted(monkeypatch, signature, "_state")
        assert len({many.signature() for _again in range(5)}) == 1
        assert len(encoded) == 1
        # The label file that all cases share is asked about once each time, not a thousand times.
        assert len(asked) == 5 * (1000 + 1)

    def test_the_file_is_plain_json_of_schema_1(self, many):
        document = json.loads(many.path.read_text(encoding="utf-8"))
        assert document["schema"] == 1
        assert len(document["cases"]) == 1000
