"""Confident predictions become labels; all else stays unknown."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from SemiWeakSegLib.learning.pseudo_labels import confident_labels, threshold_labels


def logits_of(probabilities):
    """(K,) per voxel -> (1, K, voxels)."""
    return torch.tensor(probabilities).log().T[None]


def test_below_the_threshold_is_unlabeled_never_background():
    logits = logits_of(
        [[0.96, 0.02, 0.02], [0.90, 0.05, 0.05], [0.02, 0.96, 0.02], [0.2, 0.5, 0.3], [0, 0, 1]]
    )
    labels, mask = threshold_labels(logits, 0.95)
    assert labels.tolist() == [[0, 255, 1, 255, 2]]
    assert mask.tolist() == [[True, False, True, False, True]]


@pytest.mark.parametrize("threshold", [0.4, 0.7, 0.95])
@pytest.mark.parametrize("shape", [(2, 3, 8, 9), (1, 4, 5, 6, 7)])
def test_agrees_with_a_loop_over_voxels(threshold, shape):
    logits = 3 * torch.randn(shape)
    labels, mask = threshold_labels(logits, threshold)
    assert labels.dtype == torch.int64
    flat = logits.double().movedim(1, -1).reshape(-1, shape[1])
    for row, label, known in zip(flat, labels.flatten(), mask.flatten(), strict=True):
        exponents = (row - row.max()).exp()
        shares = exponents / exponents.sum()
        if abs(float(shares.max()) - threshold) > 1e-6:
            assert bool(known) == (float(shares.max()) >= threshold)
            assert int(label) == (int(row.argmax()) if known else 255)


def test_takes_no_gradient_and_uses_the_teacher():
    teacher = nn.Conv2d(1, 3, 1)
    image = torch.randn(2, 1, 6, 6, requires_grad=True)
    labels, mask = confident_labels(teacher, image, 0.5)
    expected = threshold_labels(teacher(image), 0.5)
    assert torch.equal(labels, expected[0])
    assert torch.equal(mask, expected[1])
    assert not labels.requires_grad


def test_half_precision_logits_are_judged_in_full_precision():
    logits = logits_of([[0.9501, 0.0499], [0.9499, 0.0501]]).half()
    shares = logits.float().softmax(dim=1).amax(dim=1)
    assert torch.equal(threshold_labels(logits, 0.95)[1], shares >= 0.95)
