"""Patches: what is cut, what is annotated, what comes from outside, and how it is turned."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates

from SemiWeakSegLib.cohort import Case
from SemiWeakSegLib.learning import patches
from SemiWeakSegLib.learning.batches import (
    Augmentation,
    PatchSampler,
    make_augmentation,
    relative_position,
)
from SemiWeakSegLib.learning.intensity import IntensityRanges
from SemiWeakSegLib.learning.patches import (
    crop,
    cut_aligned,
    cut_turned,
    holding_centre,
    snap,
)
from SemiWeakSegLib.learning.spatial import SpatialRanges, SpatialTransform, sample_transform
from SemiWeakSegLib.methods.segmentation import SegmentationSettings
from Testing.learning.scans import ball, make_plan, make_store, save


def build(folder, shape, patch, *, spacing=None, marks=None, channels=1, count=2, **plan):
    """A store of cases with noise that half precision holds exactly."""
    dimensions = len(patch)
    cases = []
    for number in range(count):
        source = np.random.default_rng(number)
        paths = tuple(
            save(
                folder / f"i{number}_{channel}.mha",
                source.integers(-100, 100, shape).astype(np.float32),
                spacing=spacing,
            )
            for channel in range(channels)
        )
        label = source.integers(0, 3, shape).astype(np.uint8) if marks is None else marks(shape)
        labels = save(folder / f"l{number}.mha", label, spacing=spacing)
        cases.append(Case(f"c{number}", paths, label=labels))
    scheme = {"scheme": "fixed", "low": -1e6, "high": 1e6, "mean": 0.0, "std": 1.0}
    values = {"channels_in": channels, "intensity": [scheme] * channels, **plan}
    if spacing is not None and "spacing" not in values:
        values["spacing"] = list(spacing[::-1])[-dimensions:]
    return make_store(folder, cases, make_plan(dimensions, patch, **values))


def one_voxel(place):
    def marks(shape):
        label = np.full(shape, 255, dtype=np.uint8)
        label[place] = 1
        return label

    return marks


def sampler(store, augmentation="none", size=4, annotated=True, **kwargs):
    named = augmentation
    if isinstance(augmentation, str):
        named = make_augmentation(augmentation, store.plan)
    return PatchSampler(
        store, list(range(len(store.cases))), size, named, annotated=annotated, **kwargs
    )


def draw(store, seed=0, **kwargs):
    return sampler(store, **kwargs).draw(torch.Generator().manual_seed(seed))


def always(dimensions, **changed):
    """A spatial augmentation that is never left out, and nothing else."""
    planes = ((0, 1),) if dimensions == 2 else ((0, 1), (0, 2), (1, 2))
    ranges = SpatialRanges(**({"rotation_planes": planes, "probability": 1.0} | changed))
    return Augmentation(ranges, None, IntensityRanges())


def turned(arrays, unit, centre, patch, transform):
    reach = transform.reach(patch)[0].tolist()
    return cut_turned(arrays, unit, centre, patch, transform, reach, torch.device("cpu"))


class TestDraw:
    @pytest.mark.parametrize("name", ["none", "light", "standard", "strong"])
    @pytest.mark.parametrize(("shape", "patch"), [((20, 24), (8, 12)), ((9, 14, 15), (8, 8, 8))])
    def test_same_seed_same_batch(self, tmp_path, name, shape, patch):
        store = build(tmp_path, shape, patch)
        first, second = (draw(store, augmentation=name, strong_view=True) for _ in range(2))
        for field in dataclasses.fields(first):
            one, other = getattr(first, field.name), getattr(second, field.name)
            if isinstance(one, torch.Tensor):
                assert torch.equal(one, other), field.name
        assert first.units == second.units
        assert not torch.equal(first.image, draw(store, seed=1, augmentation=name).image)

    def test_without_augmentation_patches_are_exact_crops(self, tmp_path):
        store = build(tmp_path, (12, 14, 16), (8, 8, 8), channels=2)
        batch = draw(store, size=6)
        assert torch.equal(batch.image, batch.clean)
        for row, (case, unit) in enumerate(batch.units):
            arrays = store.arrays(case)
            image = arrays.image[:, unit].float()
            found = [
                place
                for place in np.ndindex(5, 7, 9)
                if torch.equal(
                    image[(slice(None), *[slice(p, p + 8) for p in place])], batch.image[row]
                )
            ]
            assert len(found) == 1
            box = tuple(slice(p, p + 8) for p in found[0])
            assert torch.equal(arrays.label[(unit, *box)].long(), batch.label[row])
        assert batch.valid.all()

    @pytest.mark.parametrize(
        ("shape", "patch"), [((4, 5, 6), (8, 8, 8)), ((7, 30), (8, 16)), ((30, 30), (16, 16))]
    )
    def test_shapes_and_types(self, tmp_path, shape, patch):
        store = build(tmp_path, shape, patch, channels=2)
        batch = draw(store, augmentation="standard", strong_view=True, size=3)
        assert batch.image.shape == batch.weak_image.shape == batch.clean.shape == (3, 2, *patch)
        assert batch.label.shape == (3, *patch)
        assert batch.label.dtype == torch.int64
        assert batch.valid.shape == (3, 1, *patch)
        assert batch.spacing.shape == (3, len(patch))
        assert batch.window.shape == (3, 2, 2)
        assert batch.looked_at is None
        assert len(batch) == 3
        unit = batch.unit_intensity()
        assert 0 <= unit.min() <= unit.max() <= 1

    def test_strong_view_shows_the_same_places_with_other_intensities(self, tmp_path):
        store = build(tmp_path, (30, 30), (16, 16))
        batch = draw(store, augmentation="standard", strong_view=True, seed=3)
        assert not torch.equal(batch.image, batch.weak_image)
        plain = draw(store, augmentation="standard", seed=3)
        assert plain.image is plain.weak_image
        assert torch.equal(plain.clean, batch.clean)
        assert torch.equal(plain.label, batch.label)


class TestAnnotatedSampling:
    @pytest.mark.parametrize("place", [(0, 0), (0, 39), (20, 20), (38, 3), (39, 39)])
    @pytest.mark.parametrize("name", ["none", "standard", "strong"])
    def test_patches_always_hold_an_annotated_voxel(self, tmp_path, place, name):
        store = build(tmp_path, (40, 40), (12, 16), marks=one_voxel(place), count=1)
        batch = draw(store, augmentation=name, size=30)
        assert ((batch.label == 1).flatten(1).sum(dim=1) > 0).all()

    def test_also_in_volumes_with_thick_voxels(self, tmp_path):
        marks = one_voxel((11, 2, 29))
        store = build(
            tmp_path, (12, 30, 30), (8, 16, 16), marks=marks, spacing=(1, 1, 2.5), count=1
        )
        batch = draw(store, augmentation="strong", size=30)
        assert ((batch.label == 1).flatten(1).sum(dim=1) > 0).all()

    def test_every_class_has_the_same_chance(self, tmp_path):
        def marks(shape):
            label = np.zeros(shape, dtype=np.uint8)
            label[30:33, 30:33] = 1
            label[5, 5] = 2
            return label

        store = build(tmp_path, (40, 40), (4, 4), marks=marks, count=1)
        label = draw(store, size=300).label
        share = [((label == k).flatten(1).any(dim=1)).float().mean().item() for k in (1, 2)]
        assert share == pytest.approx([1 / 3, 1 / 3], abs=0.08)

    def test_cases_without_annotation_are_refused_by_name(self, tmp_path):
        store = build(tmp_path, (9, 9), (8, 8), marks=lambda shape: np.full(shape, 255, np.uint8))
        with pytest.raises(ValueError, match="case c0: has no annotated voxel"):
            sampler(store)
        assert (draw(store, annotated=False).label == 255).all()

    def test_no_cases_at_all_are_refused(self, tmp_path):
        store = build(tmp_path, (9, 9), (8, 8))
        with pytest.raises(ValueError, match="at least one case"):
            PatchSampler(store, [], 2, make_augmentation("none", store.plan), annotated=False)

    def test_slices_of_whole_image_plans_carry_annotation(self, tmp_path):
        def marks(shape):
            label = np.full(shape, 255, dtype=np.uint8)
            label[3, 4:6, 4:6] = 1
            return label

        store = build(tmp_path, (7, 20, 20), (24, 24), marks=marks, whole=True, slice_axis=0)
        batch = draw(store, size=12)
        assert {unit for _, unit in batch.units} == {3}
        assert batch.position.tolist() == [0.5] * 12
        others = draw(store, size=60, annotated=False)
        assert {unit for _, unit in others.units} == set(range(7))


class TestOutside:
    @pytest.mark.parametrize("name", ["none", "standard"])
    def test_is_unlabeled_invalid_and_floor(self, tmp_path, name):
        augmentation = always(2) if name == "standard" else name
        store = build(tmp_path, (10, 40), (16, 16))
        batch = draw(store, augmentation=augmentation, size=8)
        outside = ~batch.valid
        assert outside.any()
        assert (batch.label[outside[:, 0]] == 255).all()
        assert (batch.label[~outside[:, 0]] != 255).all()
        for row, (case, _) in enumerate(batch.units):
            floor = store.entries[case].floor[0]
            assert (batch.clean[row][outside[row]] == floor).all()

    def test_a_small_image_lies_in_the_middle(self, tmp_path):
        store = build(tmp_path, (5, 6), (8, 8), count=1)
        batch = draw(store, size=1)
        rows, columns = batch.valid[0, 0].any(dim=1), batch.valid[0, 0].any(dim=0)
        assert torch.nonzero(rows).flatten().tolist() == [1, 2, 3, 4, 5]
        assert torch.nonzero(columns).flatten().tolist() == [1, 2, 3, 4, 5, 6]
        image = store.arrays(0).image[0, 0].float()
        assert torch.equal(batch.clean[0, 0, 1:6, 1:7], image)


class TestPaths:
    @pytest.mark.parametrize("patch", [(8, 12), (7, 9), (8, 11)])
    @pytest.mark.parametrize("signs", [(1, 1), (-1, 1), (1, -1), (-1, -1)])
    @pytest.mark.parametrize("position", [(10, 10), (0, 21), (23, 3)])
    def test_mirrored_crops_equal_interpolation(self, tmp_path, patch, signs, position):
        store = build(tmp_path, (24, 22), patch, count=1)
        arrays = store.arrays(0)
        centre = [
            float(p) + (0.5 if edge % 2 == 0 else 0)
            for p, edge in zip(position, patch, strict=True)
        ]
        matrix = torch.diag(torch.tensor([float(sign) for sign in signs]))
        mirrored = [axis for axis, sign in enumerate(signs) if sign < 0]
        fast = cut_aligned(arrays, 0, centre, patch, mirrored, torch.device("cpu"))
        slow = turned(arrays, 0, centre, patch, SpatialTransform(matrix[None]))
        assert torch.allclose(fast[0], slow[0], atol=1e-3)
        assert torch.equal(fast[1], slow[1])
        assert torch.equal(fast[2], slow[2])

    @pytest.mark.parametrize("shape", [(24, 22), (14, 15, 17)])
    @pytest.mark.parametrize("place", ["middle", "first", "last"])
    def test_turned_patches_are_what_scipy_reads(self, tmp_path, shape, place):
        patch = (8,) * len(shape)
        store = build(tmp_path, shape, patch, count=1)
        augmentation = always(len(shape), elastic_mm=0.6, mirror_axes=(0,))
        batch = draw(store, augmentation=augmentation, size=1, annotated=False)
        position = {"first": 0.0, "middle": 0.5, "last": 1.0}[place]
        centre = [snap(position * (n - 1), n, 8) for n in shape]
        arrays = store.arrays(0)
        image, label, valid = turned(arrays, 0, centre, patch, batch.transform)
        places = batch.transform.offsets(patch)[0].double().numpy() + np.array(centre)
        axes = np.moveaxis(places, -1, 0)
        expected = map_coordinates(
            arrays.image[0, 0].float().numpy(), axes, order=1, mode="nearest"
        )
        inside = ((places >= -0.5) & (places <= np.array(shape) - 0.5)).all(axis=-1)
        assert np.array_equal(valid[0].numpy(), inside)
        assert np.allclose(image[0].numpy()[inside], expected[inside], atol=0.02)
        rounded = np.round(places).astype(int).clip(0, np.array(shape) - 1)
        marks = arrays.label[0].numpy()[tuple(np.moveaxis(rounded, -1, 0))]
        assert np.array_equal(label.numpy()[inside], marks[inside])

    def test_a_held_voxel_is_read_exactly(self, tmp_path):
        store = build(tmp_path, (40, 40), (12, 12), marks=one_voxel((2, 37)), count=1)
        ranges = always(2, elastic_mm=1.0, zoom=(0.7, 0.7)).spatial
        for seed in range(20):
            generator = torch.Generator().manual_seed(seed)
            sample = sample_transform(ranges, torch.ones(1, 2), generator)
            centre = [snap(p, 40, 12) for p in (2, 37)]
            centre = holding_centre([2.0, 37.0], centre, (12, 12), sample)
            _, label, _ = turned(store.arrays(0), 0, centre, (12, 12), sample)
            assert (label == 1).any()


class TestPositions:
    @pytest.mark.parametrize("name", ["none", "standard", "strong"])
    @pytest.mark.parametrize(("shape", "patch"), [((30, 24), (8, 12)), ((9, 14, 15), (8, 8, 8))])
    @pytest.mark.parametrize("annotated", [True, False])
    def test_say_where_each_voxel_was_read(self, tmp_path, name, shape, patch, annotated):
        store = build(tmp_path, shape, patch)
        batch = draw(store, augmentation=name, annotated=annotated, size=8)
        places = batch.positions()
        assert places.shape == (8, len(shape), *patch)
        for row, (case, unit) in enumerate(batch.units):
            label = store.arrays(case).label[unit]
            limits = torch.tensor(label.shape).reshape(-1, *[1] * len(shape)) - 1
            index = places[row].round().clamp(min=0).minimum(limits).long()
            read = label[tuple(index)].long()
            inside = batch.valid[row, 0]
            # A place half way between two voxels may be rounded either way.
            assert (read == batch.label[row])[inside].float().mean() > 0.98

    def test_mirrored_patches_run_backwards(self, tmp_path):
        store = build(tmp_path, (20, 20), (8, 8))
        ranges = SpatialRanges(rotation_degrees=0.0, zoom=(1.0, 1.0), mirror_axes=(0, 1))
        batch = draw(store, augmentation=Augmentation(ranges, None, IntensityRanges()), size=8)
        steps = batch.positions().diff(dim=2)[:, 0]
        signs = batch.transform.matrix[:, 0, 0]
        assert set(signs.tolist()) == {-1.0, 1.0}
        assert torch.equal(steps, signs[:, None, None].expand_as(steps))


class TestSizesAndSpacing:
    @pytest.mark.parametrize("zoom", [0.8, 1.2])
    def test_counts_times_factor_give_the_size_before(self, tmp_path, zoom):
        def marks(shape):
            return ball(shape, (24.5, 24.5), 10).astype(np.uint8)

        store = build(tmp_path, (50, 50), (48, 48), marks=marks, whole=True, spacing=(0.5, 0.5))
        batch = draw(store, augmentation=always(2, zoom=(zoom, zoom)), size=4)
        counts = (batch.label == 1).flatten(1).sum(dim=1)
        area = counts * batch.volume_factor * batch.voxel_volume
        true = np.count_nonzero(marks((50, 50))) * 0.25
        assert area.tolist() == pytest.approx([true] * 4, rel=0.05)
        assert batch.voxel_volume.tolist() == pytest.approx([0.25] * 4)

    def test_spacing_is_that_of_the_patchs_voxels(self, tmp_path):
        store = build(tmp_path, (12, 20, 20), (8, 8, 8), spacing=(0.5, 1.0, 2.0))
        assert draw(store).spacing[0].tolist() == pytest.approx([2.0, 1.0, 0.5])
        zoomed = always(3, rotation_degrees=0.0, zoom=(1.25, 1.25))
        batch = draw(store, augmentation=zoomed)
        assert batch.spacing[0].tolist() == pytest.approx([1.6, 0.8, 0.4])
        batch = draw(store, augmentation=always(3, zoom=(1.0, 1.0)))
        volume = batch.spacing.prod(dim=1)
        rotated = batch.transform.matrix[0].numpy()
        steps = np.diag([2.0, 1.0, 0.5]) @ rotated
        assert batch.spacing[0].numpy() == pytest.approx(np.linalg.norm(steps, axis=0), rel=1e-5)
        assert volume.shape == (4,)


class TestSmallParts:
    @pytest.mark.parametrize("size", [5, 8, 9, 30])
    @pytest.mark.parametrize("edge", [4, 7, 8])
    def test_snapped_patches_stay_inside_and_on_the_grid(self, size, edge):
        for position in range(size):
            start = snap(float(position), size, edge) - (edge - 1) / 2
            assert start == math.floor(start)
            if edge <= size:
                assert 0 <= start <= size - edge
                assert start <= position < start + edge
                if 0 < start < size - edge:
                    assert abs(start + (edge - 1) / 2 - position) <= 0.5
            else:
                assert start + (edge - 1) / 2 == pytest.approx((size - 1) / 2, abs=0.5)

    def test_crop_tells_what_lies_inside(self):
        values = torch.arange(1, 26).reshape(1, 5, 5)
        found, inside = crop(values, [0.0, 4.0], (3, 3))
        assert inside == (slice(1, 3), slice(0, 2))
        assert torch.equal(found[(slice(None), *inside)], values[:, 0:2, 3:5])
        assert found.sum() == values[:, 0:2, 3:5].sum()

    def test_relative_position_runs_from_first_to_last_slice(self):
        assert [relative_position(k, 5) for k in range(5)] == [0, 0.25, 0.5, 0.75, 1]
        assert relative_position(0, 1) == 0.5

    def test_thick_slices_are_turned_in_their_plane_only(self):
        thick = make_plan(3, (8, 16, 16), spacing=[4.0, 1.0, 1.0])
        assert make_augmentation("standard", thick).spatial.rotation_planes == ((1, 2),)
        even = make_plan(3, (8, 8, 8))
        assert len(make_augmentation("standard", even).spatial.rotation_planes) == 3
        assert make_augmentation("none", even).spatial is None

    def test_every_amount_that_a_person_may_choose_is_more_than_the_one_before(self):
        plan = make_plan(3, (32, 48, 32))
        fields = {field.name: field for field in dataclasses.fields(SegmentationSettings)}
        none, *others = fields["augmentation"].metadata["choices"]
        assert make_augmentation(none, plan).spatial is None
        amounts = [make_augmentation(name, plan).spatial for name in others]
        for low, high in itertools.pairwise(amounts):
            assert low.rotation_degrees < high.rotation_degrees
            assert low.zoom[1] < high.zoom[1]
            assert low.probability < high.probability
        # Bent by 2 % of the shortest edge, in mm.
        assert [each.elastic_mm for each in amounts] == [0.0, 0.0, pytest.approx(0.64)]

    def test_large_regions_index_exactly(self):
        values = torch.zeros(1, 1, 5000, 3400, dtype=torch.uint8)[0, 0]
        values[4999, 3399] = 7
        planes = [torch.tensor([4999.0, 4999.0]), torch.tensor([3399.0, 3398.0])]
        assert patches._nearest(values, planes).tolist() == [7, 0]
