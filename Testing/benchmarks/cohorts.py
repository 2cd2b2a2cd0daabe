"""The two cohorts of the tables of Dice, their fixed split, and who is annotated.

The split is drawn once with seed 2026 and is the same for all tables, methods and seeds; settings
are looked for on the development cases only, whose role here is "validation".
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from SemiWeakSegLib.cohort import Case, Cohort, SegmentClass
from SemiWeakSegLib.cohort.phantom import make_phantom

SPLIT_SEED = 2026
TEST_CASES, DEVELOPMENT_CASES = 40, 20
PATIENTS, TEST_PATIENTS, DEVELOPMENT_PATIENTS = 40, 10, 5


def hippocampus(data: Path) -> Cohort:
    """The real cohort, of volumes: 40 test cases, 20 for development, the rest for training."""
    folder = data / "hippocampus"
    names = sorted(path.name for path in (folder / "images").glob("*.nii.gz"))
    order = np.random.default_rng(SPLIT_SEED).permutation(len(names))
    cases = []
    for place, number in enumerate(order):
        name = names[number]
        image, label = folder / "images" / name, folder / "labels" / name
        role = _role(place, TEST_CASES, DEVELOPMENT_CASES)
        cases.append(Case(name[: -len(".nii.gz")], (image,), truth=label, role=role))
    return Cohort([SegmentClass(1, "anterior"), SegmentClass(2, "posterior")], cases)


def heart(folder: Path) -> Cohort:
    """The synthetic cohort, of stacks that are learned slice by slice, made in ``folder``.

    40 patients with two stacks each: 10 patients for test, 5 for development, 25 for training.
    """
    path = folder / "cohort.json"
    if not path.exists():
        make_phantom(folder, patients=PATIENTS, seed=SPLIT_SEED)
    cohort = Cohort.load(path)
    patients = sorted({case.group for case in cohort.cases})
    order = np.random.default_rng(SPLIT_SEED).permutation(len(patients))
    roles = {
        patients[number]: _role(place, TEST_PATIENTS, DEVELOPMENT_PATIENTS)
        for place, number in enumerate(order)
    }
    return cohort.with_cases(
        [
            replace(case, label=None, truth=case.reference, role=roles[case.group])
            for case in cohort.cases
        ]
    )


def _role(place: int, test: int, development: int) -> str:
    if place < test:
        return "test"
    return "validation" if place < test + development else "train"


def fully_labeled(cohort: Cohort, on: str) -> Cohort:
    """All training cases with their labels; to be measured on the role ``on``, "test" or not.

    The other of test and validation is left out: neither is looked at in training.
    """
    cases = [replace(case, label=case.truth) for case in cohort.cases if case.role == "train"]
    cases += [replace(case, role="test") for case in cohort.cases if case.role == on]
    return cohort.with_cases(cases)


def drawn(cohort: Cohort, count: int, seed: int, after: int = 0) -> set[str]:
    """The ids of the training cases of ``count`` groups, the same for every kind of annotation.

    ``after``: so many groups of the same draw are left to others. A case without a group is one.
    """
    groups: dict[str, set[str]] = {}
    for case in cohort.cases:
        if case.role == "train":
            groups.setdefault(case.group or case.id, set()).add(case.id)
    names = sorted(groups)
    order = np.random.default_rng([7, seed]).permutation(len(names))
    return set().union(*(groups[names[number]] for number in order[after : after + count]))
