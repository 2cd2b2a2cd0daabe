"""Images of cases as volumes: voxels and places as SimpleITK reads them, and back to files."""

from __future__ import annotations

import os
import struct
import types

import numpy as np
import pytest
import SimpleITK as sitk
import slicer

from SemiWeakSegLib.cohort import Case, read_geometry
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.grids import arrayOf, gridOfVolume, setGrid, vtkMatrixOf, worldFromLocal
from SemiWeakSegLib.scene.image_axes import imageGrid, toImageAxes
from SemiWeakSegLib.scene.volumes import (
    allChannels,
    bindVolume,
    exportImage,
    headerOf,
    imageFileOf,
    loadCase,
    showInViews,
    volumeOfCase,
)
from Testing.slicer.scene.dicom_series import make_series
from Testing.slicer.scene.studies import (
    AFFINE,
    GRIDS,
    RIGID,
    bent_transform,
    geometry,
    noise,
    transform,
    volume_on,
    write,
)


def voxels(node) -> np.ndarray:
    return slicer.util.arrayFromVolume(node)


def assert_shows(node, image: sitk.Image) -> None:
    """Every voxel has the value that SimpleITK finds at its place."""
    matrix = vtkMatrixOf(np.eye(4))
    node.GetIJKToRASMatrix(matrix)
    shown = voxels(node)
    places = arrayOf(matrix) @ [*np.indices(shown.shape)[::-1].reshape(3, -1), [1] * shown.size]
    lps = (places[:3].T * [-1, -1, 1]).tolist()
    found = [image[image.TransformPhysicalPointToIndex(point)] for point in lps]
    assert shown.size == np.prod(image.GetSize())
    assert np.array_equal(shown.ravel(), found)
    index = image.TransformPhysicalPointToContinuousIndex(lps[-1])
    assert np.allclose(index, np.rint(index), atol=1e-3)


def sitk_array(path) -> np.ndarray:
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


class TestLoadCase:
    @pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
    @pytest.mark.parametrize("name", GRIDS)
    def test_shows_what_simpleitk_reads(self, slicerScene, tmp_path, name, suffix):
        path = write(tmp_path / f"image{suffix}", noise(GRIDS[name]), GRIDS[name])
        node = loadCase(Case(id="c", images=(path,)))
        assert_shows(node, sitk.ReadImage(str(path)))
        assert node.GetName() == "c"
        assert np.array_equal(toImageAxes(voxels(node), node), sitk_array(path))
        assert imageGrid(node) == read_geometry(path)

    def test_a_loaded_case_is_used_again(self, slicerScene, tmp_path):
        path = write(tmp_path / "i.nrrd", noise(GRIDS["axial"]), GRIDS["axial"])
        case = Case(id="c", images=(path,))
        assert volumeOfCase(case) is None
        node = loadCase(case, tmp_path / "cohort.json")
        assert loadCase(case) is node and volumeOfCase(case) is node
        assert node.GetAttribute("SemiWeakSeg.Case") == "c"
        assert node.GetAttribute("SemiWeakSeg.Cohort") == str(tmp_path / "cohort.json")

    def test_a_case_of_the_same_id_with_another_image_is_another_volume(
        self, slicerScene, tmp_path
    ):
        one = write(tmp_path / "1.nrrd", noise(GRIDS["axial"]), GRIDS["axial"])
        two = write(tmp_path / "2.nrrd", noise(GRIDS["axial"], 1), GRIDS["axial"])
        first = loadCase(Case(id="c", images=(one,)))
        assert loadCase(Case(id="c", images=(two,))) is not first

    def test_voxel_type_and_file_are_kept_by_slicers_reader(self, slicerScene, tmp_path):
        path = write(tmp_path / "i.nii.gz", noise(GRIDS["oblique"]), GRIDS["oblique"])
        node = loadCase(Case(id="c", images=(path,)))
        assert voxels(node).dtype == np.int16
        assert node.GetStorageNode().GetFileName() == str(path)

    def test_a_nifti_whose_sform_is_scaled_lies_as_the_cohort_reads_it(self, slicerScene, tmp_path):
        path = write(tmp_path / "i.nii", noise(GRIDS["oblique"]), GRIDS["oblique"])
        data = bytearray(path.read_bytes())
        rows = np.array(struct.unpack_from("<12f", data, 280)).reshape(3, 4)
        rows[:, :3] *= 1.25  # sform says other spacings than pixdim
        struct.pack_into("<12f", data, 280, *rows.ravel())
        struct.pack_into("<2h", data, 252, 0, 1)  # no qform, sform: scanner
        path.write_bytes(data)
        node = loadCase(Case(id="c", images=(path,)))
        assert_shows(node, sitk.ReadImage(str(path)))

    def test_a_nifti_whose_sform_and_qform_differ(self, slicerScene, tmp_path):
        path = write(tmp_path / "i.nii", noise(GRIDS["flipped"]), GRIDS["flipped"])
        data = bytearray(path.read_bytes())
        rows = np.array(struct.unpack_from("<12f", data, 280)).reshape(3, 4)
        rows[:, 3] += 20
        struct.pack_into("<12f", data, 280, *rows.ravel())
        struct.pack_into("<2h", data, 252, 1, 2)
        path.write_bytes(data)
        node = loadCase(Case(id="c", images=(path,)))
        assert_shows(node, sitk.ReadImage(str(path)))

    def test_a_nrrd_in_ras_lies_as_the_cohort_reads_it(self, slicerScene, tmp_path):
        array = noise(GRIDS["anisotropic"])
        header = (
            "NRRD0004\ntype: short\ndimension: 3\nspace: right-anterior-superior\n"
            "sizes: 11 9 7\nspace directions: (0.8,0,0) (0,1.3,0) (0.5,0,3.4)\n"
            "kinds: domain domain domain\nendian: little\nencoding: raw\n"
            "space origin: (5,-6,7)\n\n"
        )
        path = tmp_path / "i.nrrd"
        path.write_bytes(header.encode() + array.tobytes())
        node = loadCase(Case(id="c", images=(path,)))
        assert_shows(node, sitk.ReadImage(str(path)))

    def test_a_grey_picture_becomes_one_slice_seen_the_right_way_up(self, slicerScene, tmp_path):
        array = np.random.default_rng(0).integers(0, 255, (9, 11), dtype=np.uint8)
        path = tmp_path / "i.png"
        sitk.WriteImage(sitk.GetImageFromArray(array), str(path))
        node = loadCase(Case(id="c", images=(path,)))
        assert np.array_equal(voxels(node), array[np.newaxis])
        directions = vtkMatrixOf(np.eye(4))
        node.GetIJKToRASDirectionMatrix(directions)
        # In an axial view, columns run to the patient's left and rows to the back: as on paper.
        assert np.array_equal(arrayOf(directions)[:3, :3], np.diag([-1, -1, 1]))

    def test_a_colour_picture_shows_its_brightness(self, slicerScene, tmp_path):
        array = np.random.default_rng(0).integers(0, 255, (9, 11, 3), dtype=np.uint8)
        path = tmp_path / "i.png"
        sitk.WriteImage(sitk.GetImageFromArray(array, isVector=True), str(path))
        node = loadCase(Case(id="c", images=(path,)))
        expected = array @ np.array([0.299, 0.587, 0.114])
        assert np.allclose(voxels(node)[0], expected, atol=0.51)
        channels = allChannels(Case(id="c", images=(path,)))
        assert channels[0] is node
        for channel, found in enumerate(channels[1:]):
            assert np.array_equal(voxels(found)[0], array[..., channel])

    def test_the_headers_of_a_dicom_series_are_read_once(self, slicerScene, tmp_path, monkeypatch):
        case = Case(id="c", images=(tmp_path / "series",))
        make_series(tmp_path / "series", np.zeros((3, 4, 5), np.int16))
        loadCase(case)
        monkeypatch.setattr("SemiWeakSegLib.scene.image_reading.read_header", None)
        assert headerOf(case).geometry.size == (5, 4, 3)
        os.utime(tmp_path / "series", (1, 1))  # as when files come or go
        with pytest.raises(TypeError):
            headerOf(case)

    def test_a_dicom_series_folder_is_a_volume(self, slicerScene, tmp_path):
        array = noise(GRIDS["axial"])
        writer = sitk.ImageFileWriter()
        writer.KeepOriginalImageUIDOn()
        for index in range(len(array)):
            image = sitk.GetImageFromArray(array[index : index + 1])
            image.SetOrigin((0, 0, 2.5 * index))
            for tag, value in {
                "0008|0060": "CT",
                "0020|000d": "1.2.3",
                "0020|000e": "1.2.3.4",
                "0020|0013": str(index),
                "0020|0032": f"0\\0\\{2.5 * index}",
                "0020|0037": "1\\0\\0\\0\\1\\0",
                "0008|0018": f"1.2.3.4.{index}",
            }.items():
                image.SetMetaData(tag, value)
            writer.SetFileName(str(tmp_path / f"{99 - index}.dcm"))
            writer.Execute(image)
        node = loadCase(Case(id="c", images=(tmp_path,)))
        assert np.array_equal(voxels(node), array)
        assert gridOfVolume(node).spacing == pytest.approx((1, 1, 2.5))

    def test_further_channels_are_volumes_of_their_own(self, slicerScene, tmp_path):
        paths = tuple(
            write(tmp_path / f"{name}.nrrd", noise(GRIDS["flipped"], seed), GRIDS["flipped"])
            for seed, name in enumerate(("t1", "t2"))
        )
        case = Case(id="c", images=paths)
        nodes = allChannels(case)
        for node, path in zip(nodes, paths, strict=True):
            assert_shows(node, sitk.ReadImage(str(path)))
        assert allChannels(case) == nodes
        assert volumeOfCase(case) is nodes[0]

    def test_a_missing_file_is_told_with_the_case(self, slicerScene, tmp_path):
        case = Case(id="patient 7", images=(tmp_path / "gone.nrrd",))
        with pytest.raises(SceneError, match=r"Case patient 7: .*gone\.nrrd: there is no such"):
            loadCase(case)
        assert volumeOfCase(case) is None

    def test_a_file_slicer_cannot_read_leaves_no_node(self, slicerScene, tmp_path):
        path = tmp_path / "broken.nrrd"
        path.write_bytes(b"not an image")
        before = slicerScene.GetNumberOfNodes()
        with pytest.raises(SceneError, match=r"broken\.nrrd"):
            loadCase(Case(id="c", images=(path,)))
        assert slicerScene.GetNumberOfNodes() == before


class TestGrids:
    @pytest.mark.parametrize("name", GRIDS)
    def test_set_and_read_again(self, slicerScene, name):
        node = volume_on(GRIDS["axial"])
        setGrid(node, GRIDS[name])
        assert gridOfVolume(node).describe_difference(GRIDS[name], 1e-9) is None

    def test_parent_transforms_are_not_part_of_the_grid(self, slicerScene):
        node = volume_on(GRIDS["oblique"])
        node.SetAndObserveTransformNodeID(transform(AFFINE).GetID())
        assert gridOfVolume(node).describe_difference(GRIDS["oblique"], 1e-9) is None

    def test_nested_transforms_to_the_world(self, slicerScene):
        node = volume_on(GRIDS["axial"])
        outer = transform(AFFINE)
        node.SetAndObserveTransformNodeID(transform(RIGID, parent=outer).GetID())
        assert np.allclose(worldFromLocal(node), AFFINE @ RIGID)

    def test_a_bent_transform_is_refused_by_name(self, slicerScene):
        node = volume_on(GRIDS["axial"], name="odd")
        node.SetAndObserveTransformNodeID(bent_transform().GetID())
        with pytest.raises(SceneError, match='"odd" is under is not linear'):
            worldFromLocal(node)


class TestImageFileOf:
    def load(self, tmp_path, name="i.nrrd"):
        path = write(tmp_path / name, noise(GRIDS["oblique"]), GRIDS["oblique"])
        return path, slicer.util.loadVolume(str(path), properties={})

    def test_the_file_of_a_loaded_volume(self, slicerScene, tmp_path):
        path, node = self.load(tmp_path)
        assert imageFileOf(node) == path
        node.SetAndObserveTransformNodeID(transform(RIGID).GetID())
        assert imageFileOf(node) == path, "a transform does not change the file's own grid"

    def test_the_file_of_a_left_handed_image(self, slicerScene, tmp_path):
        # Slicer turns its slices round; the annotation is turned back.
        path = write(tmp_path / "i.nii.gz", noise(GRIDS["flipped"]), GRIDS["flipped"])
        node = slicer.util.loadVolume(str(path), properties={})
        assert not np.array_equal(voxels(node), sitk_array(path))
        assert imageFileOf(node) == path

    def test_none_after_voxels_were_changed(self, slicerScene, tmp_path):
        _path, node = self.load(tmp_path)
        voxels(node)[0, 0, 0] += 1
        slicer.util.arrayFromVolumeModified(node)
        assert imageFileOf(node) is None

    def test_none_after_it_was_centred(self, slicerScene, tmp_path):
        _path, node = self.load(tmp_path)
        node.SetOrigin(1, 2, 3)
        assert imageFileOf(node) is None

    def test_none_for_a_volume_without_file_or_with_a_lost_one(self, slicerScene, tmp_path):
        path, node = self.load(tmp_path)
        assert imageFileOf(volume_on(GRIDS["axial"])) is None
        path.unlink()
        assert imageFileOf(node) is None

    def test_the_file_of_a_volume_that_was_read_here(self, slicerScene, tmp_path):
        array = np.random.default_rng(0).integers(0, 255, (9, 11), dtype=np.uint8)
        path = tmp_path / "i.png"
        sitk.WriteImage(sitk.GetImageFromArray(array), str(path))
        node = loadCase(Case(id="c", images=(path,)))
        assert imageFileOf(node) == path
        voxels(node)[0, 0, 0] ^= 1
        assert imageFileOf(node) is None


class TestExportImage:
    @pytest.mark.parametrize("name", GRIDS)
    def test_what_simpleitk_reads_is_the_volume(self, slicerScene, tmp_path, name):
        node = volume_on(GRIDS[name])
        node.SetAndObserveTransformNodeID(transform(AFFINE).GetID())
        path = exportImage(node, tmp_path / "new" / "out.nrrd")
        assert_shows(node, sitk.ReadImage(str(path)))
        assert read_geometry(path).describe_difference(GRIDS[name], 1e-6) is None
        assert [each.name for each in path.parent.iterdir()] == ["out.nrrd"]

    def test_colours_stay(self, slicerScene, tmp_path):
        array = np.random.default_rng(0).integers(0, 255, (1, 9, 11, 3), dtype=np.uint8)
        node = slicer.util.addVolumeFromArray(array, nodeClassName="vtkMRMLVectorVolumeNode")
        path = exportImage(node, tmp_path / "out.nrrd")
        assert np.array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(path))), array)

    def test_a_folder_that_cannot_be_written_is_told(self, slicerScene, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(SceneError, match='Volume "volume" cannot be written'):
            exportImage(volume_on(GRIDS["axial"]), tmp_path / "file" / "out.nrrd")


class TestShowInViews:
    def test_does_nothing_without_views(self, slicerScene):
        before = slicerScene.GetNumberOfNodes()
        showInViews(volume_on(geometry(np.eye(3))))
        assert slicerScene.GetNumberOfNodes() == before + 2  # the volume and its display

    def test_slices_turn_to_the_volumes_own_axes(self, slicerScene, monkeypatch):
        node = volume_on(GRIDS["oblique"])
        view = slicerScene.AddNewNodeByClass("vtkMRMLSliceNode", "red")
        shown = []
        layout = types.SimpleNamespace(
            sliceViewNames=lambda: ["Red"],
            sliceWidget=lambda _name: types.SimpleNamespace(mrmlSliceNode=lambda: view),
        )
        monkeypatch.setattr(slicer, "app", types.SimpleNamespace(layoutManager=lambda: layout))
        monkeypatch.setattr(
            slicer.util, "setSliceViewerLayers", lambda **layers: shown.append(layers)
        )
        monkeypatch.setattr(slicer.util, "resetSliceViews", lambda: shown.append("reset"))
        showInViews(node)
        assert shown == [{"background": node}, "reset"]
        normal = arrayOf(view.GetSliceToRAS())[:3, 2]
        along = np.reshape(GRIDS["oblique"].direction, (3, 3)).T @ (normal * [-1, -1, 1])
        assert np.allclose(np.sort(np.abs(along)), [0, 0, 1], atol=1e-6)


class TestBindVolume:
    def test_a_bound_volume_is_the_cases(self, slicerScene, tmp_path):
        path = write(tmp_path / "i.nrrd", noise(GRIDS["oblique"]), GRIDS["oblique"])
        case = Case(id="c", images=(path,))
        node = slicer.util.loadVolume(str(path), properties={})
        bindVolume(node, case, tmp_path / "cohort.json")
        assert loadCase(case) is node

    def test_a_volume_of_other_voxels_is_refused(self, slicerScene, tmp_path):
        path = write(tmp_path / "i.nrrd", noise(GRIDS["oblique"]), GRIDS["oblique"])
        node = volume_on(geometry(np.eye(3), size=(11, 9, 6)))
        with pytest.raises(SceneError, match="11 x 9 x 6 voxels, its image file 11 x 9 x 7"):
            bindVolume(node, Case(id="c", images=(path,)))
