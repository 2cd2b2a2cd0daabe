"""Validation on whole cases, on the planned grid, annotated voxels only."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from ..cohort import UNLABELED
from .inference import infer
from .stages import Workshop


def validate(network: nn.Module, workshop: Workshop) -> dict[str, Any]:
    """Mean Dice over validation cases and classes, and per class.

    A class absent from both prediction and annotation of a case is not counted there, nor one that
    nobody looked at in it.
    """
    store, plan = workshop.store, workshop.plan
    rows = []
    training = network.training
    for index in workshop.validation:
        arrays = store.arrays(index)
        if arrays.label is None:
            continue
        scores = infer(
            network, arrays.image, store.entries[index].floor, plan, workshop.device, overlap=0.25
        )
        label = arrays.label.to(scores.device)
        seen = store.looked_at(index)[1:]
        found = dice_by_class(scores.argmax(dim=0), label, plan.num_classes)
        rows.append([dice if known else np.nan for dice, known in zip(found, seen, strict=True)])
    network.train(training)
    table = np.array(rows, dtype=float).reshape(-1, plan.num_classes - 1)
    per_class, means = {}, []
    for column, name in enumerate(plan.classes):
        known = table[:, column][~np.isnan(table[:, column])]
        per_class[name] = float(known.mean()) if known.size else None
    for row in table:
        if not np.isnan(row).all():
            means.append(float(np.nanmean(row)))
    return {"mean_dice": float(np.mean(means)) if means else None, "per_class": per_class}


def dice_by_class(prediction: torch.Tensor, label: torch.Tensor, num_classes: int) -> list[float]:
    """Dice of classes 1.. over voxels that are not 255; NaN where a class is in neither."""
    known = label != UNLABELED
    result = []
    for value in range(1, num_classes):
        found = (prediction == value) & known
        truth = label == value
        size = int(found.sum()) + int(truth.sum())
        result.append(2 * int((found & truth).sum()) / size if size else float("nan"))
    return result
