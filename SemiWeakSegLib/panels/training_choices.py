"""What the person chose to train, and what still keeps a training from starting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from SemiWeakSegLib.panels.packages import Environment, Package
from SemiWeakSegLib.panels.selections import readSelections
from SemiWeakSegLib.scene.training import TrainingRequest, problemsOf

USUAL, STEPS, MINUTES = "usual", "steps", "minutes"
AUTOMATIC = "auto"


def requestOf(parameterNode: Any) -> TrainingRequest:
    """The request that the parameter node describes."""
    chosen = readSelections(parameterNode)
    kind = parameterNode.budgetKind
    return TrainingRequest(
        method=chosen.method,
        settings=chosen.methodSettings,
        terms=chosen.terms,
        plan=chosen.plan,
        steps=parameterNode.steps if kind == STEPS else None,
        minutes=parameterNode.minutes if kind == MINUTES else None,
        seed=parameterNode.seed,
        device=parameterNode.device,
    )


def obstacles(
    parameterNode: Any, logic: Any, environment: Environment | None, missing: list[Package]
) -> list[str]:
    """Why no training can be started now, one sentence each; an empty list where one can.

    `missing` are the packages that Setup misses. The cohort is judged by the newest check; where
    there is none, it is made before the start.
    """
    if parameterNode is None:
        return [_("The scene is being closed.")]
    if logic.study is None:
        return [_("Create or open a cohort first, in the section Cohort.")]
    if not logic.study.cohort.cases:
        return [_("The cohort is empty: add cases in the section Cohort.")]
    return [
        *_setupObstacles(environment, missing),
        *_deviceObstacles(parameterNode.device, environment),
        *_folderObstacles(parameterNode.outputFolder),
        *_cohortObstacles(parameterNode, logic),
    ]


def _setupObstacles(environment: Environment | None, missing: list[Package]) -> list[str]:
    if environment is None:
        return [_("Setup is still asking what is installed.")]
    if missing:
        names = ", ".join(each.name for each in missing)
        return [
            _("Not installed: {names}. Press Install in the section Setup.").format(names=names)
        ]
    if environment.error:
        return [_("PyTorch does not work: {reason}").format(reason=environment.error)]
    return []


def _deviceObstacles(name: str, environment: Environment | None) -> list[str]:
    if name == AUTOMATIC or environment is None or not environment.devices:
        return []
    if environment.device(name) is not None:
        return []
    return [_("The device {name} is not on this computer: choose another.").format(name=name)]


def _folderObstacles(folder: str) -> list[str]:
    if not folder:
        return []
    path = Path(folder).expanduser()
    if not path.is_absolute():
        return [_("The output folder {folder} is not a full path.").format(folder=folder)]
    if path.exists() and not path.is_dir():
        return [_("The output folder {folder} is a file.").format(folder=folder)]
    return []


def _cohortObstacles(parameterNode: Any, logic: Any) -> list[str]:
    inspection = logic.inspection
    if inspection is None or not inspection.finished or logic.checking.running:
        return []
    errors = [each for each in inspection.problems if each.severity == "error"]
    if errors:
        more = len(errors) - 1
        first = errors[0].message.removeprefix("error: ")
        if not more:
            return [_("The cohort has a problem: {problem}").format(problem=first)]
        return [
            _("The cohort has {count} problems, all on its rows; the first: {problem}").format(
                count=len(errors), problem=first
            )
        ]
    return problemsOf(requestOf(parameterNode), inspection.summary)
