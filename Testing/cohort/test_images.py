"""Reading and writing images: formats, channels, geometry, and errors that name the file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from SemiWeakSegLib.cohort import (
    Geometry,
    ImageError,
    read_geometry,
    read_header,
    read_image,
    read_label,
    stem_of,
    write_label,
    write_scalar,
)
from SemiWeakSegLib.cohort.images import read_label_values
from Testing.cohort.files import ROTATION, blocks, noise, write, write_series

OBLIQUE = Geometry(
    size=(8, 7, 6),
    spacing=(0.7, 1.1, 5.0),
    origin=(-12.5, 40.25, 3.0),
    direction=tuple((ROTATION @ np.diag([1.0, -1.0, 1.0])).ravel()),
)


class TestNames:
    @pytest.mark.parametrize(
        ("name", "stem"),
        [
            ("a.nii.gz", "a"),
            ("a.b.nii", "a.b"),
            ("x/y.PNG", "y"),
            ("seg.seg.nrrd", "seg"),
            ("patient.001", "patient.001"),
            (".nii.gz", ".nii.gz"),
        ],
    )
    def test_stem(self, name, stem):
        assert stem_of(name) == stem


class TestReading:
    @pytest.mark.parametrize("suffix", [".nii.gz", ".nii", ".nrrd", ".mha", ".mhd"])
    def test_volume(self, tmp_path, suffix):
        array = noise()
        path = write(
            tmp_path / f"a{suffix}", array, OBLIQUE.spacing, OBLIQUE.origin, OBLIQUE.direction
        )
        image, geometry = read_image(path)
        assert image.dtype == np.float32
        assert np.array_equal(image, array[np.newaxis])
        assert OBLIQUE.describe_difference(geometry, 1e-4) is None
        assert OBLIQUE.describe_difference(read_geometry(path), 1e-4) is None

    @pytest.mark.parametrize("suffix", [".png", ".tif", ".tiff"])
    def test_grey_picture(self, tmp_path, suffix):
        array = np.arange(35, dtype=np.uint8).reshape(5, 7)
        path = write(tmp_path / f"a{suffix}", array)
        image, geometry = read_image([path])
        assert np.array_equal(image, array[np.newaxis].astype(np.float32))
        assert geometry.array_shape == (5, 7)
        assert not read_header(path).has_geometry

    @pytest.mark.parametrize("suffix", [".png", ".tif"])
    def test_colours_become_channels(self, tmp_path, suffix):
        array = np.random.default_rng(0).integers(0, 255, (5, 7, 3)).astype(np.uint8)
        path = write(tmp_path / f"a{suffix}", array, vector=True)
        image, _ = read_image(path)
        assert np.array_equal(image, np.moveaxis(array, -1, 0))
        assert read_header(path).channels == 3

    def test_fourth_dimension_becomes_channels(self, tmp_path):
        array = noise((2, 3, 4, 5))
        image4 = sitk.JoinSeries([sitk.GetImageFromArray(volume) for volume in array])
        path = tmp_path / "four.nii.gz"
        sitk.WriteImage(image4, str(path))
        image, geometry = read_image(path)
        assert np.array_equal(image, array)
        assert geometry.array_shape == (3, 4, 5)
        assert read_header(path).channels == 2
        assert read_header(path).geometry == geometry

    def test_several_files_are_channels_in_order(self, tmp_path):
        paths = [write(tmp_path / f"{index}.nii.gz", noise(seed=index)) for index in range(3)]
        image, _ = read_image(paths[::-1])
        assert np.array_equal(image, np.stack([noise(seed=index) for index in (2, 1, 0)]))

    def test_single_slice_volume_keeps_three_dimensions(self, tmp_path):
        path = write(tmp_path / "one.nii.gz", noise((1, 7, 8)))
        assert read_image(path)[0].shape == (1, 1, 7, 8)
        assert read_header(path).dimension == 3

    def test_dicom_series_is_sorted_by_position(self, tmp_path):
        volume = write_series(tmp_path / "series", [0.0, 3.0, 6.0, 9.0])
        image, geometry = read_image(tmp_path / "series")
        assert np.array_equal(image[0], volume)
        assert np.allclose(geometry.spacing, (0.8, 0.9, 3.0))
        assert np.allclose(geometry.direction_matrix, ROTATION)
        assert read_header(tmp_path / "series").geometry.describe_difference(geometry, 1e-6) is None

    def test_two_series_in_a_folder_are_refused(self, tmp_path):
        write_series(tmp_path / "a", [0.0, 3.0], uid="1")
        write_series(tmp_path / "b", [0.0, 3.0], uid="2")
        for path in (tmp_path / "b").iterdir():
            path.rename(tmp_path / "a" / f"b{path.name}")
        with pytest.raises(ImageError, match="2 DICOM series"):
            read_header(tmp_path / "a")

    def test_channels_on_different_grids_are_refused(self, tmp_path):
        first = write(tmp_path / "a.nii.gz", noise())
        second = write(tmp_path / "b.nii.gz", noise(), spacing=(1.0, 1.0, 2.0))
        with pytest.raises(ImageError, match=r"b\.nii\.gz.*spacing"):
            read_image([first, second])

    def test_unreadable_missing_and_empty(self, tmp_path):
        bad = tmp_path / "bad.nii.gz"
        bad.write_bytes(b"no image")
        for read in (read_header, read_image):
            with pytest.raises(ImageError, match=r"bad\.nii\.gz: cannot be read"):
                read(bad)
            with pytest.raises(ImageError, match=r"none\.nii: there is no such file"):
                read(tmp_path / "none.nii")
            with pytest.raises(ImageError, match="no DICOM series"):
                read(tmp_path)


class TestLabels:
    def test_float_label_with_whole_numbers(self, tmp_path):
        path = write(tmp_path / "l.nii.gz", blocks().astype(np.float32))
        label, _ = read_label(path)
        assert label.dtype == np.uint8
        assert np.array_equal(label, blocks())

    @pytest.mark.parametrize("value", [0.5, np.nan, np.inf])
    def test_broken_values_are_refused(self, tmp_path, value):
        label = blocks().astype(np.float32)
        label[0, 0, 0] = value
        path = write(tmp_path / "l.nii.gz", label)
        with pytest.raises(ImageError, match=r"l\.nii\.gz: label values are not integers"):
            read_label(path)

    def test_values_out_of_range_are_refused_but_can_be_read_to_be_mapped(self, tmp_path):
        path = write(tmp_path / "l.nii.gz", blocks().astype(np.int16) * 250)
        with pytest.raises(ImageError, match="0 to 500"):
            read_label(path)
        assert read_label_values(path)[0].max() == 500

    def test_grey_saved_as_colour_is_a_label_but_colours_are_not(self, tmp_path):
        label = blocks((5, 8))
        grey = write(tmp_path / "grey.png", np.stack([label] * 3, axis=-1), vector=True)
        assert np.array_equal(read_label(grey)[0], label)
        colours = np.stack([label, label, label * 2], axis=-1)
        with pytest.raises(ImageError, match="components"):
            read_label(write(tmp_path / "colour.png", colours, vector=True))


class TestWriting:
    @pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
    @pytest.mark.parametrize("flip", [(1, 1, 1), (-1, 1, 1), (1, -1, -1)])
    def test_geometry_round_trip(self, tmp_path, suffix, flip):
        geometry = Geometry(
            OBLIQUE.size,
            OBLIQUE.spacing,
            OBLIQUE.origin,
            tuple((OBLIQUE.direction_matrix * flip).ravel()),
        )
        write_label(tmp_path / f"l{suffix}", blocks(), geometry)
        label, read = read_label(tmp_path / f"l{suffix}")
        assert np.array_equal(label, blocks())
        assert geometry.describe_difference(read, 1e-4) is None
        values = noise().astype(np.float64)
        write_scalar(tmp_path / f"s{suffix}", values, geometry)
        assert np.array_equal(read_image(tmp_path / f"s{suffix}")[0][0], values.astype(np.float32))

    @pytest.mark.parametrize("suffix", [".nii.gz", ".mha"])
    def test_oblique_two_dimensional(self, tmp_path, suffix):
        turn = (np.cos(0.3), -np.sin(0.3), np.sin(0.3), np.cos(0.3))
        geometry = Geometry((8, 5), (0.5, 0.7), (3.0, -2.0), turn)
        write_label(tmp_path / f"l{suffix}", blocks((5, 8)), geometry)
        label, read = read_label(tmp_path / f"l{suffix}")
        assert np.array_equal(label, blocks((5, 8)))
        assert geometry.describe_difference(read, 1e-4) is None

    def test_nothing_but_the_file_is_left(self, tmp_path):
        write_label(tmp_path / "l.nii.gz", blocks(), OBLIQUE)
        with pytest.raises(ValueError, match=r"l\.png: a picture holds one slice"):
            write_label(tmp_path / "l.png", blocks((6, 7, 8)), OBLIQUE)
        assert [path.name for path in tmp_path.iterdir()] == ["l.nii.gz"]

    def test_wrong_shape_values_and_suffix(self, tmp_path):
        with pytest.raises(ValueError, match="shape"):
            write_label(tmp_path / "l.nii.gz", blocks((6, 7, 9)), OBLIQUE)
        with pytest.raises(ValueError, match="300"):
            write_label(tmp_path / "l.nii.gz", blocks().astype(int) * 150, OBLIQUE)
        with pytest.raises(ValueError, match="one file"):
            write_label(tmp_path / "l.mhd", blocks(), OBLIQUE)
        assert list(tmp_path.iterdir()) == []


class TestGeometry:
    def test_physical_points_agree_with_simpleitk(self):
        image = OBLIQUE.stamp(sitk.GetImageFromArray(blocks()))
        indices = np.array([[0, 0, 0], [7, 0, 3], [2, 6, 5]])
        expected = [image.TransformIndexToPhysicalPoint(index.tolist()) for index in indices]
        assert np.allclose(OBLIQUE.to_physical(indices), expected)
        assert OBLIQUE.array_shape == (6, 7, 8)
        assert OBLIQUE.array_spacing == (5.0, 1.1, 0.7)
        assert OBLIQUE.voxel_size == pytest.approx(0.7 * 1.1 * 5.0)

    def test_there_and_back_also_where_directions_are_rounded(self):
        rounded = tuple(round(value, 3) for value in OBLIQUE.direction)
        for geometry in (OBLIQUE, replace(OBLIQUE, direction=rounded)):
            indices = np.random.default_rng(0).uniform(-3, 12, (5, 3))
            assert np.allclose(geometry.to_indices(geometry.to_physical(indices)), indices)

    def test_the_voxel_that_holds_a_point_agrees_with_simpleitk(self):
        image = OBLIQUE.stamp(sitk.GetImageFromArray(blocks()))
        indices = np.random.default_rng(0).uniform(-2, 9, (200, 3))
        points = OBLIQUE.to_physical(indices)
        found = OBLIQUE.holding_voxels(points)
        outside = 0
        for point, voxel in zip(points, found, strict=True):
            expected = image.TransformPhysicalPointToIndex(point.tolist())
            if all(0 <= n < size for n, size in zip(expected, OBLIQUE.size, strict=True)):
                assert tuple(voxel[::-1]) == expected
            else:
                assert voxel.tolist() == [-1, -1, -1]
                outside += 1
        assert 50 < outside < 180

    def test_a_point_on_the_outer_face_belongs_to_the_voxel_within(self):
        faces = OBLIQUE.to_physical(np.array([[-0.5, 0, 0], [7.5, 6.5, 5.5], [7.6, 0, 0]]))
        assert OBLIQUE.holding_voxels(faces).tolist() == [[0, 0, 0], [5, 6, 7], [-1, -1, -1]]

    def test_rounding_is_no_difference(self):
        rounded = Geometry(
            OBLIQUE.size,
            tuple(np.float32(value) for value in OBLIQUE.spacing),
            tuple(value + 1e-3 for value in OBLIQUE.origin),
            OBLIQUE.direction,
        )
        assert OBLIQUE.describe_difference(rounded) is None

    def test_differences_are_told_by_how_much(self):
        plain = Geometry((10, 10, 10), (1.0,) * 3, (0.0,) * 3, tuple(np.eye(3).ravel()))

        def against(**changes) -> str:
            return plain.describe_difference(Geometry(**{**vars(plain), **changes}))

        assert "size 10 x 10 x 11" in against(size=(10, 10, 11))
        assert "spacing 1 x 1 x 2 mm" in against(spacing=(1.0, 1.0, 2.0))
        assert "corners up to 9 mm apart" in against(spacing=(1.0, 1.0, 2.0))
        assert "origin 5 mm away" in against(origin=(3.0, 4.0, 0.0))
        angle = np.radians(5.0)
        turned = np.eye(3)
        turned[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        assert "up to 5 degrees" in against(direction=tuple(turned.ravel()))
        flat = Geometry((10, 10), (1.0,) * 2, (0.0,) * 2, (1.0, 0.0, 0.0, 1.0))
        assert plain.describe_difference(flat) == "2-D against 3-D"

    def test_pictures_without_geometry_compare_by_size(self, tmp_path):
        png = read_header(write(tmp_path / "a.png", blocks((5, 8)), spacing=(0.1, 0.1)))
        mha = read_header(write(Path(tmp_path / "a.mha"), blocks((5, 8)), spacing=(0.4, 0.4)))
        small = read_header(write(tmp_path / "b.png", blocks((5, 6))))
        assert png.describe_difference(mha) is None
        assert "size" in png.describe_difference(small)
