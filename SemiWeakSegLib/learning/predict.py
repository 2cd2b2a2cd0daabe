"""Predictions on the images' own grids: label map, uncertainty, a score to rank cases by."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import ndimage

from ..cohort import Case, Cohort, images
from ..methods.inference import Inference
from ..runs.atomic import write_json
from ..runs.folder import RunFolder
from .crf_inference import refine, unit_intensity
from .frame import OBLIQUE_LIMIT_DEGREES
from .inference import infer
from .layout import Layout, alignment_angle
from .plan import Plan
from .preprocess import prepare_image, restore
from .processes import choose_device
from .saved_model import SavedModel, keep_model, load_model

WRITABLE = (".nii.gz", ".nii", ".nrrd", ".mha", ".png", ".tif", ".tiff")
# Voxels with at least this probability of any class count into a case's score.
REGION_PROBABILITY = 0.05


def predict_run(
    run: RunFolder,
    cases: list[Case],
    out: Path | None = None,
    device: str = "auto",
    *,
    flips: bool = False,
    largest_component: bool = False,
    fill_holes: bool = False,
    refinement: Inference | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[dict[str, Any]]:
    """Predicts cases with a run's model; returns rows case, file, uncertainty_file, uncertainty.

    A row has also "askew", degrees, where the image lies across those that were learned from.
    ``refinement``: a CRF's inference that fits the label maps to the images' edges; the
    uncertainty stays the network's own.
    Raises ValueError for ``flips`` where the model was not trained on mirrored patches.
    ``out`` (default ``predictions/``) gets one label map per case under the image's file name,
    ``<case>_uncertainty.nii.gz`` and ``predictions.json``, updated after every case.
    """
    folder = out or run.predictions
    if not run.model_path.exists():
        # A run that was killed or has failed still knows what its last checkpoint holds.
        keep_model(run, Cohort.load(run.cohort_path).classes)
    model = load_model(run.model, choose_device(device))
    if flips and not model.plan.mirror_axes:
        axes = ",".join(str(axis) for axis in range(model.plan.dimensions))
        raise ValueError(
            "flips: this model never saw mirrored patches, so it cannot be asked about them; "
            f"train one that did (--plan mirror_axes={axes})"
        )
    rows = _known_rows(folder)
    made = []
    for number, case in enumerate(cases):
        row = predict_case(
            model,
            case,
            folder,
            flips=flips,
            largest_component=largest_component,
            fill_holes=fill_holes,
            refinement=refinement,
        )
        rows[case.id] = row
        made.append(row)
        _write_rows(folder, rows)
        if progress:
            progress(number + 1, len(cases))
    return made


def predict_case(
    model: SavedModel,
    case: Case,
    folder: Path,
    *,
    flips: bool = False,
    largest_component: bool = False,
    fill_holes: bool = False,
    refinement: Inference | None = None,
) -> dict[str, Any]:
    """Predicts and writes one case."""
    device = next(model.network.parameters()).device
    prepared = prepare_image(case.images, model.plan)
    scores = infer(
        model.network,
        torch.from_numpy(prepared.image),
        tuple(prepared.floor),
        model.plan,
        device,
        flips=flips,
    )
    label, entropy, background = on_own_grid(scores, prepared.layout)
    if refinement is not None:
        image = unit_intensity(torch.from_numpy(prepared.image), prepared.window)
        refined = refine(scores, image, prepared.layout.spacing, refinement)
        label, _, _ = on_own_grid(refined, prepared.layout)
    if largest_component:
        label = keep_largest(label, len(scores))
    if fill_holes:
        label = fill(label, len(scores))
    score = case_score(entropy, background)
    geometry = images.read_header(case.images[0]).geometry
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / prediction_name(case)
    images.write_label(target, label, geometry)
    uncertain = folder / f"{case.id}_uncertainty.nii.gz"
    images.write_scalar(uncertain, entropy, geometry)
    row = {
        "case": case.id,
        "file": target.name,
        "uncertainty_file": uncertain.name,
        "uncertainty": round(score, 5),
    }
    if degrees := askew(geometry, model.plan):
        row["askew"] = degrees
    return row


def askew(geometry: images.Geometry, plan: Plan) -> int | None:
    """Degrees between an image's axes and those that the model was trained along, if they are many.

    None for an image near those axes, and where the plan takes images as they are stored.
    """
    if not plan.orient or geometry.dimension != 3:
        return None
    degrees = alignment_angle(geometry.direction, plan.frame)
    return round(degrees) if degrees > OBLIQUE_LIMIT_DEGREES else None


def on_own_grid(scores: torch.Tensor, layout: Layout) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Label map (uint8), normalised entropy and background probability on the image's own grid.

    One class at a time, as all of them at full size may take many times the image's memory.
    """
    background = best = restore(scores[:1], layout)[0]
    label = np.zeros(best.shape, dtype=np.uint8)
    entropy = _entropy_part(background)
    for value in range(1, len(scores)):
        found = restore(scores[value : value + 1], layout)[0]
        label[found > best] = value
        best = np.maximum(best, found)
        entropy += _entropy_part(found)
    return label, np.clip(entropy / np.float32(math.log(len(scores))), 0, 1), background


def _entropy_part(probability: np.ndarray) -> np.ndarray:
    return -probability * np.log(np.maximum(probability, 1e-12))


def prediction_name(case: Case) -> str:
    """The image's file name where labels can be written in its format, else ``<case>.nii.gz``."""
    name = case.images[0].name
    for suffix in WRITABLE:
        if name.lower().endswith(suffix) and not case.images[0].is_dir():
            return case.id + name[len(name) - len(suffix) :]
    return f"{case.id}.nii.gz"


def case_score(entropy: np.ndarray, background: np.ndarray) -> float:
    """How uncertain a case is: mean entropy where any class has a probability of 5 % or more.

    1 where no voxel has: nothing was found, which a person should look at first.
    """
    region = background <= 1 - REGION_PROBABILITY
    return float(entropy[region].mean()) if region.any() else 1.0


def keep_largest(label: np.ndarray, num_classes: int) -> np.ndarray:
    """Keeps each class's largest connected component (faces touching)."""
    result = np.zeros_like(label)
    for value in range(1, num_classes):
        parts, count = ndimage.label(label == value)
        if count:
            sizes = np.bincount(parts.ravel())[1:]
            result[parts == int(sizes.argmax()) + 1] = value
    return result


def fill(label: np.ndarray, num_classes: int) -> np.ndarray:
    """Fills background holes enclosed by one class."""
    result = label.copy()
    for value in range(1, num_classes):
        holes = ndimage.binary_fill_holes(label == value) & (label == 0)
        result[holes] = value
    return result


def select_cases(cohort: Cohort, which: str) -> list[Case]:
    """all | unlabeled | train | validation | test.

    unlabeled: training cases that are not fully segmented, so scribbled, boxed and tagged too.
    """
    if which == "all":
        return list(cohort.cases)
    if which == "unlabeled":
        return [
            case
            for case in cohort.cases
            if case.role == "train" and cohort.annotation_kind(case) != "labeled"
        ]
    if which in ("train", "validation", "test"):
        return [case for case in cohort.cases if case.role == which]
    raise ValueError(f"cases {which!r}: expected all, unlabeled, train, validation or test")


def _known_rows(folder: Path) -> dict[str, dict[str, Any]]:
    path = folder / "predictions.json"
    if not path.exists():
        return {}
    return {row["case"]: row for row in json.loads(path.read_text(encoding="utf-8"))}


def _write_rows(folder: Path, rows: dict[str, dict[str, Any]]) -> None:
    """predictions.json: rows, the most uncertain case first."""
    ordered = sorted(rows.values(), key=lambda row: -row["uncertainty"])
    write_json(folder / "predictions.json", ordered)
