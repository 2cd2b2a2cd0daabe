"""Intensity augmentation of a batch, on the device it lies on."""

from __future__ import annotations

import dataclasses

import torch


@dataclasses.dataclass(frozen=True)
class IntensityRanges:
    """How strongly intensities are changed; images have about zero mean and unit deviation."""

    noise: float = 0.1
    brightness: float = 0.2
    contrast: tuple[float, float] = (0.75, 1.25)
    gamma: tuple[float, float] = (0.7, 1.5)
    probability: float = 0.3
    cutout: int = 0
    cutout_fraction: float = 0.2


def perturb(
    image: torch.Tensor, ranges: IntensityRanges, generator: torch.Generator
) -> torch.Tensor:
    """A changed copy of (B, C, *shape): gamma, contrast, brightness, noise, boxes cut out.

    Every sample draws its own parameters, each change with ``ranges.probability``. ``generator``
    lives on the CPU; noise itself is drawn on the image's device from a seed it gives.
    """
    batch, dims = len(image), image.ndim - 2

    def draw(low: float, high: float, neutral: float) -> torch.Tensor:
        value = torch.rand(batch, generator=generator) * (high - low) + low
        used = torch.rand(batch, generator=generator) < ranges.probability
        value = torch.where(used, value, torch.full_like(value, neutral))
        return value.reshape(batch, *([1] * (dims + 1)))

    gamma = draw(*ranges.gamma, 1.0)
    contrast = draw(*ranges.contrast, 1.0)
    shift = draw(-ranges.brightness, ranges.brightness, 0.0)
    deviation = draw(0.0, ranges.noise, 0.0)
    seed = int(torch.randint(2**31 - 1, (1,), generator=generator))
    # Asked on the CPU, where they were drawn: a GPU's answer would have to be waited for.
    any_gamma, any_noise = bool((gamma != 1).any()), bool((deviation > 0).any())
    gamma, contrast, shift, deviation = (
        value.to(image.device) for value in (gamma, contrast, shift, deviation)
    )
    result = image
    if any_gamma:
        low = result.amin(dim=tuple(range(2, result.ndim)), keepdim=True)
        span = result.amax(dim=tuple(range(2, result.ndim)), keepdim=True) - low
        span = span.clamp(min=1e-6)
        curved = ((result - low) / span).clamp(0, 1).pow(gamma) * span + low
        result = torch.where(gamma != 1, curved, result)
    result = result * contrast + shift
    if any_noise:
        noise_source = torch.Generator(image.device).manual_seed(seed)
        noise = torch.randn(
            image.shape, generator=noise_source, device=image.device, dtype=image.dtype
        )
        result = torch.addcmul(result, noise, deviation)
    for _ in range(ranges.cutout):
        result = _cut_box(result, ranges.cutout_fraction, generator)
    return result


def _cut_box(image: torch.Tensor, fraction: float, generator: torch.Generator) -> torch.Tensor:
    """Sets one random box of each sample to the sample's mean."""
    mask = torch.ones(len(image), 1, *image.shape[2:], dtype=torch.bool, device=image.device)
    for index in range(len(image)):
        box = []
        for size in image.shape[2:]:
            edge = max(1, int(size * fraction))
            start = int(torch.randint(size - edge + 1, (1,), generator=generator))
            box.append(slice(start, start + edge))
        mask[(index, 0, *box)] = False
    mean = image.mean(dim=tuple(range(2, image.ndim)), keepdim=True)
    return torch.where(mask, image, mean)
