"""The likelihood of the classes that a voxel may still have."""

import numpy as np
import pytest
import torch

from SemiWeakSegLib.learning.losses import candidate_loss, partial_cross_entropy


@pytest.mark.parametrize("shape", [(4, 5), (2, 3, 4)])
def test_is_the_mean_over_restricted_voxels(shape, oracles):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 4, *shape, dtype=torch.float64, generator=generator)
    excluded = torch.rand(2, 4, *shape, generator=generator) < 0.4
    mask = torch.rand(2, *shape, generator=generator) < 0.8
    values = []
    for sample in range(2):
        probabilities = oracles.softmax(logits[sample].numpy())
        for place in np.ndindex(*shape):
            gone = excluded[(sample, slice(None), *place)].numpy()
            if mask[(sample, *place)] and gone.any() and not gone.all():
                values.append(-np.log(probabilities[(~gone, *place)].sum()))
    assert candidate_loss(logits, excluded, mask).item() == pytest.approx(np.mean(values))


def test_one_allowed_class_is_cross_entropy():
    logits = torch.randn(1, 3, 4, 4)
    target = torch.randint(0, 3, (1, 4, 4))
    excluded = torch.arange(3).reshape(1, 3, 1, 1) != target[:, None]
    expected = partial_cross_entropy(logits, target)
    assert candidate_loss(logits, excluded).item() == pytest.approx(expected.item(), rel=1e-6)


def test_gradient(numeric_gradient):
    logits = torch.randn(1, 3, 2, 3, dtype=torch.float64, requires_grad=True)
    excluded = torch.rand(1, 3, 2, 3) < 0.5
    candidate_loss(logits, excluded).backward()
    found = numeric_gradient(lambda point: candidate_loss(point, excluded), logits)
    np.testing.assert_allclose(logits.grad.numpy(), found, atol=1e-7)


@pytest.mark.parametrize("value", [False, True])
def test_nothing_excluded_and_nothing_allowed_teach_nothing(value):
    logits = torch.randn(1, 3, 4, 4, requires_grad=True)
    loss = candidate_loss(logits, torch.full((1, 3, 4, 4), value))
    loss.backward()
    assert loss.item() == 0
    assert torch.isfinite(logits.grad).all()
    assert not logits.grad.any()


def test_sure_of_an_excluded_class_stays_finite():
    logits = torch.zeros(1, 2, 3, 3)
    logits[:, 1] = 200.0
    logits.requires_grad_()
    excluded = torch.zeros(1, 2, 3, 3, dtype=torch.bool)
    excluded[:, 1] = True
    loss = candidate_loss(logits, excluded)
    loss.backward()
    assert loss.item() == pytest.approx(200.0)
    assert torch.isfinite(logits.grad).all()


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="excluded must have the shape"):
        candidate_loss(torch.randn(1, 3, 4, 4), torch.zeros(1, 2, 4, 4, dtype=torch.bool))
