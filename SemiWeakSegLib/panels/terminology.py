"""Standard terms (terminology entries) that Slicer has loaded, and their names."""

from __future__ import annotations

from dataclasses import dataclass

import slicer
import vtk

_NO_COLOR = (127, 127, 127)
"""What the terminology logic gives a term whose list names no colour."""


@dataclass(frozen=True)
class Term:
    """A term: its name, where it stands, Slicer's text form of it, and its usual colour (0..1)."""

    name: str
    category: str
    entry: str
    color: tuple[float, float, float] | None


def loadedTerms() -> list[Term]:
    """Every term of the terminologies that are loaded, each once; empty where there are none."""
    if not hasattr(slicer.modules, "terminologies"):
        return []
    logic = slicer.modules.terminologies.logic()
    names = vtk.vtkStringArray()
    logic.GetLoadedTerminologyNames(names)
    terms: dict[str, Term] = {}
    for position in range(names.GetNumberOfValues()):
        for term in _termsOf(logic, names.GetValue(position)):
            # The same code stands in several lists; the first list is Slicer's own, shorter one.
            terms.setdefault(term.entry.partition("~")[2], term)
    return list(terms.values())


def termName(entry: str | None) -> str:
    """A term's name in words: "Kidney, Left"; "" for none, the text itself if it is no entry."""
    if not entry:
        return ""
    parts = entry.split("~")
    meanings = [part.split("^")[2] for part in parts[2:4] if part.count("^") == 2]
    return ", ".join(meaning for meaning in meanings if meaning) or entry


def _termsOf(logic: object, terminology: str) -> list[Term]:
    terms = []
    for position in range(logic.GetNumberOfCategoriesInTerminology(terminology)):
        category = slicer.vtkSlicerTerminologyCategory()
        logic.GetNthCategoryInTerminology(terminology, position, category)
        for number in range(logic.GetNumberOfTypesInTerminologyCategory(terminology, category)):
            kind = slicer.vtkSlicerTerminologyType()
            logic.GetNthTypeInTerminologyCategory(terminology, category, number, kind)
            terms.append(_term(logic, terminology, category, kind, None))
            # Asking a type without modifiers for their number writes an error to the log.
            if not kind.GetHasModifiers():
                continue
            count = logic.GetNumberOfTypeModifiersInTerminologyType(terminology, category, kind)
            for each in range(count):
                modifier = slicer.vtkSlicerTerminologyType()
                logic.GetNthTypeModifierInTerminologyType(
                    terminology, category, kind, each, modifier
                )
                terms.append(_term(logic, terminology, category, kind, modifier))
    return terms


def _term(
    logic: object, terminology: str, category: object, kind: object, modifier: object | None
) -> Term:
    blank = ("", "", "")
    entry = logic.SerializeTerminologyEntry(
        terminology,
        *_code(category),
        *_code(kind),
        *(blank if modifier is None else _code(modifier)),
        "",
        *blank,
        *blank,
    )
    color = _NO_COLOR if modifier is None else tuple(modifier.GetRecommendedDisplayRGBValue())
    if color == _NO_COLOR:
        color = tuple(kind.GetRecommendedDisplayRGBValue())
    shown = None if color == _NO_COLOR else tuple(value / 255.0 for value in color)
    return Term(termName(entry), category.GetCodeMeaning(), entry, shown)


def _code(coded: object) -> tuple[str, str, str]:
    return coded.GetCodeValue(), coded.GetCodingSchemeDesignator(), coded.GetCodeMeaning()
