"""Adding cases: folders, lists, other cohorts, volumes of the scene, DICOM."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from SemiWeakSegLib.cohort import (
    Box,
    Case,
    Cohort,
    Geometry,
    SegmentClass,
    read_geometry,
    read_image,
    read_label,
    write_label,
    write_scalar,
)
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.folder_sources import addAny, addFolder
from SemiWeakSegLib.scene.study import Study

GRID = Geometry((4, 3, 2), (1.0, 2.0, 3.0), (5.0, 6.0, 7.0), (1, 0, 0, 0, 0, -1, 0, 1, 0))
LIVER = SegmentClass(1, "liver")
TUMOR = SegmentClass(2, "tumor")


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study.create(tmp_path / "study")


def image(path: Path) -> Path:
    values = np.arange(24, dtype=np.float32).reshape(GRID.array_shape)
    write_scalar(path, values, GRID)
    return path


def label(path: Path, *values: int) -> Path:
    array = np.zeros(GRID.array_shape, np.uint8)
    array.ravel()[: len(values)] = values
    write_label(path, array, GRID)
    return path


def values(path: Path) -> list[int]:
    return np.unique(read_label(path)[0]).tolist()


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    for name in ("a", "b"):
        image(data / "images" / f"{name}.nii.gz")
    label(data / "labels" / "a.nii.gz", 1, 4)
    label(data / "truth" / "b.nii.gz", 1)
    return data


class TestFolders:
    def test_labels_without_names_give_a_study_without_classes_its_classes(self, study, folders):
        before = (folders / "labels" / "a.nii.gz").read_bytes()
        report = addAny(study, folders)
        assert report.added == ["a", "b"]
        assert [(item.index, item.name) for item in study.classes] == [
            (1, "class 1"),
            (2, "class 4"),
        ]
        assert values(study.case("a").label) == [0, 1, 2]
        assert study.case("b").truth == folders / "truth" / "b.nii.gz"
        assert (folders / "labels" / "a.nii.gz").read_bytes() == before

    def test_names_of_values_are_matched_to_classes_by_name(self, study, folders):
        study.setClasses([SegmentClass(1, "Tumor"), SegmentClass(2, "Liver")])
        named = [SegmentClass(1, "liver"), SegmentClass(4, "tumor")]
        addFolder(study, folders / "images", folders / "labels", classes=named)
        array = read_label(study.case("a").label)[0].ravel()
        assert array[:3].tolist() == [2, 1, 0]

    def test_values_are_the_studys_classes_where_it_has_some(self, study, folders):
        study.setClasses([LIVER, TUMOR])
        addFolder(study, folders / "images", folders / "labels")
        assert study.case("a").label == folders / "labels" / "a.nii.gz"

    def test_the_unlabeled_value_becomes_255_in_a_copy(self, study, folders):
        study.setClasses([LIVER])
        addFolder(study, folders / "images", folders / "labels", unlabeledValue=4)
        assert values(study.case("a").label) == [0, 1, 255]
        assert study.folder in study.case("a").label.parents

    def test_copies_of_two_additions_do_not_meet(self, study, folders, tmp_path):
        study.setClasses([LIVER])
        addFolder(study, folders / "images", folders / "labels", unlabeledValue=4)
        image(tmp_path / "more" / "images" / "a.nii.gz")
        label(tmp_path / "more" / "labels" / "a.nii.gz", 4)
        addFolder(
            study, tmp_path / "more" / "images", tmp_path / "more" / "labels", unlabeledValue=4
        )
        assert [case.id for case in study.cohort.cases] == ["a", "b", "a_2"]
        assert values(study.case("a").label) == [0, 1, 255]
        assert values(study.case("a_2").label) == [0, 255]

    def test_what_is_there_is_skipped_or_gets_what_it_lacks(self, study, folders):
        study.setClasses([LIVER, TUMOR])
        addFolder(study, folders / "images")
        report = addFolder(study, folders / "images", folders / "labels", folders / "truth")
        assert (report.added, report.updated, report.skipped) == ([], ["a", "b"], [])
        assert study.case("a").label is not None
        assert study.case("b").truth is not None
        report = addFolder(study, folders / "images", folders / "labels")
        assert (report.updated, report.skipped) == ([], ["a", "b"])

    def test_patients_become_groups(self, study, tmp_path):
        for name in ("p1_ED", "p1_ES", "p2_ED"):
            image(tmp_path / "images" / f"{name}.nii.gz")
        addFolder(study, tmp_path / "images", groupPattern=r"(p\d)_")
        assert [case.group for case in study.cohort.cases] == ["p1", "p1", "p2"]

    def test_a_label_without_image_is_reported(self, study, folders):
        label(folders / "labels" / "lonely.nii.gz", 1)
        report = addAny(study, folders)
        assert [problem.code for problem in report.problems] == ["label_without_image"]

    def test_adding_is_one_step(self, study, folders):
        addAny(study, folders)
        study.undo()
        assert study.cohort.cases == []
        assert study.classes == []

    @pytest.mark.parametrize("place", ["absent", "images", "text"])
    def test_what_is_no_source_changes_nothing(self, study, tmp_path, place):
        (tmp_path / "images").mkdir()
        (tmp_path / "text").write_text("hello", encoding="utf-8")
        with pytest.raises(SceneError, match=place):
            addAny(study, tmp_path / place)
        assert study.cohort.cases == []
        assert not study.canUndo

    def test_a_study_in_the_folder_of_the_data_itself(self, folders):
        study = Study.create(folders, [LIVER, TUMOR])
        assert addAny(study, folders).added == ["a", "b"]
        with pytest.raises(SceneError, match="this cohort itself"):
            addAny(study, study.path)


class TestLists:
    def test_a_datalist_brings_names_and_roles(self, study, folders):
        content = {
            "labels": {"0": "background", "1": "liver", "4": "tumor"},
            "training": [{"image": "images/a.nii.gz", "label": "labels/a.nii.gz"}],
            "test": ["images/b.nii.gz"],
        }
        (folders / "dataset.json").write_text(json.dumps(content), encoding="utf-8")
        assert addAny(study, folders).added == ["a", "b"]
        assert [item.name for item in study.classes] == ["liver", "tumor"]
        assert study.case("b").role == "test"
        assert values(study.case("a").label) == [0, 1, 2]


class TestOtherCohorts:
    def other(self, tmp_path: Path, classes: list[SegmentClass], **fields) -> Path:
        folder = tmp_path / "other"
        case = Case("x", (image(folder / "x.nii.gz"),), label=label(folder / "l.nii.gz", 1, 2))
        Cohort(classes, [replace(case, **fields)]).save(folder / "cohort.json")
        return folder

    def test_paths_records_and_roles_come_along(self, study, tmp_path):
        box = Box(2, (0.0, 0, 0), (1.0, 1, 1), ((1.0, 0, 0), (0.0, 1, 0), (0.0, 0, 1)))
        folder = self.other(
            tmp_path, [LIVER, TUMOR], boxes=(box,), present=(1,), sizes={2: (1.0, 2.0)}, role="test"
        )
        addAny(study, folder)
        case = study.case("x")
        assert case.images == (folder / "x.nii.gz",)
        assert (case.boxes, case.present, case.sizes) == ((box,), (1,), {2: (1.0, 2.0)})
        assert case.role == "test"
        assert study.classes == [LIVER, TUMOR]

    def test_indices_follow_the_names_everywhere(self, study, tmp_path):
        study.setClasses([SegmentClass(1, "tumor"), SegmentClass(2, "LIVER")])
        folder = self.other(
            tmp_path, [LIVER, TUMOR], present=(1,), sizes={2: (1.0, 2.0)}, looked_at=(1,)
        )
        truth = label(folder / "truth.nii.gz", 2)
        cohort = Cohort.load(folder / "cohort.json")
        cohort.cases[0].truth = truth
        cohort.save(folder / "cohort.json")
        addAny(study, folder)
        case = study.case("x")
        assert read_label(case.label)[0].ravel()[:3].tolist() == [2, 1, 0]
        assert read_label(case.truth)[0].ravel()[:2].tolist() == [1, 0]
        assert (case.present, case.sizes, case.looked_at) == ((2,), {1: (1.0, 2.0)}, (2,))
        assert values(folder / "l.nii.gz") == [0, 1, 2]

    def test_annotators_who_knew_fewer_classes_looked_for_those_only(self, study, tmp_path):
        study.setClasses([LIVER, TUMOR, SegmentClass(3, "vessel")])
        addAny(study, self.other(tmp_path, [LIVER, TUMOR]))
        assert study.case("x").looked_at == (1, 2)

    def test_an_unknown_class_is_a_conflict_and_nothing_is_added(self, study, tmp_path):
        study.setClasses([LIVER])
        before = study.path.read_bytes()
        with pytest.raises(SceneError, match=r"'tumor' are not among .*'liver'"):
            addAny(study, self.other(tmp_path, [LIVER, TUMOR]))
        assert study.path.read_bytes() == before

    def test_ids_that_meet_are_told_apart(self, study, tmp_path):
        study.setClasses([LIVER, TUMOR])
        study.addCases([Case("X", (image(tmp_path / "mine.nii.gz"),))])
        assert addAny(study, self.other(tmp_path, [LIVER, TUMOR])).added == ["x_2"]


@pytest.fixture
def scene(slicerScene):
    return slicerScene


def volumeNode(name: str, offset: float = 0.0):
    """A volume made in the scene, on an oblique flipped grid, and its file's geometry."""
    import slicer

    from SemiWeakSegLib.scene.grids import setGrid

    values = np.arange(24, dtype=np.int16).reshape(GRID.array_shape)
    node = slicer.util.addVolumeFromArray(values, name=name)
    setGrid(node, replace(GRID, origin=(offset, 6.0, 7.0)))
    return node


class TestVolumes:
    def add(self, study, nodes, segmentations=None):
        from SemiWeakSegLib.scene.sources import addVolumes

        return addVolumes(study, nodes, segmentations)

    def test_a_volume_read_from_a_file_uses_that_file(self, scene, study, tmp_path):
        import slicer

        file = image(tmp_path / "scan.nrrd")
        node = slicer.util.loadVolume(str(file))
        assert self.add(study, [node]).added == ["scan"]
        assert study.case("scan").images == (file,)
        assert not study.imagesFolder.exists()

    def test_volumes_of_a_step_that_failed_show_no_case(self, scene, study, monkeypatch):
        from SemiWeakSegLib.scene import volume_sources

        nodes, export = [volumeNode("CT"), volumeNode("CT", 9.0)], volume_sources.exportImage

        def onlyFirst(node, path):
            if node is nodes[1]:
                raise SceneError("the disk is full")
            return export(node, path)

        monkeypatch.setattr(volume_sources, "exportImage", onlyFirst)
        with pytest.raises(SceneError, match="full"):
            self.add(study, nodes)
        monkeypatch.undo()
        assert self.add(study, nodes[1:]).added == ["CT"]
        from SemiWeakSegLib.scene.volumes import volumeOfCase

        assert volumeOfCase(study.case("CT")) is nodes[1]

    def test_a_volume_of_the_scene_is_saved_on_its_grid(self, scene, study):
        node = volumeNode("CT: Leber/1")
        assert self.add(study, [node]).added == ["CT_ Leber_1"]
        path = study.case("CT_ Leber_1").images[0]
        assert path.parent == study.imagesFolder
        array, geometry = read_image(path)
        assert GRID.describe_difference(replace(geometry, origin=GRID.origin)) is None
        assert array[0].ravel().tolist() == list(range(24))

    def test_volumes_of_one_name_get_files_of_their_own(self, scene, study):
        nodes = [volumeNode("scan"), volumeNode("scan", 1.0)]
        assert self.add(study, nodes).added == ["scan", "scan_2"]
        first, second = (case.images[0] for case in study.cohort.cases)
        assert first != second
        assert read_geometry(second).origin[0] == 1.0

    def test_adding_again_adds_nothing(self, scene, study):
        node = volumeNode("scan")
        self.add(study, [node])
        assert self.add(study, [node]).skipped == ["scan"]
        assert len(list(study.imagesFolder.iterdir())) == 1

    def test_the_case_opens_in_the_same_node(self, scene, study):
        from SemiWeakSegLib.scene.volumes import loadCase

        node = volumeNode("scan")
        self.add(study, [node])
        assert loadCase(study.case("scan"), study.path) is node

    def test_segmentations_become_labels_and_give_the_classes(self, scene, study):
        from SemiWeakSegLib.scene.segments import segmentationOfLabel

        node = volumeNode("scan")
        array = np.zeros(GRID.array_shape, np.uint8)
        array[0, 0, :2] = (1, 2)
        drawn = segmentationOfLabel(array, node, [LIVER, TUMOR], "drawn", scribbles=False)
        self.add(study, [node], {node: drawn})
        assert [item.name for item in study.classes] == ["liver", "tumor"]
        assert np.array_equal(read_label(study.case("scan").label)[0], array)
        assert study.case("scan").looked_at is None
        study.undo()
        assert study.cohort.cases == []

    def test_a_segment_that_is_no_class_is_left_out_and_reported(self, scene, study):
        from SemiWeakSegLib.scene.segments import segmentationOfLabel

        study.setClasses([LIVER, SegmentClass(2, "vessel")])
        node = volumeNode("scan")
        array = np.zeros(GRID.array_shape, np.uint8)
        array[0, 0, :2] = (1, 2)
        drawn = segmentationOfLabel(array, node, [LIVER, TUMOR], "drawn", scribbles=False)
        tumor = drawn.GetSegmentation().GetNthSegment(1)
        tumor.RemoveTag("SemiWeakSeg.Class")
        report = self.add(study, [node], {node.GetID(): drawn})
        assert [problem.code for problem in report.problems] == ["unknown_segment"]
        assert values(study.case("scan").label) == [0, 1]
        assert study.case("scan").looked_at == (1,)

    def test_what_fails_in_the_middle_leaves_no_files_and_no_cases(self, scene, study):
        from SemiWeakSegLib.scene.segments import segmentationOfLabel

        study.setClasses([LIVER])
        nodes = [volumeNode("one"), volumeNode("two", 1.0)]
        array = np.ones(GRID.array_shape, np.uint8)
        other = segmentationOfLabel(array, nodes[1], [SegmentClass(1, "bone")], "x", False)
        other.GetSegmentation().GetNthSegment(0).RemoveTag("SemiWeakSeg.Class")
        with pytest.raises(SceneError, match="no segment that is called like a class"):
            self.add(study, nodes, {nodes[1]: other})
        assert study.cohort.cases == []
        assert list(study.imagesFolder.iterdir()) == []


def writeSeries(folder: Path, patient: str = "P1", count: int = 3) -> list[Path]:
    """A DICOM series of some slices, 4 x 3 pixels, 2 mm apart."""
    folder.mkdir(parents=True, exist_ok=True)
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    files = []
    for number in range(count):
        slice_ = sitk.GetImageFromArray(np.full((1, 3, 4), number, np.int16))
        slice_.SetSpacing((0.5, 0.5, 2.0))
        tags = {
            "0008|0060": "CT",
            "0008|0016": "1.2.840.10008.5.1.4.1.1.2",
            "0008|0018": f"1.2.3.4.{number + 1}",
            "0010|0020": patient,
            "0020|000d": "1.2.3.1",
            "0020|000e": "1.2.3.2",
            "0020|0032": f"0\\0\\{2 * number}",
            "0020|0037": "1\\0\\0\\0\\1\\0",
            "0020|0013": str(number + 1),
        }
        for tag, value in tags.items():
            slice_.SetMetaData(tag, value)
        path = folder / f"{number}.dcm"
        writer.SetFileName(str(path))
        writer.Execute(slice_)
        files.append(path)
    return files


class Database:
    """What slicer.dicomDatabase tells of files."""

    def __init__(self, files: list[Path]):
        self.files = {f"1.2.3.4.{number + 1}": str(file) for number, file in enumerate(files)}

    def fileForInstance(self, uid: str) -> str:
        return self.files.get(uid, "")


class TestDicom:
    @pytest.fixture
    def files(self, tmp_path) -> list[Path]:
        return writeSeries(tmp_path / "dicom" / "series")

    @pytest.fixture
    def node(self, scene, files, monkeypatch):
        """The series as Slicer's DICOM module would have loaded it."""
        import slicer

        from SemiWeakSegLib.scene.grids import setGrid

        array, geometry = read_image(files[0].parent)
        made = slicer.util.addVolumeFromArray(array[0].astype(np.int16), name="2: CT")
        setGrid(made, geometry)
        made.SetAttribute("DICOM.instanceUIDs", " ".join(f"1.2.3.4.{n}" for n in (1, 2, 3)))
        monkeypatch.setattr(slicer, "dicomDatabase", Database(files), raising=False)
        return made

    def add(self, study, nodes):
        from SemiWeakSegLib.scene.sources import addDicomVolumes

        return addDicomVolumes(study, nodes)

    def test_dicom_volumes_are_found(self, node):
        from SemiWeakSegLib.scene.sources import dicomVolumes

        volumeNode("other")
        assert dicomVolumes() == [node]

    def test_a_folder_with_this_series_alone_is_the_image(self, node, study, files):
        assert self.add(study, [node]).added == ["2_ CT"]
        assert study.case("2_ CT").images == (files[0].parent,)
        assert not study.imagesFolder.exists()

    def test_among_other_files_the_volume_is_saved_with_its_sources(self, node, study, files):
        (files[0].parent / "other.dcm").write_bytes(b"x")
        self.add(study, [node])
        path = study.case("2_ CT").images[0]
        assert path.suffix == ".nrrd"
        sidecar = json.loads(path.with_name("2_ CT.dicom.json").read_text(encoding="utf-8"))
        assert sidecar == {"files": [str(file) for file in files]}

    def test_a_resampled_volume_is_not_taken_for_the_series(self, node, study):
        node.SetSpacing(1.0, 1.0, 2.0)
        self.add(study, [node])
        assert study.case("2_ CT").images[0].suffix == ".nrrd"

    def test_without_database_the_volume_is_saved(self, node, study, monkeypatch):
        import slicer

        monkeypatch.delattr(slicer, "dicomDatabase")
        self.add(study, [node])
        assert study.case("2_ CT").images[0].suffix == ".nrrd"
        assert len(list(study.imagesFolder.iterdir())) == 1

    def test_the_patient_is_a_group_but_not_named(self, node, study):
        self.add(study, [node])
        group = study.case("2_ CT").group
        assert group.startswith("patient ")
        assert "P1" not in study.path.read_text(encoding="utf-8")

    def test_other_volumes_are_refused(self, scene, study):
        with pytest.raises(SceneError, match="not loaded from DICOM"):
            self.add(study, [volumeNode("scan")])

    def test_the_export_finds_the_source_files(self, node, study, files):
        from SemiWeakSegLib.scene.exporting import cameFromDicom

        (files[0].parent / "other.dcm").write_bytes(b"x")
        self.add(study, [node])
        assert sorted(cameFromDicom(study.case("2_ CT"))) == files
