"""Tells, without opening files, whether anything changed that a check of the cohort depends on."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from SemiWeakSegLib.cohort import Cohort
from SemiWeakSegLib.cohort.cohort_file import encode


class Signature:
    """What a check depends on, of one state of a cohort: its content is encoded once."""

    def __init__(self, cohort: Cohort, folder: Path):
        document = encode(cohort.classes, cohort.cases, "", folder)
        self._content = hashlib.sha256(json.dumps(document).encode("utf-8"))
        paths: dict[Path, None] = {}
        for case in cohort.cases:
            paths.update(dict.fromkeys(case.images))
            paths.update({path: None for path in (case.label, case.truth) if path is not None})
        self._paths = [os.fspath(path) for path in paths]

    def now(self) -> str:
        """A digest of the cohort's content and of the size and time of every file it names.

        Of a DICOM series folder it is the folder's own time, which changes with its list of files.
        """
        digest = self._content.copy()
        for path in self._paths:
            digest.update(_state(path).encode("utf-8"))
        return digest.hexdigest()


def _state(path: str) -> str:
    try:
        state = os.stat(path)
    except OSError:
        return "absent;"
    return f"{state.st_size},{state.st_mtime_ns};"
