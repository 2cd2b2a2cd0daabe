"""What a person said about the predictions of a run: ``reviews.json`` in the run's folder."""

from __future__ import annotations

import functools
import hashlib
import json
import time
from pathlib import Path
from typing import Any

from SemiWeakSegLib.runs import RunFolder
from SemiWeakSegLib.runs.atomic import write_json
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.texts import tr as _

STATES = ("", "accepted", "corrected", "rejected")
FILE_NAME = "reviews.json"


class Reviews:
    """The reviews in a folder of predictions, by case.

    A review is of one version of the prediction: when the case is predicted anew with another
    result, its state is "" again.
    """

    def __init__(self, run: RunFolder):
        self.path = run.path / FILE_NAME
        self._entries = self._read()

    def stateOf(self, caseId: str, prediction: Path) -> str:
        """accepted, corrected, rejected, or "" where nobody has judged this prediction."""
        entry = self._entries.get(caseId)
        if not isinstance(entry, dict) or entry.get("state") not in STATES:
            return ""
        return entry["state"] if _isOf(entry, prediction) else ""

    def set(self, caseId: str, state: str, prediction: Path | None) -> None:
        """Write the state of a case, "" for none; raises SceneError where that is impossible."""
        if state not in STATES:
            raise SceneError(
                _("{state!r} is no state of a review; there are {known}.").format(
                    state=state, known=", ".join(STATES[1:])
                )
            )
        # Another program may have written since: only this case's entry is ours to change.
        entries = self._read()
        if state:
            entries[caseId] = {
                "state": state,
                "time": round(time.time(), 3),
                **_versionOf(prediction),
            }
        else:
            entries.pop(caseId, None)
        try:
            write_json(self.path, entries)
        except OSError as error:
            raise SceneError(
                _("{file}: cannot be written ({reason}).").format(
                    file=self.path, reason=error.strerror or error
                )
            ) from error
        self._entries = entries

    def _read(self) -> dict[str, Any]:
        try:
            entries = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise SceneError(
                _("{file}: cannot be read ({reason}). Rename or remove it.").format(
                    file=self.path, reason=error
                )
            ) from error
        return entries if isinstance(entries, dict) else {}


def _versionOf(prediction: Path | None) -> dict[str, Any]:
    if prediction is None:
        return {}
    try:
        state = prediction.stat()
        digest = _digest(prediction, state.st_size, state.st_mtime_ns)
    except OSError:
        return {}
    return {"size": state.st_size, "mtime_ns": state.st_mtime_ns, "sha256": digest}


def _isOf(entry: dict[str, Any], prediction: Path) -> bool:
    if "sha256" not in entry:
        return True
    try:
        state = prediction.stat()
        if (state.st_size, state.st_mtime_ns) == (entry.get("size"), entry.get("mtime_ns")):
            return True
        if state.st_size != entry.get("size"):
            return False
        # A run that was copied has other times but the same predictions.
        return _digest(prediction, state.st_size, state.st_mtime_ns) == entry["sha256"]
    except OSError:
        return True  # the file is gone or out of reach: nothing new to judge


@functools.lru_cache(maxsize=4096)
def _digest(prediction: Path, size: int, changed: int) -> str:
    """Of this version of a file, which is read once: a list is asked for again and again."""
    return hashlib.sha256(prediction.read_bytes()).hexdigest()
