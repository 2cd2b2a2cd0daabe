"""Cases from folders, datalists and other cohorts."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path

from SemiWeakSegLib.cohort import Case, Cohort, Problem, SegmentClass, from_folders, read_any
from SemiWeakSegLib.scene.case_ids import distinctId
from SemiWeakSegLib.scene.class_matching import adopted, matchClasses
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.stored_cohort import FILE_NAME
from SemiWeakSegLib.scene.study import Study
from SemiWeakSegLib.scene.texts import tr as _


@dataclass
class AddReport:
    """What adding did: ids of new cases, of those that got a label or truth which they lacked, and
    of those that were there already (the same image); and what was wrong with the source.
    """

    added: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def addFolder(
    study: Study,
    images: str | PathLike[str],
    labels: str | PathLike[str] | None = None,
    truth: str | PathLike[str] | None = None,
    groupPattern: str | None = None,
    unlabeledValue: int | None = None,
    classes: list[SegmentClass] | None = None,
) -> AddReport:
    """Add the images in a folder; labels and truth pair with them by file name.

    ``classes`` names the values in the label files; without it they are the indices of the
    cohort's classes, or, where it has none, every value found becomes a class. A label file whose
    values must change, as where ``unlabeledValue`` becomes 255, is copied; the file itself stays.
    Raises SceneError, with nothing added.
    """
    try:
        cohort = from_folders(
            images,
            labels,
            classes=classes or study.classes or None,
            unlabeled_value=unlabeledValue,
            group_pattern=groupPattern or None,
            truth=truth,
            out_path=_copiesPath(study),
        )
    except (ValueError, OSError) as error:
        raise SceneError(str(error)) from error
    return merge(study, cohort)


def addAny(study: Study, path: str | PathLike[str]) -> AddReport:
    """Add what a path holds: a cohort, a datalist, an nnU-Net ``dataset.json``, or images.

    A folder may hold one of these files, or ``images`` with ``labels`` and ``truth`` if there are
    any, or images. Raises SceneError, with nothing added.
    """
    source = Path(path).absolute()
    if not source.exists():
        raise SceneError(_("{path}: there is no such file or folder.").format(path=source))
    if source == study.path:
        raise SceneError(_("{path} is this cohort itself.").format(path=source))
    if source.is_dir():
        inside = [source / name for name in (FILE_NAME, "dataset.json")]
        files = [file for file in inside if file.is_file() and file != study.path]
        if not files:
            return _addPlainFolder(study, source)
        source = files[0]
    try:
        cohort = read_any(source, out_path=_copiesPath(study))
    except (ValueError, OSError) as error:
        raise SceneError(str(error)) from error
    return merge(study, cohort)


def merge(study: Study, foreign: Cohort) -> AddReport:
    """Add the cases of another cohort as one step, its classes matched by name to the study's.

    A study without classes adopts the other's. Raises SceneError, with nothing added.
    """
    taken: set[str] = set()
    foreign = replace(
        foreign, cases=[replace(case, id=distinctId(case.id, taken)) for case in foreign.cases]
    )
    with study.grouped(_("Add {count} cases").format(count=len(foreign.cases))):
        if not study.classes and foreign.classes:
            study.setClasses(foreign.classes)
        match = matchClasses(foreign.classes, study.classes)
        try:
            cases, problems = adopted(foreign, match, study.classes, _copiesPath(study))
        except (ValueError, OSError) as error:
            raise SceneError(str(error)) from error
        report = addNew(study, cases)
    report.problems[:0] = [*foreign.problems, *problems]
    return report


def addNew(study: Study, cases: list[Case]) -> AddReport:
    """Add cases whose image is not there yet; those that are get a label or truth they lack."""
    report = AddReport()
    known = {_key(case): case for case in study.cohort.cases}
    new: list[Case] = []
    changed: list[Case] = []
    for case in cases:
        there = known.get(_key(case))
        if there is None:
            new.append(case)
            known[_key(case)] = case
            continue
        completed = _completed(there, case)
        if completed != there and study.hasCase(there.id):
            changed.append(completed)
            report.updated.append(there.id)
        else:
            report.skipped.append(there.id)
    with study.grouped(_("Add {count} cases").format(count=len(new))):
        if new:
            report.added = study.addCases(new)
        if changed:
            study.replaceCases(changed, _("Add annotations"))
    return report


def _addPlainFolder(study: Study, folder: Path) -> AddReport:
    images = folder / "images"
    if not images.is_dir():
        return addFolder(study, folder)
    labels, truth = (
        folder / name if (folder / name).is_dir() else None for name in ("labels", "truth")
    )
    return addFolder(study, images, labels, truth)


def _completed(there: Case, new: Case) -> Case:
    if there.label is None and new.label is not None:
        there = replace(there, label=new.label, looked_at=new.looked_at)
    if there.truth is None and new.truth is not None:
        there = replace(there, truth=new.truth)
    return there


def _key(case: Case) -> str:
    return os.path.normcase(case.images[0]) if case.images else f"no image: {case.id}"


def _copiesPath(study: Study) -> Path:
    """Names a folder for copies of labels that does not exist, so that none is overwritten."""
    number = 1
    while (study.folder / f"imported-{number}_labels").exists():
        number += 1
    return study.folder / f"imported-{number}.json"
