"""Which extra terms have nothing to go by in this cohort, said before anybody waits for it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from slicer.i18n import tr as _

from SemiWeakSegLib.cohort import Cohort, CohortSummary
from SemiWeakSegLib.methods import TERMS, CandidateTerm, SettingsError, TermRequest, idle_terms
from SemiWeakSegLib.methods.box_bounds import BoxBounds
from SemiWeakSegLib.methods.menu import bare_cases
from SemiWeakSegLib.methods.size_sources import SizeSources
from SemiWeakSegLib.panels.library_texts import libraryText

ESTIMATES_SIZES = ("curriculum_size", "oracle_size")
"""Methods that find sizes themselves."""


def termNotes(
    terms: Sequence[Mapping[str, Any]], method: str, cohort: Cohort, summary: CohortSummary | None
) -> list[str]:
    """A sentence for each term whose sizes, boxes or unlabeled cases this cohort does not have.

    ``summary``: the cohort's counts, None before it was checked.
    """
    stated = statedSizes(cohort)
    notes = []
    if summary is not None:
        notes += map(libraryText, idle_terms(_requests(terms), bare_cases(summary)))
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
                    "The term '{title}' does nothing: no training case has a box or a class that "
                    "is absent."
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


def _requests(terms: Sequence[Mapping[str, Any]]) -> list[TermRequest]:
    """The terms whose settings go together; what is wrong with the others is said elsewhere."""
    found = []
    for term in terms:
        with contextlib.suppress(SettingsError):
            found.append(TermRequest.from_dict(term))
    return found


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
    return any(case.boxes or case.absent for case in cohort.by_role("train"))
