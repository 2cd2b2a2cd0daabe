"""The names by which cases of a cohort are chosen."""

from __future__ import annotations

from SemiWeakSegLib.methods.settings import SettingsError, nearest

CASE_NAMES = ("all", "unlabeled", "train", "validation", "test")


def parse_case_names(text: str) -> tuple[str, ...]:
    """Read "unlabeled,test" or "none"; SettingsError for a name that is not there."""
    if text.strip() == "none":
        return ()
    names = [name.strip() for name in text.split(",")]
    problems = [
        f"there are no cases '{name}'{nearest(name, CASE_NAMES)}; "
        f"cases are chosen by {', '.join(CASE_NAMES)}"
        for name in names
        if name not in CASE_NAMES
    ]
    if problems:
        raise SettingsError(problems)
    return tuple(dict.fromkeys(names))
