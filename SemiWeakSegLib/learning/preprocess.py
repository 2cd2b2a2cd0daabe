"""One case on the planned grid: orientation, resampling, intensity; and the way back."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as functional

from ..cohort import UNLABELED, images
from .layout import Layout, canonical_axes, identity_axes
from .plan import Plan
from .thinning import thin

# A constant background (skull-stripped, padded) of this share would drown the statistics.
CONSTANT_BACKGROUND = 0.2
# Voxels that give the window of an image.
WINDOW_VOXELS = 200000


@dataclasses.dataclass
class PreparedImage:
    """An image as the network sees it.

    image: (channels, units, *spatial) float32, normalised; ``floor`` per channel is the value
    given to voxels outside the image; ``window`` (channels, 2) the values that stand for 0 and 1
    where an intensity in [0, 1] is needed (CRF).
    """

    image: np.ndarray
    layout: Layout
    floor: np.ndarray
    window: np.ndarray


def make_layout(geometry: images.Geometry, plan: Plan) -> Layout:
    """The mapping between an image's own grid and the planned one."""
    shape, spacing = geometry.size[::-1], geometry.spacing[::-1]
    dimension = geometry.dimension
    turn = plan.orient and dimension == 3
    axes = canonical_axes(geometry.direction, plan.frame) if turn else identity_axes(dimension)
    slice_axis = plan.slice_axis if plan.dimensions == 2 else None
    layout = Layout(tuple(shape), axes, slice_axis, tuple(spacing), ())
    turned = [spacing[axis] for axis in axes.permutation]
    if slice_axis is not None and dimension == 3:
        turned.pop(slice_axis)
    before = layout.oriented_shape
    planned = tuple(
        max(1, round(size * step / target))
        for size, step, target in zip(before, turned, plan.spacing, strict=True)
    )
    return dataclasses.replace(layout, planned_shape=planned)


def prepare_image(paths: tuple[Path, ...], plan: Plan) -> PreparedImage:
    """Reads, orients, resamples (linear, smoothed before shrinking) and normalises one image."""
    array, geometry = images.read_image(paths)
    if len(array) != plan.channels_in:
        raise ValueError(
            f"{paths[0]}: {len(array)} channels; the model was made for {plan.channels_in}"
        )
    if geometry.dimension == 2 and plan.dimensions == 3:
        raise ValueError(f"{paths[0]}: a 2-D image; the model was made for volumes")
    layout = make_layout(geometry, plan)
    channels = [
        normalise(resample(layout.split(channel), layout.planned_shape), scheme)
        for channel, scheme in zip(array, plan.intensity, strict=True)
    ]
    image = np.stack(channels)
    floor = image.reshape(len(image), -1).min(axis=1)
    return PreparedImage(image, layout, floor, np.array([window_of(each) for each in image]))


def window_of(channel: np.ndarray) -> tuple[float, float]:
    """The 0.5 % and 99.5 % percentiles; the extremes where nearly all values are the same."""
    low, high = np.percentile(thin(channel, WINDOW_VOXELS), [0.5, 99.5])
    return (low, high) if high > low else (channel.min(), channel.max())


def label_to_grid(path: Path, layout: Layout, num_classes: int) -> np.ndarray:
    """A label map file on the planned grid, (units, *spatial) uint8."""
    label, _ = images.read_label(path)
    if label.shape != layout.stored_shape:
        raise ValueError(f"{path}: label map of {label.shape}, image of {layout.stored_shape}")
    return resample_label(layout.split(label), layout.planned_shape, num_classes)


def normalise(values: np.ndarray, scheme: dict[str, Any]) -> np.ndarray:
    """Clips to the scheme's range and scales to zero mean and unit deviation."""
    if scheme["scheme"] == "fixed":
        clipped = np.clip(values, scheme["low"], scheme["high"])
        return ((clipped - scheme["mean"]) / scheme["std"]).astype(np.float32)
    lowest = values.min()
    body = values[values > lowest]
    if body.size == 0 or body.size > (1 - CONSTANT_BACKGROUND) * values.size:
        body = values.ravel()
    percentiles = [scheme["low_percentile"], scheme["high_percentile"]]
    low, high = np.percentile(body, percentiles)
    if not high > low:
        low, high = float(body.min()), float(body.max())
    # Background below the body's range keeps the body's lower end.
    clipped = np.clip(values.astype(np.float64), low, high)
    inside = np.clip(body.astype(np.float64), low, high)
    deviation = inside.std()
    scaled = (clipped - inside.mean()) / (deviation if deviation > 0 else 1.0)
    return scaled.astype(np.float32)


def resample(units: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """(units, *spatial) float to a new spatial shape; voxel edges of the whole image coincide.

    Linear; axes that shrink are first smoothed by a Gaussian of half the surplus step, so that
    fine structure does not alias.
    """
    if units.shape[1:] == tuple(shape):
        return np.ascontiguousarray(units, dtype=np.float32)
    from scipy.ndimage import gaussian_filter

    factors = [before / after for before, after in zip(units.shape[1:], shape, strict=True)]
    sigmas = [0.0] + [max(0.0, (factor - 1) / 2) for factor in factors]
    values = np.ascontiguousarray(units, dtype=np.float32)
    if max(sigmas) > 0:
        values = gaussian_filter(values, sigmas)
    return _interpolate(torch.from_numpy(values)[:, None], shape)[:, 0].numpy()


def resample_label(units: np.ndarray, shape: tuple[int, ...], num_classes: int) -> np.ndarray:
    """Label map (units, *spatial) to a new shape: the class with most weight in each voxel.

    Weights are areas along axes that shrink (a stroke keeps its weight) and linear along those
    that grow. What is annotated is decided apart from it, so that a thin stroke neither vanishes
    nor spreads: see `_annotated`.
    """
    if units.shape[1:] == tuple(shape):
        return np.ascontiguousarray(units, dtype=np.uint8)
    matrices = [_axis_weights(*sizes) for sizes in zip(units.shape[1:], shape, strict=True)]
    best = np.zeros((len(units), *shape), dtype=np.float32)
    result = np.full(best.shape, UNLABELED, dtype=np.uint8)
    for value in range(num_classes):
        weight = (units == value).astype(np.float32)
        if not weight.any():
            continue
        for axis, matrix in enumerate(matrices, start=1):
            weight = _along(axis, matrix, weight)
        result[weight > best] = value
        np.maximum(best, weight, out=best)
    result[~_annotated(units < num_classes, shape)] = UNLABELED
    return result


def _annotated(known: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Which new voxels are annotated, axis by axis.

    Along an axis that grows, those whose nearest old voxel is; along one that shrinks by a factor
    f, those of which ½ / f is: the share that a single voxel is sure to have in one of them.
    """
    for axis, (before, after) in enumerate(zip(known.shape[1:], shape, strict=True), start=1):
        if before < after:
            nearest = ((np.arange(after) + 0.5) * before / after).astype(int)
            known = known.take(nearest, axis=axis)
        elif before > after:
            share = _along(axis, _axis_weights(before, after), known.astype(np.float32))
            known = share >= 0.5 * after / before * (1 - 1e-4)
    return known


def _along(axis: int, matrix: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The matrix applied to one axis of an array."""
    return np.moveaxis(np.tensordot(values, matrix, axes=(axis, 1)), -1, axis)


def _axis_weights(before: int, after: int) -> np.ndarray:
    """(after, before) weights of the old voxels in each new one; rows sum to 1."""
    if before == after:
        return np.eye(before, dtype=np.float32)
    old = np.arange(before)
    factor = before / after
    if factor > 1:
        starts = np.arange(after)[:, None] * factor
        overlap = np.minimum(starts + factor, old + 1) - np.maximum(starts, old)
        return (np.clip(overlap, 0, None) / factor).astype(np.float32)
    # Beyond the outermost voxel centres the outermost value goes on, as in `_interpolate`.
    centres = np.clip((np.arange(after) + 0.5) * factor - 0.5, 0, before - 1)
    return np.clip(1 - np.abs(centres[:, None] - old), 0, None).astype(np.float32)


def _interpolate(values: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    if tuple(values.shape[2:]) == tuple(shape):
        return values
    mode = "trilinear" if len(shape) == 3 else "bilinear"
    return functional.interpolate(values, size=tuple(shape), mode=mode, align_corners=False)


def restore(scores: torch.Tensor, layout: Layout) -> np.ndarray:
    """Scores (K, units, *planned) to the image's own grid: (K, *stored) float32."""
    resized = _interpolate(scores.transpose(0, 1).float().cpu(), layout.oriented_shape)
    return np.stack([layout.join(channel.numpy()) for channel in resized.transpose(0, 1)])
