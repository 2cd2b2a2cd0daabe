"""What the buttons of the Cohort section do; every failure is said in the section."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import slicer
from slicer.i18n import tr as _

from SemiWeakSegLib.cohort import (
    CohortError,
    SegmentClass,
    classes_from_color_table,
    classes_from_segmentation,
)
from SemiWeakSegLib.panels.case_row import problemText
from SemiWeakSegLib.panels.cohort_state import rolesText
from SemiWeakSegLib.panels.row_texts import RowTexts
from SemiWeakSegLib.scene import sources

T = TypeVar("T")
MOST_LINES = 6


class CohortActions:
    """``say(text, wrong)`` shows a message to the person, "" takes it away."""

    def __init__(self, logic: Any, say: Callable[[str, bool], None]) -> None:
        self.logic = logic
        self._say = say

    def attempt(self, work: Callable[[], T]) -> T | None:
        """Do it; a failure that a person can put right is said, and None returned."""
        self._say("", False)
        try:
            with slicer.util.WaitCursor():
                return work()
        except CohortError as error:
            self._say("\n".join(_lines(error.problems)), True)
        except (ValueError, OSError) as error:
            self._say(str(error), True)
        return None

    def create(self, folder: str) -> bool:
        """A new cohort in a folder."""
        if not self.logic.mayLeaveCase():
            return False
        return self.attempt(lambda: self.logic.createCohort(folder)) is not None

    def open(self, path: str) -> bool:
        """Open a cohort file."""
        if not self.logic.mayLeaveCase():
            return False
        return self.attempt(lambda: self.logic.openCohort(path)) is not None

    def addFolders(
        self,
        images: Path,
        labels: Path | None,
        truth: Path | None,
        pattern: str | None,
        unlabeledValue: int | None,
    ) -> bool:
        """Add the images of a folder."""
        return self._add(
            lambda: sources.addFolder(
                self.logic.study, images, labels, truth, pattern, unlabeledValue
            )
        )

    def addList(self, path: str) -> bool:
        """Add what a datalist, dataset.json, cohort.json or folder holds."""
        return self._add(lambda: sources.addAny(self.logic.study, path))

    def addVolumes(self, volumes: list[Any], segmentations: dict[Any, Any]) -> bool:
        """Add volumes of the scene."""
        return self._add(lambda: sources.addVolumes(self.logic.study, volumes, segmentations))

    def addDicomVolumes(self, volumes: list[Any]) -> bool:
        """Add volumes that came from DICOM."""
        return self._add(lambda: sources.addDicomVolumes(self.logic.study, volumes))

    def split(self, validation: float, test: float, seed: int, pattern: str | None) -> bool:
        """Give every case a role."""
        study = self.logic.study

        def work() -> bool:
            study.splitCases(validation, test, seed, pattern)
            return True

        if not self.attempt(work):
            return False
        self._say(_("Roles: {roles}.").format(roles=rolesText(study.cohort.cases)), False)
        return True

    def setRole(self, caseIds: list[str], role: str) -> None:
        """Give cases a role."""
        if caseIds:
            self.attempt(lambda: self.logic.study.setRole(caseIds, role))

    def setTag(self, caseIds: list[str], classIndex: int, tag: str | None) -> None:
        """Say whether a class is "present" or "absent" in cases; None: not said."""
        if caseIds:
            self.attempt(lambda: self.logic.study.tagCases(caseIds, classIndex, tag))

    def remove(self, caseIds: list[str]) -> None:
        """Take cases out of the cohort; their files stay."""
        self.attempt(lambda: self.logic.study.removeCases(caseIds))

    def undo(self) -> None:
        """Take the last change of the cohort back."""
        if self.logic.study is not None:
            self.attempt(self.logic.study.undo)

    def redo(self) -> None:
        """Make the last undone change again."""
        if self.logic.study is not None:
            self.attempt(self.logic.study.redo)

    def openCase(self, caseId: str) -> None:
        """Open a case with its annotation."""
        self.attempt(lambda: self.logic.setActiveCase(caseId))

    def reloadIfChanged(self) -> None:
        """Read the cohort's file again where another program has changed it."""
        study = self.logic.study
        if study is None or not study.hasChangedOnDisk():
            return

        def work() -> bool:
            study.reload()
            return True

        if self.attempt(work):
            self._say(_("Another program changed the cohort's file; it was read again."), False)

    def resampled(self, changed: int, complaints: list[str]) -> None:
        """Say how resampling ended."""
        text = _("{count} case(s) have their labels on their images' grids now.").format(
            count=changed
        )
        self._say("\n".join([text, *complaints[:MOST_LINES]]), bool(complaints))

    def _add(self, work: Callable[[], Any]) -> bool:
        report = self.attempt(work)
        if report is None:
            return False
        lines = [_("Added {count} case(s).").format(count=len(report.added))]
        if report.updated:
            lines.append(
                _("{count} case(s) that were there got a label or truth.").format(
                    count=len(report.updated)
                )
            )
        if report.skipped:
            lines.append(
                _("{count} case(s) were left out: their images are in the cohort already.").format(
                    count=len(report.skipped)
                )
            )
        lines += _lines(report.problems)
        wrong = any(problem.severity == "error" for problem in report.problems)
        self._say("\n".join(lines), wrong)
        return True


def readClasses(path: str) -> list[SegmentClass]:
    """The classes a colour table or segmentation names, numbered from 1; raises ValueError."""
    if path.lower().endswith((".nrrd", ".nhdr")):
        classes = classes_from_segmentation(path)
    else:
        classes = classes_from_color_table(path)
    return [replace(item, index=index) for index, item in enumerate(classes, start=1)]


def _lines(problems: list[Any]) -> list[str]:
    texts = RowTexts()
    lines = [
        (f"{problem.case}: " if problem.case else "") + problemText(problem, texts)
        for problem in problems[:MOST_LINES]
    ]
    if len(problems) > MOST_LINES:
        lines.append(_("and {count} more").format(count=len(problems) - MOST_LINES))
    return lines
