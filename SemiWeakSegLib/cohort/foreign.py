"""Label maps that follow another convention: copied with our values, never changed in place."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from SemiWeakSegLib.cohort.annotation import mapping_to_classes, remap
from SemiWeakSegLib.cohort.case import UNLABELED, SegmentClass
from SemiWeakSegLib.cohort.images import ImageError, read_label_values, write_label
from SemiWeakSegLib.cohort.problems import Problem


@dataclass
class ForeignLabels:
    """Adopts label files whose values are not this project's.

    ``mapping`` says which value becomes which; ``known`` holds every value a file may have.
    Copies go to ``<stem of out_path>_labels`` beside ``out_path``, only for files with a value that
    changes. ``problems`` collects what could not be adopted.
    """

    mapping: dict[int, int]
    known: frozenset[int]
    out_path: Path | None
    problems: list[Problem] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        classes: Sequence[SegmentClass],
        unlabeled_value: int | None,
        remapped: Mapping[int, int] | None,
        out_path: str | os.PathLike[str] | None,
    ) -> ForeignLabels:
        """Classes get the indices 1..K in their order, ``unlabeled_value`` becomes 255."""
        mapping = mapping_to_classes([item.index for item in classes], unlabeled_value)
        mapping.update(remapped or {})
        known = {0, UNLABELED, *(item.index for item in classes), *mapping}
        target = None if out_path is None else Path(os.path.abspath(out_path))
        return cls(mapping, frozenset(known), target)

    def adopt(self, path: Path | None, case_id: str, suffix: str = "") -> Path | None:
        """The label file to use for ``path``: itself, or a copy with our values."""
        if path is None or not self.mapping or not path.exists():
            return path
        try:
            values, geometry = read_label_values(path)
        except ImageError:
            return path  # checks will read it again and say what is wrong
        found = set(np.unique(values).tolist())
        if not found & set(self.mapping):
            return path
        unknown = sorted(found - self.known)
        if unknown:
            self.problems.append(
                Problem(
                    "error",
                    "label_values",
                    case_id,
                    path,
                    f"label values {', '.join(map(str, unknown))} that nothing names",
                    "each value to be a class, the unlabeled value, or remapped "
                    "(to 0 for background)",
                )
            )
            return path
        if self.out_path is None:
            raise ValueError(
                f"{path}: its label values must be changed ({self._change()}); give out_path, the "
                "cohort file that is to be written, so that changed copies can lie beside it."
            )
        folder = self.out_path.with_name(f"{self.out_path.stem}_labels")
        target = folder / f"{case_id}{suffix}.nii.gz"
        write_label(target, remap(values, self.mapping), geometry)
        return target

    def _change(self) -> str:
        return ", ".join(f"{old} to {new}" for old, new in self.mapping.items())


def renumbered(classes: Sequence[SegmentClass]) -> list[SegmentClass]:
    """The classes with the indices 1..K in their order."""
    return [replace(item, index=index) for index, item in enumerate(classes, start=1)]


def classes_found(labels: Iterable[Path], unlabeled_value: int | None) -> list[SegmentClass]:
    """Unnamed classes for every value in the label files but 0, 255 and ``unlabeled_value``."""
    values: set[int] = set()
    for path in labels:
        try:
            values.update(np.unique(read_label_values(path)[0]).tolist())
        except ImageError:
            continue  # checks will read it again and say what is wrong
    values -= {0, UNLABELED, unlabeled_value if unlabeled_value is not None else UNLABELED}
    return [SegmentClass(int(value), f"class {value}") for value in sorted(values)]
