"""Cohorts with image tags: each image shows some of the balls of `tiny`, or none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from SemiWeakSegLib.cohort import Case, Cohort, SegmentClass
from SemiWeakSegLib.cohort.images import Geometry, write_label, write_scalar
from Testing.learning.tiny import balls

CLASSES = [SegmentClass(1, "bright"), SegmentClass(2, "dark")]
# Which classes each image in turn shows.
SHOWN = ((1,), (2,), (1, 2), ())


def make_tagged_cohort(
    folder: Path,
    *,
    shape: tuple[int, ...] = (32, 32),
    train: int = 24,
    validation: int = 2,
    test: int = 4,
) -> Cohort:
    """Training cases carry tags and no label; validation and test cases show both balls."""
    folder.mkdir(parents=True, exist_ok=True)
    geometry = Geometry(
        shape[::-1], (1.0,) * len(shape), (0.0,) * len(shape), tuple(np.eye(len(shape)).ravel())
    )
    suffix = ".nii.gz" if len(shape) == 3 else ".mha"
    cases = []
    roles = ["train"] * train + ["validation"] * validation + ["test"] * test
    for number, role in enumerate(roles):
        shown = SHOWN[number % len(SHOWN)] if role == "train" else (1, 2)
        image, truth = balls_shown(number, shape, shown)
        name = f"case{number:02d}"
        image_path, truth_path = folder / f"{name}{suffix}", folder / f"{name}_truth{suffix}"
        write_scalar(image_path, image.astype(np.float32), geometry)
        write_label(truth_path, truth, geometry)
        case = Case(name, (image_path,), truth=truth_path, role=role)
        if role == "train":
            case = replace(case, present=shown, absent=tuple({1, 2} - set(shown)))
        if role == "validation":
            case = replace(case, label=truth_path)
        cases.append(case)
    cohort = Cohort(CLASSES, cases)
    cohort.save(folder / "cohort.json")
    return cohort


def balls_shown(
    seed: int, shape: tuple[int, ...], shown: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """An image with the balls of `tiny` that are shown, bright and dark, and its label map.

    Noise of varying strength and stripes in every image: otherwise what is shown could be told
    from the noise alone, whose share of an image's deviation it changes.
    """
    _, label = balls(seed, shape)
    label = np.where(np.isin(label, shown), label, 0).astype(np.uint8)
    levels = np.array([0.0, 3.0, -3.0])[label]
    levels[..., : shape[-2] // 8, :] = np.where(np.arange(shape[-1]) % 2, 3.0, -3.0)
    source = np.random.default_rng(1000 + seed)
    return levels + source.normal(0, source.uniform(0.1, 0.4), shape), label
