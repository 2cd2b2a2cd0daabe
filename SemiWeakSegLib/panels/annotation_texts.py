"""What the Annotate section says and asks."""

from __future__ import annotations

from collections.abc import Sequence

from slicer.i18n import tr as _

from SemiWeakSegLib.cohort import SegmentClass
from SemiWeakSegLib.panels.class_names import className
from SemiWeakSegLib.scene.annotations import SaveReport


def reportText(reports: Sequence[SaveReport], classes: Sequence[SegmentClass]) -> str:
    """What was saved, in voxels, boxes or points per class, and what was left out."""
    if not reports:
        return _("Nothing has changed since it was saved.")
    lines = []
    for report in reports:
        counts = ", ".join(
            f"{className(index, classes)} {count}" for index, count in sorted(report.counts.items())
        )
        if report.mode == "box":
            counts = counts or _("no boxes")
            lines.append(_("Saved, boxes per class: {counts}.").format(counts=counts))
        elif report.mode == "point":
            counts = counts or _("no points")
            lines.append(_("Saved, points per class: {counts}.").format(counts=counts))
        else:
            lines.append(_("Saved, voxels per class: {counts}.").format(counts=counts))
        if report.unknown:
            lines.append(
                _("Left out, for they are of no class: {names}.").format(
                    names=", ".join(report.unknown)
                )
            )
        total = sum(overlap.voxels for overlap in report.overlaps)
        if total and report.mode == "point":
            text = _("{count} points contradict another point or stroke.")
            lines.append(text.format(count=total))
        elif total:
            lines.append(_("{count} voxels are drawn in two classes.").format(count=total))
    return "\n".join(lines)


def boxOfPointsText(index: int, classes: Sequence[SegmentClass]) -> str:
    """A box was made of points."""
    return _("A box of {name} was made around its points; Box lists it, Save keeps it.").format(
        name=className(index, classes)
    )


def overlapsText(mode: str) -> str:
    """What it means that two classes are drawn in one place."""
    if mode == "point":
        return _(
            "A point lies in one voxel with a point or a saved stroke of another class. The "
            "stroke counts, else the point that comes first in the list; delete one of them."
        )
    return _(
        "Strokes of two classes overlap. In a scribbled case these voxels are left unlabeled; "
        "erase one of the strokes."
    )


def conversionQuestion(caseId: str, mode: str) -> str:
    """What turning a drawing into another kind of drawing means."""
    if mode == "segment":
        return _(
            "Case {case} holds scribbles. As a segmentation, every voxel that no stroke covers "
            "becomes background when it is saved. Go on with the strokes as a segmentation?"
        ).format(case=caseId)
    return _(
        "Case {case} holds a segmentation. As scribbles, every voxel that no segment covers "
        "becomes unlabeled when it is saved. Go on with it as scribbles?"
    ).format(case=caseId)


def removalQuestion(caseId: str) -> str:
    """Nothing is drawn any more where something was saved."""
    return _(
        "Nothing is drawn in case {case} any more. Take its annotation out of the cohort? The "
        "file stays, and undoing in the Cohort section brings it back."
    ).format(case=caseId)


def revertQuestion(caseId: str) -> str:
    return _("Throw away what was drawn in case {case} since it was saved?").format(case=caseId)


def conflictText(caseId: str) -> str:
    """Cohort and drawing say different things."""
    return _(
        "The annotation of case {case} was changed in the cohort while you drew. Save keeps your "
        "drawing, Revert shows the cohort's."
    ).format(case=caseId)


def keptText(caseId: str) -> str:
    """What was drawn could not be saved, and the case cannot stay open."""
    return _(
        "What was drawn in case {case} could not be saved; it stays in the scene and comes back "
        "when the case is opened again."
    ).format(case=caseId)


def removedText(caseId: str) -> str:
    return _(
        "The drawing of case {case} was removed from the scene. Choose Segment, Scribble, Box or "
        "Point to open it as it was saved."
    ).format(case=caseId)


def adoptedText(name: str, unknown: Sequence[str]) -> str:
    """A segmentation of the scene is drawn in from now on."""
    text = _('You draw in "{name}" now; Save makes it the annotation of this case.').format(
        name=name
    )
    if unknown:
        text += "\n" + _("Segments of no class are left out: {names}.").format(
            names=", ".join(unknown)
        )
    return text
