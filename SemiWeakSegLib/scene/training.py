"""From what was chosen to a run folder and the process that works on it."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING

from SemiWeakSegLib.methods import TermRequest, get
from SemiWeakSegLib.runs import RunError, RunFolder, RunRequest, worker
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.interpreter import workerEnvironment, workerPython
from SemiWeakSegLib.scene.run_commands import (
    environmentCommand,
    exportCommand,
    planCommand,
    predictCommand,
    reportCommand,
)
from SemiWeakSegLib.scene.texts import tr as _
from SemiWeakSegLib.scene.training_request import CASE_NAMES, TrainingRequest, problemsOf

if TYPE_CHECKING:
    from SemiWeakSegLib.scene.study import Study

__all__ = [
    "CASE_NAMES",
    "TrainingRequest",
    "environmentCommand",
    "exportCommand",
    "planCommand",
    "predictCommand",
    "prepareRun",
    "problemsOf",
    "reportCommand",
    "startRun",
    "workerEnvironment",
    "workerPython",
]


def prepareRun(
    study: Study, request: TrainingRequest, folder: str | PathLike[str] | None = None
) -> RunFolder:
    """Make the run's folder with a copy of the cohort and the request; nothing is started.

    ``folder`` must be new or empty; without one the run goes into the cohort's ``runs``. Raises
    SceneError with all problems of the request, or where the folder cannot be used.
    """
    problems = problemsOf(request)
    if problems:
        raise SceneError(" ".join(problems))
    run = RunFolder(study.newRunFolder(request.method) if folder is None else folder)
    _requireEmpty(run)
    made = False
    settings = get(request.method).from_dict(request.settings).to_dict()
    asked = RunRequest(
        method=request.method,
        settings=settings,
        terms=[TermRequest.from_dict(each).to_dict() for each in request.terms],
        plan=dict(request.plan),
        steps=request.steps,
        minutes=request.minutes,
        seed=request.seed,
        device=request.device,
        predict=tuple(request.predict),
    )
    try:
        if not run.path.exists():
            run.path.mkdir(parents=True)  # and not if another Slicer has made it by now
            made = True
        # A copy, as saving tells a cohort its file. The request comes last: with it, it is a run.
        replace(study.cohort).save(run.cohort_path)
        run = RunFolder.create(run.path, asked)
        study.runs.note(run.path)
    except (OSError, ValueError, TypeError) as error:
        if made:
            shutil.rmtree(run.path, ignore_errors=True)
        reason = getattr(error, "strerror", None) or error
        raise SceneError(
            _("The run folder {folder} cannot be made: {reason}.").format(
                folder=run.path, reason=reason
            )
        ) from error
    return run


def startRun(run: RunFolder, resume: bool = False) -> int:
    """Start the worker of a run, which outlives this process; returns its process id.

    Raises SceneError where a worker is alive on it, or none can be started.
    """
    try:
        return worker.start(
            run, resume=resume, python=workerPython(), environment=workerEnvironment()
        )
    except (RunError, OSError) as error:
        raise SceneError(str(error)) from error


def _requireEmpty(run: RunFolder) -> None:
    try:
        run.require_vacant()
        occupied = run.path.is_dir() and any(os.scandir(run.path))
    except (RunError, OSError) as error:
        raise SceneError(str(error)) from error
    if occupied:
        raise SceneError(
            _("{folder} is not empty; a new run needs a folder of its own.").format(folder=run.path)
        )
