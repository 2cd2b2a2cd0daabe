"""Shares of a box and of the strips across it, against loops over voxels."""

import numpy as np
import pytest
import torch

from SemiWeakSegLib.learning.losses import box_share, strip_shares


def positions(shape, axis, first, last):
    """Where voxel centres lie between the faces of a box that holds voxels first..last."""
    line = 2 * (torch.arange(shape[axis], dtype=torch.float64) - first + 0.5) / (last - first + 1)
    return (
        (line - 1).reshape([-1 if each == axis else 1 for each in range(len(shape))]).expand(shape)
    )


@pytest.mark.parametrize("shape", [(9, 11), (6, 8, 10)])
def test_shares_are_means_over_the_voxels_of_a_strip(shape):
    generator = torch.Generator().manual_seed(0)
    foreground = torch.rand(shape, dtype=torch.float64, generator=generator)
    along = 1.2 * (2 * torch.rand(shape, dtype=torch.float64, generator=generator) - 1)
    inside = along.abs() <= 1
    found = strip_shares(foreground, inside, along, 4).numpy()
    held = [[], [], [], []]
    for place in np.ndindex(*shape):
        if inside[place]:
            held[min(3, int((along[place].item() + 1) / 2 * 4))].append(foreground[place].item())
    assert found == pytest.approx([np.mean(each) for each in held])
    every = [value for each in held for value in each]
    assert box_share(foreground, inside).item() == pytest.approx(np.mean(every))


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("count", [1, 3, 6])
def test_a_filled_box_fills_every_strip_the_last_too(axis, count):
    along = positions((8, 8), axis, 1, 6)
    inside = (positions((8, 8), 0, 1, 6).abs() <= 1) & (positions((8, 8), 1, 1, 6).abs() <= 1)
    assert strip_shares(inside.double(), inside, along, count).tolist() == [1.0] * count
    row = torch.zeros(8, 8)
    row[6 if axis == 0 else slice(None), slice(None) if axis == 0 else 6] = 1
    shares = strip_shares(row, inside, along, 6)
    assert shares.tolist() == [0, 0, 0, 0, 0, 1]


def test_voxels_outside_the_box_do_not_count():
    inside = torch.zeros(4, 4, dtype=torch.bool)
    inside[1:3, 1:3] = True
    foreground = torch.where(inside, 0.25, torch.nan).requires_grad_()
    shares = strip_shares(foreground, inside, positions((4, 4), 0, 1, 2), 2)
    (shares.sum() + box_share(foreground, inside)).backward()
    assert shares.tolist() == [0.25, 0.25]
    assert torch.equal(foreground.grad > 0, inside)


def test_a_strip_without_voxels_asks_for_nothing():
    inside = torch.zeros(4, 4, dtype=torch.bool)
    foreground = torch.rand(4, 4, requires_grad=True)
    shares = strip_shares(foreground, inside, torch.zeros(4, 4), 3)
    value = shares.sum() + box_share(foreground, inside, empty=0.5)
    value.backward()
    assert value.item() == 3.5
    assert not foreground.grad.any()


def test_gradient(numeric_gradient):
    foreground = torch.rand(4, 5, dtype=torch.float64, requires_grad=True)
    along = positions((4, 5), 1, 0, 4)
    inside = torch.rand(4, 5) < 0.7

    def value(point):
        return (strip_shares(point, inside, along, 3) ** 2).sum() + box_share(point, inside) ** 2

    value(foreground).backward()
    np.testing.assert_allclose(
        foreground.grad.numpy(), numeric_gradient(value, foreground), atol=1e-7
    )


def test_wrong_calls_are_refused():
    with pytest.raises(ValueError, match="one shape"):
        box_share(torch.rand(3, 3), torch.ones(3, 4, dtype=torch.bool))
    with pytest.raises(ValueError, match="at least one strip"):
        strip_shares(torch.rand(3, 3), torch.ones(3, 3, dtype=torch.bool), torch.zeros(3, 3), 0)
