"""Which voxels one voxel listens to under the dense CRF: its row of the affinity, no Slicer needed.

w_ij = exp(-|x_i - x_j|^2 / 2 sigma_space^2 - |I_i - I_j|^2 / 2 sigma_intensity^2)
+ smoothness exp(-|x_i - x_j|^2 / 2 smoothness_sigma^2), x in millimetres, I in [0, 1], as
``learning.losses.affinity`` applies it to all voxels at once (a test compares them).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from SemiWeakSegLib.methods.kernel import AUTOMATIC_REACH

SIGMAS = 3.0
"""Voxels further away than this many sigma have at most 1 % of the weight: they are left out."""

MOST_VOXELS = 2_000_000
"""Of a larger neighbourhood only every second, third, ... voxel is computed."""

# Values that give the window of an image.
SAMPLE = 200_000
# A constant background of this share would drown the percentiles.
CONSTANT_BACKGROUND = 0.2
PERCENTILES = (0.5, 99.5)


@dataclass(frozen=True)
class KernelShape:
    """The widths of the kernel, as a method or a term has them; ``sigmaSpace`` 0 is automatic."""

    sigmaSpace: float = 0.0
    sigmaIntensity: float = 0.1
    smoothness: float = 0.0
    smoothnessSigma: float = 3.0

    @classmethod
    def ofSettings(cls, settings: Mapping[str, Any]) -> KernelShape:
        """From settings by name, as in `methods.kernel.CRFKernel`; not all have a smoothness."""
        return cls(
            float(settings["sigma_space_mm"]),
            float(settings["sigma_intensity"]),
            float(settings.get("smoothness", cls.smoothness)),
            float(settings.get("smoothness_sigma_mm", cls.smoothnessSigma)),
        )

    @property
    def reach(self) -> float:
        """How far from the voxel anything is computed, mm."""
        farthest = max(self.sigmaSpace, self.smoothnessSigma if self.smoothness > 0 else 0.0)
        return SIGMAS * farthest

    @property
    def highest(self) -> float:
        """The weight that a voxel of the same intensity at the same place would have."""
        return 1.0 + self.smoothness


@dataclass(frozen=True)
class Neighbourhood:
    """Weights around a voxel, as shares of the highest possible one.

    ``weights``: (z, y, x) float32 at the voxels ``start + k * step`` (z, y, x) of the image; the
    voxel itself, which does not listen to itself, has 0.
    """

    weights: np.ndarray
    start: tuple[int, int, int]
    step: tuple[int, int, int]


def neighbourhoodOf(
    values: np.ndarray,
    voxel: Sequence[int],
    spacing: Sequence[float],
    shape: KernelShape,
    windows: Sequence[tuple[float, float]],
    sliceAxis: int | None = None,
) -> Neighbourhood:
    """The weights of the voxels around ``voxel``.

    ``values``: (C, z, y, x), any numbers; ``voxel`` and ``spacing`` (mm) along (z, y, x);
    ``windows``: the values that stand for intensity 0 and 1, of each channel. ``sliceAxis``: images
    are seen slice by slice across this axis, so a voxel listens to its own slice only; None: to
    the whole volume.
    """
    reaches = [
        0 if axis == sliceAxis else int(shape.reach / length) for axis, length in enumerate(spacing)
    ]
    lows = [min(reach, at) for reach, at in zip(reaches, voxel, strict=True)]
    highs = [
        min(reach, size - 1 - at)
        for reach, size, at in zip(reaches, values.shape[1:], voxel, strict=True)
    ]
    step = _step(lows, highs, spacing)
    # From the voxel outwards, so that it is always among those that are computed.
    counts = [low // each for low, each in zip(lows, step, strict=True)]
    start = tuple(at - n * each for at, n, each in zip(voxel, counts, step, strict=True))
    box = tuple(
        slice(first, at + high + 1, each)
        for first, at, high, each in zip(start, voxel, highs, step, strict=True)
    )
    parts = [channel[box] for channel in values]
    squares = [
        ((np.arange(size) - count) * (each * length)) ** 2
        for size, count, each, length in zip(parts[0].shape, counts, step, spacing, strict=True)
    ]
    middle = tuple(counts)
    near = _spatial(squares, shape.sigmaSpace)
    for part, window in zip(parts, windows, strict=True):
        near += _contrast(part, middle, window, shape.sigmaIntensity)
    weights = np.exp(near, out=near)
    if shape.smoothness > 0:
        weights += np.float32(shape.smoothness) * np.exp(_spatial(squares, shape.smoothnessSigma))
    weights *= np.float32(1.0 / shape.highest)
    weights[middle] = 0.0
    return Neighbourhood(weights, start, step)


def intensityWindow(
    values: np.ndarray, scheme: Mapping[str, Any] | None = None
) -> tuple[float, float]:
    """The values that stand for intensity 0 and 1 in training, of one channel of one image.

    ``scheme``: how the plan scales the channel ("fixed" for CT); None: by the image's own
    percentiles, without a constant background. Values beyond the window count as its ends.
    """
    sample = values.reshape(-1)
    if sample.size > SAMPLE:
        sample = sample[np.random.default_rng(0).integers(0, sample.size, SAMPLE)]
    sample = sample[np.isfinite(sample)].astype(np.float64)
    if not sample.size:
        return 0.0, 1.0
    if scheme is not None and scheme.get("scheme") == "fixed":
        sample = np.clip(sample, scheme["low"], scheme["high"])
    else:
        body = sample[sample > sample.min()]
        if body.size == 0 or body.size > (1 - CONSTANT_BACKGROUND) * sample.size:
            body = sample
        low, high = np.percentile(body, PERCENTILES)
        if high > low:
            sample = np.clip(sample, low, high)
    low, high = np.percentile(sample, PERCENTILES)
    if not high > low:
        low, high = sample.min(), sample.max()
    return float(low), float(high)


def automaticReach(
    images: Iterable[tuple[Sequence[int], Sequence[float]]], sliceAxis: int | None = None
) -> float:
    """The reach (mm) that training chooses where none is set: a share of the mean extent.

    ``images``: size in voxels and spacing of each; ``sliceAxis``: the axis of both that training
    does not see, None where it sees volumes. 0 without images.
    """
    extents = [
        count * length
        for size, spacing in images
        for axis, (count, length) in enumerate(zip(size, spacing, strict=True))
        if axis != sliceAxis
    ]
    return AUTOMATIC_REACH * sum(extents) / len(extents) if extents else 0.0


def _step(
    lows: Sequence[int], highs: Sequence[int], spacing: Sequence[float]
) -> tuple[int, int, int]:
    """The least steps, the finest axis first, with which no more than MOST_VOXELS are left."""
    step = [1, 1, 1]

    def count(axis: int) -> int:
        return lows[axis] // step[axis] + highs[axis] // step[axis] + 1

    while math.prod(map(count, range(3))) > MOST_VOXELS:
        axes = [axis for axis in range(3) if count(axis) > 1]
        step[min(axes, key=lambda axis: step[axis] * spacing[axis])] += 1
    return step[0], step[1], step[2]


def _spatial(squares: Sequence[np.ndarray], sigma: float) -> np.ndarray:
    """-|x_i - x_j|^2 / 2 sigma^2 of a box, from the squared distances along each axis."""
    z, y, x = (np.float32(-0.5 / sigma**2) * each.astype(np.float32) for each in squares)
    return z[:, None, None] + (y[:, None] + x)


def _contrast(
    part: np.ndarray, middle: tuple[int, ...], window: tuple[float, float], sigma: float
) -> np.ndarray:
    """-|I_i - I_j|^2 / 2 sigma^2 with intensities scaled to [0, 1]."""
    low, high = window
    # Divided as training divides: an image without contrast is one intensity.
    scaled = (part.astype(np.float32) - np.float32(low)) / np.float32(max(high - low, 1e-6))
    np.nan_to_num(scaled, copy=False)
    np.clip(scaled, 0.0, 1.0, out=scaled)
    scaled -= scaled[middle]
    np.square(scaled, out=scaled)
    scaled *= np.float32(-0.5 / sigma**2)
    return scaled
