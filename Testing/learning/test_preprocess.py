"""Resampling of images and labels, normalisation, and the way back."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from SemiWeakSegLib.learning.preprocess import (
    label_to_grid,
    normalise,
    prepare_image,
    resample,
    resample_label,
    restore,
)
from SemiWeakSegLib.learning.thinning import thin
from Testing.learning.scans import PER_VOLUME, ball, dice, make_plan, save


def resample_with_simpleitk(array: np.ndarray, shape: tuple[int, ...], how: int) -> np.ndarray:
    """The same field of view on another grid, by ITK."""
    image = sitk.GetImageFromArray(array)
    factors = [before / after for before, after in zip(array.shape, shape, strict=True)][::-1]
    return sitk.GetArrayFromImage(
        sitk.Resample(
            image,
            list(shape[::-1]),
            sitk.Transform(),
            how,
            [(factor - 1) / 2 for factor in factors],
            factors,
            image.GetDirection(),
        )
    )


class TestResample:
    def test_enlarging_is_linear_interpolation_with_common_edges(self):
        array = np.random.default_rng(0).normal(size=(5, 6, 7)).astype(np.float32)
        shape = (10, 12, 21)
        found = resample(array[None], shape)[0]
        expected = resample_with_simpleitk(array, shape, sitk.sitkLinear)
        inner = (slice(2, -2),) * 3  # ITK calls the outermost half voxel outside
        assert np.allclose(found[inner], expected[inner], atol=1e-5)

    @pytest.mark.parametrize("shape", [(9, 31), (20, 40), (13, 77)])
    def test_centre_of_a_blob_stays_where_it_is(self, shape):
        rows, columns = np.meshgrid(np.arange(40), np.arange(40), indexing="ij")
        blob = np.exp(-((rows - 22.0) ** 2 + (columns - 17.0) ** 2) / 50).astype(np.float32)
        found = resample(blob[None], shape)[0]
        weights = found / found.sum()
        centre = [(weights.sum(axis=1 - k) * np.arange(n)).sum() for k, n in enumerate(shape)]
        expected = [(c + 0.5) * n / 40 - 0.5 for c, n in zip((22, 17), shape, strict=True)]
        assert centre == pytest.approx(expected, abs=0.05)

    def test_shrinking_does_not_alias(self):
        stripes = np.tile([0.0, 1.0], 32).astype(np.float32)[None].repeat(64, axis=0)
        found = resample(stripes[None], (64, 16))[0]
        assert found[:, 2:-2].std() < 0.05
        assert found.mean() == pytest.approx(0.5, abs=0.02)

    def test_same_shape_changes_nothing(self):
        array = np.random.default_rng(0).normal(size=(2, 5, 6)).astype(np.float32)
        assert np.array_equal(resample(array, (5, 6)), array)


class TestResampleLabel:
    @pytest.mark.parametrize("shape", [(24, 33), (41, 60), (20, 20), (39, 38), (60, 15)])
    def test_follows_the_image_it_belongs_to(self, shape):
        label = ball((40, 40), (18.0, 22.5), 12).astype(np.uint8)
        found = resample_label(label[None], shape, 2)[0]
        smooth = resample(label.astype(np.float32)[None], shape)[0] > 0.5
        assert dice(found == 1, smooth) > 0.97

    @pytest.mark.parametrize("after", [34, 33, 30, 36, 37, 70])
    def test_edges_do_not_move_towards_one_end(self, after):
        # A block that is symmetric about the middle stays so.
        label = np.zeros((1, 35, 4), dtype=np.uint8)
        label[0, 5:30] = 1
        found = resample_label(label, (after, 4), 2)[0, :, 0]
        inside = np.flatnonzero(found)
        before = inside[0] / after * 35
        behind = (after - 1 - inside[-1]) / after * 35
        assert before == pytest.approx(behind, abs=1e-9)
        assert before == pytest.approx(5, abs=0.6)

    @pytest.mark.parametrize("shape", [(16, 16), (11, 13), (45, 47), (47, 9), (24, 90)])
    @pytest.mark.parametrize("line", ["row", "column", "diagonal"])
    def test_thin_strokes_survive(self, shape, line):
        label = np.full((1, 48, 48), 255, dtype=np.uint8)
        along = np.arange(6, 42)
        places = {"row": (20, along), "column": (along, 31), "diagonal": (along, along)}[line]
        label[(0, *places)] = 2
        found = resample_label(label, shape, 3)[0]
        assert set(np.unique(found)) == {2, 255}
        covered = np.zeros(shape, dtype=bool)
        steps = [n / 48 for n in shape]
        rows, columns = np.broadcast_arrays(*places)
        covered[
            np.minimum(((rows + 0.5) * steps[0]).astype(int), shape[0] - 1),
            np.minimum(((columns + 0.5) * steps[1]).astype(int), shape[1] - 1),
        ] = True
        near = np.zeros_like(covered)
        for up in (-1, 0, 1):
            for side in (-1, 0, 1):
                near |= np.roll(found == 2, (up, side), axis=(0, 1))
        assert not (covered & ~near).any()

    @pytest.mark.parametrize("place", [(0, 0, 0), (3, 17, 8), (11, 29, 19), (5, 14, 14)])
    @pytest.mark.parametrize("shape", [(12, 30, 20), (4, 10, 7), (11, 29, 19), (24, 9, 20)])
    def test_a_single_voxel_survives_and_does_not_spread(self, place, shape):
        label = np.full((1, 12, 30, 20), 255, dtype=np.uint8)
        label[(0, *place)] = 1
        found = resample_label(label, shape, 2)[0]
        count = np.count_nonzero(found == 1)
        most = np.prod(
            [max(2.0, np.ceil(a / b) + 1) for a, b in zip(shape, (12, 30, 20), strict=True)]
        )
        assert 1 <= count <= most

    def test_a_voxel_does_not_mark_a_neighbour_it_hardly_reaches_into(self):
        label = np.full((1, 25, 3), 255, dtype=np.uint8)
        label[0, 1] = 1  # covers 40 % of the first of 15 rows and 20 % of the second
        found = resample_label(label, (15, 3), 2)[0, :, 0]
        assert np.flatnonzero(found == 1).tolist() == [0]

    def test_a_slice_outlined_in_a_stack_does_not_reach_into_the_next(self):
        label = np.full((1, 8, 32, 32), 255, dtype=np.uint8)
        label[0, 3] = ball((32, 32), (16, 16), 9)
        found = resample_label(label, (16, 16, 16), 2)[0]
        annotated = np.flatnonzero((found != 255).any(axis=(1, 2)))
        assert annotated.tolist() == [6, 7]

    def test_unlabeled_stays_unlabeled_where_it_is_most_of_a_voxel(self):
        label = np.full((1, 10, 10), 255, dtype=np.uint8)
        label[0, :, :5] = 0
        found = resample_label(label, (20, 20), 2)[0]
        assert (found[:, :10] == 0).all()
        assert (found[:, 10:] == 255).all()

    def test_same_shape_changes_nothing(self):
        label = np.random.default_rng(0).integers(0, 3, (2, 5, 6)).astype(np.uint8)
        assert np.array_equal(resample_label(label, (5, 6), 3), label)

    def test_all_unlabeled_gives_all_unlabeled(self):
        label = np.full((1, 9, 9), 255, dtype=np.uint8)
        assert (resample_label(label, (4, 12), 3) == 255).all()


class TestNormalise:
    def test_volumes_whose_maxima_differ_a_thousandfold_come_out_alike(self):
        values = np.random.default_rng(0).gamma(2.0, 100.0, (20, 20, 20)).astype(np.float32)
        small = normalise(values, PER_VOLUME)
        big = normalise(values * 1000, PER_VOLUME)
        assert np.allclose(small, big, atol=1e-4)
        assert small.mean() == pytest.approx(0, abs=1e-3)
        assert small.std() == pytest.approx(1, abs=1e-3)

    @pytest.mark.parametrize("value", [0.0, -1024.0, 7e6])
    def test_a_constant_image_becomes_zero(self, value):
        assert not normalise(np.full((4, 5, 6), value, dtype=np.float32), PER_VOLUME).any()

    def test_a_constant_background_does_not_enter_the_statistics(self):
        body = np.random.default_rng(0).normal(500, 50, (10, 10, 10)).astype(np.float32)
        padded = np.zeros((30, 30, 30), dtype=np.float32)
        padded[10:20, 10:20, 10:20] = body
        found = normalise(padded, PER_VOLUME)
        assert np.allclose(found[10:20, 10:20, 10:20], normalise(body, PER_VOLUME), atol=0.02)
        assert found[0, 0, 0] == pytest.approx(found.min())

    def test_outliers_are_clipped(self):
        values = np.random.default_rng(0).normal(0, 1, 10000).astype(np.float32)
        values[:10] = 1e6
        assert normalise(values, PER_VOLUME).max() < 5

    def test_ct_keeps_hounsfield_units_comparable_between_cases(self):
        scheme = {"scheme": "fixed", "low": -150.0, "high": 250.0, "mean": 50.0, "std": 100.0}
        values = np.array([-1024.0, -150.0, 50.0, 150.0, 3000.0], dtype=np.float32)
        assert normalise(values, scheme).tolist() == [-2.0, -2.0, 0.0, 1.0, 2.0]


class TestThin:
    def test_keeps_small_arrays_whole(self):
        assert np.array_equal(thin(np.arange(12).reshape(3, 4), 100), np.arange(12))

    @pytest.mark.parametrize("shape", [(100, 20, 50), (64, 64, 64), (7, 200, 30), (1, 512, 512)])
    def test_visits_all_columns(self, shape):
        columns = np.broadcast_to(np.arange(shape[-1]), shape)
        kept = thin(columns, columns.size // shape[-1])
        assert len(np.unique(kept)) == shape[-1]
        assert kept.mean() == pytest.approx((shape[-1] - 1) / 2, rel=0.02)


class TestPrepareImage:
    def test_window_and_floor_are_those_of_the_normalised_image(self, tmp_path):
        values = np.random.default_rng(0).normal(size=(6, 20, 20)).astype(np.float32)
        path = save(tmp_path / "a.nii.gz", values)
        prepared = prepare_image((path,), make_plan(3, (8, 8, 8), intensity=[PER_VOLUME]))
        assert prepared.image.shape == (1, 1, 6, 20, 20)
        assert prepared.floor.tolist() == [prepared.image.min()]
        assert prepared.window[0] == pytest.approx(np.percentile(prepared.image, [0.5, 99.5]))

    def test_window_of_a_nearly_constant_image_is_its_range(self, tmp_path):
        values = np.zeros((40, 40, 40), dtype=np.float32)
        values[3, 3, 3:5] = 9
        prepared = prepare_image((save(tmp_path / "a.nii.gz", values),), make_plan(3, (8, 8, 8)))
        assert prepared.window.tolist() == [[0.0, 9.0]]

    def test_channels_are_normalised_one_by_one(self, tmp_path):
        source = np.random.default_rng(0)
        paths = tuple(
            save(tmp_path / f"{k}.nii.gz", source.normal(10.0**k, 10.0**k, (5, 9, 9)))
            for k in range(3)
        )
        plan = make_plan(3, (8, 8, 8), channels_in=3, intensity=[PER_VOLUME] * 3)
        image = prepare_image(paths, plan).image
        assert image.mean(axis=(1, 2, 3, 4)) == pytest.approx([0, 0, 0], abs=1e-3)
        assert image.std(axis=(1, 2, 3, 4)) == pytest.approx([1, 1, 1], abs=1e-3)

    def test_a_wrong_number_of_channels_names_the_file(self, tmp_path):
        path = save(tmp_path / "two.nii.gz", np.zeros((5, 9, 9), np.float32))
        plan = make_plan(3, (8, 8, 8), channels_in=2, intensity=[PER_VOLUME] * 2)
        with pytest.raises(ValueError, match=r"two\.nii\.gz: 1 channels; the model was made for 2"):
            prepare_image((path,), plan)

    def test_a_picture_given_to_a_model_for_volumes_is_refused(self, tmp_path):
        path = save(tmp_path / "flat.mha", np.zeros((9, 9), np.float32))
        with pytest.raises(ValueError, match="a 2-D image; the model was made for volumes"):
            prepare_image((path,), make_plan(3, (8, 8, 8)))

    def test_a_label_of_another_size_names_the_file(self, tmp_path):
        image = save(tmp_path / "a.nii.gz", np.zeros((5, 9, 9), np.float32))
        label = save(tmp_path / "b.nii.gz", np.zeros((5, 9, 8), np.uint8))
        prepared = prepare_image((image,), make_plan(3, (8, 8, 8)))
        with pytest.raises(ValueError, match=r"b\.nii\.gz: label map of"):
            label_to_grid(label, prepared.layout, 3)


class TestRestore:
    def test_is_the_inverse_where_nothing_is_resampled(self, tmp_path):
        direction = np.array([[0, 0, 1], [-1, 0, 0], [0, 1, 0]], dtype=float)
        array = np.random.default_rng(0).normal(size=(4, 5, 6)).astype(np.float32)
        path = save(tmp_path / "a.nii.gz", array, direction=direction)
        prepared = prepare_image((path,), make_plan(3, (8, 8, 8)))
        back = restore(torch.from_numpy(prepared.image), prepared.layout)
        assert np.array_equal(back[0], array)

    def test_gives_the_images_own_shape_after_resampling(self, tmp_path):
        path = save(tmp_path / "a.nii.gz", np.zeros((4, 15, 26), np.float32), spacing=(0.6, 1.3, 4))
        prepared = prepare_image((path,), make_plan(3, (8, 8, 8)))
        scores = torch.rand(3, *prepared.image.shape[1:])
        assert restore(scores, prepared.layout).shape == (3, 4, 15, 26)

    def test_planned_shape_never_vanishes(self, tmp_path):
        path = save(tmp_path / "a.nii.gz", np.zeros((1, 9, 9), np.float32), spacing=(1, 1, 0.2))
        header = prepare_image((path,), make_plan(3, (8, 8, 8))).layout
        assert header.planned_shape == (1, 9, 9)
