"""The sparsely annotated cohorts of the tables: what each writes into a work folder.

Each function takes the training cases with full labels and the test cases, an empty folder and a
seed, and returns the file of the cohort that is trained on. Annotations depend on seed and case.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from cohorts import drawn
from rows import Maker

from SemiWeakSegLib.cohort import Cohort
from SemiWeakSegLib.cohort.images import read_label, write_label
from SemiWeakSegLib.cohort.simulate import simulate

SLICES_A_VOLUME = 8


def full_labels(cohort: Cohort, folder: Path, seed: int) -> Path:
    """Nothing is taken away."""
    cohort.save(folder / "cohort.json")
    return folder / "cohort.json"


def weakened(kind: str, fraction: float | None = None) -> Maker:
    """A maker of one of ``cohort.simulate``'s kinds in every training case."""

    def make(cohort: Cohort, folder: Path, seed: int) -> Path:
        cohort.save(folder / "full.json")
        simulate(cohort, kind, fraction, seed, folder / "cohort.json")
        return folder / "cohort.json"

    return make


def few(kind: str, count: int, *, bounds: bool = False) -> Maker:
    """A maker of ``count`` groups of cases with an annotation among cases without any.

    ``kind``: one of ``cohort.simulate``'s, or "full" for labels as they are.
    ``bounds``: the classes state the least and the largest size in the training cases' truth.
    """

    def make(cohort: Cohort, folder: Path, seed: int) -> Path:
        kept = drawn(cohort, count, seed)
        bare = cohort.with_cases(
            [
                replace(case, label=case.label if case.role == "test" or case.id in kept else None)
                for case in cohort.cases
            ]
        )
        if bounds:
            bare = with_size_bounds(bare)
        return (full_labels if kind == "full" else weakened(kind))(bare, folder, seed)

    return make


def labels_and_scribbles(labeled: int, scribbled: int) -> Maker:
    """A maker of so many groups of cases fully labeled, so many scribbled, and nothing else."""

    def make(cohort: Cohort, folder: Path, seed: int) -> Path:
        strokes = drawn(cohort, scribbled, seed, after=labeled)
        kept = few("full", labeled + scribbled)(cohort, folder, seed)
        target = folder / "scribbled.json"
        simulate(Cohort.load(kept), "scribbles", None, seed, target, cases=strokes)
        return target

    return make


def boxes_and_scribbles(cohort: Cohort, folder: Path, seed: int) -> Path:
    """One half of the training cases is boxed, the other scribbled."""
    train = [case.id for case in cohort.cases if case.role == "train"]
    boxed = drawn(cohort, len(train) // 2, seed)
    cohort.save(folder / "full.json")
    half = simulate(cohort, "boxes", None, seed, folder / "half.json", cases=boxed)
    others = set(train) - boxed
    simulate(half, "scribbles", None, seed, folder / "cohort.json", cases=others)
    return folder / "cohort.json"


def partial_labels(known: bool) -> Maker:
    """A maker of cases in which one class was looked for: each class in its share of the cases.

    What belongs to the other classes has the value of background. ``known``: the cohort says which
    class was looked for; otherwise that background is taken for true, the common mistake.
    """

    def make(cohort: Cohort, folder: Path, seed: int) -> Path:
        train = [case for case in cohort.cases if case.role == "train"]
        order = np.random.default_rng([11, seed]).permutation(len(train))
        cases = [case for case in cohort.cases if case.role != "train"]
        for place, number in enumerate(order):
            case, looked_at = train[number], cohort.classes[place % len(cohort.classes)].index
            assert case.label is not None
            label, geometry = read_label(case.label)
            path = folder / "labels" / f"{case.id}.nii.gz"
            path.parent.mkdir(exist_ok=True)
            write_label(path, np.where(label == looked_at, label, 0).astype(np.uint8), geometry)
            cases.append(replace(case, label=path, looked_at=(looked_at,) if known else None))
        return full_labels(cohort.with_cases(cases), folder, seed)

    return make


def slices_as_images(tags: bool) -> Maker:
    """A maker of single axial slices instead of the training volumes: tagged, or fully labeled.

    The test cases stay whole volumes. Slices are spread evenly over each volume, whatever they
    show, so that classes are absent in some; those of one volume are a group.
    """

    def make(cohort: Cohort, folder: Path, seed: int) -> Path:
        cases = [case for case in cohort.cases if case.role != "train"]
        (folder / "slices").mkdir()
        for case in cohort.cases:
            if case.role != "train":
                continue
            volumes = {"image": sitk.ReadImage(case.images[0]), "label": sitk.ReadImage(case.label)}
            depth = volumes["image"].GetSize()[2]
            for place in range(SLICES_A_VOLUME):
                index = int((place + 0.5) * depth / SLICES_A_VOLUME)
                name = f"{case.id}_slice{index:03d}"
                paths = {kind: folder / "slices" / f"{name}_{kind}.nii.gz" for kind in volumes}
                for kind, volume in volumes.items():
                    sitk.WriteImage(volume[:, :, index : index + 1], paths[kind])
                slice_case = replace(
                    case,
                    id=name,
                    images=(paths["image"],),
                    label=paths["label"],
                    truth=paths["label"],
                    group=case.id,
                )
                cases.append(slice_case)
        sliced = cohort.with_cases(cases)
        return (weakened("tags") if tags else full_labels)(sliced, folder, seed)

    return make


def with_size_bounds(cohort: Cohort) -> Cohort:
    """The cohort, its classes bounded by the sizes in the training cases' truth."""
    found: dict[int, list[float]] = {item.index: [] for item in cohort.classes}
    for case in cohort.cases:
        if case.role == "train" and case.truth is not None:
            label, geometry = read_label(case.truth)
            for index, sizes in found.items():
                sizes.append(float(np.count_nonzero(label == index) * np.prod(geometry.spacing)))
    classes = [
        replace(item, size_bounds=(min(found[item.index]), max(found[item.index])))
        for item in cohort.classes
    ]
    return replace(cohort, classes=classes)
