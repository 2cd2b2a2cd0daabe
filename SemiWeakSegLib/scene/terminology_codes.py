"""Slicer's serialized terminology entries as the coded concepts that DICOM writes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Code:
    """A coded concept: coding scheme, value and what it means."""

    scheme: str
    value: str
    meaning: str


ANATOMICAL_STRUCTURE = Code("SCT", "123037004", "Anatomical Structure")
TISSUE = Code("SCT", "85756007", "Tissue")


@dataclass(frozen=True)
class Terminology:
    """What a segment is: category and type, perhaps a modifier (left), region and its modifier."""

    category: Code = ANATOMICAL_STRUCTURE
    type: Code = TISSUE
    modifier: Code | None = None
    region: Code | None = None
    regionModifier: Code | None = None


def parseTerminology(entry: str | None) -> Terminology:
    """The codes of an entry of the form
    ``context~scheme^value^meaning~…~anatomic context~region~region modifier``.

    What is missing or incomplete gets DICOM's most general words: an anatomical structure, tissue.
    """
    fields = [_code(part) for part in (entry or "").split("~")]
    fields += [None] * (7 - len(fields))
    return Terminology(
        category=fields[1] or ANATOMICAL_STRUCTURE,
        type=fields[2] or TISSUE,
        modifier=fields[3],
        region=fields[5],
        regionModifier=fields[6],
    )


def _code(text: str) -> Code | None:
    parts = [part.strip() for part in text.split("^")]
    if len(parts) != 3 or not all(parts):
        return None
    return Code(*parts)
