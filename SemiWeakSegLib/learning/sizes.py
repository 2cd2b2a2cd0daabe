"""Estimated sizes of the classes, how wrong the estimates are, and the bounds they give."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ..cohort import UNLABELED, images
from ..cohort.case import group_of
from ..runs.atomic import write_json
from .attributes import label_attributes
from .batches import relative_position
from .inference import infer, pad_to
from .moments import bound_moments, plain
from .preprocess import label_to_grid, make_layout
from .priors import SIZES_FILE
from .priors.common import mean_lengths
from .stages import Workshop

# Share of unseen sizes the cross-validated bounds are meant to hold.
COVERAGE = 0.9
# Where an estimate is worth nothing, a class may still be no bigger than this many times the
# biggest that was labeled.
COMMON_FACTOR = 1.5
# From how many labeled groups of cases (patients) on held-out ones tell how much patients differ:
# of two each is guessed from the other alone, and no difference is seen twice.
FEWEST_GROUPS = 3
# Slack of the relative error, as a share of a class's mean size: keeps empty slices finite.
ABSOLUTE_SLACK = 0.1


def true_sizes(label: np.ndarray, num_classes: int, voxel_volume: float) -> np.ndarray:
    """(units, classes) sizes in mm³ (mm² for slices) of a label map (units, *spatial)."""
    flat = label.reshape(len(label), -1)
    counts = [(flat == value).sum(axis=1) for value in range(1, num_classes)]
    return np.stack(counts, axis=1) * voxel_volume


@torch.no_grad()
def predict_sizes(network: nn.Module, workshop: Workshop, index: int) -> np.ndarray:
    """Sizes of one case by a size regressor or a segmenter, (units, classes) in mm³ or mm².

    A regressor sees each unit and its mirror images; a segmenter gives the sum of its
    probabilities.
    """
    plan, store = workshop.plan, workshop.store
    entry, arrays = store.entries[index], store.arrays(index)
    voxel_volume = math.prod(entry.spacing)
    if not hasattr(network, "mean_proportion"):
        scores = infer(network, arrays.image, entry.floor, plan, workshop.device)
        sums = scores[1:].flatten(2).sum(dim=2).T
        return sums.cpu().numpy() * voxel_volume
    network.eval()
    units = arrays.image.transpose(0, 1).to(workshop.device, torch.float32)
    padded, _ = pad_to(units, tuple(plan.patch_size), entry.floor)
    count = len(padded)
    position = torch.tensor(
        [relative_position(unit, count) for unit in range(count)], device=workshop.device
    )
    views = [[]] + [[axis + 2] for axis in plan.mirror_axes]
    rows = []
    for start in range(0, count, 16):
        part, where = padded[start : start + 16], position[start : start + 16]
        mean = sum(network.proportions(part.flip(axes), where) for axes in views) / len(views)
        rows.append(mean)
    proportions = torch.cat(rows).cpu().numpy()
    return proportions * padded[0, 0].numel() * voxel_volume


@dataclasses.dataclass
class SizeError:
    """Cross-validated error of one class: R², mean absolute error, relative half-width."""

    r2: float
    mean_absolute: float
    mean_percent: float
    half_width: float


def size_errors(truth: np.ndarray, predicted: np.ndarray) -> list[SizeError]:
    """Per class from held-out pairs (n, classes).

    half_width w is the finite-sample 90 % quantile of |true - predicted| / (predicted + slack),
    slack a tenth of the class's mean size: true sizes lie within predicted ± w (predicted + slack)
    for about nine unseen units of ten (cross-conformal, Vovk 2015). R² is NaN where all true sizes
    are equal, the percentage where they are 0.
    """
    errors = []
    for column in range(truth.shape[1]):
        true, guess = truth[:, column], predicted[:, column]
        spread = ((true - true.mean()) ** 2).sum()
        r2 = 1 - ((true - guess) ** 2).sum() / spread if spread > 0 else math.nan
        mean = max(true.mean(), np.finfo(float).tiny)
        relative = np.sort(np.abs(true - guess) / (np.maximum(guess, 0) + ABSOLUTE_SLACK * mean))
        rank = min(len(relative), math.ceil((len(relative) + 1) * COVERAGE)) - 1
        absolute = float(np.abs(true - guess).mean())
        percent = 100 * absolute / mean if true.any() else math.nan
        errors.append(SizeError(float(r2), absolute, percent, float(relative[rank])))
    return errors


def make_bounds(
    predicted: np.ndarray, mean_size: np.ndarray, gamma: float, widths: np.ndarray, rule: str
) -> np.ndarray:
    """(units, classes, 2) bounds around predicted sizes R.

    rule "gamma": (1 ± gamma) R; "cross_validated": R ± w (R + slack); "wider": the wider of them.
    """
    by_gamma = gamma * predicted
    by_error = widths * (predicted + ABSOLUTE_SLACK * mean_size)
    width = {"gamma": by_gamma, "cross_validated": by_error}.get(rule)
    if width is None:
        width = np.maximum(by_gamma, by_error)
    return np.stack([np.maximum(predicted - width, 0), predicted + width], axis=-1)


def count_groups(workshop: Workshop) -> int:
    """How many groups of cases the densely labeled ones belong to; one without is its own."""
    return len({group_of(workshop.store.cases[index]) for index in workshop.dense})


def without_use(errors: list[SizeError] | None, classes: int, rule: str, groups: int) -> np.ndarray:
    """(classes,) bool: whose estimate is no better than the mean size, or of unknown error.

    ``groups``: how many groups of cases the errors were found on; fewer than `FEWEST_GROUPS` tell
    nothing. Such a class gets the bounds common to all units, 0 to 1.5 times the biggest labeled
    size, or none where it is in no labeled case: a useless estimate must not do harm. The rule
    "gamma" (the paper's) believes every estimate.
    """
    if rule == "gamma":
        return np.zeros(classes, dtype=bool)
    if errors is None or groups < FEWEST_GROUPS:
        return np.ones(classes, dtype=bool)
    return np.array([not error.r2 > 0 for error in errors])  # NaN: not known


def write_estimated(
    workshop: Workshop,
    estimators: list[list[nn.Module]],
    held_out: list[list[int]],
    *,
    gamma: float,
    rule: str,
    source: str,
    moments: Sequence[str] = (),
) -> None:
    """Cross-validates, bounds the unlabeled cases, writes ``sizes.json`` and a sizes event.

    estimators[f]: the networks of fold f (their mean is its estimate), trained without the cases
    held_out[f]; unlabeled cases get the mean over all folds. ``moments``: "centroid" and "spread",
    which are estimated, judged and bounded beside the sizes.
    """
    store, plan = workshop.store, workshop.plan
    classes = plan.num_classes

    def estimate(networks: list[nn.Module], index: int) -> np.ndarray:
        return np.mean([predict_sizes(network, workshop, index) for network in networks], axis=0)

    def measured(index: int) -> np.ndarray:
        label = store.arrays(index).label.cpu().numpy()
        return true_sizes(label, classes, math.prod(store.entries[index].spacing))

    truth, guesses = [], []
    for networks, cases in zip(estimators, held_out, strict=True):
        for index in cases:
            truth.append(measured(index))
            guesses.append(estimate(networks, index))
    labeled = np.concatenate([measured(index) for index in workshop.dense])
    errors = size_errors(np.concatenate(truth), np.concatenate(guesses)) if truth else None
    groups = count_groups(workshop)
    useless = without_use(errors, classes - 1, rule, groups)
    widths = np.array([error.half_width for error in errors or []] or [0.0] * (classes - 1))
    everyone = [network for networks in estimators for network in networks]
    biggest = labeled.max(axis=0)
    # That a class is in no labeled case does not forbid it elsewhere.
    common = np.where(biggest > 0, COMMON_FACTOR * biggest, math.inf)
    bounds = {}
    for place, index in enumerate(workshop.unlabeled):
        workshop.count(place, len(workshop.unlabeled))
        predicted = np.maximum(estimate(everyone, index), 0)
        made = make_bounds(predicted, labeled.mean(axis=0), gamma, widths, rule)
        made[:, useless, 0] = 0
        made[:, useless, 1] = common[useless]
        bounds[store.cases[index].id] = made
    is_known = groups >= FEWEST_GROUPS
    further = bound_moments(
        workshop, estimators, held_out, moments, gamma=gamma, rule=rule, is_known=is_known
    )
    _write(workshop.products / SIZES_FILE, bounds, {name: each.bounds for name, each in further})
    unit = "mm^2" if plan.dimensions == 2 else "mm^3"
    note = "cross-validated on the labeled cases"
    if errors is None:
        note = "only one labeled case: the error of the sizes cannot be known"
    elif groups < FEWEST_GROUPS:
        note += ", too few to tell how much patients differ"
    for of_these, instead in (
        (useless & (biggest > 0), "bounded by the biggest labeled size alone"),
        (useless & (biggest == 0), "in no labeled case, so not bounded"),
    ):
        if of_these.any():
            names = ", ".join(np.array(plan.classes)[of_these])
            note += f"; not used for {names}: {instead}"
    workshop.emit(
        "sizes",
        source=source,
        unit=unit,
        note=note,
        per_class={
            name: _error_row(errors[k] if errors else None, gamma, rule, bool(useless[k]))
            for k, name in enumerate(plan.classes)
        },
        scatter={
            name: {
                "true": plain(np.concatenate(truth)[:, k]),
                "predicted": plain(np.concatenate(guesses)[:, k]),
            }
            for k, name in enumerate(plan.classes)
        }
        if truth
        else {},
        **({"moments": {name: each.errors for name, each in further}} if further else {}),
    )


def write_true(workshop: Workshop, gamma: float, moments: Sequence[str] = ()) -> None:
    """Bounds (1 ± gamma) around the true sizes of unlabeled cases: the oracle of the paper.

    ``moments``, centroid and spread, are bounded by ± gamma times the class's length. Cases whose
    truth is not known stay unbounded.
    """
    store, bounds = workshop.store, {}
    further: dict[str, dict[str, np.ndarray]] = {name: {} for name in moments}
    lengths = mean_lengths(store) if moments else None
    for index in workshop.unlabeled:
        case = store.cases[index]
        if case.truth is None:
            continue
        layout = make_layout(images.read_header(case.images[0]).geometry, workshop.plan)
        label = label_to_grid(case.truth, layout, workshop.plan.num_classes)
        label = np.where(label == UNLABELED, 0, label)
        volume = math.prod(store.entries[index].spacing)
        sizes = true_sizes(label, workshop.plan.num_classes, volume)
        bounds[case.id] = np.stack([sizes * (1 - gamma), sizes * (1 + gamma)], axis=-1)
        if moments:
            spacing = store.entries[index].spacing
            true = label_attributes(torch.from_numpy(label), workshop.plan.num_classes, spacing)
            for name, table in further.items():
                values = true[name].double().numpy()
                far = gamma * lengths[:, None]
                table[case.id] = np.stack([values - far, values + far], axis=-1)
    _write(workshop.products / SIZES_FILE, bounds, further)


def _error_row(error: SizeError | None, gamma: float, rule: str, useless: bool) -> dict[str, Any]:
    if error is None:
        width = gamma if rule == "gamma" else None
        return {"r2": None, "mae": None, "mae_percent": None, "relative_width": width}
    width = {"gamma": gamma, "cross_validated": error.half_width}.get(
        rule, max(gamma, error.half_width)
    )
    return {
        "r2": None if math.isnan(error.r2) else round(error.r2, 3),
        "mae": float(f"{error.mean_absolute:.4g}"),
        "mae_percent": None if math.isnan(error.mean_percent) else round(error.mean_percent, 1),
        "relative_width": None if useless else round(width, 3),
    }


def _write(
    path: Path, bounds: dict[str, np.ndarray], further: dict[str, dict[str, np.ndarray]]
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tables = {"bounds": {case: plain(values) for case, values in bounds.items()}}
    for name, table in further.items():
        tables[name] = {case: plain(values) for case, values in table.items()}
    write_json(path, tables)
