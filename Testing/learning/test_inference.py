"""Whole images: sliding windows, blending, padding, flips."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from SemiWeakSegLib.learning.inference import infer, pad_to
from SemiWeakSegLib.learning.patches import crop
from Testing.learning.scans import Threshold, make_plan

CPU = torch.device("cpu")


class Sided(nn.Module):
    """Logits that depend on where a voxel lies in its window: not symmetric."""

    def forward(self, image):
        ramp = torch.linspace(-1, 1, image.shape[-1]).expand_as(image[:, :1])
        tall = torch.linspace(-2, 2, image.shape[-2])[:, None].expand_as(image[:, :1])
        return torch.cat([image[:, :1] + ramp, tall, -ramp], dim=1)


class Recorder(nn.Module):
    """Remembers the windows it was shown."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, image):
        self.seen.append(image.clone())
        return torch.zeros(len(image), 3, *image.shape[2:])


@pytest.mark.parametrize(
    ("patch", "shape", "units"),
    [
        ((8, 8), (21, 17), 3),
        ((8, 16), (8, 16), 2),
        ((16, 16), (5, 40), 1),
        ((8, 8, 8), (9, 20, 5), 1),
    ],
)
@pytest.mark.parametrize("flips", [False, True])
def test_a_voxelwise_network_gives_the_same_as_applied_at_once(patch, shape, units, flips):
    network = Threshold([-0.5, 0.7], sharpness=2.0)
    image = torch.randn(1, units, *shape)
    found = infer(network, image, (-3.0,), make_plan(len(patch), patch), CPU, flips=flips)
    expected = network(image.transpose(0, 1)).softmax(dim=1).transpose(0, 1)
    assert found.shape == (3, units, *shape)
    assert torch.allclose(found, expected, atol=1e-5)


def test_probabilities_sum_to_one_where_windows_overlap():
    found = infer(Sided(), torch.randn(1, 1, 30, 29), (0.0,), make_plan(2, (8, 8)), CPU)
    assert torch.allclose(found.sum(dim=0), torch.ones(1, 30, 29), atol=1e-5)


@pytest.mark.parametrize("axes", [[0], [1], [0, 1], []])
def test_flips_are_averaged_over_the_plans_axes(axes):
    image, network = torch.randn(1, 1, 8, 8), Sided()
    plan = make_plan(2, (8, 8), mirror_axes=axes)
    found = infer(network, image, (0.0,), plan, CPU, flips=True)
    dims = [axis + 2 for axis in axes]
    subsets = [s for n in range(len(dims) + 1) for s in itertools.combinations(dims, n)]
    views = [network(image.flip(s)).softmax(1).flip(s) for s in subsets]
    assert len(views) == 2 ** len(axes)
    assert torch.allclose(found[:, 0], torch.stack(views).mean(dim=0)[0], atol=1e-5)


@pytest.mark.parametrize("shape", [(5, 6), (8, 3), (7, 8), (1, 1)])
@pytest.mark.parametrize("patch", [(8, 8), (9, 10)])
def test_padding_is_that_of_training_patches(shape, patch):
    units, floor = torch.randn(2, 2, *shape), (-1.5, 4.0)
    padded, inside = pad_to(units, patch, floor)
    centre = [(n - 1) / 2 for n in shape]
    for unit, found in zip(units, padded, strict=True):
        cut, where = crop(unit, centre, patch)
        assert where == inside
        outside = torch.ones(patch, dtype=torch.bool)
        outside[where] = False
        for channel, value in enumerate(floor):
            cut[channel][outside] = value
        assert torch.equal(found, cut)


def test_the_network_sees_the_floor_around_a_small_image():
    network = Recorder()
    infer(network, torch.ones(1, 1, 4, 4), (-2.0,), make_plan(2, (8, 8)), CPU)
    assert network.seen[0].shape == (1, 1, 8, 8)
    assert network.seen[0].sum() == 16 - 2 * 48
    assert not network.training


def test_half_precision_images_from_the_cache_are_accepted():
    image = torch.randn(1, 1, 12, 12).half()
    found = infer(Threshold([0.0]), image, (0.0,), make_plan(2, (8, 8)), CPU)
    assert found.dtype == torch.float32
    assert torch.equal(found.argmax(dim=0)[0] == 1, image[0, 0] > 0)
