"""Segmentations as files of other programs, read back by other programs."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import SimpleITK as sitk
import slicer

from SemiWeakSegLib.cohort import Case, SegmentClass
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.exporting import (
    cameFromDicom,
    exportDicomSeg,
    exportLabel,
    exportSegmentation,
)
from SemiWeakSegLib.scene.grids import vtkMatrixOf
from SemiWeakSegLib.scene.segments import (
    Overlap,
    newSegmentation,
    segmentationOfLabel,
    segmentIdOfClass,
)
from SemiWeakSegLib.scene.terminology_codes import parseTerminology
from SemiWeakSegLib.scene.volumes import exportImage, loadCase
from Testing.slicer.scene.dicom_series import SLOPED, make_series
from Testing.slicer.scene.studies import (
    AFFINE,
    CLASSES,
    GRIDS,
    RIGID,
    blocks,
    draw,
    drawn,
    noise,
    transform,
    volume_on,
    write,
)


def loaded(tmp_path, grid, name="i.nii.gz"):
    path = write(tmp_path / name, noise(GRIDS[grid]), GRIDS[grid])
    return loadCase(Case(id="c", images=(path,)))


class TestLabelMaps:
    @pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
    @pytest.mark.parametrize("grid", GRIDS)
    def test_a_label_map_lies_on_the_images_file(self, slicerScene, tmp_path, grid, suffix):
        volume, label = loaded(tmp_path, grid), blocks(GRIDS[grid])
        volume.SetAndObserveTransformNodeID(transform(AFFINE).GetID())
        node = segmentationOfLabel(label, volume, CLASSES, "p", False)
        path = exportSegmentation(node, volume, tmp_path / f"out ü{suffix}", CLASSES)
        image, source = sitk.ReadImage(str(path)), sitk.ReadImage(str(tmp_path / "i.nii.gz"))
        assert np.array_equal(sitk.GetArrayFromImage(image), label)
        assert image.GetPixelID() == sitk.sitkUInt8
        for what in ("GetOrigin", "GetSpacing", "GetDirection"):
            assert np.allclose(getattr(image, what)(), getattr(source, what)(), atol=1e-5)

    def test_overlaps_are_reported(self, slicerScene, tmp_path):
        volume, label = loaded(tmp_path, "oblique"), blocks(GRIDS["oblique"])
        node = newSegmentation("s", volume, CLASSES)
        draw(node, segmentIdOfClass(node, 1), label > 0, volume)
        draw(node, segmentIdOfClass(node, 3), label == 3, volume)
        found = exportLabel(node, volume, tmp_path / "o.nii.gz", CLASSES)
        assert found.overlaps == [Overlap(1, 3, int(np.sum(label == 3)))]
        stored = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "o.nii.gz")))
        assert np.array_equal(stored, np.where(label == 3, 3, label > 0))

    def test_a_picture_gets_a_picture(self, slicerScene, tmp_path):
        sitk.WriteImage(
            sitk.GetImageFromArray(np.zeros((9, 11), np.uint8)), str(tmp_path / "i.png")
        )
        volume = loadCase(Case(id="c", images=(tmp_path / "i.png",)))
        label = np.zeros((9, 11), np.uint8)
        label[2:5, 1:9] = 2
        node = segmentationOfLabel(label, volume, CLASSES, "p", False)
        path = exportSegmentation(node, volume, tmp_path / "o.png", CLASSES)
        assert np.array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(path))), label)

    def test_a_volume_does_not_fit_a_picture(self, slicerScene, tmp_path):
        volume = loaded(tmp_path, "axial")
        node = segmentationOfLabel(blocks(GRIDS["axial"]), volume, CLASSES, "p", False)
        with pytest.raises(SceneError, match="holds one slice, the image has 7"):
            exportSegmentation(node, volume, tmp_path / "o.png", CLASSES)

    @pytest.mark.parametrize("name", ["o.jpg", "o.stl", "o"])
    def test_other_formats_are_refused(self, slicerScene, tmp_path, name):
        volume = loaded(tmp_path, "axial")
        node = segmentationOfLabel(blocks(GRIDS["axial"]), volume, CLASSES, "p", False)
        with pytest.raises(SceneError, match=r"cannot be written in this format.*\.seg\.nrrd"):
            exportSegmentation(node, volume, tmp_path / name, CLASSES)


class TestDrawings:
    @pytest.mark.parametrize("where", ["as it is", "moved", "hardened"])
    @pytest.mark.parametrize("grid", GRIDS)
    def test_slicer_loads_what_was_exported(self, slicerScene, tmp_path, grid, where):
        volume, label = loaded(tmp_path, grid), blocks(GRIDS[grid])
        node = segmentationOfLabel(label, volume, CLASSES, "p", False)
        crossing = label == 3
        crossing[1, 2:4, 1:3] = True
        # Slicer turns the slices of a left-handed file round.
        turned = -1 if np.linalg.det(np.reshape(GRIDS[grid].direction, (3, 3))) < 0 else 1
        draw(node, segmentIdOfClass(node, 3), crossing[::turned], volume)
        if where != "as it is":
            for each in (volume, node):  # two transforms that are equal, but two
                each.SetAndObserveTransformNodeID(transform(RIGID).GetID())
        if where == "hardened":
            node.HardenTransform()
        masks = {1: label == 1, 2: label == 2, 3: crossing}
        path = exportSegmentation(node, volume, tmp_path / "o.seg.nrrd", CLASSES)
        assert node.GetStorageNode() is None, "saving the scene goes on as before"
        volume.SetAndObserveTransformNodeID(None)
        back = slicer.util.loadSegmentation(str(path), properties={})
        for index, mask in masks.items():
            assert np.array_equal(
                drawn(back, segmentIdOfClass(back, index), volume), mask[::turned]
            )
        segment = back.GetSegmentation().GetSegment(segmentIdOfClass(back, 2))
        assert segment.GetName() == CLASSES[1].name
        assert segment.GetColor() == pytest.approx(CLASSES[1].color, abs=1e-4)
        liver = back.GetSegmentation().GetSegment(segmentIdOfClass(back, 1))
        assert liver.GetTerminology() == CLASSES[0].terminology

    def test_a_file_that_cannot_be_written_is_told(self, slicerScene, tmp_path):
        volume = loaded(tmp_path, "axial")
        node = segmentationOfLabel(blocks(GRIDS["axial"]), volume, CLASSES, "p", False)
        (tmp_path / "file").write_text("")
        with pytest.raises(SceneError, match='Segmentation "p" cannot be written'):
            exportSegmentation(node, volume, tmp_path / "file" / "o.seg.nrrd", CLASSES)


class TestDicomSeg:
    @pytest.fixture
    def pydicom(self):
        pytest.importorskip("highdicom", reason="highdicom is not installed")
        return pytest.importorskip("pydicom")

    def case(self, tmp_path, shuffled=True, **options):
        array = np.random.default_rng(3).integers(0, 900, (6, 12, 10), dtype=np.int16)
        make_series(tmp_path / "series", array, shuffled=shuffled, **options)
        return Case(id="ct", images=(tmp_path / "series",)), array

    def label(self, shape=(6, 12, 10)) -> np.ndarray:
        label = np.zeros(shape, np.uint8)
        label[1:3, 2:7, 1:4] = 1
        label[2:5, 8:11, 3:9] = 2
        return label

    def place(self, source, row, column) -> np.ndarray:
        """DICOM's equation C.7.6.2.1-1."""
        along, down = np.reshape([float(v) for v in source.ImageOrientationPatient], (2, 3))
        between_rows, between_columns = (float(v) for v in source.PixelSpacing)
        start = np.array([float(v) for v in source.ImagePositionPatient])
        return start + along * between_columns * column + down * between_rows * row

    def points(self, seg) -> dict[int, set]:
        """Patient coordinates of the voxels of each segment, from the file alone."""
        frames = np.atleast_3d(seg.pixel_array)
        shared = seg.SharedFunctionalGroupsSequence[0]
        orientation = shared.PlaneOrientationSequence[0].ImageOrientationPatient
        spacing = shared.PixelMeasuresSequence[0].PixelSpacing
        found: dict[int, set] = {}
        groups = seg.PerFrameFunctionalGroupsSequence
        for frame, group in zip(frames, groups, strict=True):
            plane = sys.modules["pydicom"].Dataset()
            plane.ImageOrientationPatient, plane.PixelSpacing = orientation, spacing
            position = group.PlanePositionSequence[0].ImagePositionPatient
            plane.ImagePositionPatient = position
            # What is the same for all frames stands in the shared groups.
            identified = group if "SegmentIdentificationSequence" in group else shared
            number = int(identified.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
            for row, column in np.argwhere(frame):
                point = np.round(self.place(plane, row, column), 2) + 0.0
                found.setdefault(number, set()).add(tuple(point.tolist()))
        return found

    def expected(self, case, label) -> dict[int, set]:
        """The same from SimpleITK's reading of the series."""
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames([str(each) for each in cameFromDicom(case)])
        image = reader.Execute()
        found: dict[int, set] = {}
        for k, j, i in np.argwhere(label).tolist():
            point = np.round(image.TransformIndexToPhysicalPoint((i, j, k)), 2) + 0.0
            found.setdefault(int(label[k, j, i]), set()).add(tuple(point.tolist()))
        return found

    @pytest.mark.parametrize("orientation", [(1, 0, 0, 0, 1, 0), (0, 1, 0, 0, 0, -1), SLOPED])
    def test_voxels_lie_where_they_were_drawn(self, slicerScene, tmp_path, pydicom, orientation):
        case, array = self.case(tmp_path, orientation=orientation)
        volume, label = loadCase(case), self.label()
        node = segmentationOfLabel(label, volume, CLASSES, "two organs", False)
        seg = pydicom.dcmread(exportDicomSeg(node, case, volume, tmp_path / "out.dcm", CLASSES))
        assert seg.Modality == "SEG"
        assert self.points(seg) == self.expected(case, label)
        series = pydicom.dcmread(next((tmp_path / "series").iterdir()))
        assert seg.ReferencedSeriesSequence[0].SeriesInstanceUID == series.SeriesInstanceUID
        assert seg.StudyInstanceUID == series.StudyInstanceUID
        assert seg.PatientName == series.PatientName
        assert array.shape == label.shape

    def test_highdicom_reads_the_same_masks(self, slicerScene, tmp_path, pydicom):
        import highdicom

        case, _array = self.case(tmp_path)
        volume, label = loadCase(case), self.label()
        node = segmentationOfLabel(label, volume, CLASSES, "s", False)
        path = exportDicomSeg(node, case, volume, tmp_path / "out.dcm", CLASSES)
        seg = highdicom.seg.segread(path)
        uids = [pydicom.dcmread(file).SOPInstanceUID for file in cameFromDicom(case)]
        masks = seg.get_pixels_by_source_instance(
            uids, ignore_spatial_locations=False, assert_missing_frames_are_empty=True
        )
        for number in (1, 2):
            assert np.array_equal(masks[..., number - 1] > 0, label == number)

    def test_labels_colours_and_codes(self, slicerScene, tmp_path, pydicom):
        case, _array = self.case(tmp_path)
        volume = loadCase(case)
        modifier = (
            "C~SCT^123037004^Anatomical Structure~SCT^64033007^Kidney~SCT^24028007^Right~"
            "Anatomic codes~SCT^818983003^Abdomen~SCT^7771000^Left"
        )
        classes = [
            SegmentClass(1, "Niere | rechts \\ größer 肾", (0.9, 0.2, 0.1), modifier),
            SegmentClass(2, "x" * 100, (0.1, 0.4, 0.8)),
        ]
        node = segmentationOfLabel(self.label(), volume, classes, "s", False)
        node.SetAttribute("SemiWeakSeg.Prediction", "1")
        path = exportDicomSeg(node, case, volume, tmp_path / "out.dcm", classes)
        one, two = pydicom.dcmread(path).SegmentSequence
        assert one.SegmentLabel == "Niere | rechts / größer 肾"
        assert two.SegmentLabel == "x" * 64
        assert one.SegmentedPropertyTypeCodeSequence[0].CodeValue == "64033007"
        kind = one.SegmentedPropertyTypeCodeSequence[0]
        assert kind.SegmentedPropertyTypeModifierCodeSequence[0].CodeMeaning == "Right"
        category = one.SegmentedPropertyCategoryCodeSequence[0]
        assert (category.CodingSchemeDesignator, category.CodeValue) == ("SCT", "123037004")
        region = one.AnatomicRegionSequence[0]
        assert region.CodeMeaning == "Abdomen"
        assert region.AnatomicRegionModifierSequence[0].CodeMeaning == "Left"
        assert two.SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "Tissue"
        assert one.SegmentAlgorithmType == "AUTOMATIC"
        assert one.SegmentAlgorithmName == "SemiWeakSeg"
        from highdicom.color import CIELabColor

        for segment, segmentClass in ((one, classes[0]), (two, classes[1])):
            lab = CIELabColor.from_dicom_value(segment.RecommendedDisplayCIELabValue)
            assert np.allclose(np.array(lab.to_rgb()) / 255, segmentClass.color, atol=0.02)

    def test_manual_work_is_called_manual(self, slicerScene, tmp_path, pydicom):
        case, _array = self.case(tmp_path)
        volume = loadCase(case)
        node = segmentationOfLabel(self.label(), volume, CLASSES, "s", False)
        path = exportDicomSeg(node, case, volume, tmp_path / "out.dcm", CLASSES)
        assert pydicom.dcmread(path).SegmentSequence[0].SegmentAlgorithmType == "MANUAL"

    def test_overlapping_segments_stay_whole(self, slicerScene, tmp_path, pydicom):
        case, _array = self.case(tmp_path)
        volume, label = loadCase(case), self.label()
        node = newSegmentation("s", volume, CLASSES)
        draw(node, segmentIdOfClass(node, 1), label > 0, volume)
        draw(node, segmentIdOfClass(node, 2), label == 2, volume)
        seg = pydicom.dcmread(exportDicomSeg(node, case, volume, tmp_path / "o.dcm", CLASSES))
        found = self.points(seg)
        assert found[1] == self.expected(case, (label > 0).astype(np.uint8))[1]
        assert found[2] == self.expected(case, (label == 2) * np.uint8(2))[2]

    def test_a_class_that_is_not_drawn_is_left_out(self, slicerScene, tmp_path, pydicom):
        case, _array = self.case(tmp_path)
        volume, label = loadCase(case), self.label()
        label[label == 1] = 0
        node = segmentationOfLabel(label, volume, CLASSES, "s", False)
        seg = pydicom.dcmread(exportDicomSeg(node, case, volume, tmp_path / "o.dcm", CLASSES))
        assert [each.SegmentLabel for each in seg.SegmentSequence] == [CLASSES[1].name]
        assert self.points(seg) == {1: self.expected(case, label)[2]}

    def test_an_image_saved_from_dicom_names_its_files(self, slicerScene, tmp_path, pydicom):
        series, _array = self.case(tmp_path, orientation=SLOPED)
        image = exportImage(loadCase(series), tmp_path / "images" / "ct 1.nrrd")
        slicerScene.Clear(0)
        files = [str(path) for path in reversed(cameFromDicom(series))]
        sidecar = image.with_name("ct 1.dicom.json")
        sidecar.write_text(json.dumps({"files": files}), encoding="utf-8")
        case = Case(id="ct", images=(image,))
        assert sorted(cameFromDicom(case)) == sorted(cameFromDicom(series))
        volume, label = loadCase(case), self.label()
        node = segmentationOfLabel(label, volume, CLASSES, "s", False)
        volume.SetAndObserveTransformNodeID(transform(RIGID).GetID())
        node.SetAndObserveTransformNodeID(volume.GetTransformNodeID())
        seg = pydicom.dcmread(exportDicomSeg(node, case, volume, tmp_path / "o.dcm", CLASSES))
        assert self.points(seg) == self.expected(series, label)

    def test_unevenly_spaced_slices_keep_their_places(self, slicerScene, tmp_path, pydicom):
        series, _array = self.case(tmp_path, positions=[0, 2, 4, 9, 11, 13])
        # As Slicer would have resampled it: every 1 mm.
        image = sitk.Image(10, 12, 14, sitk.sitkInt16)
        image.SetSpacing((0.8, 0.7, 1.0))
        image.SetOrigin((-20.0, 15.0, 30.0))
        path = tmp_path / "images" / "ct.nrrd"
        path.parent.mkdir()
        sitk.WriteImage(image, str(path))
        files = [str(each) for each in (tmp_path / "series").iterdir()]
        path.with_name("ct.dicom.json").write_text(json.dumps({"files": files}))
        case = Case(id="ct", images=(path,))
        volume = loadCase(case)
        label = np.zeros((14, 12, 10), np.uint8)
        label[3:11, 2:7, 1:4] = 1
        node = segmentationOfLabel(label, volume, CLASSES, "s", False)
        seg = pydicom.dcmread(exportDicomSeg(node, case, volume, tmp_path / "o.dcm", CLASSES))
        found = self.points(seg)[1]
        assert {z for _x, _y, z in found} == {34.0, 39.0}, "slices at 4 and 9 mm"
        assert len(found) == 2 * 5 * 3
        assert cameFromDicom(series)

    def test_other_images_are_refused(self, slicerScene, tmp_path, pydicom):
        volume = loaded(tmp_path, "axial")
        node = segmentationOfLabel(blocks(GRIDS["axial"]), volume, CLASSES, "p", False)
        case = Case(id="c", images=(tmp_path / "i.nii.gz",))
        with pytest.raises(SceneError, match="Case c did not come from DICOM"):
            exportDicomSeg(node, case, volume, tmp_path / "o.dcm", CLASSES)

    def test_lost_files_are_named(self, slicerScene, tmp_path, pydicom):
        volume = loaded(tmp_path, "axial")
        node = segmentationOfLabel(blocks(GRIDS["axial"]), volume, CLASSES, "p", False)
        (tmp_path / "i.dicom.json").write_text(json.dumps({"files": ["gone.dcm"]}))
        case = Case(id="c", images=(tmp_path / "i.nii.gz",))
        with pytest.raises(SceneError, match=r"Case c: the DICOM file .*gone\.dcm cannot be read"):
            exportDicomSeg(node, case, volume, tmp_path / "o.dcm", CLASSES)

    def test_several_frames_in_a_file_are_refused(self, slicerScene, tmp_path, pydicom):
        case, _array = self.case(tmp_path)
        volume = loadCase(case)
        node = segmentationOfLabel(self.label(), volume, CLASSES, "s", False)
        for file in cameFromDicom(case):
            dataset = pydicom.dcmread(file)
            dataset.NumberOfFrames = 4
            dataset.save_as(file)
        with pytest.raises(SceneError, match="several frames"):
            exportDicomSeg(node, case, volume, tmp_path / "o.dcm", CLASSES)

    def test_nothing_drawn_is_refused(self, slicerScene, tmp_path, pydicom):
        case, _array = self.case(tmp_path)
        volume = loadCase(case)
        with pytest.raises(SceneError, match="Case ct: nothing is drawn"):
            exportDicomSeg(
                newSegmentation("s", volume, CLASSES), case, volume, tmp_path / "o.dcm", CLASSES
            )

    def test_a_missing_highdicom_is_told(self, slicerScene, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "highdicom", None)
        volume = loaded(tmp_path, "axial")
        node = segmentationOfLabel(blocks(GRIDS["axial"]), volume, CLASSES, "p", False)
        case = Case(id="c", images=(tmp_path / "i.nii.gz",))
        with pytest.raises(SceneError, match=r"needs the Python package highdicom.*5\.12"):
            exportDicomSeg(node, case, volume, tmp_path / "o.dcm", CLASSES)


class TestTerminologyCodes:
    def test_nothing_becomes_tissue(self):
        for entry in (None, "", "nonsense", "C~SCT^^~^^~^^~A~^^~^^"):
            found = parseTerminology(entry)
            assert found.category.value == "123037004" and found.type.value == "85756007"
            assert found.modifier is None and found.region is None

    def test_slicers_default_entry(self, slicerScene):
        node = slicerScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
        segmentId = node.GetSegmentation().AddEmptySegment("", "x")
        entry = node.GetSegmentation().GetSegment(segmentId).GetTerminology()
        found = parseTerminology(entry)
        assert (found.category.meaning, found.type.meaning) == ("Tissue", "Tissue")


def test_a_scene_volume_without_file_is_exported_on_its_own_grid(slicerScene, tmp_path):
    volume, label = volume_on(GRIDS["flipped"]), blocks(GRIDS["flipped"])
    node = segmentationOfLabel(label, volume, CLASSES, "p", False)
    path = exportSegmentation(node, volume, tmp_path / "o.nrrd", CLASSES)
    image = sitk.ReadImage(str(path))
    assert np.array_equal(sitk.GetArrayFromImage(image), label)
    matrix = vtkMatrixOf(np.eye(4))
    volume.GetIJKToRASMatrix(matrix)
    ras = np.array(matrix.MultiplyPoint((3, 2, 1, 1)))[:3]
    assert np.allclose(image.TransformIndexToPhysicalPoint((3, 2, 1)), ras * [-1, -1, 1])
