"""Spatial transforms: identity, replay, physical space, masks, gradients."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from SemiWeakSegLib.learning.spatial import (
    SpatialRanges,
    SpatialTransform,
    identity,
    sample_planes,
    sample_transform,
)
from Testing.learning.scans import ball

SHAPES = [(17, 20), (9, 12, 15)]


def sampled(dimensions, *, batch=3, seed=0, spacing=None, **changed):
    """Transforms that certainly turn and zoom."""
    planes = ((0, 1),) if dimensions == 2 else ((0, 1), (0, 2), (1, 2))
    ranges = SpatialRanges(**({"rotation_planes": planes, "probability": 1.0} | changed))
    steps = torch.tensor(spacing or [1.0] * dimensions).repeat(batch, 1)
    return sample_transform(ranges, steps, torch.Generator().manual_seed(seed))


def smooth_image(shape, batch=3):
    noise = np.random.default_rng(0).normal(size=(batch, 1, *shape))
    sigma = (0, 0, *[2.0] * len(shape))
    return torch.from_numpy(ndimage.gaussian_filter(noise, sigma)).float()


class TestIdentity:
    @pytest.mark.parametrize("shape", [*SHAPES, (1, 7), (5, 1, 6)])
    def test_changes_nothing(self, shape):
        values = torch.randn(2, 3, *shape)
        found, valid = identity(2, len(shape)).apply(values)
        assert torch.allclose(found, values, atol=1e-5)
        assert valid.all()

    def test_labels_stay_exactly(self):
        label = torch.randint(0, 256, (2, 1, 13, 14), dtype=torch.uint8)
        found, _ = identity(2, 2).apply(label, nearest=True, outside=255)
        assert found.dtype == torch.uint8
        assert torch.equal(found, label)


class TestAgainstScipy:
    @pytest.mark.parametrize("shape", SHAPES)
    @pytest.mark.parametrize("spacing", [None, "anisotropic"])
    def test_linear_sampling_is_scipys_affine_transform(self, shape, spacing):
        steps = None if spacing is None else [3.0, 1.0, 0.7][: len(shape)]
        transform = sampled(len(shape), spacing=steps, mirror_axes=(0,))
        values = smooth_image(shape)
        found, valid = transform.apply(values)
        centre = (np.array(shape) - 1) / 2
        for row in range(3):
            matrix = transform.matrix[row].double().numpy()
            expected = ndimage.affine_transform(
                values[row, 0].numpy(), matrix, centre - matrix @ centre, order=1, mode="nearest"
            )
            inside = valid[row, 0].numpy()
            assert np.allclose(found[row, 0].numpy()[inside], expected[inside], atol=1e-4)
            assert not found[row, 0].numpy()[~inside].any()

    def test_valid_is_where_the_position_lies_in_the_image(self):
        transform = sampled(2)
        offsets = transform.offsets((17, 20)).double()
        _, valid = transform.apply(torch.zeros(3, 1, 17, 20))
        inside = (offsets[..., 0].abs() <= 8.5) & (offsets[..., 1].abs() <= 10)
        assert torch.equal(valid[:, 0], inside)
        assert not inside.all()


class TestReplay:
    @pytest.mark.parametrize("shape", SHAPES)
    @pytest.mark.parametrize("elastic", [0.0, 1.5])
    def test_image_label_and_probabilities_move_together(self, shape, elastic):
        transform = sampled(len(shape), elastic_mm=elastic)
        label = torch.from_numpy(
            np.stack([ball(shape, [n / 2 - 0.5 for n in shape], min(shape) / 3)] * 3)
        )[:, None]
        turned_label, _ = transform.apply(label.to(torch.uint8), nearest=True, outside=255)
        turned_mask, valid = transform.apply(label.float())
        one_hot = torch.cat([~label, label], dim=1).float()
        turned_probabilities, _ = transform.apply(one_hot)
        assert torch.allclose(turned_probabilities[:, 1:], turned_mask)
        total = turned_probabilities.sum(dim=1, keepdim=True)
        assert torch.allclose(total[valid], torch.ones(()), atol=1e-5)
        clear = valid & ((turned_mask - 0.5).abs() > 0.49)
        assert torch.equal(turned_label[clear] == 1, turned_mask[clear] > 0.5)
        assert (turned_label[~valid] == 255).all()
        again, _ = transform.apply(label.float())
        assert torch.equal(again, turned_mask)

    def test_a_row_is_the_transform_of_one_sample(self):
        transform, values = sampled(2, elastic_mm=1.0), smooth_image((17, 20))
        both, _ = transform.apply(values)
        alone, _ = transform.row(1).apply(values[1:2])
        assert torch.equal(both[1:2], alone)

    def test_planes_and_offsets_are_the_same_positions(self):
        transform, values = sampled(3, elastic_mm=1.0), smooth_image((9, 12, 15))
        whole, valid = transform.apply(values)
        planes = [
            plane[0] + (n - 1) / 2
            for plane, n in zip(transform.row(0).planes((9, 12, 15)), (9, 12, 15), strict=True)
        ]
        found = sample_planes(values[0], planes)
        assert torch.allclose(found[valid[0]], whole[0][valid[0]], atol=1e-5)

    def test_reach_bounds_what_is_read(self):
        transform = sampled(3, elastic_mm=2.0, mirror_axes=(1,))
        farthest = transform.offsets((9, 12, 15)).abs().flatten(1, 3).amax(dim=1)
        reach = transform.reach((9, 12, 15))
        assert (farthest <= reach + 1e-4).all()
        affine = SpatialTransform(transform.matrix)
        exact = affine.offsets((9, 12, 15)).abs().flatten(1, 3).amax(dim=1)
        assert torch.allclose(exact, affine.reach((9, 12, 15)), atol=1e-4)

    def test_half_precision_images_are_not_misplaced(self):
        values = smooth_image((64, 700), batch=1)
        transform = sampled(2, batch=1)
        fine, _ = transform.apply(values)
        coarse, _ = transform.apply(values.half())
        assert coarse.dtype == torch.float16
        assert torch.allclose(coarse.float(), fine, atol=2e-3)


class TestPhysicalSpace:
    @pytest.mark.parametrize("seed", range(4))
    def test_a_ball_stays_a_ball_when_voxels_are_anisotropic(self, seed):
        spacing = [3.0, 1.0, 1.0]
        shape = (21, 61, 61)
        transform = sampled(3, batch=1, seed=seed, spacing=spacing, zoom=(1.0, 1.0))
        grids = np.meshgrid(*[np.arange(n) - n // 2 for n in shape], indexing="ij")
        squares = sum((grid * step) ** 2 for grid, step in zip(grids, spacing, strict=True))
        blob = torch.from_numpy(np.exp(-squares / (2 * 8.0**2)))[None, None].float()
        turned, valid = transform.apply(blob)
        assert (turned - blob)[valid].abs().max() < 0.03
        matrix = transform.matrix[0]
        assert (matrix.T @ matrix - torch.eye(3)).abs().max() > 0.1  # voxels are sheared

    @pytest.mark.parametrize("zoom", [0.8, 1.25])
    @pytest.mark.parametrize("shape", [(60, 60), (40, 40, 40)])
    def test_volume_factor_gives_the_size_before(self, zoom, shape):
        transform = sampled(len(shape), batch=1, zoom=(zoom, zoom))
        label = ball(shape, [(n - 1) / 2 for n in shape], 12)
        turned, _ = transform.apply(torch.from_numpy(label)[None, None].float())
        after = float(turned.sum())
        before = np.count_nonzero(label)
        assert after / before == pytest.approx(zoom ** len(shape), rel=0.03)
        assert after * float(transform.volume_factor[0]) == pytest.approx(before, rel=0.03)

    def test_angles_and_zooms_stay_in_range(self):
        transform = sampled(2, batch=200, zoom=(0.8, 1.25), rotation_degrees=30.0)
        zoom = torch.linalg.det(transform.matrix) ** -0.5
        assert 0.8 <= zoom.min() < 0.83
        assert 1.2 < zoom.max() <= 1.2501
        angle = torch.atan2(transform.matrix[:, 1, 0], transform.matrix[:, 0, 0]) * 180 / math.pi
        assert 28 < angle.abs().max() <= 30.01

    def test_probability_leaves_some_as_they_are(self):
        transform = sampled(2, batch=400, probability=0.5)
        untouched = sum(transform.is_axis_aligned(row) for row in range(400)) / 400
        assert untouched == pytest.approx(0.25, abs=0.07)


class TestFlips:
    @pytest.mark.parametrize("shape", SHAPES)
    def test_a_flip_is_its_own_inverse_and_exact(self, shape):
        transform = sampled(
            len(shape),
            batch=8,
            zoom=(1.0, 1.0),
            rotation_degrees=0.0,
            mirror_axes=tuple(range(len(shape))),
        )
        values = torch.randn(8, 1, *shape)
        once, valid = transform.apply(values)
        twice, _ = transform.apply(once)
        assert valid.all()
        assert torch.allclose(twice, values, atol=1e-4)
        seen = set()
        for row in range(8):
            assert transform.is_axis_aligned(row)
            signs = transform.matrix[row].diagonal().tolist()
            axes = [axis + 1 for axis, sign in enumerate(signs) if sign < 0]
            seen.add(tuple(axes))
            assert torch.allclose(once[row], values[row].flip(axes), atol=1e-4)
        assert len(seen) > 2


@pytest.mark.parametrize("shape", [(9, 12), (8, 10, 12), (1, 8, 8)])
@pytest.mark.parametrize("elastic", [0.0, 2.0])
def test_one_voxel_reads_where_the_planes_say(shape, elastic):
    dims = len(shape)
    planes = ((0, 1),) if dims == 2 else ((0, 1), (0, 2), (1, 2))
    ranges = SpatialRanges(
        rotation_planes=planes, probability=1.0, elastic_mm=elastic, mirror_axes=(0,)
    )
    spacing = torch.tensor([[0.5, 1.0, 3.0][:dims]])
    sample = sample_transform(ranges, spacing, torch.Generator().manual_seed(3))
    offsets = sample.offsets(shape)[0]
    for index in np.ndindex(shape):
        found = sample.offset_at(list(index), shape)
        assert found == pytest.approx(offsets[index].tolist(), abs=1e-5 if elastic else 0)


class TestElastic:
    def test_displacement_has_the_asked_size_in_millimetres(self):
        spacing = [4.0, 1.0]
        transform = sampled(
            2,
            batch=200,
            spacing=spacing,
            elastic_mm=2.0,
            rotation_degrees=0.0,
            zoom=(1.0, 1.0),
        )
        deviation = transform.displacement.flatten(2).permute(1, 0, 2).flatten(1).std(dim=1)
        assert (deviation * torch.tensor(spacing)).tolist() == pytest.approx([2.0, 2.0], rel=0.05)
        assert not transform.is_axis_aligned(0)

    def test_moves_by_the_displacement(self):
        shift = torch.zeros(1, 2, 5, 5)
        shift[:, 0] = 3.0
        transform = SpatialTransform(torch.eye(2)[None], shift)
        values = torch.randn(1, 1, 12, 12)
        found, valid = transform.apply(values)
        assert torch.allclose(found[..., :9, :], values[..., 3:, :], atol=1e-5)
        assert valid[0, 0].all(dim=1).tolist() == [True] * 9 + [False] * 3


class TestSampling:
    def test_same_seed_same_transform(self):
        first, second = (sampled(3, seed=4, elastic_mm=1.0) for _ in range(2))
        assert torch.equal(first.matrix, second.matrix)
        assert torch.equal(first.displacement, second.displacement)
        assert not torch.equal(first.matrix, sampled(3, seed=5).matrix)

    def test_samples_differ(self):
        matrix = sampled(2, batch=2).matrix
        assert not torch.allclose(matrix[0], matrix[1])


class TestGradient:
    @pytest.mark.parametrize("shape", [(6, 7), (4, 5, 6)])
    def test_flows_through_apply(self, shape):
        transform = sampled(len(shape), batch=1, elastic_mm=0.3)
        transform = SpatialTransform(transform.matrix.double(), transform.displacement.double())
        values = torch.randn(1, 2, *shape, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(lambda each: transform.apply(each)[0], (values,))

    def test_none_comes_from_outside(self):
        transform = SpatialTransform(torch.eye(2)[None] * 3)
        values = torch.randn(1, 1, 9, 9, requires_grad=True)
        found, valid = transform.apply(values, outside=7.0)
        assert (found[~valid] == 7).all()
        found[~valid].sum().backward()
        assert not values.grad.any()
