"""Size, centroid and spread of soft regions: against NumPy, in any voxel size, however turned."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from SemiWeakSegLib.cohort import Case
from SemiWeakSegLib.learning.attributes import (
    image_positions,
    label_attributes,
    patch_positions,
    patch_voxel_volume,
    soft_attributes,
)
from SemiWeakSegLib.learning.batches import Augmentation, PatchSampler
from SemiWeakSegLib.learning.intensity import IntensityRanges
from SemiWeakSegLib.learning.spatial import SpatialRanges
from Testing.learning.scans import ball, make_plan, make_store, save


def moments(weights, spacing):
    """Mass, centroid from the middle and spread of one array, by loops over its voxels."""
    mass, first = 0.0, np.zeros(weights.ndim)
    middle = (np.array(weights.shape) - 1) / 2
    for index, weight in np.ndenumerate(weights):
        place = (np.array(index) - middle) * spacing
        mass += weight
        first += weight * place
    centroid = first / mass
    second = np.zeros(weights.ndim)
    for index, weight in np.ndenumerate(weights):
        place = (np.array(index) - middle) * spacing
        second += weight * (place - centroid) ** 2
    return mass, centroid, np.sqrt(second / mass + np.array(spacing) ** 2 / 12)


def given(weights, spacing):
    """Arguments of `soft_attributes` for (B, K, *sp) on a plain grid."""
    shape = weights.shape[2:]
    lines = [(torch.arange(n) - (n - 1) / 2) * step for n, step in zip(shape, spacing, strict=True)]
    grid = torch.stack(torch.meshgrid(*lines, indexing="ij")).to(weights.dtype)
    batch = len(weights)
    return (
        grid.expand(batch, *grid.shape),
        torch.tensor([spacing]).expand(batch, -1),
        torch.full((batch,), math.prod(spacing)),
    )


@pytest.mark.parametrize(
    ("shape", "spacing"),
    [((6, 7), (0.5, 2.0)), ((4, 5, 6), (3.0, 1.0, 0.4)), ((5, 5), (1e-3, 1e-3))],
)
def test_equal_to_loops_over_voxels(shape, spacing):
    weights = np.random.default_rng(0).uniform(size=(2, 3, *shape))
    found = soft_attributes(torch.tensor(weights), *given(torch.tensor(weights), spacing))
    for b, k in np.ndindex(2, 3):
        mass, centroid, spread = moments(weights[b, k], spacing)
        assert float(found.voxels[b, k]) == pytest.approx(mass)
        assert float(found.size[b, k, 0]) == pytest.approx(mass * math.prod(spacing))
        assert found.centroid[b, k].tolist() == pytest.approx(centroid.tolist(), abs=1e-7)
        assert found.spread[b, k].tolist() == pytest.approx(spread.tolist())


def test_gradients_by_finite_differences():
    weights = torch.rand(1, 2, 4, 5, generator=torch.Generator().manual_seed(0)).double()
    rest = given(weights, (0.5, 2.0))

    def values(each):
        found = soft_attributes(each, *rest)
        return found.size, found.centroid, found.spread

    assert torch.autograd.gradcheck(values, weights.requires_grad_())


def test_spread_is_that_of_the_region_and_not_of_the_grid():
    """A bar of 12 mm has a spread of 12 / sqrt(12), in voxels of any size."""
    for step in (0.5, 1.0, 2.0, 6.0):
        bar = torch.zeros(1, 1, round(24 / step), 3)
        bar[:, :, : round(12 / step)] = 1
        found = soft_attributes(bar, *given(bar, (step, 1.0)))
        assert float(found.spread[0, 0, 0]) == pytest.approx(12 / math.sqrt(12), rel=1e-5)
        assert float(found.centroid[0, 0, 0]) == pytest.approx(-6)


def test_empty_and_vanishing_regions_stay_finite():
    for amount in (0.0, 1e-12, 1e-3):
        weights = torch.full((1, 1, 6, 6), amount, requires_grad=True)
        found = soft_attributes(weights, *given(weights, (1.0, 2.0)))
        (found.size.sum() + found.centroid.sum() + found.spread.sum()).backward()
        assert weights.grad.isfinite().all()
        assert found.centroid.abs().max() < 3
        assert found.spread.isfinite().all()


def test_of_labels_absent_classes_have_no_place():
    label = torch.zeros(2, 4, 6, dtype=torch.uint8)
    label[0, 1:3, 4:] = 1
    label[1] = 255
    found = label_attributes(label, 3, (2.0, 0.5))
    assert found["size"][:, :, 0].tolist() == [[4, 0], [0, 0]]
    assert found["centroid"][0, 0].tolist() == pytest.approx([0.0, 1.0])
    assert found["centroid"][0, 1].isnan().all()
    assert found["spread"][1].isnan().all()


class TestBatches:
    """A ball keeps its place, extent and size in the case's own millimetres."""

    spacing = (2.0, 1.5, 1.0)

    def drawn(self, folder, dimensions, ranges):
        label = ball((22, 26, 32), (9, 12, 18), 7.0, list(self.spacing)).astype(np.uint8)
        image = save(folder / "i.mha", label * np.float32(9), spacing=self.spacing[::-1])
        path = save(folder / "l.mha", label, spacing=self.spacing[::-1])
        plan = make_plan(
            dimensions,
            (48, 48, 48)[-dimensions:],
            spacing=list(self.spacing[-dimensions:]),
            whole=True,
        )
        store = make_store(folder, [Case("a", (image,), label=path)], plan)
        augmentation = Augmentation(ranges, None, IntensityRanges())
        sampler = PatchSampler(store, [0], 4, augmentation, annotated=dimensions == 2)
        return store, sampler.draw(torch.Generator().manual_seed(1))

    @pytest.mark.parametrize("dimensions", [2, 3])
    @pytest.mark.parametrize(
        "ranges",
        [
            None,
            SpatialRanges(
                rotation_degrees=25.0,
                rotation_planes=((0, 1),),
                zoom=(0.85, 1.1),
                mirror_axes=(0, 1),
                probability=1.0,
            ),
        ],
    )
    def test_a_turned_patch_tells_the_same(self, tmp_path, dimensions, ranges):
        store, batch = self.drawn(tmp_path, dimensions, ranges)
        weights = (batch.label == 1).unsqueeze(1).float()
        positions, spacing = image_positions(batch, store)
        found = soft_attributes(weights, positions, spacing, patch_voxel_volume(batch))
        label = store.arrays(0).label
        truth = label_attributes(label, 3, store.entries[0].spacing)
        for row, (_, unit) in enumerate(batch.units):
            if truth["size"][unit, 0, 0] == 0:
                continue
            size = float(truth["size"][unit, 0, 0])
            assert float(found.size[row, 0, 0]) == pytest.approx(size, rel=0.08)
            for name in ("centroid", "spread"):
                # Labels are read at the nearest voxel: a fraction of one is what may be off.
                missed = (getattr(found, name)[row, 0] - truth[name][unit, 0]) / spacing[row]
                assert missed.abs().max() < 0.35

    def test_in_the_patchs_own_axes_it_is_where_it_is_seen(self, tmp_path):
        ranges = SpatialRanges(mirror_axes=(0, 1, 2), probability=1.0, rotation_degrees=0.0)
        _, batch = self.drawn(tmp_path, 3, ranges)
        weights = (batch.label == 1).unsqueeze(1).float()
        found = soft_attributes(
            weights, patch_positions(batch), batch.spacing, patch_voxel_volume(batch)
        )
        for row in range(len(batch)):
            _, centroid, spread = moments(weights[row, 0].numpy(), batch.spacing[row].numpy())
            assert found.centroid[row, 0].tolist() == pytest.approx(centroid.tolist(), abs=1e-3)
            assert found.spread[row, 0].tolist() == pytest.approx(spread.tolist(), abs=1e-3)
