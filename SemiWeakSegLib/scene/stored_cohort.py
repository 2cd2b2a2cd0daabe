"""The cohort's file: replaced in one step, and never over a change that somebody else made."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

from SemiWeakSegLib.cohort import Cohort, CohortFileError
from SemiWeakSegLib.cohort.cohort_file import encode
from SemiWeakSegLib.runs.atomic import write_text
from SemiWeakSegLib.runs.lock import locked
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.texts import tr as _

FILE_NAME = "cohort.json"
LOCK_LIMIT_S = 5.0
LOCK_POLL_S = 0.02
READ_ATTEMPTS = 5


class StoredCohort:
    """Reads and writes one cohort file and knows what was in it when it was last touched."""

    def __init__(self, path: Path):
        self.path = Path(os.path.abspath(path))
        self._known: bytes | None = None
        self._known_state: tuple[int, int] | None = None

    def read(self) -> Cohort:
        """The cohort in the file; SceneError where it cannot be read."""
        for _attempt in range(READ_ATTEMPTS):
            try:
                state, before = self._state(), self._content()
                cohort = Cohort.load(self.path)
                after = self._content()
            except CohortFileError as error:
                raise SceneError(str(error)) from error
            except OSError as error:
                raise SceneError(
                    _("{file}: cannot be read ({reason}).").format(
                        file=self.path, reason=error.strerror or error
                    )
                ) from error
            # What was decoded must be what a later change is compared with.
            if before == after:
                self._known, self._known_state = before, state
                return cohort
        raise SceneError(
            _("{file}: another program keeps writing it. Try again.").format(file=self.path)
        )

    def write(self, cohort: Cohort) -> None:
        """Replace the file.

        Raises SceneError, and leaves the file alone, where it is not as it was last read or
        written, or where it cannot be written.
        """
        document = encode(cohort.classes, cohort.cases, cohort.description, self.path.parent)
        text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        try:
            with self._locked():
                self._requireUnchanged()
                write_text(self.path, text)
                self._known, self._known_state = text.encode("utf-8"), self._state()
        except OSError as error:
            raise SceneError(
                _(
                    "{file}: cannot be written ({reason}). The change was not made; "
                    "is the disk full, read-only or gone?"
                ).format(file=self.path, reason=error.strerror or error)
            ) from error

    def hasChanged(self) -> bool:
        """Whether another program has changed the file; cheap while it has not."""
        state = self._state()
        if state is None or state == self._known_state:
            return False
        try:
            content = self._content()
        except OSError:
            return False  # being replaced, or out of reach: asked again the next time
        if content is None or content == self._known:
            self._known_state = state
            return False
        return True

    def _requireUnchanged(self) -> None:
        content = self._content()
        # A file that is gone has nothing that could be lost; the folder's absence shows on writing.
        if content is None or content == self._known:
            return
        raise SceneError(
            _(
                "{file}: another program, perhaps a second Slicer, has changed it since it was "
                "read here. The change was not made, so that neither is lost. Reload the cohort "
                "and make the change again."
            ).format(file=self.path)
        )

    def _content(self) -> bytes | None:
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return None

    def _state(self) -> tuple[int, int] | None:
        try:
            state = self.path.stat()
        except OSError:
            return None
        return state.st_size, state.st_mtime_ns

    def _locked(self) -> contextlib.AbstractContextManager[None]:
        """Nobody else may compare and write in between."""
        lock = self.path.with_name(f".{self.path.name}.lock")
        return locked(lock, LOCK_LIMIT_S, LOCK_POLL_S)
