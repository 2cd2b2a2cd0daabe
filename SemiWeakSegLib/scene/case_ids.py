"""Ids of cases: different from each other and fit to be file names on every system."""

from __future__ import annotations

import re
from collections.abc import Iterable

MOST_BYTES = 120
UNCERTAINTY_ENDING = "_uncertainty"
_FORBIDDEN = re.compile(r'[/\\:*?"<>|\x00-\x1f\x7f]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def fileSafe(name: str) -> str:
    """The name with everything replaced that some file system does not take in a file name."""
    safe = _FORBIDDEN.sub("_", name).strip().strip(".").strip()
    safe = safe.encode("utf-8")[:MOST_BYTES].decode("utf-8", errors="ignore").rstrip(". ")
    if not safe:
        return "case"
    if _RESERVED.fullmatch(safe):
        return f"case_{safe}"
    if safe.lower().endswith(UNCERTAINTY_ENDING):
        # A prediction of this case would have the name of another one's uncertainty map.
        return f"{safe}_image"
    return safe


def distinctId(name: str, taken: set[str]) -> str:
    """A file-safe id like ``name`` that is not among ``taken`` (case-folded ids); adds it there."""
    safe = fileSafe(name)
    candidate, number = safe, 2
    while candidate.casefold() in taken:
        candidate = f"{safe}_{number}"
        number += 1
    taken.add(candidate.casefold())
    return candidate


def folded(ids: Iterable[str]) -> set[str]:
    """The ids as a file system that ignores upper and lower case sees them."""
    return {each.casefold() for each in ids}
