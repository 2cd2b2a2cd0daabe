"""Predictions of a run as files for others."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from pathlib import Path

from SemiWeakSegLib.runs import RunFolder
from SemiWeakSegLib.scene.case_ids import distinctId
from SemiWeakSegLib.scene.class_changes import shortList
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.exporting import exportDicomSeg, exportSegmentation
from SemiWeakSegLib.scene.hierarchy import parentItem, removeCaseItemIfEmpty
from SemiWeakSegLib.scene.nodes import removeNode
from SemiWeakSegLib.scene.prediction_nodes import (
    caseOfRow,
    loadedPrediction,
    loadResult,
    predictedArray,
)
from SemiWeakSegLib.scene.result_rows import ResultRow
from SemiWeakSegLib.scene.study import Study
from SemiWeakSegLib.scene.texts import tr as _
from SemiWeakSegLib.scene.volumes import loadCase, volumeOfCase

FORMATS = {
    "seg.nrrd": ".seg.nrrd",
    "nii.gz": ".nii.gz",
    "nrrd": ".nrrd",
    "mha": ".mha",
    "png": ".png",
    "dicom": ".dcm",
}
"""Format -> suffix: segmentation with names and colours, label maps, DICOM SEG."""


def exportResults(
    study: Study,
    run: RunFolder,
    rows: Iterable[ResultRow],
    folder: str | PathLike[str],
    format: str,
    overwrite: bool = False,
) -> list[Path]:
    """Write predictions to ``<case><suffix>`` in a folder; returns the files.

    A prediction that is loaded goes out as it is now, corrections included. ``format`` is one of
    `FORMATS`. Nodes that had to be loaded are removed again. Raises SceneError, before anything
    is written where a file of the name is there already and ``overwrite`` is not set.
    """
    if format not in FORMATS:
        raise SceneError(
            _("There is no format {format!r}; there are {known}.").format(
                format=format, known=", ".join(FORMATS)
            )
        )
    rows = list(rows)
    target = Path(folder).absolute()
    # Ids of foreign cohorts may differ in what file names cannot hold.
    taken: set[str] = set()
    paths = [target / f"{distinctId(row.caseId, taken)}{FORMATS[format]}" for row in rows]
    existing = [path.name for path in paths if path.exists()]
    if existing and not overwrite:
        raise SceneError(
            _("{folder} already holds {files}; choose another folder.").format(
                folder=target, files=shortList(existing)
            )
        )
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SceneError(
            _("{folder} cannot be made ({reason}).").format(folder=target, reason=error.strerror)
        ) from error
    for row, path in zip(rows, paths, strict=True):
        _export(study, run, row, path, format)
    return paths


def _export(study: Study, run: RunFolder, row: ResultRow, path: Path, format: str) -> None:
    case = caseOfRow(study, run, row)
    hadVolume = volumeOfCase(case) is not None
    predicted = predictedArray(study, run, row, case)
    loaded = loadedPrediction(study, run, row, case, predicted)
    node = loaded or loadResult(study, run, row)
    volume = loadCase(case, study.path)
    try:
        if format == "dicom":
            exportDicomSeg(node, case, volume, path, study.classes)
        else:
            exportSegmentation(node, volume, path, study.classes)
    finally:
        if loaded is None:
            removeNode(node)
        if not hadVolume:
            item = parentItem(volume)
            removeNode(volume)
            removeCaseItemIfEmpty(item)
