"""The cohort: classes and cases, what each case is, and the counts a method asks for."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from SemiWeakSegLib.cohort.annotation import is_annotated, is_dense
from SemiWeakSegLib.cohort.case import ROLES, UNLABELED, Box, Case, Point, SegmentClass
from SemiWeakSegLib.cohort.cohort_file import (
    CohortFileError,
    decode,
    encode,
    read_document,
    write_document,
)
from SemiWeakSegLib.cohort.images import read_header, read_label
from SemiWeakSegLib.cohort.problems import Problem

__all__ = [
    "KINDS",
    "ROLES",
    "UNLABELED",
    "Box",
    "Case",
    "Cohort",
    "CohortFileError",
    "CohortSummary",
    "Point",
    "SegmentClass",
    "summary",
]

KINDS = ("labeled", "scribbled", "boxed", "tagged", "unlabeled")
"""What a case can be, from most to least known."""


@dataclass
class Cohort:
    """Classes (index 1..K) and cases; ``path`` is the file it was read from or saved to.

    ``problems`` holds what a reader of foreign data noticed (a label without image, a group
    pattern that does not match); ``checks`` reports them with its own. They are not saved.
    """

    classes: list[SegmentClass]
    cases: list[Case]
    path: Path | None = field(default=None, compare=False)
    description: str = ""
    problems: list[Problem] = field(default_factory=list, compare=False, repr=False)
    _kinds: dict[tuple[str, int, int], str | None] = field(
        default_factory=dict, compare=False, repr=False
    )

    @property
    def num_classes(self) -> int:
        """Number of network channels: the classes and the background."""
        return len(self.classes) + 1

    def case(self, case_id: str) -> Case:
        """The case called ``case_id``; raises KeyError."""
        for case in self.cases:
            if case.id == case_id:
                return case
        raise KeyError(f"The cohort has no case {case_id!r}; it has {len(self.cases)} cases.")

    def by_role(self, role: str) -> list[Case]:
        """The cases of a role (train, validation or test) in the cohort's order."""
        if role not in ROLES:
            raise ValueError(f"{role!r} is not a role; the roles are {', '.join(ROLES)}.")
        return [case for case in self.cases if case.role == role]

    def with_cases(self, cases: Sequence[Case]) -> Cohort:
        """The same cohort with other cases; it no longer has a file."""
        return replace(self, cases=list(cases), path=None)

    def with_roles(self, roles: Mapping[str, str]) -> Cohort:
        """A copy in which the named cases have the given roles."""
        for case_id, role in roles.items():
            if role not in ROLES:
                raise ValueError(f"Case {case_id}: {role!r} is not one of {', '.join(ROLES)}.")
            self.case(case_id)
        return self.with_cases(
            [replace(case, role=roles.get(case.id, case.role)) for case in self.cases]
        )

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the cohort to ``path`` (atomically) and remember it as the cohort's file."""
        target = Path(os.path.abspath(path))
        document = encode(self.classes, self.cases, self.description, target.parent)
        write_document(target, document)
        self.path = target
        return target

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Cohort:
        """Read a cohort file; raises CohortFileError with the place that is wrong."""
        source = Path(os.path.abspath(path))
        classes, cases, description = decode(read_document(source), source)
        return cls(classes=classes, cases=cases, path=source, description=description)

    def annotation_kind(self, case: Case) -> str:
        """What ``case`` is, read off what it carries: one of ``KINDS``.

        A label map without 255 makes it labeled, one with some annotated voxels scribbled, one
        with none counts for nothing; points alone make it scribbled. The label is read once for
        each version of its file.
        """
        kind = None if case.label is None else self._label_kind(case.label)
        if kind is not None:
            return kind
        if case.points:
            return "scribbled"
        if case.boxes:
            return "boxed"
        if case.present or case.absent:
            return "tagged"
        return "unlabeled"

    def remember_label_kind(self, path: Path, kind: str | None) -> None:
        """Note what a label file was found to be (labeled, scribbled, None), to read it less."""
        self._kinds[_version_of(path)] = kind

    def _label_kind(self, path: Path) -> str | None:
        try:
            key = _version_of(path)
        except OSError:
            read_label(path)  # raises the error that says what is wrong with the file
            raise
        if key not in self._kinds:
            label, _ = read_label(path)
            annotated = "labeled" if is_dense(label) else "scribbled"
            self._kinds[key] = annotated if is_annotated(label) else None
        return self._kinds[key]


def _version_of(path: Path) -> tuple[str, int, int]:
    state = path.stat()
    return (str(path), state.st_size, state.st_mtime_ns)


@dataclass(frozen=True)
class CohortSummary:
    """Counts that say which methods a cohort can feed.

    ``labeled`` to ``unlabeled`` count training cases; ``with_truth`` counts the unlabeled training
    cases whose reference segmentation is known; ``classes`` is without background; ``dimension``
    is that of the image files (a single-slice volume has 3).

    ``with_points`` to ``with_sizes`` count the training cases that carry points, boxes, tags
    (present or absent) or size bounds, whatever else they carry; bounds of a class count for all.
    ``partial`` counts the labeled and scribbled ones in which some class was not looked for.
    ``boxed_partly`` counts those with boxes that are not fully labeled. Of the first image,
    ``sliced``: whether it is best learned slice by slice, as a plan would; ``single``: whether it
    is one slice.
    """

    cases: int
    train: int
    labeled: int
    scribbled: int
    boxed: int
    tagged: int
    unlabeled: int
    validation: int
    test: int
    with_truth: int
    classes: int
    dimension: int
    with_points: int = 0
    with_boxes: int = 0
    with_tags: int = 0
    with_sizes: int = 0
    partial: int = 0
    boxed_partly: int = 0
    sliced: bool = False
    single: bool = False


def summary(cohort: Cohort) -> CohortSummary:
    """Count the cohort; reads each training label once and one image's header."""
    train = cohort.by_role("train")
    kinds = {case.id: cohort.annotation_kind(case) for case in train}
    counts = Counter(kinds.values())
    indices = {item.index for item in cohort.classes}
    common = any(item.size_bounds is not None for item in cohort.classes)
    first = read_header(cohort.cases[0].images[0]).geometry if cohort.cases else None
    return CohortSummary(
        cases=len(cohort.cases),
        train=len(train),
        labeled=counts["labeled"],
        scribbled=counts["scribbled"],
        boxed=counts["boxed"],
        tagged=counts["tagged"],
        unlabeled=counts["unlabeled"],
        validation=len(cohort.by_role("validation")),
        test=len(cohort.by_role("test")),
        with_truth=sum(case.truth is not None and kinds[case.id] == "unlabeled" for case in train),
        classes=len(cohort.classes),
        dimension=0 if first is None else first.dimension,
        with_points=sum(bool(case.points) for case in train),
        with_boxes=sum(bool(case.boxes) for case in train),
        with_tags=sum(bool(case.present or case.absent) for case in train),
        with_sizes=sum(common or bool(case.sizes) for case in train),
        partial=sum(
            case.looked_at is not None
            and not indices <= set(case.looked_at)
            and kinds[case.id] in ("labeled", "scribbled")
            for case in train
        ),
        boxed_partly=sum(bool(case.boxes) and kinds[case.id] != "labeled" for case in train),
        sliced=first is not None and first.is_sliced,
        single=first is not None and (first.dimension == 2 or 1 in first.size),
    )
