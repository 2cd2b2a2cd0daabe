"""What the Cohort section knows at a moment: rows, problems, counts; no Qt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _

from SemiWeakSegLib.cohort import ROLES, Case, Problem, SegmentClass
from SemiWeakSegLib.panels.case_row import CaseRow, caseRow, problemText
from SemiWeakSegLib.panels.row_texts import RowTexts

if TYPE_CHECKING:
    from SemiWeakSegLib.scene.study import Study

_SHOWN_KINDS = ("labeled", "scribbled", "boxed", "tagged")
MOST_PROBLEMS = 8


class CohortState:
    """Turns a study and what its check found into rows.

    A fact belongs to the annotation that the case had when it was found: once the annotation is
    another one, the case counts as unchecked until the check comes to it again.
    """

    def __init__(self) -> None:
        self._texts = RowTexts()
        self._facts: dict[str, tuple[Any, tuple[Any, ...]]] = {}
        self._made: dict[str, tuple[tuple[Any, ...], CaseRow]] = {}
        self._classes: list[SegmentClass] = []
        self._problems: dict[str | None, list[Problem]] = {}
        self._kinds: Counter[str] = Counter()

    def rows(self, study: Study | None, inspection: Any | None) -> list[CaseRow]:
        """A row for each case."""
        self._problems = {}
        self._kinds = Counter()
        if study is None:
            self._facts, self._made = {}, {}
            return []
        classes = study.classes
        if classes != self._classes:
            self._classes, self._made = classes, {}
        for problem in [] if inspection is None else inspection.problems:
            # A problem of a case that is no longer there concerns nobody.
            self._problems.setdefault(problem.case, []).append(problem)
        found = {} if inspection is None else inspection.facts
        finished = inspection is not None and inspection.finished
        rows = []
        for case in study.cohort.cases:
            facts, stale = self._factsOf(case, found.get(case.id))
            if stale:
                self._problems.pop(case.id, None)
            problems = self._problems.get(case.id, [])
            checked = not stale and (facts is not None or finished)
            row = self._row(case, facts, problems, checked)
            rows.append(row)
            self._kinds[row.kind] += 1
        return rows

    def problemTextOf(self, caseId: str) -> str:
        """What is wrong with a case, a paragraph for each problem."""
        problems = self._problems.get(caseId, ())
        return "\n".join(problemText(problem, self._texts) for problem in problems)

    def casesWith(self, code: str, study: Study) -> list[str]:
        """The cases that have a problem of this code."""
        return [
            case.id
            for case in study.cohort.cases
            if any(problem.code == code for problem in self._problems.get(case.id, ()))
        ]

    def cohortText(self) -> str:
        """What is wrong with the cohort as a whole, a paragraph for each problem."""
        problems = self._problems.get(None, [])
        lines = [problemText(problem, self._texts) for problem in problems[:MOST_PROBLEMS]]
        if len(problems) > MOST_PROBLEMS:
            lines.append(_("and {count} more").format(count=len(problems) - MOST_PROBLEMS))
        return "\n".join(lines)

    def headline(self, study: Study | None) -> str:
        """ "24 cases, 3 labeled, 4 scribbled" """
        if study is None:
            return ""
        cases = _("{count} cases").format(count=f"{len(study.cohort.cases):,}")
        kinds = [f"{self._kinds[kind]:,} {self._texts.kinds[kind]}" for kind in _SHOWN_KINDS]
        return ", ".join([cases, *(text for text in kinds if not text.startswith("0 "))])

    def verdict(self, study: Study) -> str:
        """What a finished check found."""
        errors = self._count("error")
        warnings = self._count("warning")
        count = f"{len(study.cohort.cases):,}"
        if not errors and not warnings:
            return _("Checked {count} cases: nothing is wrong.").format(count=count)
        return _("Checked {count} cases. Errors: {errors}, warnings: {warnings}.").format(
            count=count, errors=errors, warnings=warnings
        )

    def _row(
        self, case: Case, facts: Any | None, problems: list[Problem], checked: bool
    ) -> CaseRow:
        """The case's row, made anew only where something of it is another than before."""
        key, row = self._made.get(case.id, (None, None))
        if key is None or not (
            key[0] is case and key[1] == facts and key[2] == problems and key[3] == checked
        ):
            row = caseRow(case, self._classes, facts, problems, checked, self._texts)
            self._made[case.id] = ((case, facts, problems, checked), row)
        return row

    def _count(self, severity: str) -> int:
        found = (problem for problems in self._problems.values() for problem in problems)
        return sum(problem.severity == severity for problem in found)

    def _factsOf(self, case: Case, facts: Any | None) -> tuple[Any | None, bool]:
        """The case's facts, and whether what was found is of an annotation it had before."""
        if facts is None:
            self._facts.pop(case.id, None)
            return None, False
        marks = (case.boxes, case.points, case.present, case.absent)
        signature = (case.images, case.label, *marks)
        known = self._facts.get(case.id)
        if known is None or known[0] is not facts:
            self._facts[case.id] = (facts, signature)
            return facts, False
        return (facts, False) if known[1] == signature else (None, True)


def rolesText(cases: Iterable[Case]) -> str:
    """How many cases have which role: "84 train, 24 validation, 12 test"."""
    texts = RowTexts()
    counts = Counter(case.role for case in cases)
    return ", ".join(f"{counts[role]:,} {texts.role(role)}" for role in ROLES)


def patientCount(cases: Iterable[Case]) -> int:
    """Number of patients: groups, and cases without one."""
    return len({("group", case.group) if case.group else ("case", case.id) for case in cases})
