"""Oblique images of one cohort are turned to axes that they have in common."""

from __future__ import annotations

import numpy as np
import pytest

from SemiWeakSegLib.cohort.phantom import make_patient
from SemiWeakSegLib.learning.frame import common_frame
from SemiWeakSegLib.learning.layout import alignment_angle, canonical_axes
from Testing.learning.scans import rotation
from Testing.learning.test_layout import SIGNED_PERMUTATIONS

SHORT_AXIS = rotation((1, 0.3, -0.6), 52)


def oblique(count=48, most=14.0, seed=0):
    """Directions near SHORT_AXIS whose files keep the axes in all orders there are."""
    source = np.random.default_rng(seed)
    return [
        rotation(source.normal(size=3), source.uniform(0, most))
        @ SHORT_AXIS
        @ SIGNED_PERMUTATIONS[number % len(SIGNED_PERMUTATIONS)]
        for number in range(count)
    ]


def flat(directions):
    return [tuple(each.ravel()) for each in directions]


def turned(direction, frame):
    """The directions of an image's axes (columns x, y, z) after it was turned."""
    axes = canonical_axes(tuple(direction.ravel()), frame)
    columns = [direction[:, 2 - axis] for axis in axes.permutation]
    signs = [-1 if flip else 1 for flip in axes.flips]
    return np.stack([s * c for s, c in zip(signs, columns, strict=True)][::-1], axis=1)


class TestCommonFrame:
    @pytest.mark.parametrize("seed", [0, 1, 2])
    def test_however_files_keep_their_axes_all_are_turned_alike(self, seed):
        directions = oblique(seed=seed)
        assert all(alignment_angle(each) > 30 for each in flat([SHORT_AXIS]))
        frame = common_frame(flat(directions))
        for each in directions:
            cosines = np.sum(turned(each, frame) * np.reshape(frame, (3, 3)), axis=0)
            assert cosines.min() > np.cos(np.radians(30))

    def test_it_lies_in_the_middle_and_is_named_after_the_patients_axes(self):
        frame = np.reshape(common_frame(flat(oblique(most=5.0))), (3, 3))
        np.testing.assert_allclose(frame.T @ frame, np.eye(3), atol=1e-5)
        between = alignment_angle(tuple(frame.ravel()), tuple(SHORT_AXIS.ravel()))
        assert between < 2
        # No other order or sign of its axes is nearer to the patient's.
        best = max(np.trace(frame @ each) for each in SIGNED_PERMUTATIONS)
        assert np.trace(frame) == pytest.approx(best)

    def test_a_first_image_at_the_rim_does_not_decide(self):
        rim = [rotation((0, 0, 1), 25), *[rotation((0, 0, 1), -angle) for angle in (8, 10, 12)]]
        directions = [SHORT_AXIS @ each for each in rim]
        assert common_frame(flat(directions)) is not None

    def test_images_that_lie_every_which_way_have_none(self):
        source = np.random.default_rng(0)
        every = [rotation(source.normal(size=3), source.uniform(0, 180)) for _ in range(20)]
        assert common_frame(flat(every)) is None

    def test_one_image_across_all_others_is_too_much(self):
        assert common_frame(flat([*oblique(), SHORT_AXIS @ rotation((1, 0, 0), 45)])) is None


def test_hearts_that_files_keep_mirrored_are_no_longer():
    """The right ventricle lies on the same side of the left one in all patients."""
    patients = [make_patient(number, seed=3) for number in range(12)]
    frame = common_frame([patient.geometry.direction for patient in patients])
    sides = {"stored": [], "turned": []}
    for patient in patients:
        for kind, axes in (
            ("stored", canonical_axes(tuple(np.eye(3).ravel()))),
            ("turned", canonical_axes(patient.geometry.direction, frame)),
        ):
            label = axes.forward(patient.labels["ED"])
            left, right = (np.argwhere(label == value).mean(axis=0) for value in (1, 3))
            away = (right - left)[1:] if kind == "stored" else (right - left)
            sides[kind].append(away / np.linalg.norm(away))
    agreement = {kind: np.linalg.norm(np.mean(each, axis=0)) for kind, each in sides.items()}
    assert agreement["stored"] < 0.8
    assert agreement["turned"] > 0.9
