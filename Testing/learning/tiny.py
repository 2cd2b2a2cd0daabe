"""Small cohorts with something to learn: a bright ball and a dim one in noise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from SemiWeakSegLib.cohort import UNLABELED, Case, Cohort, SegmentClass
from SemiWeakSegLib.cohort.images import Geometry, write_label, write_scalar
from SemiWeakSegLib.runs.folder import RunFolder
from SemiWeakSegLib.runs.request import RunRequest

CLASSES = [SegmentClass(1, "bright"), SegmentClass(2, "dim")]


def balls(seed: int, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """An image with two balls that do not touch, and its label map."""
    source = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), axis=-1)
    label = np.zeros(shape, dtype=np.uint8)
    edge = shape[-1]
    for value, along in ((1, 0.3), (2, 0.7)):
        centre = np.array([n / 2 for n in shape]) + source.uniform(-1, 1, len(shape))
        centre[-1] = along * edge + source.uniform(-1, 1)
        radius = source.uniform(0.14, 0.2) * edge
        label[((grid - centre) ** 2).sum(axis=-1) < radius**2] = value
    levels = np.array([0.0, 3.0, 1.5])
    return levels[label] + source.normal(0, 0.2, shape), label


def make_cohort(
    folder: Path,
    *,
    shape: tuple[int, ...] = (24, 24),
    labeled: int = 2,
    scribbled: int = 0,
    unlabeled: int = 2,
    validation: int = 1,
    test: int = 1,
) -> Cohort:
    """Writes images and labels; every case keeps its truth."""
    folder.mkdir(parents=True, exist_ok=True)
    dimension = len(shape)
    geometry = Geometry(
        shape[::-1],
        (1.0,) * dimension,
        (0.0,) * dimension,
        tuple(np.eye(dimension).ravel()),
    )
    suffix = ".nii.gz" if dimension == 3 else ".mha"
    kinds = (
        ["labeled"] * labeled
        + ["scribbled"] * scribbled
        + ["unlabeled"] * unlabeled
        + ["validation"] * validation
        + ["test"] * test
    )
    cases = []
    for number, kind in enumerate(kinds):
        image, truth = balls(number, shape)
        name = f"case{number:02d}"
        image_path, truth_path = folder / f"{name}{suffix}", folder / f"{name}_truth{suffix}"
        write_scalar(image_path, image.astype(np.float32), geometry)
        write_label(truth_path, truth, geometry)
        case = Case(name, (image_path,), truth=truth_path)
        if kind in ("labeled", "validation"):
            case = replace(case, label=truth_path)
        if kind == "scribbled":
            sparse = np.full_like(truth, UNLABELED)
            middle = tuple(n // 2 for n in shape[:-1])
            sparse[middle] = truth[middle]
            path = folder / f"{name}_scribble{suffix}"
            write_label(path, sparse, geometry)
            case = replace(case, label=path)
        if kind in ("validation", "test"):
            case = replace(case, role=kind)
        cases.append(case)
    cohort = Cohort(CLASSES, cases)
    cohort.save(folder / "cohort.json")
    return cohort


def make_run(path: Path, cohort: Cohort, method: str = "supervised", **request) -> RunFolder:
    """A run of a cohort with small, quick settings."""
    path.mkdir(parents=True)
    cohort.save(path / "cohort.json")
    settings = {
        "augmentation": "light",
        "learning_rate": 0.01,
        "average_decay": 0.9,
        **request.pop("settings", {}),
    }
    asked = {"steps": 10, "predict": (), "device": "cpu", **request}
    return RunFolder.create(path, RunRequest(method=method, settings=settings, **asked))
