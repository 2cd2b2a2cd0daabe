"""Brute-force oracles in NumPy, written from the formulas and not from the library."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest


def softmax(logits):
    exponentials = np.exp(logits - logits.max(axis=0))
    return exponentials / exponentials.sum(axis=0)


def dense_weights(image, spacing, kernels):
    """(N, N) weights of all pairs of different voxels; image (M, *spatial)."""
    positions = list(itertools.product(*[range(size) for size in image.shape[1:]]))
    weights = np.zeros((len(positions), len(positions)))
    for (i, p), (j, q) in itertools.permutations(enumerate(positions), 2):
        distance = sum(((a - b) * step) ** 2 for a, b, step in zip(p, q, spacing, strict=True))
        contrast = sum((channel[p] - channel[q]) ** 2 for channel in image)
        for kernel in kernels:
            exponent = distance / (2 * kernel.sigma_space**2)
            if kernel.sigma_intensity is not None:
                exponent += contrast / (2 * kernel.sigma_intensity**2)
            weights[i, j] += kernel.weight * math.exp(-exponent)
    return weights


def grid_weights(image, spacing, sigma):
    """(N, N) weights of voxels that differ by one step along one axis."""
    positions = list(itertools.product(*[range(size) for size in image.shape[1:]]))
    weights = np.zeros((len(positions), len(positions)))
    for (i, p), (j, q) in itertools.permutations(enumerate(positions), 2):
        steps = [abs(a - b) for a, b in zip(p, q, strict=True)]
        if sum(steps) == 1:
            contrast = sum((channel[p] - channel[q]) ** 2 for channel in image)
            weights[i, j] = math.exp(-contrast / (2 * sigma**2)) / spacing[steps.index(1)]
    return weights


def pair_sum(probabilities, weights, form):
    """The mean disagreement over all pairs; probabilities (C, *spatial)."""
    flat = probabilities.reshape(len(probabilities), -1)
    total = disagreement = 0.0
    for i, j in itertools.permutations(range(flat.shape[1]), 2):
        total += weights[i, j]
        if form == "potts":
            disagreement += weights[i, j] * (1 - flat[:, i] @ flat[:, j])
        else:
            disagreement += weights[i, j] * ((flat[:, i] - flat[:, j]) ** 2).sum() / 2
    return disagreement / total


def normalised_cut(probabilities, weights, least):
    """Mean over classes of what their voxels share with others; probabilities (C, *spatial)."""
    flat = probabilities.reshape(len(probabilities), -1)
    degree, shares = weights.sum(axis=1), []
    for values in flat:
        cut = sum(
            weights[i, j] * values[i] * (1 - values[j])
            for i, j in itertools.permutations(range(len(values)), 2)
        )
        shares.append(cut / (degree @ values + least * degree.sum()))
    return np.mean(shares)


class Oracles:
    softmax = staticmethod(softmax)
    dense_weights = staticmethod(dense_weights)
    grid_weights = staticmethod(grid_weights)
    pair_sum = staticmethod(pair_sum)
    normalised_cut = staticmethod(normalised_cut)


@pytest.fixture
def oracles():
    return Oracles


@pytest.fixture
def numeric_gradient():
    """Central differences of a scalar function of a float64 tensor, over every element."""

    def gradient(function, point, step=1e-5):
        result = np.zeros(point.numel())
        for index in range(point.numel()):
            values = []
            for sign in (1, -1):
                moved = point.detach().clone()
                moved.view(-1)[index] += sign * step
                values.append(float(function(moved)))
            result[index] = (values[0] - values[1]) / (2 * step)
        return result.reshape(point.shape)

    return gradient
