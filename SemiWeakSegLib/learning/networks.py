"""Networks by name from plain settings, so that a saved model can be rebuilt anywhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from monai.networks.nets import SEResNext101, UNet, resnet18
from torch import nn

from .batches import Batch
from .classifier import TagClassifier
from .view_ensemble import ViewEnsemble

CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}
NORMALISATIONS = {"instance": ("instance", {"affine": True}), "batch": "batch"}


def build_network(settings: dict[str, Any]) -> nn.Module:
    """The network described by plain values (``plan.json``, ``model.json``).

    ``name`` "unet": MONAI's residual U-Net, (B, channels in, *patch) -> logits (B, K, *patch).
    "size_regressor": (B, channels in + 1, *patch) -> positive values (B, classes), 1 = mean size.
    "classifier": (B, channels in, *patch) -> logits (B, classes) of what an image shows.
    "co_training": ``members``, settings of a "unet" each, and the axes ``across`` which they see
    slices, as a `ViewEnsemble`: what goes in and comes out is as for "unet".
    """
    settings = dict(settings)
    name = settings.pop("name")
    if name == "unet":
        return _unet(**settings)
    if name == "size_regressor":
        return SizeRegressor(**settings)
    if name == "classifier":
        return TagClassifier(**settings)
    if name == "co_training":
        members = [build_network(each) for each in settings["members"]]
        return ViewEnsemble(members, settings["across"])
    known = "unet, size_regressor, classifier, co_training"
    raise ValueError(f"unknown network {name!r}; known: {known}")


def on_device(network: nn.Module, device: torch.device | str) -> nn.Module:
    """The network on a device, its kernels in the order that computes fastest there.

    On the CPU the channels of a voxel lie together: a step of a residual U-Net in 3-D took 1 to
    40 % less time on one thread, the more the narrower it was; in 2-D the order hardly mattered.
    """
    network = network.to(device)
    if torch.device(device).type == "cpu":
        for kernel in network.parameters():
            if kernel.ndim in CHANNELS_LAST:
                kernel.data = kernel.data.contiguous(memory_format=CHANNELS_LAST[kernel.ndim])
    return network


def is_segmenter(settings: dict[str, Any]) -> bool:
    """True for the settings of a network that gives every voxel a class."""
    return settings.get("name") in ("unet", "co_training")


def _unet(
    dimensions: int,
    in_channels: int,
    out_channels: int,
    channels: list[int],
    strides: list[list[int]],
    residual_units: int = 2,
    normalisation: str = "instance",
    dropout: float = 0.0,
) -> nn.Module:
    return UNet(
        spatial_dims=dimensions,
        in_channels=in_channels,
        out_channels=out_channels,
        channels=tuple(channels),
        strides=tuple(tuple(stride) for stride in strides),
        num_res_units=residual_units,
        norm=NORMALISATIONS[normalisation],
        dropout=dropout,
    )


class SizeRegressor(nn.Module):
    """Predicts each class's size as a multiple of its mean size over the labeled images.

    Input: image channels and one constant channel with the relative position of the slice.
    Output: softplus(z) / softplus(0), (B, classes); the last layer starts at zero, so training
    starts from the mean size. ``mean_proportion`` (classes,) turns it into a proportion.
    ``moments``: names of "centroid" and "spread", each with rows of its own in the last layer; the
    output is then (B, classes · (1 + d · moments)), taken apart by ``split``.
    """

    def __init__(
        self,
        dimensions: int,
        in_channels: int,
        classes: int,
        backbone: str,
        moments: Sequence[str] = (),
    ):
        super().__init__()
        self.classes, self.dimensions, self.moments = classes, dimensions, tuple(moments)
        outputs = classes * (1 + dimensions * len(self.moments))
        self.backbone = _backbone(backbone, dimensions, in_channels + 1, outputs)
        last = [module for module in self.backbone.modules() if isinstance(module, nn.Linear)][-1]
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.register_buffer("mean_proportion", torch.ones(classes))
        if self.moments:
            # mm: where training starts, and the unit in which places and extents are learned.
            self.register_buffer(
                "usual_moments", torch.zeros(len(self.moments), classes, dimensions)
            )
            self.register_buffer("length", torch.ones(classes))

    def forward(self, image: torch.Tensor, position: torch.Tensor) -> torch.Tensor:
        """image (B, C, *patch), position (B,) in [0, 1] -> (B, classes) multiples of the mean."""
        plane = (2 * position - 1).to(image.dtype).reshape(-1, 1, *([1] * (image.ndim - 2)))
        plane = plane.expand(-1, 1, *image.shape[2:])
        raw = self.backbone(torch.cat([image, plane], dim=1))
        if not self.moments:
            return nn.functional.softplus(raw) / nn.functional.softplus(torch.zeros_like(raw))
        sizes = nn.functional.softplus(raw[:, : self.classes]) / math.log(2)
        return torch.cat([sizes, raw[:, self.classes :]], dim=1)

    def of_batch(self, batch: Batch) -> torch.Tensor:
        """Its answer to a batch of training."""
        return self(batch.image, batch.position)

    def split(self, output: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """(B, classes) multiples of the mean size; (B, classes, d) mm of each further moment.

        Centroids are from the middle of the patch along its axes.
        """
        sizes, rest = output[:, : self.classes], output[:, self.classes :]
        rest = rest.reshape(len(output), len(self.moments), self.classes, self.dimensions)
        found = {}
        for number, name in enumerate(self.moments):
            usual, raw = self.usual_moments[number], rest[:, number]
            if name == "spread":
                found[name] = usual * nn.functional.softplus(raw) / math.log(2)
            else:
                found[name] = usual + self.length[:, None] * raw
        return sizes, found

    def proportions(self, image: torch.Tensor, position: torch.Tensor) -> torch.Tensor:
        """Predicted share of the patch, (B, classes)."""
        return self.split(self(image, position))[0] * self.mean_proportion


def _backbone(name: str, dimensions: int, channels: int, outputs: int) -> nn.Module:
    if name == "resnet18":
        return resnet18(
            spatial_dims=dimensions,
            n_input_channels=channels,
            num_classes=outputs,
            conv1_t_size=7 if dimensions == 2 else 5,
            conv1_t_stride=2,
        )
    if name == "seresnext101":
        network = SEResNext101(
            spatial_dims=dimensions, in_channels=channels, num_classes=outputs, pretrained=False
        )
        if dimensions == 3:
            network.layer0.conv1 = RoomyConvolution(network.layer0.conv1)
        return network
    if name == "small":
        return SmallEncoder(dimensions, channels, outputs)
    raise ValueError(f"unknown regressor {name!r}; known: resnet18, seresnext101, small")


class RoomyConvolution(nn.Conv3d):
    """A convolution of kernel 7 that sees zeros beyond short volumes: the same figures, safely.

    On processors torch 2.13 computes its kernel's gradient wrongly where the first axis has 6 or 7
    voxels, and overruns memory where it has 5, in float32 too (Testing/benchmarks/small_grids.py).
    """

    LENGTH = 8

    def __init__(self, plain: nn.Conv3d):
        shape = plain.kernel_size, plain.stride, plain.padding
        super().__init__(plain.in_channels, plain.out_channels, *shape, bias=False)
        self.weight = plain.weight

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """(B, C, *grid) -> (B, out, *smaller grid)."""
        length = image.shape[2]
        missing = max(0, self.LENGTH - length)
        found = super().forward(nn.functional.pad(image, (0, 0, 0, 0, 0, missing)))
        whole = length + 2 * self.padding[0] - self.kernel_size[0]
        return found[:, :, : whole // self.stride[0] + 1]


class SmallEncoder(nn.Sequential):
    """Four strided convolutions, average pooling, one linear layer: for very few cases.

    A convolution that would leave a single voxel, which cannot be normalised, keeps its grid.
    """

    def __init__(self, dimensions: int, channels: int, outputs: int, width: int = 16):
        convolution = nn.Conv3d if dimensions == 3 else nn.Conv2d
        norm = nn.InstanceNorm3d if dimensions == 3 else nn.InstanceNorm2d
        layers: list[nn.Module] = []
        for level in range(4):
            out = width * 2**level
            layers += [
                convolution(channels, out, 3, padding=1),
                norm(out, affine=True),
                nn.LeakyReLU(0.01),
            ]
            channels = out
        pool = nn.AdaptiveAvgPool3d(1) if dimensions == 3 else nn.AdaptiveAvgPool2d(1)
        super().__init__(*layers, pool, nn.Flatten(), nn.Linear(channels, outputs))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """(B, C, *grid) -> (B, outputs)."""
        convolve = nn.functional.conv3d if image.ndim == 5 else nn.functional.conv2d
        for layer in self:
            if isinstance(layer, nn.Conv2d | nn.Conv3d):
                step = 2 if max(image.shape[2:]) > 2 else 1
                image = convolve(image, layer.weight, layer.bias, step, layer.padding)
            else:
                image = layer(image)
        return image
