"""Which changes of the classes would give annotations another meaning, and whose."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from SemiWeakSegLib.cohort import UNLABELED, Case, ImageError, SegmentClass, read_label
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.texts import tr as _

MOST_CLASSES = UNLABELED - 1
NAMED_CASES = 5


def checkClasses(classes: Sequence[SegmentClass]) -> None:
    """Raise SceneError for indices other than 1 to K, bad or repeated names, crossed bounds."""
    indices = [item.index for item in classes]
    if indices != list(range(1, len(classes) + 1)) or len(classes) > MOST_CLASSES:
        raise SceneError(
            _("The classes have the indices {found}; they must be 1 to {count} in order.").format(
                found=", ".join(map(str, indices)), count=min(len(classes), MOST_CLASSES)
            )
        )
    seen: set[str] = set()
    for item in classes:
        name = item.name.strip().casefold()
        if not name:
            raise SceneError(_("Class {index} has no name.").format(index=item.index))
        if name in seen:
            raise SceneError(
                _("Two classes are called {name!r}; each needs its own name.").format(
                    name=item.name.strip()
                )
            )
        seen.add(name)
        lower, upper = item.size_bounds or (0.0, 0.0)
        if not 0 <= lower <= upper:
            raise SceneError(
                _(
                    "The size of {name} is bounded by {lower} and {upper}; the lower bound must be "
                    "at least 0 and not above the upper one."
                ).format(name=item.name, lower=f"{lower:g}", upper=f"{upper:g}")
            )


def movedIndices(old: Sequence[SegmentClass], new: Sequence[SegmentClass]) -> dict[int, int]:
    """Old index -> new index of every class that is still there.

    A class is followed by its name; another name at the same index is a renaming if that name was
    nobody else's and the old one is gone.
    """
    byName = {item.name.strip().casefold(): item.index for item in new}
    former = {item.name.strip().casefold() for item in old}
    renamed = {item.index for item in new if item.name.strip().casefold() not in former}
    moved = {}
    for item in old:
        index = byName.get(item.name.strip().casefold())
        if index is None and item.index in renamed:
            index = item.index
        if index is not None:
            moved[item.index] = index
    return moved


def changedIndices(old: Sequence[SegmentClass], new: Sequence[SegmentClass]) -> list[int]:
    """Old indices that would be without a class, or belong to another class than before."""
    moved = movedIndices(old, new)
    return [item.index for item in old if moved.get(item.index) != item.index]


class ClassUse:
    """Tells which classes a case's annotations use; each version of a label file is read once."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, int, int], frozenset[int]] = {}

    def remember(self, path: Path, values: Iterable[int]) -> None:
        """Take over what is known about a label file as it is now."""
        key = fileState(path)
        if key is not None:
            self._values[key] = frozenset(values)

    def of(self, case: Case) -> set[int]:
        """Class indices in the case's records, label and truth; unreadable files count as none.

        What was looked for is no use: it follows the classes by itself.
        """
        used = {each.class_index for each in (*case.boxes, *case.points)}
        used |= {*case.present, *case.absent, *case.sizes}
        for path in dict.fromkeys((case.label, case.truth)):
            if path is not None:
                used |= self._ofFile(path)
        return used - {0, UNLABELED}

    def _ofFile(self, path: Path) -> frozenset[int]:
        key = fileState(path)
        if key is None:
            return frozenset()
        if key not in self._values:
            try:
                values = np.flatnonzero(np.bincount(read_label(path)[0].ravel()))
            except ImageError:
                return frozenset()  # the check of the cohort says what is wrong with it
            self._values[key] = frozenset(int(value) for value in values)
        return self._values[key]


def requireUnused(
    old: Sequence[SegmentClass],
    new: Sequence[SegmentClass],
    cases: Iterable[Case],
    use: ClassUse,
) -> None:
    """Raise SceneError, naming cases, where annotations use a class that would go or move."""
    changed = changedIndices(old, new)
    if not changed:
        return
    users: dict[int, list[str]] = {}
    for case in cases:
        for index in use.of(case) & set(changed):
            users.setdefault(index, []).append(case.id)
    if not users:
        return
    names = {item.index: item.name for item in old}
    parts = [
        _("class {index} ({name}) is used by {cases}").format(
            index=index, name=names[index], cases=shortList(ids)
        )
        for index, ids in sorted(users.items())
    ]
    raise SceneError(
        _(
            "These classes can be renamed, but not removed or given another number: {parts}. "
            "Remove them from these annotations first."
        ).format(parts="; ".join(parts))
    )


def shortList(ids: Sequence[str]) -> str:
    """The first ids of a list, and how many more there are."""
    shown = ", ".join(ids[:NAMED_CASES])
    if len(ids) <= NAMED_CASES:
        return shown
    return _("{shown} and {count} more").format(shown=shown, count=len(ids) - NAMED_CASES)


def fileState(path: Path) -> tuple[str, int, int] | None:
    """Path, size and time of change: what tells one version of a file from another."""
    try:
        state = path.stat()
    except OSError:
        return None
    return str(path), state.st_size, state.st_mtime_ns
