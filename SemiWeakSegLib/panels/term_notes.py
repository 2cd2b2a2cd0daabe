"""Which extra terms have nothing to go by in this cohort, said before anybody waits for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from slicer.i18n import tr as _

from SemiWeakSegLib.cohort import Cohort
from SemiWeakSegLib.methods import TERMS, CandidateTerm
from SemiWeakSegLib.methods.box_bounds import BoxBounds
from SemiWeakSegLib.methods.size_sources import SizeSources
from SemiWeakSegLib.panels.library_texts import libraryText

ESTIMATES_SIZES = ("curriculum_size", "oracle_size")
"""Methods that find sizes themselves."""


def termNotes(terms: Iterable[Mapping[str, Any]], method: str, cohort: Cohort) -> list[str]:
    """A sentence for each term of sizes or boxes where this cohort says nothing of them."""
    stated = statedSizes(cohort)
    notes = []
    for term in terms:
        kind = TERMS[term["name"]]
        title = libraryText(kind.title)
        if issubclass(kind, BoxBounds) and not stated["boxes"]:
            notes.append(
                _("The term '{title}' does nothing: no training case has a box.").format(
                    title=title
                )
            )
        if kind is CandidateTerm and not _excludesClasses(cohort):
            notes.append(
                _(
                    "The term '{title}' does nothing: no training case has a box, a class that is "
                    "absent or one that nobody looked for."
                ).format(title=title)
            )
        if not issubclass(kind, SizeSources):
            continue
        source = term["settings"].get("sources", "auto")
        if source == "auto" and not any(stated.values()) and method not in ESTIMATES_SIZES:
            notes.append(
                _(
                    "The term '{title}' does nothing: this cohort has no size bounds, tags or "
                    "boxes. Set bounds below, or in the Annotate section."
                ).format(title=title)
            )
        elif not stated.get(source, True):
            notes.append(
                _("The term '{title}' cannot work: nothing in this cohort is '{source}'.").format(
                    title=title, source=source
                )
            )
    return notes


def statedSizes(cohort: Cohort) -> dict[str, bool]:
    """Which sources of size bounds, of `methods.size_sources`, the training cases have."""
    cases = cohort.by_role("train")
    return {
        "common": any(item.size_bounds is not None for item in cohort.classes),
        "case": any(case.sizes for case in cases),
        "tags": any(case.present or case.absent for case in cases),
        "boxes": any(case.boxes for case in cases),
    }


def _excludesClasses(cohort: Cohort) -> bool:
    """Whether some voxel of a training case cannot have some class."""
    return any(
        case.boxes or case.absent or case.looked_at is not None for case in cohort.by_role("train")
    )
