"""Predictions brought back to their case, and the running means read from there."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates

from SemiWeakSegLib.cohort import Case
from SemiWeakSegLib.learning.batches import PatchSampler, make_augmentation
from SemiWeakSegLib.learning.bring_back import _places_in_patch, box_of_patch, bring_back
from SemiWeakSegLib.learning.ensemble_store import EnsembleStore
from SemiWeakSegLib.learning.patches import snap
from SemiWeakSegLib.learning.spatial import (
    SpatialRanges,
    SpatialTransform,
    identity,
    sample_transform,
)
from SemiWeakSegLib.learning.temporal_ensemble import TemporalEnsemble
from Testing.learning.scans import make_plan, make_store, save

SPACING = {2: (0.7, 2.1), 3: (3.0, 0.8, 1.2)}
PLANES = {2: ((0, 1),), 3: ((0, 1), (1, 2), (0, 2))}
SHAPE = {2: (30, 26), 3: (14, 22, 18)}
PATCH = {2: (16, 12), 3: (8, 12, 10)}


def any_transform(dims, seed, elastic=0.0):
    ranges = SpatialRanges(
        rotation_planes=PLANES[dims],
        mirror_axes=tuple(range(dims)),
        probability=1.0,
        elastic_mm=elastic,
    )
    spacing = torch.tensor([SPACING[dims]])
    return sample_transform(ranges, spacing, torch.Generator().manual_seed(seed))


def grid_of(box):
    return np.stack(np.meshgrid(*[np.arange(p.start, p.stop) for p in box], indexing="ij"))


@pytest.mark.parametrize("dims", [2, 3])
class TestBringBack:
    @pytest.mark.parametrize("seed", range(4))
    def test_turned_and_zoomed_as_interpolated_by_scipy(self, dims, seed):
        patch, transform = PATCH[dims], any_transform(dims, seed)
        centre = [n / 2 + 0.3 for n in SHAPE[dims]]
        values = torch.rand(2, *patch, generator=torch.Generator().manual_seed(seed))
        box = box_of_patch(transform, centre, patch, SHAPE[dims])
        found, seen = bring_back(values, transform, centre, box)

        offsets = grid_of(box) - np.reshape(centre, (-1, *[1] * dims))
        inverse = np.linalg.inv(transform.matrix[0].numpy().astype(float))
        places = np.einsum("rc,c...->r...", inverse, offsets)
        places += np.reshape([(n - 1) / 2 for n in patch], (-1, *[1] * dims))
        last = np.reshape([n - 0.5 for n in patch], (-1, *[1] * dims))
        inside = ((places >= -0.5) & (places <= last)).all(axis=0)
        # Voxels on the very edge may fall on either side by rounding.
        assert np.count_nonzero(inside != seen.numpy()) <= 2
        assert 10 < np.count_nonzero(inside) < inside.size
        both = inside & seen.numpy()
        for channel in range(2):
            wanted = map_coordinates(values[channel].numpy(), places, order=1, mode="nearest")
            assert np.allclose(found[channel].numpy()[both], wanted[both], atol=1e-4)

    @pytest.mark.parametrize("mirrored", [(), (0,), (0, 1)])
    def test_mirrored_patches_give_back_their_own_voxels(self, dims, mirrored):
        patch, matrix = PATCH[dims], torch.eye(dims)[None]
        for axis in mirrored:
            matrix[0, axis, axis] = -1
        transform = SpatialTransform(matrix)
        image = torch.rand(1, *SHAPE[dims])
        for place in (0.0, 0.5, 1.0):  # at the image's edges and in its middle
            middle = [snap(place * n, n, edge) for n, edge in zip(SHAPE[dims], patch, strict=True)]
            where = tuple(
                slice(round(c - (n - 1) / 2), round(c - (n - 1) / 2) + n)
                for c, n in zip(middle, patch, strict=True)
            )
            cut = image[(slice(None), *where)].flip([axis + 1 for axis in mirrored])
            box = box_of_patch(transform, middle, patch, SHAPE[dims])
            assert box == where
            found, seen = bring_back(cut, transform, middle, box)
            assert seen.all()
            assert torch.equal(found, image[(slice(None), *where)])

    def test_a_patch_larger_than_the_image(self, dims):
        shape = tuple(n - 5 for n in PATCH[dims])
        centre = [snap(0, n, edge) for n, edge in zip(shape, PATCH[dims], strict=True)]
        for transform in (identity(1, dims), any_transform(dims, 3)):
            box = box_of_patch(transform, centre, PATCH[dims], shape)
            assert all(0 <= p.start < p.stop <= n for p, n in zip(box, shape, strict=True))
            found, seen = bring_back(torch.ones(1, *PATCH[dims]), transform, centre, box)
            assert torch.allclose(found[0, seen], torch.tensor(1.0))
        aligned, seen = bring_back(torch.ones(1, *PATCH[dims]), identity(1, dims), centre, box)
        assert seen.all()
        assert aligned.shape[1:] == shape

    @pytest.mark.parametrize("seed", range(3))
    def test_bent_patches_are_unbent(self, dims, seed):
        """What a bent patch shows of a ramp comes back as the ramp."""
        patch, spacing = PATCH[dims], SPACING[dims]
        elastic = 0.02 * min(s * n for s, n in zip(spacing, patch, strict=True))
        transform = any_transform(dims, seed, elastic)
        centre = [n / 2 for n in SHAPE[dims]]
        read = transform.offsets(patch)[0] + torch.tensor(centre)
        slope = torch.arange(1.0, dims + 1)
        box = box_of_patch(transform, centre, patch, SHAPE[dims])
        found, seen = bring_back((read @ slope)[None], transform, centre, box)
        wanted = np.einsum("c,c...->...", slope.numpy(), grid_of(box))
        shown = _well_inside(transform, centre, box, patch) & seen.numpy()
        assert shown.sum() > 50
        error = np.abs(found[0].numpy() - wanted)[shown]
        # It is the bend that is undone: without it the ramp is missed.
        straight, _ = bring_back(
            (read @ slope)[None], SpatialTransform(transform.matrix), centre, box
        )
        missed = np.abs(straight[0].numpy() - wanted)[shown]
        # In voxels; displacements have kinks, between which patch voxels are read linearly.
        assert error.max() < 0.15 * np.linalg.norm(slope)
        assert error.mean() < 0.35 * missed.mean()

    def test_places_found_in_bent_patches_read_their_voxel(self, dims):
        """Forward again by scipy: M u + D(u) is the voxel that u was found for."""
        patch, centre = PATCH[dims], [n / 2 for n in SHAPE[dims]]
        transform = any_transform(dims, 5, elastic=0.25)
        box = box_of_patch(transform, centre, patch, SHAPE[dims])
        inside, settled, error, bend = _read_again(transform, centre, box, patch)
        assert settled[inside].all()
        assert bend[inside].max() > 0.3
        assert error[inside].max() < 0.01

    def test_folds_are_not_seen(self, dims):
        """Where rounds do not come to rest the place found reads some other voxel."""
        patch, centre = PATCH[dims], [n / 2 for n in SHAPE[dims]]
        transform = any_transform(dims, 0, elastic=4.0)
        box = box_of_patch(transform, centre, patch, SHAPE[dims])
        inside, settled, error, _ = _read_again(transform, centre, box, patch)
        assert error[inside & ~settled].max() > 1
        assert error[inside & settled].max() < 0.5
        _, seen = bring_back(torch.ones(1, *patch), transform, centre, box)
        assert not seen.numpy()[~settled].any()
        assert seen.numpy()[inside & settled].all()


def _read_again(transform, centre, box, patch):
    """Of each voxel of a block: is its place in the patch, was it found, how far from the voxel
    does M u + D(u) read by scipy, and how far is the bend there."""
    places, settled = _places_in_patch(transform, centre, box, patch, torch.device("cpu"))
    u = np.stack([each.numpy().astype(float) for each in places])
    sizes = np.reshape(patch, (-1, *[1] * len(patch)))
    inside = ((u >= 0) & (u <= sizes - 1)).all(axis=0)
    field = transform.displacement[0].numpy()
    points = u * (np.reshape(field.shape[1:], sizes.shape) - 1) / (sizes - 1)
    bend = np.stack([map_coordinates(each, points, order=1, mode="nearest") for each in field])
    matrix = transform.matrix[0].numpy().astype(float)
    read = np.einsum("rc,c...->r...", matrix, u - (sizes - 1) / 2) + bend
    read += np.reshape(centre, sizes.shape)
    error = np.abs(read - grid_of(box)).max(axis=0)
    return inside, settled.numpy(), error, np.abs(bend).max(axis=0)


def _well_inside(transform, centre, box, patch):
    """Voxels of the block in whose neighbourhood the patch has voxels all around."""
    read = transform.offsets(patch)[0].numpy().reshape(-1, len(patch)) + np.array(centre)
    edge = np.zeros(patch, bool)
    for axis, n in enumerate(patch):
        edge |= (np.indices(patch)[axis] == 0) | (np.indices(patch)[axis] == n - 1)
    border = read[edge.ravel()]
    grid = grid_of(box).reshape(len(patch), -1).T
    far = np.min(np.linalg.norm(grid[:, None] - border[None], axis=-1), axis=1)
    return (far > 1.5).reshape([p.stop - p.start for p in box])


@pytest.fixture(params=[2, 3], ids=["slices", "volumes"])
def store(request, tmp_path):
    """An unlabeled volume or stack of slices, larger than the patch."""
    dims, source = request.param, np.random.default_rng(0)
    shape = SHAPE[3]
    image = save(tmp_path / "a.nii.gz", source.normal(size=shape).astype(np.float32))
    patch = (16, 12) if dims == 2 else PATCH[3]
    return make_store(tmp_path, [Case("a", (image,))], make_plan(dims, patch, orient=False))


def ensemble_of(store, folder, memory=0.6, device=None):
    shapes = {0: store.entries[0].shape[1:]}
    return TemporalEnsemble(EnsembleStore(folder / "maps", shapes, 3, device), memory)


def draw(store, seed, size=2, augmentation="none"):
    amount = make_augmentation(augmentation, store.plan)
    sampler = PatchSampler(store, [0], size, amount, annotated=False)
    return sampler.draw(torch.Generator().manual_seed(seed))


def answer(batch, seed):
    noise = torch.randn(
        len(batch), 3, *batch.image.shape[2:], generator=torch.Generator().manual_seed(seed)
    )
    return noise.softmax(dim=1)


@pytest.mark.parametrize("resident", [False, True])
class TestRunningMeans:
    def test_follow_the_formula_voxel_by_voxel(self, store, resident, tmp_path):
        """Mirrored patches against Z <- a Z + (1 - a) z written out in NumPy."""
        memory = 0.6
        device = torch.device("cpu") if resident else None
        ensemble = ensemble_of(store, tmp_path, memory, device)
        shape = store.entries[0].shape[1:]
        Z, visits = np.zeros((3, *shape)), np.zeros(shape, int)
        plan = store.plan
        mirrors = SpatialRanges(mirror_axes=tuple(range(plan.dimensions)), probability=0.0)
        amount = dataclasses.replace(make_augmentation("none", plan), spatial=mirrors)
        sampler = PatchSampler(store, [0], 2, amount, annotated=False)
        for seed in range(12):
            batch = sampler.draw(torch.Generator().manual_seed(seed))
            target, known = ensemble.target(batch)
            positions = batch.positions().round().long().numpy()
            for row, (_, unit) in enumerate(batch.units):
                place = (unit, *positions[row])
                k = visits[place]
                assert np.array_equal(known[row].numpy(), k > 0)
                corrected = Z[(slice(None), *place)] / np.maximum(1 - memory**k, 1e-9)
                asked = target[row][:, known[row]].numpy()
                assert np.allclose(asked, corrected[:, k > 0], atol=2e-3)
            said = answer(batch, seed)
            ensemble.add(batch, said)
            for row, (_, unit) in enumerate(batch.units):
                place = (unit, *positions[row])
                every = (slice(None), *place)
                Z[every] = memory * Z[every] + (1 - memory) * said[row].numpy()
                visits[place] += 1
        assert visits.max() > 2

    def test_turned_patches_recover_what_the_case_holds(self, store, resident, tmp_path):
        """A network that always gives the same smooth map of the case: the target is that map."""
        device = torch.device("cpu") if resident else None
        ensemble = ensemble_of(store, tmp_path, device=device)
        worst, asked = 0.0, 0
        for seed in range(40):
            batch = draw(store, seed, augmentation="strong")
            centre = torch.tensor([n / 2 for n in store.entries[0].shape[2:]])
            axes = batch.positions() - centre.reshape(1, -1, *[1] * store.plan.dimensions)
            said = torch.stack([0.1 * axes[:, 0], -0.1 * axes[:, 1], 0 * axes[:, 0]], dim=1)
            said = said.softmax(dim=1)
            target, known = ensemble.target(batch)
            mask = known[:, None].expand_as(target)
            if seed > 20:
                worst = max(worst, float((target - said).abs()[mask].max()))
                asked += int(known.sum())
                sums = target.sum(dim=1)[known]
                assert torch.allclose(sums, torch.ones_like(sums), atol=5e-3)
            ensemble.add(batch, said)
        assert asked > 1000
        assert worst < 0.06


def shifted(batch, columns):
    """The batch, of 8 x 8 images, read between its pixels: unlike a mirrored one interpolated."""
    nearly = SpatialTransform(1.00001 * torch.eye(2)[None])
    middle = torch.tensor([[3.5, 3.5 + columns]])
    return dataclasses.replace(batch, transform=nearly, centres=middle)


def test_voxels_half_unseen_have_a_target_of_what_was_seen(tmp_path):
    image = save(tmp_path / "a.mha", np.zeros((8, 8), np.float32))
    store = make_store(tmp_path, [Case("a", (image,))], make_plan(2, (8, 8)))
    ensemble = ensemble_of(store, tmp_path)
    seen = torch.zeros(8, 8, dtype=torch.uint8)
    seen[:, :4] = 1
    values = torch.full((3, 8, 8), 0.4 / 3) * seen
    ensemble.store.write(0, 0, (slice(0, 8), slice(0, 8)), values.half(), seen)
    batch = draw(store, 0, size=1)
    for shift, columns in ((0.3, 4), (0.7, 3)):
        moved = shifted(batch, shift)
        target, known = ensemble.target(moved)
        assert known[0].sum(dim=1).tolist() == [columns] * 8
        reached = target[0][:, known[0]]
        assert torch.allclose(reached, torch.full_like(reached, 1 / 3), atol=1e-3)


def test_many_visits_do_not_make_up_for_voxels_never_seen(tmp_path):
    """A patch voxel that is mostly of unseen voxels has no target, however often seen the rest."""
    image = save(tmp_path / "a.mha", np.zeros((8, 8), np.float32))
    store = make_store(tmp_path, [Case("a", (image,))], make_plan(2, (8, 8)))
    ensemble = ensemble_of(store, tmp_path, memory=0.9)
    often = torch.zeros(8, 8, dtype=torch.uint8)
    often[:, :4] = 200
    ensemble.store.write(0, 0, (slice(0, 8), slice(0, 8)), torch.ones(3, 8, 8).half(), often)
    batch = draw(store, 0, size=1)
    moved = shifted(batch, 0.6)
    assert ensemble.target(moved)[1][0].sum(dim=1).tolist() == [3] * 8


def test_beyond_the_image_there_is_no_target(tmp_path):
    image = save(tmp_path / "a.mha", np.zeros((6, 6), np.float32))
    store = make_store(tmp_path, [Case("a", (image,))], make_plan(2, (8, 8)))
    ensemble = ensemble_of(store, tmp_path)
    batch = draw(store, 0, size=1)
    ensemble.add(batch, answer(batch, 0))
    target, known = ensemble.target(batch)
    assert torch.equal(known, batch.valid[:, 0])
    assert known.sum() == 36
    assert torch.isfinite(target).all()


def test_visits_stop_counting_before_they_overflow(tmp_path):
    image = save(tmp_path / "a.mha", np.zeros((8, 8), np.float32))
    store = make_store(tmp_path, [Case("a", (image,))], make_plan(2, (8, 8)))
    ensemble = ensemble_of(store, tmp_path, memory=0.95)
    batch = draw(store, 0, size=1)
    said = answer(batch, 0)
    for _ in range(260):
        ensemble.add(batch, said)
    _, visits = ensemble.store.read(0, 0, (slice(0, 8), slice(0, 8)))
    assert (visits == 255).all()
    target, known = ensemble.target(batch)
    assert known.all()
    # Half precision holds the mean although each new answer changes it by little.
    assert torch.allclose(target, said, atol=0.01)
