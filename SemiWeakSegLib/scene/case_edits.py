"""Changed copies of cases; what cannot be right is refused with the case's name."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path

from SemiWeakSegLib.cohort import Box, Case, Point, SegmentClass
from SemiWeakSegLib.scene.class_changes import movedIndices
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.texts import tr as _


def withFile(
    cases: Mapping[str, Case], paths: Mapping[str, str | PathLike[str] | None], field: str
) -> dict[str, Case]:
    """Copies with ``field`` (label or truth) set to the paths; SceneError for a missing file."""
    changed = {}
    for caseId, path in paths.items():
        if path is not None and not Path(path).is_file():
            raise SceneError(
                _("Case {case}: there is no file {file}.").format(case=caseId, file=path)
            )
        changed[caseId] = replace(cases[caseId], **{field: None if path is None else Path(path)})
    return changed


def withBoxes(case: Case, boxes: Iterable[Box], classes: Sequence[SegmentClass]) -> Case:
    """A copy with these boxes; SceneError for an unknown class or a box without extent."""
    boxes = tuple(boxes)
    _requireKnown(case, (box.class_index for box in boxes), classes)
    for box in boxes:
        if not all(edge > 0 and math.isfinite(edge) for edge in box.size):
            raise SceneError(
                _(
                    "Case {case}: a box measures {size} mm; every edge must be longer than 0."
                ).format(case=case.id, size=" x ".join(f"{edge:g}" for edge in box.size))
            )
    return replace(case, boxes=boxes)


def withPoints(case: Case, points: Iterable[Point], classes: Sequence[SegmentClass]) -> Case:
    """A copy with these points, of classes and of the background; SceneError for another class."""
    points = tuple(points)
    _requireKnown(case, {point.class_index for point in points} - {0}, classes)
    return replace(case, points=points)


def withTag(case: Case, index: int, tag: str | None, classes: Sequence[SegmentClass]) -> Case:
    """A copy whose tag of one class is "present", "absent", or None for not said."""
    present, absent = set(case.present) - {index}, set(case.absent) - {index}
    if tag is not None:
        {"present": present, "absent": absent}[tag].add(index)
    _requireKnown(case, [index], classes)
    return withTags(case, present, absent, classes)


def withTags(
    case: Case, present: Iterable[int], absent: Iterable[int], classes: Sequence[SegmentClass]
) -> Case:
    """A copy with these tags; SceneError for an unknown class or one that is both."""
    yes, no = sorted(set(present)), sorted(set(absent))
    _requireKnown(case, (*yes, *no), classes)
    both = set(yes) & set(no)
    if both:
        raise SceneError(
            _("Case {case}: class {indices} cannot be both present and absent.").format(
                case=case.id, indices=_listed(both)
            )
        )
    return replace(case, present=tuple(yes), absent=tuple(no))


def withSizes(
    case: Case, sizes: Mapping[int, tuple[float, float]], classes: Sequence[SegmentClass]
) -> Case:
    """A copy with these bounds; SceneError unless 0 <= lower <= upper."""
    _requireKnown(case, sizes, classes)
    for index, (lower, upper) in sizes.items():
        if not 0 <= lower <= upper:
            raise SceneError(
                _(
                    "Case {case}: the size of class {index} is bounded by {lower} and {upper}; "
                    "the lower bound must be at least 0 and not above the upper one."
                ).format(case=case.id, index=index, lower=f"{lower:g}", upper=f"{upper:g}")
            )
    ordered = {index: (float(low), float(high)) for index, (low, high) in sorted(sizes.items())}
    return replace(case, sizes=ordered)


def withLookedAt(
    case: Case, indices: Iterable[int] | None, classes: Sequence[SegmentClass]
) -> Case:
    """A copy that says which classes the annotator looked for; all of them are None."""
    if indices is None:
        return replace(case, looked_at=None)
    seen = sorted(set(indices))
    _requireKnown(case, seen, classes)
    return replace(case, looked_at=None if len(seen) == len(classes) else tuple(seen))


def withLookedAtMoved(
    cases: Iterable[Case], old: Sequence[SegmentClass], new: Sequence[SegmentClass]
) -> list[Case]:
    """Copies whose ``looked_at`` follows the classes to their new indices, without those gone."""
    moved = movedIndices(old, new)
    return [
        case
        if case.looked_at is None
        else replace(
            case, looked_at=tuple(sorted(moved[each] for each in case.looked_at if each in moved))
        )
        for case in cases
    ]


def grouped(cases: Iterable[Case], pattern: str) -> list[Case]:
    """Copies whose group is what the pattern finds in the id; where it finds nothing, as before."""
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise SceneError(
            _("The group pattern {pattern!r} is no regular expression ({reason}).").format(
                pattern=pattern, reason=error
            )
        ) from error
    result = []
    for case in cases:
        match = expression.search(case.id)
        if match is not None:
            case = replace(case, group=match[1] if expression.groups else match[0])
        result.append(case)
    if not any(expression.search(case.id) for case in result):
        raise SceneError(
            _("The group pattern {pattern!r} finds nothing in any case's id.").format(
                pattern=pattern
            )
        )
    return result


def _requireKnown(case: Case, indices: Iterable[int], classes: Sequence[SegmentClass]) -> None:
    unknown = set(indices) - {item.index for item in classes}
    if unknown:
        raise SceneError(
            _("Case {case}: there is no class {indices}; add it to the classes first.").format(
                case=case.id, indices=_listed(unknown)
            )
        )


def _listed(indices: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(indices)))
