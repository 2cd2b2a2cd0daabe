"""The files that annotations are saved in: numbered versions, none of them ever overwritten."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable
from pathlib import Path

from SemiWeakSegLib.cohort import Case, ImageError, read_header, suffix_of
from SemiWeakSegLib.runs.atomic import write_json
from SemiWeakSegLib.scene.case_ids import fileSafe

KEPT_VERSIONS = 10
PICTURES = (".png", ".jpg", ".jpeg", ".bmp")
STACKS = (".tif", ".tiff")
SEGMENTATION_SUFFIX = ".seg.nrrd"
RECORD = "versions.json"


class AnnotationFiles:
    """The folder ``annotations`` of a cohort.

    Which files were made here is recorded beside them: only those are ever removed, and only when
    ten newer versions of the case exist and nothing names them any more.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    def newPath(self, case: Case, referenced: Iterable[str]) -> Path:
        """A file for the next version of a case's annotation, on the number after the highest.

        ``referenced``: names of annotation files that are in use or can come back by undo.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        known = {*self._names(), *self._recorded(), *referenced}
        numbers = [number for name in known if (number := versionOf(name, case.id)) is not None]
        name = f"{fileSafe(case.id)}-{max(numbers, default=0) + 1}{labelSuffix(case)}"
        path = self.folder / name
        self._record([*self._recorded(), path.name])
        return path

    def prune(self, case: Case, referenced: Iterable[str], users: Iterable[Path]) -> list[Path]:
        """Remove old versions of a case's annotation; returns the files that were removed.

        ``users``: JSON files (cohorts of runs, other cohorts of the folder) whose text may name
        an annotation that must stay.
        """
        recorded = self._recorded()
        versions = sorted(
            (number, name)
            for name in recorded
            if (number := versionOf(name, case.id)) is not None and (self.folder / name).exists()
        )
        keep = set(referenced)
        old = [name for _number, name in versions[:-KEPT_VERSIONS] if name not in keep]
        if not old:
            return []
        try:
            texts = [_text(user) for user in users]
        except (OSError, UnicodeDecodeError):
            return []  # what cannot be read now may name any of them
        removed = []
        for name in old:
            # Other programs write letters like "é" as escapes.
            forms = {json.dumps(name, ensure_ascii=ascii)[1:-1] for ascii in (False, True)}
            if any(form in text for form in forms for text in texts):
                continue
            path = self.folder / name
            for file in (path, path.with_name(_stem(name) + SEGMENTATION_SUFFIX)):
                try:
                    file.unlink()
                except FileNotFoundError:
                    continue
                except OSError as error:
                    logging.info(f"{file} is kept: {error}")  # open elsewhere; the next time does
                    continue
                removed.append(file)
        gone = {file.name for file in removed}
        self._record([name for name in recorded if name not in gone])
        return removed

    def _names(self) -> list[str]:
        return [path.name for path in self.folder.iterdir()]

    def _recorded(self) -> list[str]:
        try:
            names = json.loads((self.folder / RECORD).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return []  # without a record nothing is removed, and nothing overwritten either
        return [str(name) for name in names] if isinstance(names, list) else []

    def _record(self, names: Iterable[str]) -> None:
        write_json(self.folder / RECORD, list(dict.fromkeys(names)))


def versionOf(name: str, caseId: str) -> int | None:
    """The number of the version that a file name of the case has, None for another's file."""
    # Not just any ending: "a-1.b-2.nii.gz" is a file of the case "a-1.b", not of "a".
    pattern = re.escape(fileSafe(caseId)) + r"-(\d+)(\.nii\.gz|\.png|\.seg\.nrrd)"
    match = re.fullmatch(pattern, name, re.IGNORECASE)
    return int(match[1]) if match else None


def labelSuffix(case: Case) -> str:
    """``.png`` for a picture, else ``.nii.gz``: what holds a label map on the image's grid."""
    image = case.images[0]
    suffix = suffix_of(image).lower()
    if suffix in PICTURES:
        return ".png"
    if suffix in STACKS:
        try:
            return ".png" if read_header(image).dimension == 2 else ".nii.gz"
        except ImageError:
            return ".nii.gz"
    return ".nii.gz"


def _stem(name: str) -> str:
    return name.removesuffix(".nii.gz").removesuffix(".png")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
