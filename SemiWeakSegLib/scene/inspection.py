"""What a child process finds out about a cohort, taken in line by line while it works."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from os import PathLike
from pathlib import Path
from typing import Any

from SemiWeakSegLib.cohort import CohortSummary, Problem
from SemiWeakSegLib.scene.texts import tr as _

PROGRAM = ("-u", "-m", "SemiWeakSegLib")


def inspectionCommand(cohortPath: str | PathLike[str]) -> list[str]:
    """Arguments after the interpreter for the process that inspects a cohort file."""
    return [*PROGRAM, "cohort", "inspect", str(cohortPath)]


@dataclass(frozen=True)
class CaseFacts:
    """What is known about one case.

    ``kind`` is one of ``cohort.KINDS``; ``voxels``: annotated voxels by class index, 0 for the
    background; ``total``: voxels of the image; ``size`` and ``spacing`` (mm) in x, y, z order.
    Where a file cannot be read, ``kind`` is None and the rest empty or 0.
    """

    kind: str | None
    voxels: dict[int, int]
    total: int
    size: tuple[int, ...]
    spacing: tuple[float, ...]
    channels: int
    dimension: int


class Inspection:
    """Collects the lines of ``cohort inspect``; what is there is valid while more comes.

    ``problems`` are those from headers at first, then all of them; ``errors`` says why the
    inspection itself failed; ``finished`` that everything has come.
    """

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.facts: dict[str, CaseFacts] = {}
        self.summary: CohortSummary | None = None
        self.errors: list[str] = []
        self.finished = False
        self._rest = b""
        self._byCase: dict[str | None, list[Problem]] = {}
        self._known: set[Problem] = set()

    def feed(self, data: bytes) -> bool:
        """Take in output as it comes, whole lines or not; returns whether anything was new."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        new = False
        for line in lines:
            new = self._line(line) or new
        return new

    def end(self, exitCode: int, errorText: str = "") -> None:
        """The process has ended: where it did not say everything, ``errors`` gets the reason."""
        self.feed(b"\n")
        if self.finished or self.errors:
            return
        last = [line.strip() for line in errorText.splitlines() if line.strip()]
        self.errors.append(
            last[-1]
            if last
            else _("The inspection of the cohort ended early (exit code {code}).").format(
                code=exitCode
            )
        )

    def problemsOf(self, caseId: str | None) -> list[Problem]:
        """The problems of a case; None: those of the cohort as a whole."""
        return list(self._byCase.get(caseId, ()))

    @property
    def hasErrors(self) -> bool:
        """Whether there is a problem that keeps the cohort from training."""
        return any(problem.severity == "error" for problem in self.problems)

    def _line(self, line: bytes) -> bool:
        try:
            content = json.loads(line)
            if not isinstance(content, dict):
                return False
            return self._take(content)
        except (ValueError, TypeError, KeyError, AttributeError):
            return False  # a library's own message among the lines

    def _take(self, content: dict[str, Any]) -> bool:
        if "error" in content:
            self.errors.append(str(content["error"]))
            return True
        if "phase" in content:
            self._setProblems([_problem(each) for each in content["problems"]])
            if content["phase"] == "voxels":
                self.summary = _summary(content.get("summary"))
                self.finished = True
            return True
        if "case" in content:
            self.facts[str(content["case"])] = _facts(content)
            self._addProblems(_problem(each) for each in content.get("problems", ()))
            return True
        return False

    def _setProblems(self, problems: list[Problem]) -> None:
        self.problems, self._byCase, self._known = [], {}, set()
        self._addProblems(problems)

    def _addProblems(self, problems: Any) -> None:
        for problem in problems:
            if problem not in self._known:
                self._known.add(problem)
                self.problems.append(problem)
                self._byCase.setdefault(problem.case, []).append(problem)


def _problem(values: dict[str, Any]) -> Problem:
    file = values.get("file")
    return Problem(
        severity=str(values["severity"]),
        code=str(values["code"]),
        case=values.get("case"),
        file=None if file is None else Path(file),
        found=str(values["found"]),
        expected=str(values["expected"]),
    )


def _facts(values: dict[str, Any]) -> CaseFacts:
    size = tuple(int(count) for count in values.get("size") or ())
    total = 1 if size else 0
    for count in size:
        total *= count
    return CaseFacts(
        kind=values.get("kind"),
        voxels={int(index): int(count) for index, count in (values.get("voxels") or {}).items()},
        total=total,
        size=size,
        spacing=tuple(float(value) for value in values.get("spacing") or ()),
        channels=int(values.get("channels") or 0),
        dimension=int(values.get("dimension") or 0),
    )


def _summary(values: dict[str, Any] | None) -> CohortSummary | None:
    if values is None:
        return None
    kinds = {"int": int, "bool": bool}
    return CohortSummary(
        **{each.name: kinds[str(each.type)](values[each.name]) for each in fields(CohortSummary)}
    )
