"""A cohort on disk: every change is saved at once, told to whoever watches, and can be undone."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from SemiWeakSegLib.cohort import Case, Cohort, SegmentClass
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.stored_cohort import FILE_NAME, StoredCohort
from SemiWeakSegLib.scene.texts import tr as _
from SemiWeakSegLib.scene.undo import Change, History


class RecordedCohort:
    """Holds the cohort, its file and its history; `Study` has the changes one can make.

    Every function in ``observers`` is called with this object after each change, when it has been
    saved and ``revision`` counted up. A change that cannot be saved raises SceneError and is not
    made.
    """

    def __init__(self, stored: StoredCohort, cohort: Cohort):
        self._stored = stored
        self._cohort = cohort
        self._cases: dict[str, Case] = {}
        self._history: History[Cohort] = History()
        self._group: _Group | None = None
        self.revision = 0
        self.observers: list[Callable[[Any], None]] = []
        self._take(cohort)

    @property
    def cohort(self) -> Cohort:
        """Classes and cases as saved; for reading."""
        return self._cohort

    @property
    def path(self) -> Path:
        """The cohort's file."""
        return self._stored.path

    @property
    def folder(self) -> Path:
        """The folder of the cohort's file."""
        return self._stored.path.parent

    @property
    def name(self) -> str:
        """What to call it: the folder's name, or the file's where it is not cohort.json."""
        return self.folder.name if self.path.name == FILE_NAME else self.path.stem

    @property
    def classes(self) -> list[SegmentClass]:
        """The classes to segment, 1 to K."""
        return list(self._cohort.classes)

    def case(self, caseId: str) -> Case:
        """The case of that id; SceneError where there is none."""
        if caseId not in self._cases:
            raise SceneError(_("The cohort has no case {id!r}.").format(id=caseId))
        return self._cases[caseId]

    def hasCase(self, caseId: str) -> bool:
        """Whether there is a case of that id."""
        return caseId in self._cases

    @contextlib.contextmanager
    def grouped(
        self,
        text: str,
        done: Callable[[], None] | None = None,
        undone: Callable[[], None] | None = None,
    ) -> Iterator[None]:
        """Make the changes inside one: saved, told and undone together.

        ``done`` is called when the step has been saved and when it is redone, ``undone`` when it
        is undone. Where something inside fails, none of the changes is made.
        """
        if self._group is not None:  # part of a larger step
            self._group.add(done, undone)
            yield
            return
        before = self._cohort
        self._group = group = _Group(before)
        group.add(done, undone)
        try:
            yield
            after = self._cohort
            if after is not before:
                self._stored.write(after)
        except BaseException:
            self._take(before)
            raise
        finally:
            self._group = None
        if after is not before:
            self._history.push(Change(text, before, after, group.done, group.undone))
            self._tell()

    @property
    def canUndo(self) -> bool:
        """Whether there is a change to take back."""
        return self._history.next_undo is not None

    @property
    def canRedo(self) -> bool:
        """Whether there is an undone change to make again."""
        return self._history.next_redo is not None

    @property
    def undoText(self) -> str:
        """What `undo` takes back, "" for nothing."""
        change = self._history.next_undo
        return change.text if change else ""

    @property
    def redoText(self) -> str:
        """What `redo` makes again, "" for nothing."""
        change = self._history.next_redo
        return change.text if change else ""

    def undo(self) -> None:
        """Take the last change back; does nothing where there is none."""
        change = self._history.next_undo
        if change is not None:
            self._stored.write(change.before)
            self._take(change.before)
            self._history.undone()
            self._tell()

    def redo(self) -> None:
        """Make the last undone change again; does nothing where there is none."""
        change = self._history.next_redo
        if change is not None:
            self._stored.write(change.after)
            self._take(change.after)
            self._history.redone()
            self._tell()

    def hasChangedOnDisk(self) -> bool:
        """Whether another program changed the file since it was read; cheap while it did not."""
        return self._stored.hasChanged()

    def reload(self) -> None:
        """Read the file again; undo returns to what was here before."""
        before = self._cohort
        cohort = self._stored.read()
        if cohort == before:
            return
        self._take(cohort)
        self._history.push(Change(_("Reload"), before, cohort))
        self._tell()

    def _states(self) -> Iterator[Cohort]:
        """The cohort as it is, and every state that it can return to."""
        yield self._cohort
        if self._group is not None:
            yield self._group.before
        yield from self._history.states()

    def _replaceCases(self, text: str, changed: Mapping[str, Case]) -> None:
        # A file made elsewhere may hold an id twice: only the case that `case` tells is replaced.
        cases = [
            changed[case.id] if case.id in changed and case is self._cases[case.id] else case
            for case in self._cohort.cases
        ]
        self._change(text, cases=cases)

    def _change(self, text: str, **fields: Any) -> None:
        changed = replace(self._cohort, problems=[], **fields)
        if changed == self._cohort:
            return
        with self.grouped(text):
            self._take(changed)

    def _take(self, cohort: Cohort) -> None:
        # The label kinds that were read already go along: `replace` shares them.
        self._cohort = replace(cohort, path=self.path)
        self._cases = {case.id: case for case in cohort.cases}

    def _tell(self) -> None:
        self.revision += 1
        for observer in tuple(self.observers):
            try:
                observer(self)
            except Exception:
                # The change is made and saved; one who watches cannot take that back.
                logging.exception("A function that watches the cohort failed.")


class _Group:
    """Changes that are becoming one step."""

    def __init__(self, before: Cohort) -> None:
        self.before = before
        self.done: list[Callable[[], None]] = []
        self.undone: list[Callable[[], None]] = []

    def add(self, done: Callable[[], None] | None, undone: Callable[[], None] | None) -> None:
        self.done += [done] if done else []
        self.undone += [undone] if undone else []
