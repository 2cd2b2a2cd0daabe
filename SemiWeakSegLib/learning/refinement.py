"""Labels made anew from a network's predictions: what is known stays, the rest follows a CRF."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ..cohort import UNLABELED
from ..methods.inference import Inference
from ..methods.refinement import USUAL_CORES, USUAL_FILLS
from ..runs.atomic import write_json
from .crf_inference import refine, unit_intensity
from .inference import infer
from .knowledge import Knowledge, PlannedBox
from .stages import Workshop
from .store import CaseStore

# Of a window, as in validation: labels of a round need no smoother seams.
OVERLAP = 0.25
# Voxels on both sides of a box's middle are equally near to it.
CORE_ROUNDING = 1e-3


def known_voxels(store: CaseStore, index: int) -> np.ndarray:
    """A case's label map with all that is known of it, (units, *spatial) uint8 with 255."""
    if index in store.known_labels:
        return np.load(store.known_labels[index].label, mmap_mode="r", allow_pickle=False)
    label = store.entries[index].label()
    if label is None:
        return np.full(store.entries[index].shape[1:], UNLABELED, dtype=np.uint8)
    return label


def open_cases(workshop: Workshop) -> list[int]:
    """The annotated and boxed cases of which some voxels are unknown."""
    return [
        index
        for index in workshop.labeled
        if (known_voxels(workshop.store, index) == UNLABELED).any()
    ]


def allowed_classes(store: CaseStore, index: int) -> np.ndarray:
    """(K, units, *spatial) bool: the classes that each voxel of a case may have.

    An annotated voxel has its class; annotated background may be any class that was not looked
    at. A class with boxes is inside one of them, an absent class nowhere.
    """
    label = known_voxels(store, index)
    unknown = label == UNLABELED
    allowed = np.stack([unknown | (label == value) for value in range(store.plan.num_classes)])
    for value, seen in enumerate(store.looked_at(index)):
        if not seen:
            allowed[value] |= label == 0
    knowledge = store.knowledge.get(index)
    if knowledge is None:
        return allowed
    for value in {*knowledge.boxed, *knowledge.absent}:
        possible = label == value  # an annotated voxel says more than a box
        for box in knowledge.boxes:
            if box.class_index == value:
                region, inside = box.on_grid(label.shape)
                possible[region] |= inside
        allowed[value] &= possible
    return allowed


def box_cores(
    label: np.ndarray, knowledge: Knowledge | None, share: float | None, start: str
) -> np.ndarray:
    """The label map with the cores of boxes written into its unlabeled voxels.

    share: edges of a core, of those of its box, more where no voxel would lie in it; None: the
    usual one of flat and of solid boxes. start: "scribbles" writes none, "boxes" all, "auto" those
    of classes without an annotated voxel. Small boxes lie over big ones.
    """
    result = np.array(label)
    if knowledge is None or start == "scribbles":
        return result
    for box in _big_to_small(knowledge.boxes):
        if start == "auto" and (label == box.class_index).any():
            continue
        edges = USUAL_CORES[box.dimensions] if share is None else share
        core = _core(box, label.shape, edges)
        result[core] = np.where(label[core] == UNLABELED, box.class_index, result[core])
    return result


def _big_to_small(boxes: Sequence[PlannedBox]) -> list[PlannedBox]:
    """So that what is written for small boxes lies over what was written for big ones."""
    return sorted(boxes, key=lambda each: each.volume, reverse=True)


def _core(box: PlannedBox, shape: tuple[int, ...], share: float) -> tuple[np.ndarray, ...]:
    """Indices of the voxels in the middle of a box; at least one of those that lie in it."""
    region, inside = box.on_grid(shape)
    voxels = np.argwhere(inside) + [part.start for part in region]
    along = voxels @ box.matrix.T + box.offset
    away = np.abs(along / box.halves).max(axis=1)  # 0 in the middle, 1 on a face
    nearest = away.min(initial=np.inf)
    return tuple(voxels[away <= max(share, nearest + CORE_ROUNDING)].T)


def keep_boxes_filled(
    label: np.ndarray,
    scores: np.ndarray,
    allowed: np.ndarray,
    knowledge: Knowledge | None,
    share: float | None,
) -> np.ndarray:
    """The label map, changed in place, with every box filled by its class to a least share.

    Where inference left less, the class gets the voxels of the box that it is likeliest to have:
    with the greatest score over the best other one. Rounds would otherwise let a class shrink
    away, since what it loses is learned as something else.

    label: (units, *spatial); scores, allowed: (K, units, *spatial), see `allowed_classes`. share:
    of a box's voxels, at least one of them; None: the usual one of flat and of solid boxes. Small
    boxes come after big ones, so that they are kept.
    """
    for box in _big_to_small(knowledge.boxes if knowledge else ()):
        value = box.class_index
        least = USUAL_FILLS[box.dimensions] if share is None else share
        region, inside = box.on_grid(label.shape)
        own = label[region] == value
        missing = max(1, round(least * np.count_nonzero(inside))) - np.count_nonzero(inside & own)
        free = np.argwhere(inside & ~own & allowed[(value, *region)])
        if missing <= 0 or not len(free):
            continue
        part = scores[(slice(None), *region)]
        margin = part[value] - np.delete(part, value, axis=0).max(axis=0)
        likeliest = np.argsort(-margin[tuple(free.T)], kind="stable")[:missing]
        label[region][tuple(free[likeliest].T)] = value
    return label


def labels_path(workshop: Workshop, number: int, index: int) -> Path:
    """Where the labels of a round lie; round 0 holds the first ones."""
    return workshop.products / "refinement" / f"round_{number}" / f"{index}.npy"


def change_of(workshop: Workshop, number: int) -> float | None:
    """How much the labels of a round differ from those before; None: they do not exist yet."""
    path = _summary_path(workshop, number)
    return json.loads(path.read_text(encoding="utf-8"))["change"] if path.exists() else None


def use_labels(workshop: Workshop, number: int) -> None:
    """Makes the cases' labels those of a round."""
    paths = {index: labels_path(workshop, number, index) for index in open_cases(workshop)}
    workshop.store.use_proposals(paths)


def write_first_labels(workshop: Workshop, share: float | None, start: str) -> None:
    """The labels of round 0; safe in several processes at once."""
    store = workshop.store
    for index in open_cases(workshop):
        label = known_voxels(store, index)
        label = box_cores(label, store.knowledge.get(index), share, start)
        _write(labels_path(workshop, 0, index), label)


def write_next_labels(
    network: nn.Module,
    workshop: Workshop,
    number: int,
    settings: Inference,
    box_fill: float | None = None,
) -> None:
    """The labels of round ``number`` >= 1, from a network's predictions of the training cases.

    box_fill: the least share of a box that its class keeps, see `keep_boxes_filled`.
    Emits a ``refinement`` event with the share of voxels whose label changed, of those that
    belong to an object before or after.
    """
    store = workshop.store
    changed = objects = 0
    cases = open_cases(workshop)
    for place, index in enumerate(cases):
        workshop.count(place, len(cases))
        entry = store.entries[index]
        image = torch.from_numpy(entry.image())
        scores = infer(network, image, entry.floor, workshop.plan, workshop.device, overlap=OVERLAP)
        allowed = allowed_classes(store, index)
        found = refine(
            scores,
            unit_intensity(image, entry.window),
            entry.spacing,
            settings,
            torch.from_numpy(allowed),
        )
        former = np.load(labels_path(workshop, number - 1, index), allow_pickle=False)
        label = found.argmax(dim=0).to("cpu").numpy().astype(np.uint8)
        label = keep_boxes_filled(
            label, scores.cpu().numpy(), allowed, store.knowledge.get(index), box_fill
        )
        _write(labels_path(workshop, number, index), label)
        before = (former != 0) & (former != UNLABELED)
        changed += int(np.count_nonzero((label != former) & (before | (label != 0))))
        objects += int(np.count_nonzero(before | (label != 0)))
    change = changed / max(1, objects)
    write_json(_summary_path(workshop, number), {"change": change, "cases": len(cases)})
    workshop.emit(
        "refinement",
        round=number,
        change=round(change, 5),
        cases=len(cases),
        message=f"round {number}: {change:.1%} of the objects' voxels changed",
    )


def _summary_path(workshop: Workshop, number: int) -> Path:
    return workshop.products / "refinement" / f"round_{number}.json"


def _write(path: Path, label: np.ndarray) -> None:
    """Whole or not at all, whoever else writes the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.npy")
    np.save(temporary, label)
    os.replace(temporary, path)
