"""Another cohort's classes, matched by name to this one's, and its cases with our indices."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from SemiWeakSegLib.cohort import UNLABELED, Case, Cohort, Problem, SegmentClass
from SemiWeakSegLib.cohort.foreign import ForeignLabels
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.texts import tr as _

_UNNAMED = re.compile(r"class (\d+)")


@dataclass(frozen=True)
class ClassMatch:
    """Which foreign class index is which of ours; ``named``: the source gave the names itself."""

    indices: dict[int, int]
    named: bool


def matchClasses(foreign: list[SegmentClass], own: list[SegmentClass]) -> ClassMatch:
    """Match by name, whatever the case of its letters; a value without a name is its own index.

    Raises SceneError that lists the foreign classes which this cohort does not have.
    """
    byName = {item.name.strip().casefold(): item.index for item in own}
    known = {item.index for item in own}
    indices, unknown, named = {}, [], False
    for item in foreign:
        name = item.name.strip().casefold()
        unnamed = _UNNAMED.fullmatch(name)
        named = named or not unnamed
        if name in byName:
            indices[item.index] = byName[name]
        elif unnamed and int(unnamed[1]) in known:
            indices[item.index] = int(unnamed[1])
        else:
            unknown.append(item.name)
    if unknown:
        raise SceneError(
            _(
                "The classes {unknown} are not among those of this cohort ({known}). Add them to "
                "its classes, or give them the names they have there, and add the cases again."
            ).format(
                unknown=", ".join(map(repr, unknown)),
                known=", ".join(repr(item.name) for item in own),
            )
        )
    return ClassMatch(indices, named)


def adopted(
    foreign: Cohort, match: ClassMatch, own: list[SegmentClass], outPath: Path
) -> tuple[list[Case], list[Problem]]:
    """The foreign cases with our class indices, and what could not be adopted.

    Labels with a value that changes are copied beside ``outPath`` (see ``ForeignLabels``). Where
    the source names fewer classes than there are, its annotators looked for those only.
    """
    labels = ForeignLabels(
        mapping={old: new for old, new in match.indices.items() if old != new},
        known=frozenset({0, UNLABELED, *match.indices}),
        out_path=outPath,
    )
    seen = tuple(sorted(match.indices.values()))
    partial = match.named and len(seen) < len(own)
    cases = []
    for case in foreign.cases:
        case = _reindexed(case, match.indices)
        case.label = labels.adopt(case.label, case.id)
        case.truth = labels.adopt(case.truth, case.id, "_truth")
        if partial and case.label is not None and case.looked_at is None:
            case.looked_at = seen
        cases.append(case)
    return cases, labels.problems


def _reindexed(case: Case, indices: Mapping[int, int]) -> Case:
    def of(index: int) -> int:
        return indices.get(index, index)

    return replace(
        case,
        boxes=tuple(replace(box, class_index=of(box.class_index)) for box in case.boxes),
        points=tuple(replace(each, class_index=of(each.class_index)) for each in case.points),
        present=tuple(map(of, case.present)),
        absent=tuple(map(of, case.absent)),
        sizes={of(index): bounds for index, bounds in case.sizes.items()},
        looked_at=None if case.looked_at is None else tuple(map(of, case.looked_at)),
    )
