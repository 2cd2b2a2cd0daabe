"""Networks that judge maps: shapes, limits, and what reaches their weights."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from torch import nn

from SemiWeakSegLib.learning.discriminators import ImageDiscriminator, PixelDiscriminator
from SemiWeakSegLib.learning.losses.adversarial import gradient_penalty
from SemiWeakSegLib.learning.memory import shrink
from SemiWeakSegLib.learning.networks import CHANNELS_LAST, on_device
from Testing.learning.scans import plan_of_patch

CONVOLUTIONS = (nn.Conv2d, nn.Conv3d)
PATCHES = [(16, 16), (2, 5), (64, 24), (8, 16, 24), (1, 12, 12), (3, 3, 3)]


def strides_of(network):
    return [layer.stride for layer in network.modules() if isinstance(layer, CONVOLUTIONS)]


@pytest.mark.parametrize("spectral", [True, False])
@pytest.mark.parametrize("patch", PATCHES)
class TestShapes:
    def test_one_score_for_an_image(self, patch, spectral):
        network = ImageDiscriminator(plan_of_patch(patch), 4, 8, spectral)
        assert network(torch.rand(2, 4, *patch)).shape == (2, 1)

    def test_one_score_for_every_voxel(self, patch, spectral):
        network = PixelDiscriminator(plan_of_patch(patch), 3, 8, spectral)
        assert network(torch.rand(2, 3, *patch)).shape == (2, 1, *patch)


class TestLayers:
    def test_thick_slices_are_not_halved_before_the_plane_is_as_coarse(self):
        plan = plan_of_patch((8, 64, 64), spacing=[5.0, 1.0, 1.0])
        strides = strides_of(ImageDiscriminator(plan, 3, 8, True))
        assert strides[0] == strides[1] == (1, 2, 2)
        assert (2, 2, 2) in strides

    @pytest.mark.parametrize("make", [ImageDiscriminator, PixelDiscriminator])
    def test_are_the_same_for_the_smaller_patch_of_a_run_out_of_memory(self, make):
        """A checkpoint written before fits the discriminator made after."""
        plan = dataclasses.replace(plan_of_patch((32, 32)), batch_labeled=1, batch_unlabeled=1)
        smaller = shrink(plan)
        assert math.prod(smaller.patch_size) < math.prod(plan.patch_size)
        network = make(smaller, 3, 8, True)
        network.load_state_dict(make(plan, 3, 8, True).state_dict())
        assert network(torch.rand(2, 3, *smaller.patch_size)).shape[:2] == (2, 1)

    def test_channels_double_up_to_a_limit(self):
        network = ImageDiscriminator(plan_of_patch((96, 96)), 3, 64, False)
        layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
        assert [layer.out_channels for layer in layers] == [64, 128, 256, 256]

    def test_kernels_see_every_voxel_equally_often(self):
        """The gradient of a constant-weight layer to its input shows no pattern inside."""
        network = ImageDiscriminator(plan_of_patch((32, 32)), 1, 4, False)
        layer = network.layers[0]
        nn.init.ones_(layer.weight)
        maps = torch.rand(1, 1, 32, 32, requires_grad=True)
        layer(maps).sum().backward()
        inside = maps.grad[0, 0, 4:-4, 4:-4]
        torch.testing.assert_close(inside, torch.full_like(inside, float(inside[0, 0])))

    @pytest.mark.parametrize("make", [ImageDiscriminator, PixelDiscriminator])
    def test_spectral_norm_limits_every_layer(self, make):
        torch.manual_seed(0)
        network = make(plan_of_patch((16, 16)), 3, 8, True).train()
        for _ in range(50):
            network(torch.rand(1, 3, 16, 16))
        for layer in network.eval().modules():
            if isinstance(layer, (*CONVOLUTIONS, nn.Linear)):
                largest = torch.linalg.matrix_norm(layer.weight.flatten(1), ord=2)
                assert float(largest.detach()) == pytest.approx(1, abs=1e-2)

    def test_amounts_are_seen(self):
        """A map with twice the foreground gets another score: no layer normalises it away."""
        torch.manual_seed(0)
        network = ImageDiscriminator(plan_of_patch((16, 16)), 2, 8, False)
        little, much = (torch.full((1, 2, 16, 16), each) for each in (0.2, 0.4))
        assert (network(little) - network(much)).abs() > 1e-3


@pytest.mark.parametrize("spectral", [True, False])
@pytest.mark.parametrize("make", [ImageDiscriminator, PixelDiscriminator])
@pytest.mark.parametrize("patch", [(12, 16), (6, 12, 16)])
def test_the_gradient_penalty_goes_through_twice(patch, make, spectral):
    """With channels that lie together, as the CPU has them: the same as with the usual order."""
    plan = plan_of_patch(patch)
    torch.manual_seed(0)
    network = make(plan, 3, 8, spectral).eval()
    real, fake, shares = torch.rand(2, 3, *patch), torch.rand(2, 3, *patch), torch.rand(2)
    gradients = []
    for arranged in (False, True):
        if arranged:
            network = on_device(network, "cpu")
            order = CHANNELS_LAST[real.ndim]
            real, fake = (maps.contiguous(memory_format=order) for maps in (real, fake))
        network.zero_grad()
        gradient_penalty(network, real, fake, shares).backward()
        # The last bias moves all scores alike: it has no part in a slope.
        found = [each.grad for each in network.parameters() if each.grad is not None]
        assert sum(float(each.abs().sum()) for each in found) > 0
        gradients.append([each.clone() for each in found])
    for first, second in zip(*gradients, strict=True):
        torch.testing.assert_close(first, second, rtol=1e-3, atol=1e-5)
