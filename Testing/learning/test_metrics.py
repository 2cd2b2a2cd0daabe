"""Dice, HD95, ASSD and volume difference against shapes with known answers and other people's."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from monai.metrics import HausdorffDistanceMetric, SurfaceDistanceMetric
from scipy.spatial.distance import cdist

from SemiWeakSegLib.learning.metrics import (
    dice_score,
    mean_dice,
    measure_case,
    measure_class,
    surface_points,
)


def box(shape: tuple[int, ...], start: tuple[int, ...], size: tuple[int, ...]) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[tuple(slice(a, a + n) for a, n in zip(start, size, strict=True))] = True
    return mask


def ball(
    shape: tuple[int, ...], spacing: tuple[float, ...], center: tuple[float, ...], radius: float
) -> np.ndarray:
    axes = [np.arange(n) * step for n, step in zip(shape, spacing, strict=True)]
    grid = np.meshgrid(*axes, indexing="ij")
    return sum((x - c) ** 2 for x, c in zip(grid, center, strict=True)) <= radius**2


def surface_by_neighbours(mask: np.ndarray) -> np.ndarray:
    """The surface voxels by looking at every voxel's neighbours, one at a time."""
    found = []
    for voxel in np.argwhere(mask):
        for axis in range(mask.ndim):
            for step in (-1, 1):
                neighbour = voxel.copy()
                neighbour[axis] += step
                inside = 0 <= neighbour[axis] < mask.shape[axis]
                if not inside or not mask[tuple(neighbour)]:
                    found.append(tuple(voxel))
    return np.array(sorted(set(found)), dtype=float)


def blob(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """A ragged random object that may touch the border."""
    smooth = rng.normal(size=shape)
    for axis in range(len(shape)):
        smooth = smooth + np.roll(smooth, 1, axis) + np.roll(smooth, -1, axis)
    return smooth > np.quantile(smooth, 0.8)


class TestDice:
    def test_shifted_boxes(self):
        a = box((10, 10), (2, 2), (4, 4))
        b = box((10, 10), (2, 3), (4, 4))
        assert dice_score(a, b) == 2 * 12 / 32

    def test_nothing_on_either_side_is_not_a_number(self):
        empty = np.zeros((3, 3), bool)
        assert dice_score(empty, empty) is None

    def test_mean_leaves_out_what_does_not_count(self):
        full = box((6, 6), (1, 1), (3, 3))
        same = measure_class(full, full, (1, 1))
        missed = measure_class(np.zeros_like(full), full, (1, 1))
        assert mean_dice([same, None, missed]) == 0.5
        assert mean_dice([None]) is None


class TestDistances:
    def test_box_moved_along_a_thick_axis(self):
        a = box((30, 40, 40), (5, 8, 8), (12, 20, 20))
        b = box((30, 40, 40), (8, 8, 8), (12, 20, 20))
        # The far faces hold 400 of the 1560 surface voxels: above the 95th percentile.
        result = measure_class(a, b, (2.5, 0.7, 0.7))
        assert result.hd95 == pytest.approx(3 * 2.5)

    def test_concentric_spheres_differ_by_their_radii(self):
        shape, spacing = (60, 80, 100), (1.0, 0.75, 0.6)
        center = (29.5, 29.6, 29.7)
        small, large = ball(shape, spacing, center, 15), ball(shape, spacing, center, 23)
        result = measure_class(large, small, spacing)
        assert result.hd95 == pytest.approx(8, abs=0.75)
        assert result.assd == pytest.approx(8, abs=0.35)
        expected = 4 / 3 * math.pi * (23**3 - 15**3) / 1000
        assert result.volume_difference == pytest.approx(expected, rel=0.01)

    @pytest.mark.parametrize(
        ("shape", "spacing"),
        [((12, 15), (1.0, 0.4)), ((7, 9, 11), (1.0, 1.0, 1.0)), ((5, 12, 10), (6.0, 0.8, 1.3))],
    )
    def test_equal_to_all_pairs(self, shape, spacing):
        rng = np.random.default_rng(3)
        a, b = blob(rng, shape), blob(rng, shape)
        pairs = cdist(surface_by_neighbours(a) * spacing, surface_by_neighbours(b) * spacing)
        to_b, to_a = pairs.min(axis=1), pairs.min(axis=0)
        result = measure_class(a, b, spacing)
        assert result.hd95 == pytest.approx(max(np.percentile(to_b, 95), np.percentile(to_a, 95)))
        assert result.assd == pytest.approx(np.concatenate([to_b, to_a]).mean())

    @pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (5.0, 0.9, 1.2)])
    def test_equal_to_monai(self, spacing):
        rng = np.random.default_rng(11)
        a, b = blob(rng, (9, 20, 22)), blob(rng, (9, 20, 22))
        tensors = [torch.from_numpy(mask)[None, None].float() for mask in (a, b)]
        arguments = {"spacing": list(spacing)}
        hausdorff = HausdorffDistanceMetric(include_background=True, percentile=95)
        surface = SurfaceDistanceMetric(include_background=True, symmetric=True)
        result = measure_class(a, b, spacing)
        assert result.hd95 == pytest.approx(float(hausdorff(*tensors, **arguments)), rel=1e-5)
        assert result.assd == pytest.approx(float(surface(*tensors, **arguments)), rel=1e-5)

    def test_symmetric(self):
        rng = np.random.default_rng(5)
        a, b = blob(rng, (10, 12, 9)), blob(rng, (10, 12, 9))
        there, back = measure_class(a, b, (2, 1, 1)), measure_class(b, a, (2, 1, 1))
        assert (there.hd95, there.dice) == (back.hd95, back.dice)
        assert there.assd == pytest.approx(back.assd)
        assert there.volume_difference == -back.volume_difference

    def test_far_apart_is_not_cropped_away(self):
        a, b = np.zeros((3, 3, 400), bool), np.zeros((3, 3, 400), bool)
        a[1, 1, 0] = b[1, 1, 399] = True
        assert measure_class(a, b, (1, 1, 0.5)).hd95 == pytest.approx(199.5)

    def test_single_slice_is_measured_in_its_plane(self):
        a = box((30, 30), (5, 5), (12, 12))
        b = box((30, 30), (5, 8), (12, 12))
        flat = measure_class(a, b, (1, 1))
        as_volume = measure_class(a[:, None], b[:, None], (1, 8, 1))
        assert (as_volume.hd95, as_volume.assd) == (flat.hd95, flat.assd)
        assert flat.assd > 0


class TestVolumes:
    def test_millilitres_signed_and_in_percent(self):
        truth = box((10, 20, 20), (0, 0, 0), (5, 10, 10))
        prediction = box((10, 20, 20), (0, 0, 0), (4, 10, 10))
        result = measure_class(prediction, truth, (4.0, 2.0, 2.5))
        assert result.truth_volume == pytest.approx(500 * 20 / 1000)
        assert result.volume_difference == pytest.approx(-100 * 20 / 1000)
        assert result.volume_difference_percent == pytest.approx(-20)

    def test_square_centimetres_in_2d(self):
        truth = box((20, 20), (0, 0), (10, 10))
        result = measure_class(truth, truth, (2.0, 3.0))
        assert result.truth_volume == pytest.approx(100 * 6 / 100)


class TestAbsentClasses:
    def test_absent_on_both_sides_is_not_counted(self):
        empty = np.zeros((4, 4, 4), bool)
        assert measure_class(empty, empty, (1, 1, 1)) is None

    def test_missed(self):
        truth = box((8, 8, 8), (2, 2, 2), (3, 3, 3))
        result = measure_class(np.zeros_like(truth), truth, (1, 1, 1))
        assert (result.dice, result.hd95, result.assd) == (0.0, None, None)
        assert result.missed and not result.false_alarm
        assert result.volume_difference_percent == pytest.approx(-100)

    def test_false_alarm(self):
        prediction = box((8, 8, 8), (2, 2, 2), (3, 3, 3))
        result = measure_class(prediction, np.zeros_like(prediction), (1, 1, 1))
        assert (result.dice, result.hd95, result.volume_difference_percent) == (0.0, None, None)
        assert result.false_alarm and not result.missed

    def test_case_lists_every_class_asked_for(self):
        label = np.zeros((6, 6), np.uint8)
        label[1:4, 1:4] = 2
        result = measure_case(label, label, (1, 1), (1, 2))
        assert result[1] is None
        assert result[2].dice == 1.0


class TestUnlabeledVoxels:
    def test_wrong_prediction_where_nobody_looked_does_not_count(self):
        truth = np.zeros((20, 20), np.uint8)
        truth[4:10, 4:10] = 1
        truth[:, 14:] = 255
        prediction = (truth == 1).astype(np.uint8)
        prediction[3:9, 15:19] = 1
        result = measure_case(prediction, truth, (1, 1), (1,))[1]
        assert (result.dice, result.hd95, result.assd) == (1.0, 0.0, 0.0)
        assert result.volume_difference == 0

    def test_border_of_the_unlabeled_part_is_no_surface(self):
        mask = box((12, 12), (3, 3), (6, 6))
        unknown = box((12, 12), (0, 9), (12, 3))
        points = {tuple(point) for point in surface_points(mask, (1, 1), unknown)}
        assert (5.0, 8.0) not in points
        assert (5.0, 3.0) in points and (3.0, 8.0) in points

    def test_object_that_goes_on_into_the_unlabeled_part(self):
        truth = np.zeros((30, 40), np.uint8)
        truth[5:25, 5:20] = 1
        truth[:, 20:] = 255
        prediction = np.zeros_like(truth)
        prediction[5:25, 5:35] = 1
        result = measure_case(prediction, truth, (1, 1), (1,))[1]
        assert (result.dice, result.hd95) == (1.0, 0.0)

    def test_all_unlabeled_counts_nothing(self):
        truth = np.full((5, 5), 255, np.uint8)
        assert measure_case(np.ones_like(truth), truth, (1, 1), (1,)) == {1: None}


class TestErrors:
    def test_shapes_must_agree(self):
        with pytest.raises(ValueError, match=r"\(3, 3\) and \(3, 4\)"):
            measure_class(np.zeros((3, 3), bool), np.zeros((3, 4), bool), (1, 1))

    @pytest.mark.parametrize("spacing", [(1.0,), (1.0, 0.0), (1.0, float("nan")), (1.0, -2.0)])
    def test_spacing_must_be_one_positive_number_per_axis(self, spacing):
        mask = np.ones((3, 3), bool)
        with pytest.raises(ValueError, match="spacing"):
            measure_class(mask, mask, spacing)
