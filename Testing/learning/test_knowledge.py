"""What boxes and tags say of voxels, against the boxes in patient space themselves."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from SemiWeakSegLib.cohort import Box, Case
from SemiWeakSegLib.learning.batches import PatchSampler, make_augmentation
from SemiWeakSegLib.learning.knowledge import knowledge_of
from SemiWeakSegLib.learning.planned_space import planned_space
from Testing.learning.scans import make_plan, make_store, rotation, save

SHAPE = (10, 12, 14)
OBLIQUE = rotation((1, 2, 3), 25) @ np.diag([-1.0, 1.0, -1.0])


def box(value, center, size, axes=None):
    axes = np.eye(len(center)) if axes is None else axes
    return Box(value, tuple(center), tuple(size), tuple(map(tuple, axes)))


def image(folder, shape=SHAPE, **geometry):
    return save(folder / "image.nii.gz", np.zeros(shape, np.float32), **geometry)


def inside_boxes(case, plan, shape, value):
    """Voxels whose centre, in the patient, lies in a box of the class."""
    space = planned_space(case, plan)
    indices = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), axis=-1)
    points = space.to_patient(indices)
    boxes = [each for each in case.boxes if each.class_index == value]
    return np.any([each.contains(points) for each in boxes], axis=0)


class TestBoxesOnTheGrid:
    @pytest.mark.parametrize("turn", [0, 30])
    @pytest.mark.parametrize("direction", [np.eye(3), OBLIQUE])
    @pytest.mark.parametrize("dimensions", [2, 3])
    def test_holds_the_voxels_it_holds_in_the_patient(self, tmp_path, turn, direction, dimensions):
        path = image(tmp_path, spacing=(1.0, 1.5, 2.0), origin=(5, -3, 40), direction=direction)
        plan = make_plan(dimensions, (8,) * dimensions, spacing=[1.3, 0.9, 1.1][:dimensions])
        case = Case("a", (path,))
        shape = tuple(make_store(tmp_path, [case], plan).entries[0].shape[1:])
        centre = planned_space(case, plan).to_patient([0.5 * (n - 1) for n in shape])
        axes = rotation((3, 1, 2), turn) @ direction.T
        case = dataclasses.replace(
            case, boxes=(box(1, centre, (6.2, 8.1, 9.3), axes), box(1, centre + 60, (5, 5, 5)))
        )
        known = knowledge_of(case, plan)
        found = np.zeros(shape, dtype=bool)
        for each in known.boxes:
            region, inside = each.on_grid(shape)
            found[region] |= inside
        assert np.array_equal(found, inside_boxes(case, plan, shape, 1))
        assert found.any()
        assert known.boxes[0].is_turned is (turn > 0)

    def test_a_box_thinner_than_a_slice_still_holds_one(self, tmp_path):
        case = Case("a", (image(tmp_path, spacing=(1, 1, 5)),))
        case.boxes = (box(1, (6, 6, 22), (4, 4, 1)),)
        known = knowledge_of(case, make_plan(2, (8, 8)))
        region, inside = known.boxes[0].on_grid(SHAPE)
        assert np.unique(np.argwhere(inside)[:, 0] + region[0].start).tolist() == [4]


class TestLabel:
    def label_of(self, tmp_path, marks=None, **said):
        path = None if marks is None else save(tmp_path / "label.nii.gz", marks)
        case = Case("a", (image(tmp_path),), label=path, **said)
        store = make_store(tmp_path, [case], make_plan(3, (8, 8, 8)))
        label = store.arrays(0).label
        return store, None if label is None else label[0].numpy()

    BOXES = (
        box(1, (4, 5, 3), (4, 4, 4)),
        box(1, (9, 5, 3), (4, 4, 4)),
        box(2, (6, 6, 6), (6,) * 3),
    )

    def test_outside_the_boxes_of_all_classes_is_background(self, tmp_path):
        store, label = self.label_of(tmp_path, boxes=self.BOXES)
        case, plan = store.cases[0], store.plan
        inside = [inside_boxes(case, plan, (1, *SHAPE), value)[0] for value in (1, 2)]
        assert np.array_equal(label, np.where(inside[0] | inside[1], 255, 0))
        assert store.annotated(0)
        assert not store.entries[0].annotated

    def test_a_class_without_box_may_be_anywhere(self, tmp_path):
        store, label = self.label_of(tmp_path, boxes=self.BOXES[:2])
        assert (label == 255).all()
        assert store.annotated(0)

    def test_unless_it_is_absent(self, tmp_path):
        _, label = self.label_of(tmp_path, boxes=self.BOXES[:2], absent=(2,))
        assert {0, 255} == set(np.unique(label).tolist())

    def test_or_was_not_looked_at_and_stays_possible_on_background(self, tmp_path):
        store, label = self.label_of(tmp_path, boxes=self.BOXES[:2], looked_at=(1,))
        assert (label == 0).any()
        assert store.looked_at(0) == [True, True, False]

    def test_scribbles_stay_as_they_are(self, tmp_path):
        marks = np.full(SHAPE, 255, dtype=np.uint8)
        marks[3, 5, 2:6], marks[0, 0, :4] = 1, 2
        _, label = self.label_of(tmp_path, marks, boxes=self.BOXES)
        assert np.array_equal(label[marks != 255], marks[marks != 255])
        assert (label[marks == 255] == 0).any()

    def test_tags_alone_annotate_nothing(self, tmp_path):
        store, label = self.label_of(tmp_path, absent=(1, 2))
        assert label is None
        assert not store.annotated(0)
        assert store.knowledge[0].absent == (1, 2)

    def test_nobody_looked(self, tmp_path):
        _, label = self.label_of(tmp_path, boxes=self.BOXES, looked_at=())
        assert (label == 255).all()

    def test_what_a_validation_case_is_measured_by_stays(self, tmp_path):
        marks = np.full(SHAPE, 255, dtype=np.uint8)
        marks[3] = 1
        _, label = self.label_of(tmp_path, marks, boxes=self.BOXES, role="validation")
        assert np.array_equal(label, marks)

    def test_files_are_written_once_for_the_same_boxes(self, tmp_path):
        store, label = self.label_of(tmp_path, boxes=self.BOXES)
        files = store.known_labels[0]
        before = files.label.stat().st_mtime_ns
        again = make_store(tmp_path, store.cases, store.plan)
        assert again.known_labels[0] == files
        assert files.label.stat().st_mtime_ns == before
        moved = dataclasses.replace(store.cases[0], boxes=self.BOXES[1:])
        other = make_store(tmp_path, [moved], store.plan)
        assert other.known_labels[0] != files
        assert not np.array_equal(other.arrays(0).label[0].numpy(), label)
        assert not list(store.entries[0].folder.glob("*.tmp"))


class TestCentres:
    def test_lie_inside_the_boxes_of_their_class_and_on_known_voxels(self, tmp_path):
        case = Case("a", (image(tmp_path),), boxes=TestLabel.BOXES)
        store = make_store(tmp_path, [case], make_plan(3, (8, 8, 8)))
        arrays = store.arrays(0)
        label = arrays.label.numpy()
        kinds = [int(rows[0, 0]) for rows in arrays.centres_by_class]
        assert kinds == [0, 1, 2]
        for value, rows in zip(kinds, arrays.centres_by_class, strict=True):
            inside = label == 0
            if value:
                inside = inside_boxes(case, store.plan, label.shape, value)
                assert len(rows) >= inside.sum()
            assert inside[tuple(rows[:, 1:].T)].all()

    @pytest.mark.parametrize("dimensions", [2, 3])
    def test_patches_of_boxed_cases_can_be_drawn(self, tmp_path, dimensions):
        case = Case("a", (image(tmp_path),), boxes=TestLabel.BOXES)
        store = make_store(tmp_path, [case], make_plan(dimensions, (8,) * dimensions))
        augmentation = make_augmentation("standard", store.plan)
        sampler = PatchSampler(store, [0], 6, augmentation, annotated=True)
        batch = sampler.draw(torch.Generator().manual_seed(0))
        assert {0, 255} == set(batch.label.unique().tolist())
