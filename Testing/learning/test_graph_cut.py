"""Graph cuts against every labeling there is, and what is promised of expansion moves."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from SemiWeakSegLib.learning import graph_cut
from SemiWeakSegLib.learning.graph_cut import least_energy_labels


def energy(costs, weights, labels):
    """The formula, voxel by voxel and pair by pair."""
    total = sum(costs[(labels[place], *place)] for place in np.ndindex(labels.shape))
    for axis, along in enumerate(weights):
        for place in np.ndindex(along.shape):
            other = tuple(p + (axis == k) for k, p in enumerate(place))
            total += along[place] * (labels[place] != labels[other])
    return total


def least_energy(costs, weights):
    shape, classes = costs.shape[1:], range(len(costs))
    return min(
        energy(costs, weights, np.reshape(labels, shape))
        for labels in itertools.product(classes, repeat=int(np.prod(shape)))
    )


def problem(seed, classes, shape, strength=1.0):
    source = np.random.default_rng(seed)
    costs = source.exponential(1.0, (classes, *shape))
    weights = []
    for axis in range(len(shape)):
        pairs = tuple(n - (axis == k) for k, n in enumerate(shape))
        weights.append(strength * source.exponential(1.0, pairs))
    return costs, weights


def graph_cut_numbers(costs, weights):
    scale = graph_cut._scale(costs, weights)
    pairs = [np.rint(scale * each).astype(np.int64) for each in weights]
    return graph_cut._whole_costs(costs, scale, pairs), pairs


class TestTwoClasses:
    @pytest.mark.parametrize("shape", [(3, 4), (2, 2, 3)])
    @pytest.mark.parametrize("strength", [0.1, 0.5, 2.0])
    @pytest.mark.parametrize("seed", range(4))
    def test_no_labeling_has_less_energy(self, shape, strength, seed):
        costs, weights = problem(seed, 2, shape, strength)
        found = energy(costs, weights, least_energy_labels(costs, weights))
        assert found == pytest.approx(least_energy(costs, weights), abs=1e-3)

    @pytest.mark.parametrize("seed", range(3))
    def test_taking_out_the_sure_voxels_changes_nothing(self, seed, monkeypatch):
        costs, weights = problem(seed, 2, (14, 15, 13), 0.6)
        quick = least_energy_labels(costs, weights)
        monkeypatch.setattr(graph_cut, "WORTHWHILE_SHARE", np.inf)
        direct = least_energy_labels(costs, weights)
        assert energy(costs, weights, quick) == pytest.approx(
            energy(costs, weights, direct), abs=1e-2
        )
        assert 0 < direct.mean() < 1

    @pytest.mark.parametrize("classes", [2, 3])
    @pytest.mark.parametrize("seed", range(4))
    def test_looking_at_the_undecided_part_alone_changes_nothing(self, classes, seed, monkeypatch):
        costs, weights = problem(seed, classes, (11, 12, 10), 0.6)
        costs[1:, :4], costs[0, :, 9:], costs[1, :, :, 7] = np.inf, 40.0, np.inf
        quick = least_energy_labels(costs, weights)
        part = graph_cut._undecided(
            *graph_cut_numbers(costs, weights),
        )
        assert 0 < quick[part].size < 0.75 * quick.size
        monkeypatch.setattr(graph_cut, "_undecided", lambda *given: (slice(0, 99),) * 3)
        whole = least_energy_labels(costs, weights)
        assert energy(costs, weights, quick) == pytest.approx(energy(costs, weights, whole))
        assert (quick == whole).mean() > 0.99

    def test_without_edges_every_voxel_takes_its_cheapest_class(self):
        costs, weights = problem(0, 2, (5, 6), 0.0)
        assert np.array_equal(least_energy_labels(costs, weights), costs.argmin(axis=0))

    def test_strong_edges_give_one_class(self):
        costs, weights = problem(0, 2, (6, 6), 1e3)
        costs[1] += 0.5
        assert not least_energy_labels(costs, weights).any()

    def test_huge_costs_do_not_overflow(self):
        costs, weights = problem(1, 2, (3, 3), 1.0)
        factor = 1e7
        big = least_energy_labels(factor * costs, [factor * each for each in weights])
        assert np.array_equal(big, least_energy_labels(costs, weights))


class TestForbiddenClasses:
    @pytest.mark.parametrize("classes", [2, 3])
    def test_they_are_never_given(self, classes):
        costs, weights = problem(3, classes, (8, 9), 3.0)
        forbidden = np.random.default_rng(0).random(costs.shape) < 0.3
        forbidden[0] &= ~forbidden.all(axis=0)
        labels = least_energy_labels(np.where(forbidden, np.inf, costs), weights)
        assert not np.take_along_axis(forbidden, labels[None].astype(int), axis=0).any()

    def test_two_fixed_ends_are_parted_at_the_weakest_edge(self):
        costs = np.zeros((2, 1, 6))
        costs[1, 0, 0] = costs[0, 0, 5] = np.inf
        weights = [np.zeros((0, 6)), np.array([[3.0, 2.0, 1.0, 2.0, 3.0]])]
        assert least_energy_labels(costs, weights).tolist() == [[0, 0, 0, 1, 1, 1]]


class TestExpansion:
    @pytest.mark.parametrize("seed", range(6))
    def test_within_the_bound_of_the_best_labeling_and_mostly_equal(self, seed):
        costs, weights = problem(seed, 3, (3, 3), 0.7)
        found = energy(costs, weights, least_energy_labels(costs, weights))
        best = least_energy(costs, weights)
        assert best - 1e-3 <= found <= 1.05 * best

    @pytest.mark.parametrize("shape", [(3, 3), (2, 2, 2)])
    @pytest.mark.parametrize("alpha", [0, 1, 2])
    def test_a_move_is_the_best_of_all_moves(self, shape, alpha, monkeypatch):
        costs, weights = problem(alpha, 3, shape, 0.8)
        before = np.random.default_rng(1).integers(0, 3, shape)
        tails, heads = graph_cut._edges(shape)
        scale = 10**6
        pair = np.concatenate([np.rint(scale * each).astype(int).ravel() for each in weights])
        whole = np.rint(scale * costs).astype(int).reshape(3, -1)
        moved = graph_cut._expand(whole, before.ravel(), alpha, tails, heads, pair)
        best = min(
            energy(costs, weights, np.where(np.reshape(move, shape), alpha, before))
            for move in itertools.product((False, True), repeat=before.size)
        )
        assert energy(costs, weights, moved.reshape(shape)) == pytest.approx(best, abs=1e-4)

    def test_the_energy_never_rises(self, monkeypatch):
        costs, weights = problem(5, 4, (9, 10), 1.0)
        seen, original = [], graph_cut._energy
        monkeypatch.setattr(
            graph_cut, "_energy", lambda *given: seen.append(original(*given)) or seen[-1]
        )
        labels = least_energy_labels(costs, weights)
        assert all(later <= min(seen[:k]) for k, later in enumerate(seen) if k)
        assert energy(costs, weights, labels) < energy(costs, weights, costs.argmin(axis=0))
