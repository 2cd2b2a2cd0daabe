"""What can be wrong: an unusable file, one finding about a cohort, and all of them together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


class ImageError(ValueError):
    """An image or label file that cannot be used; the message names the file and the reason."""


@dataclass(frozen=True)
class Problem:
    """What is wrong: where (case, file), what was found and what would be right.

    ``severity`` is "error" (training would fail or mislead) or "warning". ``code`` is a short name
    that programs may rely on.
    """

    severity: str
    code: str
    case: str | None
    file: Path | None
    found: str
    expected: str

    @property
    def message(self) -> str:
        """One line for a person."""
        place = "cohort" if self.case is None else f"case {self.case}"
        if self.file is not None:
            place += f", {self.file}"
        return f"{self.severity}: {place}: found {self.found}; expected {self.expected}"


class CohortError(ValueError):
    """A cohort that cannot be used; ``problems`` has all findings, the message lists them."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        errors = sum(problem.severity == "error" for problem in self.problems)
        warnings = len(self.problems) - errors
        title = f"The cohort has {_count(errors, 'error')}"
        if warnings:
            title += f" and {_count(warnings, 'warning')}"
        lines = [f"{title}:", *(f"- {problem.message}" for problem in self.problems)]
        super().__init__("\n".join(lines))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
