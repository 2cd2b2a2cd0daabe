"""A synthetic cohort of short-axis hearts, so that demo and tests need no download."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from SemiWeakSegLib.cohort.case import Case, SegmentClass
from SemiWeakSegLib.cohort.cohort import Cohort
from SemiWeakSegLib.cohort.geometry import Geometry
from SemiWeakSegLib.cohort.heart import (
    CAVITY,
    MYOCARDIUM,
    RIGHT_VENTRICLE,
    contracted,
    draw_image,
    draw_label,
    random_heart,
    random_scanner,
)
from SemiWeakSegLib.cohort.images import write_label, write_scalar
from SemiWeakSegLib.cohort.scribbles import case_generator, draw_scribbles

DESCRIPTION = "Synthetic short-axis hearts computed from formulas by SemiWeakSeg; not patient data."
PHASES = ("ED", "ES")
CLASSES = (
    SegmentClass(CAVITY, "left ventricle", (0.85, 0.25, 0.25)),
    SegmentClass(MYOCARDIUM, "myocardium", (0.95, 0.75, 0.30)),
    SegmentClass(RIGHT_VENTRICLE, "right ventricle", (0.30, 0.50, 0.90)),
)


@dataclass(frozen=True)
class PhantomPatient:
    """One synthetic patient: a geometry, and an image and true label map for ED and for ES."""

    geometry: Geometry
    images: dict[str, np.ndarray]
    labels: dict[str, np.ndarray]


def make_patient(index: int, seed: int = 0) -> PhantomPatient:
    """Draw patient ``index``: the same for a seed however many patients there are.

    Images are int16 (z, y, x), 8-10 slices of about 96x96 pixels, about 1.75x1.75x8 mm, on an
    oblique grid; labels are uint8 on the same grid.
    """
    sequence = np.random.SeedSequence([seed, index])
    shape_seed, surroundings_seed, *noise_seeds = sequence.spawn(2 + len(PHASES))
    generator = np.random.default_rng(shape_seed)
    geometry = _random_geometry(generator)
    diastole = random_heart(generator)
    hearts = (diastole, contracted(diastole, generator))
    scanner = random_scanner(generator)
    flips = tuple(axis for axis in (0, 1, 2) if generator.uniform() < 0.3)
    images, labels = {}, {}
    for phase, heart, noise_seed in zip(PHASES, hearts, noise_seeds, strict=True):
        noise = np.random.default_rng(noise_seed)
        shifts = noise.normal(0.0, 0.8, size=(geometry.size[2], 2))
        anatomy = np.random.default_rng(surroundings_seed)
        image = draw_image(heart, scanner, geometry, shifts, anatomy, noise)
        images[phase] = np.ascontiguousarray(np.flip(image, flips))
        labels[phase] = np.ascontiguousarray(np.flip(draw_label(heart, geometry, shifts), flips))
    return PhantomPatient(_flipped(geometry, flips), images, labels)


def make_phantom(
    folder: str | os.PathLike[str],
    patients: int = 12,
    seed: int = 0,
    *,
    labeled: int = 2,
    scribbled: int = 4,
    validation_patients: int = 2,
    test_patients: int = 3,
    fraction: float = 0.01,
) -> Cohort:
    """Write a synthetic cohort to ``folder`` and return it (``folder/cohort.json``).

    Each patient gives two cases, ED and ES, which share a group. ``validation_patients`` and
    ``test_patients`` are densely labeled; of the other patients' cases ``labeled`` are densely
    labeled, ``scribbled`` carry scribbles on at most ``fraction`` of their voxels, and the rest
    are unlabeled. The true label maps of all cases lie in ``labels`` and are each case's truth.
    Raises ValueError when the counts do not fit.
    """
    training = patients - validation_patients - test_patients
    if min(patients, labeled, scribbled, validation_patients, test_patients) < 0 or training < 1:
        raise ValueError(
            f"{patients} patients cannot hold {validation_patients} for validation and "
            f"{test_patients} for test and leave one for training."
        )
    if labeled + scribbled > len(PHASES) * training:
        raise ValueError(
            f"{labeled} labeled and {scribbled} scribbled cases do not fit the "
            f"{len(PHASES) * training} cases of {training} training patients."
        )
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction is a share of the voxels in (0, 1], found {fraction}.")
    root = Path(os.path.abspath(folder))
    kinds = _training_kinds(training, labeled, scribbled)
    cases = []
    for index in range(patients):
        patient = make_patient(index, seed)
        name = f"synthetic_heart_{index + 1:03d}"
        for phase in PHASES:
            case = Case(
                id=f"{name}_{phase}",
                images=(root / "images" / f"{name}_{phase}.nii.gz",),
                truth=root / "labels" / f"{name}_{phase}.nii.gz",
                role=_role(index, training, validation_patients),
                group=name,
            )
            write_scalar(case.images[0], patient.images[phase], patient.geometry)
            write_label(case.truth, patient.labels[phase], patient.geometry)
            kind = kinds.get((index, phase), "unlabeled") if case.role == "train" else "labeled"
            if kind == "labeled":
                case.label = case.truth
            elif kind == "scribbled":
                case.label = root / "scribbles" / f"{case.id}.nii.gz"
                generator = case_generator(seed, case.id)
                spacing = patient.geometry.array_spacing
                drawn = draw_scribbles(patient.labels[phase], spacing, fraction, generator)
                write_label(case.label, drawn, patient.geometry)
            cases.append(case)
    cohort = Cohort(classes=list(CLASSES), cases=cases, description=DESCRIPTION)
    cohort.save(root / "cohort.json")
    return cohort


def _role(index: int, training: int, validation: int) -> str:
    if index < training:
        return "train"
    return "validation" if index < training + validation else "test"


def _training_kinds(training: int, labeled: int, scribbled: int) -> dict[tuple[int, str], str]:
    """Spread the annotations: one case of each patient before a second of any, phases in turn."""
    order = [
        (index, PHASES[(index + turn) % len(PHASES)])
        for turn in range(len(PHASES))
        for index in range(training)
    ]
    kinds = ["labeled"] * labeled + ["scribbled"] * scribbled
    return dict(zip(order, kinds, strict=False))


def _random_geometry(generator: np.random.Generator) -> Geometry:
    size = (
        int(generator.choice((88, 96, 104))),
        int(generator.choice((88, 96, 104))),
        int(generator.integers(8, 11)),
    )
    in_plane = float(generator.choice((1.65, 1.75, 1.85)))
    # The short axis lies obliquely in the body; each patient a little differently.
    direction = np.eye(3)
    for axis, angle in ((0, -0.9), (1, 0.75), (2, 0.2)):
        direction = direction @ _rotation(axis, angle + generator.uniform(-0.25, 0.25))
    return Geometry(
        size=size,
        spacing=(in_plane, in_plane, 8.0),
        origin=tuple(float(value) for value in generator.uniform(-120, 120, size=3)),
        direction=tuple(float(value) for value in direction.ravel()),
    )


def _rotation(axis: int, angle: float) -> np.ndarray:
    first, second = (other for other in range(3) if other != axis)
    matrix = np.eye(3)
    matrix[first, first] = matrix[second, second] = math.cos(angle)
    matrix[second, first] = math.sin(angle)
    matrix[first, second] = -matrix[second, first]
    return matrix


def _flipped(geometry: Geometry, array_axes: tuple[int, ...]) -> Geometry:
    """The geometry under which the flipped array shows the same thing at the same place."""
    last = np.zeros(3)
    signs = np.ones(3)
    for axis in array_axes:
        index_axis = 2 - axis
        last[index_axis] = geometry.size[index_axis] - 1
        signs[index_axis] = -1.0
    direction = geometry.direction_matrix * signs
    return Geometry(
        size=geometry.size,
        spacing=geometry.spacing,
        origin=tuple(float(value) for value in geometry.to_physical(last)),
        direction=tuple(float(value) for value in direction.ravel()),
    )
