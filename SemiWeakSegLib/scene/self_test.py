"""The whole path in a few calls, for "Reload and Test" inside Slicer and for the testbed."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import slicer

from SemiWeakSegLib.cohort import UNLABELED, make_phantom, read_label
from SemiWeakSegLib.scene.annotations import closeAnnotation, openAnnotation, saveAnnotation
from SemiWeakSegLib.scene.segments import segmentIdOfClass
from SemiWeakSegLib.scene.volumes import loadCase

STEPS = 5
STROKE_VOXELS = 40


def runSelfTest(logic: Any, say: Callable[[str], Any]) -> bool:
    """Synthetic cohort, scribbles, checks, and, where torch is, training and results.

    Raises AssertionError where something is not as it must be. Returns whether it trained.
    """
    # A worker that has just ended may hold its log open for a moment longer (Windows).
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        make_phantom(
            folder, patients=3, labeled=1, scribbled=0, validation_patients=1, test_patients=1
        )
        study = logic.openCohort(Path(folder))
        try:
            inspection = logic.inspect(waitForCompletion=True)
            _require(not inspection.hasErrors, f"the checks found {inspection.problems}")
            case = next(each for each in study.cohort.by_role("train") if each.label is None)
            say("Scribbling a case")
            _scribble(logic, study, case)
            found = logic.environment(waitForCompletion=True)
            installed = all(found["packages"].get(name) for name in ("torch", "monai"))
            if not installed:
                say("torch and MONAI are not installed: training is not tested")
                return False
            say("Training a few steps")
            _train(logic, study, case)
            return True
        finally:
            logic.detach()
            logic.closeCohort()


def _scribble(logic: Any, study: Any, case: Any) -> None:
    """Draw short strokes of every class from the truth; the file must hold just these."""
    logic.setActiveCase(case.id)
    truth, _ = read_label(case.truth)
    annotation = openAnnotation(study, study.case(case.id), "scribble")
    expected = np.full(truth.shape, UNLABELED, dtype=np.uint8)
    for index in [0, *(each.index for each in study.classes)]:
        places = np.argwhere(truth == index)[:: max(1, (truth == index).sum() // STROKE_VOXELS)]
        stroke = np.zeros(truth.shape, dtype=np.uint8)
        stroke[tuple(places.T)] = 1
        expected[stroke == 1] = index
        segmentId = segmentIdOfClass(annotation.segmentation, index)
        slicer.util.updateSegmentBinaryLabelmapFromArray(
            stroke, annotation.segmentation, segmentId, annotation.volume
        )
    saveAnnotation(study, annotation)
    closeAnnotation(annotation)
    label, _ = read_label(study.case(case.id).label)
    _require(np.array_equal(label, expected), "the saved scribbles differ from those drawn")


def _train(logic: Any, study: Any, case: Any) -> None:
    """Train, load a prediction, compare it with its file, accept it."""
    run = logic.train("supervised", steps=STEPS, predict=("train", "test"), waitForCompletion=True)
    _require(run.state() == "finished", f"the run is {run.state()}")
    rows = {row.caseId: row for row in logic.listResults(run)}
    _require(case.id in rows, f"{case.id} was not predicted")
    [node] = logic.loadResults(run, cases=[case.id])
    predicted, _ = read_label(rows[case.id].labelFile)
    volume = loadCase(study.case(case.id))
    for each in study.classes:
        segmentId = segmentIdOfClass(node, each.index)
        drawn = slicer.util.arrayFromSegmentBinaryLabelmap(node, segmentId, volume)
        if not (predicted == each.index).any():
            continue
        _require(
            np.array_equal(np.asarray(drawn) > 0, predicted == each.index),
            f"the loaded segment {each.name} differs from the predicted file",
        )
    logic.acceptResults(run, cases=[case.id])
    label, _ = read_label(study.case(case.id).label)
    _require(np.array_equal(label, predicted), "the accepted label differs from the prediction")


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise AssertionError(message)
