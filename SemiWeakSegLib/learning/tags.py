"""What is known of which classes the images show: from tags, boxes, stated sizes and labels."""

from __future__ import annotations

import numpy as np

from ..cohort import UNLABELED
from .store import CaseStore

PRESENT, ABSENT, UNKNOWN = 1, 0, -1


def unit_tags(store: CaseStore, index: int) -> np.ndarray:
    """(units, classes) int8 of one case: PRESENT, ABSENT or UNKNOWN; background left out.

    Tags are of a whole image. Of several slices an absent class is absent from each, while a
    present one is known to be in some slice only, so it stays unknown in all of them, unless
    boxes, which it does not leave, or labels say more. A label map says what is present wherever
    it carries the class, and what is absent from units in which every voxel is labeled and the
    class was looked at.
    """
    case, entry = store.cases[index], store.entries[index]
    units, classes = entry.shape[1], store.plan.num_classes - 1
    tags = np.full((units, classes), UNKNOWN, dtype=np.int8)
    if units == 1:
        tags[:, [k - 1 for k in shown(store, index)]] = PRESENT
    gone = {*case.absent, *(k for k, (_, high) in case.sizes.items() if high == 0)}
    tags[:, [k - 1 for k in gone]] = ABSENT
    _add_boxes(tags, store, index)
    label = entry.label()
    if label is None:
        return tags
    flat = np.asarray(label).reshape(units, -1)
    complete = (flat != UNLABELED).all(axis=1)
    seen = store.looked_at(index)
    for k in range(1, classes + 1):
        found = (flat == k).any(axis=1)
        tags[found, k - 1] = PRESENT
        if seen[k]:
            tags[complete & ~found, k - 1] = ABSENT
    return tags


def _add_boxes(tags: np.ndarray, store: CaseStore, index: int) -> None:
    """A boxed class is absent from the slices that none of its boxes meets."""
    knowledge = store.knowledge.get(index)
    if knowledge is None or len(tags) == 1:
        return
    for k in knowledge.boxed:
        met = np.zeros(len(tags), dtype=bool)
        for box in knowledge.boxes:
            if box.class_index == k:
                region, inside = box.on_grid(tuple(store.entries[index].shape[1:]))
                met[region[0]] |= inside.reshape(len(inside), -1).any(axis=1)
        tags[~met, k - 1] = ABSENT


def shown(store: CaseStore, index: int) -> set[int]:
    """Classes that a case as a whole is said to show, apart from its label map."""
    case = store.cases[index]
    boxed = {box.class_index for box in case.boxes}
    sized = {k for k, (low, _) in case.sizes.items() if low > 0}
    return {*case.present, *boxed, *sized} - set(case.absent)


def tagged_cases(store: CaseStore, cases: list[int]) -> list[int]:
    """Those of the cases in which the presence of some class in some unit is known."""
    return [index for index in cases if (unit_tags(store, index) != UNKNOWN).any()]


def check_tags(store: CaseStore, cases: list[int]) -> list[str]:
    """Notes on classes that a classifier cannot learn, one sentence each.

    Raises ValueError where tags of whole volumes meet a plan of slices, or no class is ever shown.
    """
    rows = np.concatenate([unit_tags(store, index) for index in cases])
    names = store.plan.classes
    of_slices = [index for index in cases if store.entries[index].shape[1] > 1]
    for k in sorted({k for index in of_slices for k in shown(store, index)}):
        if not (rows[:, k - 1] == PRESENT).any():
            raise ValueError(
                f"class {names[k - 1]} is tagged as present in whole volumes, but the plan looks "
                "at slices and no slice is known to show it: work on volumes (--plan "
                "dimensions=3), or make each slice an image of its own with its own tags"
            )
    if not (rows == PRESENT).any():
        raise ValueError("no training case is known to show any class: tag what images show")
    notes = []
    for k, name in enumerate(names):
        if not (rows[:, k] == PRESENT).any():
            notes.append(f"no training case is known to show {name}: it gets no seeds")
        elif not (rows[:, k] == ABSENT).any():
            notes.append(
                f"no training case is known not to show {name}: a classifier cannot learn what "
                "tells it from the rest, so its seeds mean little"
            )
    return notes
