"""Labelings of least energy on a grid: exact for two classes, by expansion moves for more.

E(y) = sum_i cost_i(y_i) + sum_edges w_ij [y_i != y_j]. Two classes: a minimum cut (Greig et al.
1989). More: each expansion move offers one class to all voxels at once, itself a minimum cut; the
energy never rises (Boykov, Veksler and Zabih, PAMI 2001). Costs are rounded to whole numbers
first, and all that follows is exact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

# The steps of the rounding: of a cost of 1, or less where costs are so big that flows, which are
# 32-bit numbers, would overflow.
STEPS = 1 << 16
LARGEST_FLOW = 1 << 28
# Voxels that decide themselves are taken out pass by pass, while a pass finds this share of them.
WORTHWHILE_SHARE = 0.01


def least_energy_labels(
    costs: np.ndarray, weights: Sequence[np.ndarray], *, cycles: int = 10
) -> np.ndarray:
    """The labeling of least energy for two classes, a strong local optimum for more.

    Args:
        costs: (K, *spatial), finite; inf where a voxel must not have the class. Every voxel must
            have a finite one.
        weights: per axis, the pairs along it: (*spatial) with one voxel less along that axis, >= 0.
        cycles: rounds of expansion moves at most; they end when none lowers the energy.

    Returns:
        (*spatial) uint8.
    """
    scale = _scale(costs, weights)
    pairs = [np.rint(scale * each).astype(np.int64) for each in weights]
    whole = _whole_costs(costs, scale, pairs)
    labels = whole.argmin(axis=0).astype(np.uint8)
    part = _undecided(whole, pairs)
    if part is not None:
        inside = [pair[_without_last(part, axis)] for axis, pair in enumerate(pairs)]
        labels[part] = _least_energy(whole[(slice(None), *part)], inside, cycles)
    return labels


def _least_energy(costs: np.ndarray, weights: Sequence[np.ndarray], cycles: int) -> np.ndarray:
    """`least_energy_labels` of whole numbers (K, *spatial), on the whole of a grid."""
    shape = costs.shape[1:]
    tails, heads = _edges(shape)
    pair = np.concatenate([each.ravel() for each in weights])
    whole = costs.reshape(len(costs), -1)
    kept = pair > 0
    tails, heads, pair = tails[kept], heads[kept], pair[kept]
    labels = whole.argmin(axis=0)
    if len(costs) == 2:
        taken = _minimise_binary(whole[1] - whole[0], tails, heads, pair)
        return taken.astype(np.uint8).reshape(shape)
    best = _energy(whole, labels, tails, heads, pair)
    since_better, alpha = 0, 0
    for _ in range(cycles * len(costs)):
        moved = _expand(whole, labels, alpha, tails, heads, pair)
        energy = _energy(whole, moved, tails, heads, pair)
        since_better += 1
        if energy < best:
            labels, best, since_better = moved, energy, 0
        alpha = (alpha + 1) % len(costs)
        if since_better == len(costs):
            break
    return labels.astype(np.uint8).reshape(shape)


def _undecided(costs: np.ndarray, pairs: Sequence[np.ndarray]) -> tuple[slice, ...] | None:
    """The part of the grid that holds every voxel whose neighbours could change its class.

    A voxel whose second-best class costs more than all its pairs could win back has its best one
    in every labeling of least energy, and no expansion move takes it away. The part is one voxel
    wider, as these voxels pull at their neighbours. None where there is nothing to decide.
    """
    first, second = np.partition(costs, 1, axis=0)[:2]
    open_voxels = second - first <= _ties(costs.shape[1:], pairs)
    part = []
    for axis in range(open_voxels.ndim):
        others = tuple(other for other in range(open_voxels.ndim) if other != axis)
        found = np.flatnonzero(open_voxels.any(axis=others))
        if not len(found):
            return None
        part.append(slice(max(0, int(found[0]) - 1), int(found[-1]) + 2))
    return tuple(part)


def _without_last(part: tuple[slice, ...], axis: int) -> tuple[slice, ...]:
    """The pairs along one axis of which both voxels lie in a part of the grid."""
    return tuple(
        slice(each.start, each.stop - 1) if each_axis == axis else each
        for each_axis, each in enumerate(part)
    )


def _ties(shape: tuple[int, ...], pairs: Sequence[np.ndarray]) -> np.ndarray:
    """(*spatial) the sum of the pairs of each voxel."""
    ties = np.zeros(shape, dtype=np.int64)
    for axis, pair in enumerate(pairs):
        before = tuple(slice(None, -1 if each == axis else None) for each in range(len(shape)))
        after = tuple(slice(1 if each == axis else None, None) for each in range(len(shape)))
        ties[before] += pair
        ties[after] += pair
    return ties


def _edges(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Flat indices of the first and second voxel of every pair, axis by axis."""
    index = np.arange(math.prod(shape), dtype=np.int32).reshape(shape)
    tails, heads = [], []
    for axis, size in enumerate(shape):
        tails.append(index.take(range(size - 1), axis=axis).ravel())
        heads.append(index.take(range(1, size), axis=axis).ravel())
    return np.concatenate(tails), np.concatenate(heads)


def _scale(costs: np.ndarray, weights: Sequence[np.ndarray]) -> float:
    finite = costs[np.isfinite(costs)]
    bound = np.ptp(finite) + 2 * sum(each.max(initial=0) for each in weights)
    return min(STEPS, LARGEST_FLOW / max(float(bound), 1e-12))


def _whole_costs(costs: np.ndarray, scale: float, pairs: Sequence[np.ndarray]) -> np.ndarray:
    """Costs (K, *spatial) as int64; what is forbidden costs more than a voxel's pairs could win."""
    allowed = np.isfinite(costs)
    whole = np.rint(scale * np.where(allowed, costs, 0)).astype(np.int64)
    highest = np.where(allowed, whole, whole.min()).max(axis=0)
    return np.where(allowed, whole, highest + _ties(costs.shape[1:], pairs) + 1)


def _sums(places: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    # Sums of whole numbers are exact in double precision up to 2^53.
    return np.bincount(places, values, minlength=count).astype(np.int64)


def _energy(
    costs: np.ndarray, labels: np.ndarray, tails: np.ndarray, heads: np.ndarray, pair: np.ndarray
) -> int:
    own = np.take_along_axis(costs, labels[None], axis=0).sum()
    return int(own + pair[labels[tails] != labels[heads]].sum())


def _expand(
    costs: np.ndarray,
    labels: np.ndarray,
    alpha: int,
    tails: np.ndarray,
    heads: np.ndarray,
    pair: np.ndarray,
) -> np.ndarray:
    """The best labeling in which every voxel keeps its class or takes ``alpha``.

    A pair costs A if both keep, B if the second moves, C if the first does, 0 if both do. Twice
    that is a constant, C - B - A for the first's move, B - C - A for the second's, and B + C - A
    where just one of them moves.
    """
    first, second = labels[tails], labels[heads]
    both_keep = pair * (first != second)
    second_moves, first_moves = pair * (first != alpha), pair * (second != alpha)
    move = 2 * (costs[alpha] - np.take_along_axis(costs, labels[None], axis=0)[0])
    move += _sums(tails, first_moves - second_moves - both_keep, len(move))
    move += _sums(heads, second_moves - first_moves - both_keep, len(move))
    capacity = second_moves + first_moves - both_keep
    used = capacity > 0
    moves = _minimise_binary(move, tails[used], heads[used], capacity[used])
    return np.where(moves, alpha, labels)


def _minimise_binary(
    unary: np.ndarray, tails: np.ndarray, heads: np.ndarray, capacity: np.ndarray
) -> np.ndarray:
    """x (N,) bool of least sum_i unary_i x_i + sum_edges capacity [x_i != x_j].

    A voxel whose own cost outweighs all its edges has its value whatever the others do; it is
    taken out and its edges become costs of its neighbours. A minimum cut decides the rest.
    """
    unary = unary.copy()
    result = np.zeros(len(unary), dtype=bool)
    free = np.ones(len(unary), dtype=bool)
    while free.any():
        ties = _sums(tails, capacity, len(unary)) + _sums(heads, capacity, len(unary))
        sure = free & (np.abs(unary) > ties)
        result[sure] = unary[sure] < 0
        free &= ~sure
        pull = np.where(result, -capacity.dtype.type(1), 1)
        for own, other in ((tails, heads), (heads, tails)):
            folded = sure[own] & free[other]
            unary += _sums(other[folded], (capacity * pull[own])[folded], len(unary))
        between = free[tails] & free[heads]
        tails, heads, capacity = tails[between], heads[between], capacity[between]
        if sure.sum() < WORTHWHILE_SHARE * free.sum():
            break
    if free.any():
        number = np.cumsum(free) - 1
        rest = _minimum_cut(unary[free], number[tails], number[heads], capacity)
        result[free] = rest
    return result


def _minimum_cut(
    unary: np.ndarray, tails: np.ndarray, heads: np.ndarray, capacity: np.ndarray
) -> np.ndarray:
    """The same by a maximum flow; x is False on the source's side."""
    count = len(unary)
    source, sink = count, count + 1
    pays, earns = np.flatnonzero(unary > 0), np.flatnonzero(unary < 0)
    rows = np.concatenate([tails, heads, np.full(len(pays), source), earns])
    columns = np.concatenate([heads, tails, pays, np.full(len(earns), sink)])
    values = np.concatenate([capacity, capacity, unary[pays], -unary[earns]])
    graph = sparse.csr_matrix(
        (values.astype(np.int32), (rows, columns)), shape=(count + 2, count + 2)
    )
    residual = graph - csgraph.maximum_flow(graph, source, sink).flow
    residual.eliminate_zeros()
    reached = csgraph.breadth_first_order(residual, source, return_predecessors=False)
    result = np.ones(count + 2, dtype=bool)
    result[reached] = False
    return result[:count]
