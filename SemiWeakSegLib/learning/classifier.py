"""A network that says which classes an image shows, and whose features still know where."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from .batches import Batch
from .losses.simplex import full_precision

POOLINGS = ("average", "log_sum_exp")
# Of log-sum-exp pooling (Pinheiro and Collobert, CVPR 2015): between the mean and the maximum.
SHARPNESS = 4.0


# Evidence should be local: a feature that sees the whole image says nothing of where.
LARGEST_VIEW = 0.5


class TagClassifier(nn.Module):
    """Convolutions, one linear map to classes in every voxel, global pooling over the voxels.

    With average pooling this is the network of Zhou et al., Learning deep features for
    discriminative localization, CVPR 2016: logit_k = mean_x sum_c w_kc A_c(x) + b_k, and its
    class activation maps sum_c w_kc A_c(x) are what ``maps`` returns. "log_sum_exp" pools them by
    log(mean exp(r m)) / r, in which a small object is not drowned by a big image.

    The image shrinks by at most ``shrink`` along each axis; levels after that widen their view by
    dilation instead, so that maps stay sharp. Normalisation is over the batch: over each sample
    alone it would take away the mean that is pooled.
    """

    def __init__(
        self,
        dimensions: int,
        in_channels: int,
        classes: int,
        channels: list[int],
        strides: list[list[int]],
        pooling: str = "average",
        shrink: int = 4,
    ):
        super().__init__()
        if pooling not in POOLINGS:
            raise ValueError(f"pooling {pooling!r}: expected one of {', '.join(POOLINGS)}")
        self.pooling = pooling
        convolution = nn.Conv3d if dimensions == 3 else nn.Conv2d
        norm = nn.BatchNorm3d if dimensions == 3 else nn.BatchNorm2d
        levels, before = [], in_channels
        for width, (stride, dilation) in zip(channels, _steps(strides, shrink), strict=False):
            levels.append(_Level(convolution, norm, before, width, stride, dilation))
            before = width
        self.features = nn.Sequential(*levels)
        self.weigh = convolution(before, classes, 1, bias=False)
        self.bias = nn.Parameter(torch.zeros(classes))

    def maps(self, image: Tensor) -> Tensor:
        """image (B, C, *patch) -> class activation maps (B, classes, *coarse), any sign."""
        return self.weigh(self.features(image))

    def pool(self, maps: Tensor, valid: Tensor | None = None) -> Tensor:
        """Class activation maps (B, classes, *coarse) -> logits (B, classes).

        valid: (B, 1, *patch) bool; each place counts by the share of it that lies in the image, as
        what pads an image shows nothing. None: all of it.
        """
        flat = full_precision(maps).flatten(2)
        if valid is None:
            shares = torch.ones_like(flat[:, :1])
        else:
            coarse = functional.interpolate(valid.to(flat.dtype), size=maps.shape[2:], mode="area")
            # No image at all would have no mean.
            shares = coarse.flatten(2).clamp(min=1e-6)
        total = shares.sum(dim=2)
        if self.pooling == "average":
            return (flat * shares).sum(dim=2) / total + self.bias
        pooled = torch.logsumexp(SHARPNESS * flat + shares.log(), dim=2) - total.log()
        return pooled / SHARPNESS + self.bias

    def forward(self, image: Tensor, valid: Tensor | None = None) -> Tensor:
        """image (B, C, *patch), valid (B, 1, *patch) bool or None -> logits (B, classes)."""
        return self.pool(self.maps(image), valid)

    def of_batch(self, batch: Batch) -> Tensor:
        """Its answer to a batch of training."""
        return self(batch.image, batch.valid)


def local_levels(strides: list[list[int]], patch: list[int], shrink: int = 4) -> int:
    """How many levels, at least 2, see no more than half of a patch along its longest axis."""
    view, spread, levels = [1] * len(patch), [1] * len(patch), 0
    for stride, dilation in _steps(strides, shrink):
        for axis, (step, wide) in enumerate(zip(stride, dilation, strict=True)):
            # The first convolution reads what comes in, the second what the first has shrunk.
            view[axis] += 2 * wide * spread[axis] * (1 + step)
            spread[axis] *= step
        if levels >= 2 and any(
            seen > LARGEST_VIEW * size and size == max(patch)
            for seen, size in zip(view, patch, strict=True)
        ):
            break
        levels += 1
    return levels


def _steps(strides: list[list[int]], shrink: int) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Stride and dilation of each level: none at first, then as wished up to ``shrink``."""
    dimensions = len(strides[0])
    shrunk, dilation = [1] * dimensions, [1] * dimensions
    steps = []
    for wished in [[1] * dimensions, *strides]:
        stride = [
            step if done * step <= shrink else 1 for step, done in zip(wished, shrunk, strict=True)
        ]
        # What is not shrunk any more is looked at from farther apart.
        dilation = [
            wide * step // taken for wide, step, taken in zip(dilation, wished, stride, strict=True)
        ]
        shrunk = [done * step for done, step in zip(shrunk, stride, strict=True)]
        steps.append((tuple(stride), tuple(dilation)))
    return steps


class _Level(nn.Sequential):
    """Two convolutions, the first with a stride, both looking ``dilation`` voxels apart."""

    def __init__(
        self,
        convolution: type[nn.Module],
        norm: type[nn.Module],
        before: int,
        width: int,
        stride: tuple[int, ...],
        dilation: tuple[int, ...],
    ):
        def part(channels: int, step: tuple[int, ...] | int) -> list[nn.Module]:
            return [
                convolution(channels, width, 3, step, padding=dilation, dilation=dilation),
                norm(width),
                nn.LeakyReLU(0.01),
            ]

        super().__init__(*part(before, stride), *part(width, 1))
