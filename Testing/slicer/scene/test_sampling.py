"""Reading one voxel grid at the voxels of another, against reading voxel by voxel."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from SemiWeakSegLib.scene.sampling import sampleNearest

VALUES = np.random.default_rng(0).integers(1, 200, (5, 6, 7), dtype=np.uint8)
TURNS = [
    (order, signs)
    for order in itertools.permutations(range(3))
    for signs in itertools.product((1, -1), repeat=3)
]


def one_by_one(values: np.ndarray, indexMap: np.ndarray, shape) -> np.ndarray:
    found = np.zeros(shape, values.dtype)
    for place in np.ndindex(*shape):
        x, y, z = (indexMap @ [*place[::-1], 1.0])[:3]
        # A tie goes to the lower voxel.
        index = tuple(int(np.ceil(each - 0.5 - 1e-6)) for each in (z, y, x))
        if all(0 <= each < size for each, size in zip(index, values.shape, strict=True)):
            found[place] = values[index]
    return found


def sampled(values: np.ndarray, indexMap: np.ndarray, shape) -> np.ndarray:
    region = sampleNearest(values, indexMap, shape)
    whole = np.zeros(shape, values.dtype)
    if region is not None:
        whole[region.slices] = region.values
    return whole


@pytest.mark.parametrize("turn", TURNS, ids=str)
@pytest.mark.parametrize("shift", [(0, 0, 0), (2, -1, 3), (4, 5, 5)], ids=str)
def test_whole_voxels_in_all_48_orders(turn, shift):
    order, signs = turn
    matrix = np.eye(4)
    matrix[:3, :3] = 0
    for axis, (source, sign) in enumerate(zip(order, signs, strict=True)):
        matrix[source, axis] = sign
    matrix[:3, 3] = shift
    assert np.array_equal(sampled(VALUES, matrix, (6, 4, 8)), one_by_one(VALUES, matrix, (6, 4, 8)))


@pytest.mark.parametrize("seed", range(12))
def test_any_linear_map(seed):
    random = np.random.default_rng(seed)
    matrix = np.eye(4)
    turn = Rotation.random(random_state=seed).as_matrix()
    matrix[:3, :3] = turn * random.uniform(0.4, 1.6, 3) + 0.1 * random.normal(size=(3, 3))
    shape = (9, 8, 10)
    middles = (np.array(each.shape[::-1]) / 2 for each in (VALUES, np.empty(shape)))
    inside, outside = middles
    matrix[:3, 3] = inside + random.uniform(-1, 1, 3) - matrix[:3, :3] @ outside
    found = sampled(VALUES, matrix, shape)
    assert np.count_nonzero(found) > 50
    assert np.array_equal(found, one_by_one(VALUES, matrix, shape))


@pytest.mark.parametrize("off", [0.0, 0.2, -0.45, 0.499])
def test_less_than_half_a_voxel_off_is_the_same_voxel(off):
    matrix = np.eye(4)
    matrix[:3, 3] = off
    assert np.array_equal(sampled(VALUES, matrix, VALUES.shape), VALUES)


def test_a_tie_goes_to_the_lower_voxel_everywhere():
    matrix = np.diag([0.5, 0.5, 0.5, 1.0])
    matrix[:3, 3] = 0.5
    found = sampled(VALUES, matrix, (9, 11, 13))
    assert np.array_equal(found, one_by_one(VALUES, matrix, (9, 11, 13)))


def test_grids_apart_have_nothing_in_common():
    for far in (50.0, 50.3):
        for turn in (np.eye(3), Rotation.from_euler("x", 20, degrees=True).as_matrix()):
            matrix = np.eye(4)
            matrix[:3, :3], matrix[:3, 3] = turn, far
            assert not sampled(VALUES, matrix, (4, 4, 4)).any()
    assert sampleNearest(VALUES[:0], np.eye(4), (4, 4, 4)) is None
