"""Estimated centroids and spreads, how wrong the estimates are, and the bounds they give."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from .attributes import grid_attributes
from .batches import relative_position
from .inference import infer, pad_to
from .networks import SizeRegressor
from .priors.common import mean_lengths, measure
from .stages import Workshop

# Share of unseen values the cross-validated bounds are meant to hold.
COVERAGE = 0.9
# Where an estimate is worth nothing: how far beyond the labeled cases a region may still lie, as
# a share of its length, or reach, as a share of the widest spread.
COMMON_MARGIN = 0.5
# A spread of a class that no labeled case shows, as a share of its length: that of a cube.
CUBE_SPREAD = 1 / math.sqrt(12)


def start_moments(network: SizeRegressor, workshop: Workshop, cases: Sequence[int]) -> None:
    """Training starts from the mean centroid and spread of its cases, in units of their length.

    Patches are mirrored, so along such axes the mean centroid is the middle.
    """
    store, plan = workshop.store, workshop.plan
    lengths = mean_lengths(store, cases)
    network.length.copy_(network.length.new_tensor(lengths))
    for number, name in enumerate(network.moments):
        values = measure(store, name, cases)
        known = np.isfinite(values)
        mean = np.where(known, values, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        if name == "spread":
            mean = np.where(known.any(axis=0), mean, CUBE_SPREAD * lengths[:, None])
        else:
            mean[:, list(plan.mirror_axes)] = 0.0
        network.usual_moments[number].copy_(network.usual_moments.new_tensor(mean))


@torch.no_grad()
def predict_moments(
    network: nn.Module, workshop: Workshop, index: int, names: Sequence[str]
) -> dict[str, np.ndarray]:
    """Name -> (units, classes, d) mm of one case by a regressor or a segmenter.

    As `attributes.image_positions` has them; NaN where a segmenter finds less than a voxel. A
    regressor sees each unit and its mirror images.
    """
    plan, store = workshop.plan, workshop.store
    entry, arrays = store.entries[index], store.arrays(index)
    if not isinstance(network, SizeRegressor):
        scores = infer(network, arrays.image, entry.floor, plan, workshop.device)
        found = grid_attributes(scores[1:].transpose(0, 1), entry.spacing)
        return {name: found[name].double().cpu().numpy() for name in names}
    network.eval()
    units = arrays.image.transpose(0, 1).to(workshop.device, torch.float32)
    padded, inside = pad_to(units, tuple(plan.patch_size), entry.floor)
    count = len(padded)
    position = torch.tensor(
        [relative_position(unit, count) for unit in range(count)], device=workshop.device
    )
    views = [None, *plan.mirror_axes]
    rows: dict[str, list[torch.Tensor]] = {name: [] for name in names}
    for start in range(0, count, 16):
        part, where = padded[start : start + 16], position[start : start + 16]
        seen = [_moments_of_view(network, part, where, axis) for axis in views]
        for name in names:
            rows[name].append(sum(each[name] for each in seen) / len(views))
    result = {name: torch.cat(rows[name]).double().cpu().numpy() for name in names}
    if "centroid" in result:
        # From the middle of the padded image to that of the image itself.
        shift = [
            ((edge - 1) / 2 - part.start - (n - 1) / 2) * step
            for edge, part, n, step in zip(
                padded.shape[2:], inside, units.shape[2:], entry.spacing, strict=True
            )
        ]
        result["centroid"] = result["centroid"] + np.array(shift)
    return result


def _moments_of_view(
    network: SizeRegressor, images: torch.Tensor, position: torch.Tensor, axis: int | None
) -> dict[str, torch.Tensor]:
    """What the network says of one mirroring, told of the images as they are."""
    seen = images if axis is None else images.flip(axis + 2)
    found = network.split(network(seen, position))[1]
    if axis is not None and "centroid" in found:
        found["centroid"][..., axis] *= -1
    return found


@dataclasses.dataclass
class MomentError:
    """Cross-validated error of one class, one number for each axis: R², mm, mm."""

    r2: np.ndarray
    mean_absolute: np.ndarray
    half_width: np.ndarray


def moment_errors(truth: np.ndarray, predicted: np.ndarray) -> list[MomentError]:
    """Per class from held-out pairs (n, classes, d); pairs with a NaN do not count.

    half_width: the finite-sample 90 % quantile of |true - predicted| (cross-conformal, Vovk 2015).
    A class of which there is no pair has an R² of NaN and an infinite half-width.
    """
    errors = []
    for number in range(truth.shape[1]):
        known = np.isfinite(truth[:, number] + predicted[:, number]).all(axis=1)
        true, guess = truth[known, number], predicted[known, number]
        axes = truth.shape[2]
        if not len(true):
            nothing = np.full(axes, np.nan)
            errors.append(MomentError(nothing, nothing, np.full(axes, np.inf)))
            continue
        variation = ((true - true.mean(axis=0)) ** 2).sum(axis=0)
        missed = ((true - guess) ** 2).sum(axis=0)
        r2 = np.where(variation > 0, 1 - missed / np.where(variation > 0, variation, 1), np.nan)
        absolute = np.sort(np.abs(true - guess), axis=0)
        rank = min(len(true), math.ceil((len(true) + 1) * COVERAGE)) - 1
        errors.append(MomentError(r2, absolute.mean(axis=0), absolute[rank]))
    return errors


@dataclasses.dataclass
class MomentBounds:
    """How wide bounds on one attribute are, and where they lie if the estimate is worth nothing.

    width: (classes, d) mm. useful: (classes, d) bool. common: (classes, d, 2) mm.
    """

    width: np.ndarray
    useful: np.ndarray
    common: np.ndarray

    def around(self, predicted: np.ndarray) -> np.ndarray:
        """(units, classes, d, 2) bounds; NaN, open, where there is no estimate."""
        made = np.stack([predicted - self.width, predicted + self.width], axis=-1)
        return np.where(self.useful[..., None], made, self.common)


def plan_bounds(
    name: str,
    labeled: np.ndarray,
    lengths: np.ndarray,
    errors: list[MomentError] | None,
    gamma: float,
    rule: str,
) -> MomentBounds:
    """Widths by the rule of the sizes: gamma (in lengths), cross_validated, or the wider of them.

    As for sizes, an axis whose error is not known or whose R² is at most 0 is bounded by the
    range in the labeled cases and a margin, unless the rule is "gamma".
    """
    shape = labeled.shape[1:]
    by_gamma = np.broadcast_to(gamma * lengths[:, None], shape)
    if rule == "gamma":
        width, useful = by_gamma, np.ones(shape, dtype=bool)
    elif errors is None:
        width, useful = by_gamma, np.zeros(shape, dtype=bool)
    else:
        by_error = np.stack([error.half_width for error in errors])
        width = by_error if rule == "cross_validated" else np.maximum(by_gamma, by_error)
        useful = np.stack([error.r2 for error in errors]) > 0
    known = np.isfinite(labeled)
    low = np.where(known, labeled, np.inf).min(axis=0)
    high = np.where(known, labeled, -np.inf).max(axis=0)
    if name == "centroid":
        far = COMMON_MARGIN * lengths[:, None]
        low, high = low - far, high + far
    else:
        low, high = np.zeros(shape), (1 + COMMON_MARGIN) * high
    seen = known.any(axis=0)
    common = np.stack([np.where(seen, low, np.nan), np.where(seen, high, np.nan)], axis=-1)
    return MomentBounds(width, useful, common)


def describe_errors(
    bounds: MomentBounds, errors: list[MomentError] | None, classes: Sequence[str]
) -> dict[str, Any]:
    """Per class name: R², mean absolute error and half-width in mm, each one number an axis."""
    rows = {}
    for number, name in enumerate(classes):
        error = errors[number] if errors else None
        width = np.where(bounds.useful[number], bounds.width[number], np.nan)
        rows[name] = {
            "r2": None if error is None else plain(error.r2, 3),
            "mae_mm": None if error is None else plain(error.mean_absolute, 4),
            "width_mm": plain(width, 4),
        }
    return rows


def plain(values: np.ndarray, digits: int = 6) -> Any:
    """Nested lists with so many significant digits; None for what is not finite."""
    if values.ndim == 0:
        value = float(values)
        return float(f"{value:.{digits}g}") if math.isfinite(value) else None
    return [plain(each, digits) for each in values]


def nan_mean(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Mean over what is known; NaN where nothing is."""
    stacked = np.stack(rows)
    known = np.isfinite(stacked)
    total = np.where(known, stacked, 0).sum(axis=0)
    return np.where(known.any(axis=0), total / np.maximum(known.sum(axis=0), 1), np.nan)


@dataclasses.dataclass
class BoundedMoment:
    """bounds: case id -> (units, classes, d, 2); errors: as `describe_errors` says them."""

    bounds: dict[str, np.ndarray]
    errors: dict[str, Any]


def bound_moments(
    workshop: Workshop,
    estimators: list[list[nn.Module]],
    held_out: list[list[int]],
    names: Sequence[str],
    *,
    gamma: float,
    rule: str,
    is_known: bool,
) -> list[tuple[str, BoundedMoment]]:
    """Cross-validates each attribute and bounds the unlabeled cases, as `sizes.write_estimated`.

    ``is_known``: whether there are enough labeled groups of cases to believe the errors.
    """
    if not names:
        return []
    store = workshop.store
    lengths = mean_lengths(store, workshop.dense)

    def estimate(networks: list[nn.Module], index: int) -> dict[str, np.ndarray]:
        found = [predict_moments(network, workshop, index, names) for network in networks]
        return {name: nan_mean([each[name] for each in found]) for name in names}

    pairs = [
        (index, estimate(networks, index))
        for networks, cases in zip(estimators, held_out, strict=True)
        for index in cases
    ]
    everyone = [network for networks in estimators for network in networks]
    estimates = {index: estimate(everyone, index) for index in workshop.unlabeled}
    result = []
    for name in names:
        errors = None
        if pairs:
            truth = measure(store, name, [index for index, _ in pairs])
            errors = moment_errors(truth, np.concatenate([guess[name] for _, guess in pairs]))
        labeled = measure(store, name, workshop.dense)
        believed = errors if is_known else None
        planned = plan_bounds(name, labeled, lengths, believed, gamma, rule)
        bounds = {
            store.cases[index].id: planned.around(estimates[index][name]) for index in estimates
        }
        said = describe_errors(planned, errors, workshop.plan.classes)
        result.append((name, BoundedMoment(bounds, said)))
    return result
