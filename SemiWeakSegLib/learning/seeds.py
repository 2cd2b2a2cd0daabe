"""Seeds: the voxels a classifier's evidence is sure enough of to learn a segmentation from."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import ndimage

from ..cohort import UNLABELED
from .cam import contrast_saliency, gradient_saliency, mine, probabilities
from .classifier import TagClassifier
from .inference import pad_to
from .stages import Workshop
from .tags import ABSENT, PRESENT, UNKNOWN, unit_tags

# At least this share of a unit, that with the least evidence, is background: a case without any
# seed could not be learned from.
LEAST_BACKGROUND = 0.1


@dataclasses.dataclass(frozen=True)
class SeedRule:
    """How evidence becomes seeds; all thresholds are shares of a map's maximum."""

    kind: str = "cam"
    rounds: int = 0
    object_threshold: float = 0.5
    background_threshold: float = 0.2
    saliency: str = "none"
    saliency_threshold: float = 0.5


def make_seeds(
    evidence: np.ndarray, saliency: np.ndarray | None, present: np.ndarray, rule: SeedRule
) -> np.ndarray:
    """Label map (*spatial) uint8 of one unit: 0 background, class index, 255 undecided.

    A class's core is where its evidence is at least ``object_threshold``. With saliency, the core
    keeps its salient voxels (all of them where none is) and grows over salient voxels connected
    to it in which there is evidence at all, at least ``background_threshold``. Where classes
    meet, the greater evidence decides. Background is where no present class has evidence of
    ``background_threshold`` nor, with saliency, is both seen at all and salient.

    Args:
        evidence: (classes, *spatial) in [0, 1].
        saliency: the same shape, or None.
        present: (classes,) of PRESENT, ABSENT, UNKNOWN. Classes that are not PRESENT get no
            seeds; evidence of an UNKNOWN one keeps voxels from becoming background.
    """
    label = np.full(evidence.shape[1:], UNLABELED, dtype=np.uint8)
    best = np.zeros(evidence.shape[1:], dtype=evidence.dtype)
    free = np.ones(evidence.shape[1:], dtype=bool)
    for k, known in enumerate(present):
        if known == ABSENT:
            continue
        seen = evidence[k] >= rule.background_threshold
        free &= ~seen
        if known == UNKNOWN:
            continue
        seed = evidence[k] >= rule.object_threshold
        if saliency is not None:
            salient = saliency[k] >= rule.saliency_threshold
            core = seed & salient
            seed = ndimage.binary_propagation(core, mask=salient & seen) if core.any() else seed
        wins = seed & (evidence[k] > best)
        label[wins], best[wins] = k + 1, evidence[k][wins]
    wanted = max(1, int(LEAST_BACKGROUND * free.size))
    if free.sum() < wanted:
        total = evidence[present != ABSENT].max(axis=0)
        free |= total <= np.partition(total.ravel(), wanted - 1)[wanted - 1]
    label[free & (label == UNLABELED)] = 0
    return label


def case_seeds(
    network: TagClassifier, workshop: Workshop, index: int, tags: np.ndarray, rule: SeedRule
) -> np.ndarray:
    """(units, *spatial) seeds of one case; ``tags`` (units, classes) as of `unit_tags`.

    Of an unknown tag the classifier says whether the class may be there.
    """
    plan, entry = workshop.plan, workshop.store.entries[index]
    image = workshop.store.arrays(index).image
    units = image.transpose(0, 1).to(workshop.device, torch.float32)
    padded, inside = pad_to(units, tuple(plan.patch_size), entry.floor)
    valid = _within(padded, inside)
    result = np.empty((len(units), *units.shape[2:]), dtype=np.uint8)
    crop = (slice(None), slice(None), *inside)
    for start in range(0, len(padded), plan.batch_labeled):
        images = padded[start : start + plan.batch_labeled]
        known = torch.from_numpy(tags[start : start + len(images)]).to(images.device)
        likely = probabilities(network, images, valid) >= 0.5
        looked_for = (known == PRESENT) | ((known == UNKNOWN) & likely)
        maps, _ = mine(
            network,
            images,
            looked_for,
            kind=rule.kind,
            rounds=rule.rounds,
            threshold=rule.object_threshold,
            valid=valid,
        )
        saliency = None
        if rule.saliency == "gradient":
            saliency = gradient_saliency(network, images, valid, crop).cpu().numpy()
        elif rule.saliency == "contrast":
            outside = maps < rule.background_threshold
            saliency = contrast_saliency(images[crop], outside[crop]).cpu().numpy()
        found = maps[crop].cpu().numpy()
        for row in range(len(images)):
            result[start + row] = make_seeds(
                found[row],
                None if saliency is None else saliency[row],
                tags[start + row],
                rule,
            )
    return result


def seeds_path(workshop: Workshop, index: int) -> Path:
    return workshop.products / "seeds" / f"{index}.npy"


def write_seeds(
    network: TagClassifier, workshop: Workshop, cases: list[int], rule: SeedRule, notes: list[str]
) -> None:
    """Writes the seeds of the cases and a ``seeds`` event that says how good they are.

    Precision and recall are measured on the validation cases, whose labels are known.
    """
    values = [*range(workshop.plan.num_classes), UNLABELED]
    shares = []
    for place, index in enumerate(cases):
        workshop.count(place, len(cases))
        seeds = case_seeds(network, workshop, index, unit_tags(workshop.store, index), rule)
        path = seeds_path(workshop, index)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, seeds)
        shares.append([np.mean(seeds == value) for value in values])
    # Where every tagged case is annotated too, there is nothing to seed.
    mean = np.mean(shares, axis=0) if shares else np.zeros(len(values))
    measured = _measure(network, workshop, rule)
    workshop.emit(
        "seeds",
        cases=len(cases),
        background=round(float(mean[0]), 4),
        undecided=round(float(mean[-1]), 4),
        note="; ".join(notes),
        per_class={
            name: {"share": round(float(mean[k + 1]), 5), **measured[k]}
            for k, name in enumerate(workshop.plan.classes)
        },
    )


def _measure(network: TagClassifier, workshop: Workshop, rule: SeedRule) -> list[dict[str, Any]]:
    """Per class: accuracy of the classifier, precision and recall of seeds on validation cases.

    None where it cannot be known. Seeds are made as if the cases had been tagged.
    """
    classes = workshop.plan.num_classes - 1
    right, asked = np.zeros(classes), np.zeros(classes)
    hits, found, true = np.zeros(classes), np.zeros(classes), np.zeros(classes)
    for index in workshop.validation:
        tags = unit_tags(workshop.store, index)
        known = tags != UNKNOWN
        guess = _classify(network, workshop, index)
        right += ((guess == (tags == PRESENT)) & known).sum(axis=0)
        asked += known.sum(axis=0)
        label = np.asarray(workshop.store.entries[index].label())
        seeds = case_seeds(network, workshop, index, tags, rule)
        for k in range(classes):
            seeded, truth = (seeds == k + 1) & (label != UNLABELED), label == k + 1
            hits[k] += (seeded & truth).sum()
            found[k] += seeded.sum()
            true[k] += truth.sum()
    return [
        {
            "accuracy": _share(right[k], asked[k]),
            "precision": _share(hits[k], found[k]),
            "recall": _share(hits[k], true[k]),
        }
        for k in range(classes)
    ]


def _share(part: float, whole: float) -> float | None:
    return round(float(part / whole), 3) if whole else None


def _classify(network: TagClassifier, workshop: Workshop, index: int) -> np.ndarray:
    """(units, classes) bool: is each class more likely there than not?"""
    plan, entry = workshop.plan, workshop.store.entries[index]
    units = workshop.store.arrays(index).image.transpose(0, 1)
    padded, inside = pad_to(
        units.to(workshop.device, torch.float32), tuple(plan.patch_size), entry.floor
    )
    valid = _within(padded, inside)
    parts = [
        probabilities(network, part, valid) >= 0.5 for part in padded.split(plan.batch_labeled)
    ]
    return torch.cat(parts).cpu().numpy()


def _within(padded: torch.Tensor, inside: tuple[slice, ...]) -> torch.Tensor:
    """(1, 1, *patch) bool: the image in what `pad_to` gave."""
    valid = torch.zeros_like(padded[:1, :1], dtype=torch.bool)
    valid[(slice(None), slice(None), *inside)] = True
    return valid
