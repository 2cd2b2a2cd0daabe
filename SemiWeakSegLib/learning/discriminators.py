"""Networks that judge maps: one verdict for an image, or one for every voxel."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from .plan import Plan

WIDEST = 256
SLOPE = 0.2


class ImageDiscriminator(nn.Module):
    """Maps, and perhaps images, to one score each: (B, C, *patch) -> (B, 1).

    Strided convolutions, the mean over the patch, one linear layer: any patch size will do. There
    is no normalisation layer, which would hide from it how much of each class there is.
    """

    def __init__(self, plan: Plan, channels: int, width: int, spectral: bool):
        super().__init__()
        layers, last = strided_layers(plan, channels, width, spectral)
        self.layers = nn.Sequential(*layers)
        self.score = _normalised(nn.Linear(last, 1), spectral)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return self.score(self.layers(maps).flatten(2).mean(dim=2))


class PixelDiscriminator(nn.Module):
    """Maps to one score for each voxel: (B, C, *patch) -> (B, 1, *patch).

    Fully convolutional; the coarse scores are interpolated to the patch (Hung et al., BMVC 2018).
    """

    def __init__(self, plan: Plan, channels: int, width: int, spectral: bool):
        super().__init__()
        layers, last = strided_layers(plan, channels, width, spectral)
        convolution = nn.Conv3d if plan.dimensions == 3 else nn.Conv2d
        self.layers = nn.Sequential(
            *layers, _normalised(convolution(last, 1, 3, padding=1), spectral)
        )
        self.mode = "trilinear" if plan.dimensions == 3 else "bilinear"

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        scores = self.layers(maps)
        return nn.functional.interpolate(scores, maps.shape[2:], mode=self.mode)


def strided_layers(
    plan: Plan, channels: int, width: int, spectral: bool
) -> tuple[list[nn.Module], int]:
    """Convolutions with the strides of the plan's network, and how many channels they give.

    Those of the network, not of the patch: a run that goes on with smaller patches after it ran
    out of memory has a discriminator of the same layers.

    Kernels are two wider than their stride, so that every voxel is seen by equally many of them:
    with 3 on a stride of 2 the gradient to the maps would have a checkerboard pattern. ``width``:
    channels of the first layer, doubled by each up to 256. ``spectral``: every layer divided by
    its largest singular value (Miyato et al., ICLR 2018).
    """
    convolution = nn.Conv3d if plan.dimensions == 3 else nn.Conv2d
    layers: list[nn.Module] = []
    for level, stride in enumerate(plan.network["strides"]):
        out = min(width * 2**level, max(width, WIDEST))
        kernel = tuple(step + 2 for step in stride)
        made = convolution(channels, out, kernel, stride=tuple(stride), padding=1)
        layers += [_normalised(made, spectral), nn.LeakyReLU(SLOPE)]
        channels = out
    return layers, channels


def _normalised(layer: nn.Module, spectral: bool) -> nn.Module:
    return spectral_norm(layer) if spectral else layer
