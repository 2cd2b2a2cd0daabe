"""Which buttons of Train can be pressed, and why not the others."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

RESUMABLE = ("stopped", "failed", "lost")


@dataclass
class Situation:
    """What the buttons depend on.

    `state` is the shown run's, "" for none. `obstacles` keep a training from starting, `canWork`
    says whether the packages are there; `mayEnd` that a worker was given enough time to stop.
    `foundRun` is a training that goes on elsewhere. `problem` is what went wrong here.
    """

    state: str = ""
    isStopping: bool = False
    mayEnd: bool = False
    waitsForCheck: bool = False
    hasStudy: bool = False
    hasCurves: bool = False
    canWork: bool = True
    obstacles: list[str] = field(default_factory=list)
    problem: str = ""
    foundRun: Path | None = None

    @property
    def isTraining(self) -> bool:
        """Whether the shown run works."""
        return self.state == "running"


def showButtons(ui: Any, now: Situation) -> None:
    """Bring buttons and messages of the panel up to date."""
    ui.startButton.enabled = not (now.isTraining or now.obstacles or now.waitsForCheck)
    ui.startButton.toolTip = _startTip(now)
    ui.stopButton.enabled = (now.isTraining and not now.isStopping) or now.waitsForCheck
    ui.stopButton.text = _("Stopping…") if now.isStopping else _("Stop")
    ui.resumeButton.enabled = now.state in RESUMABLE and now.canWork
    ui.resumeButton.toolTip = _resumeTip(now)
    ui.killButton.visible = now.isStopping and now.mayEnd
    ui.curvesButton.enabled = now.hasCurves
    message = _message(now)
    ui.trainMessageLabel.text = message
    ui.trainMessageLabel.visible = bool(message)
    for widget in (ui.foundRunLabel, ui.watchRunButton):
        widget.visible = now.foundRun is not None
    ui.foundRunLabel.text = _("A training is running: {run}").format(run=now.foundRun or "")


def _message(now: Situation) -> str:
    if now.problem:
        return now.problem
    if now.waitsForCheck:
        return _("Checking the cohort…")
    if now.isStopping:
        return _("Stopping after this step, with a checkpoint.")
    # Without a cohort there is nothing yet that a person could have expected to start.
    return now.obstacles[0] if now.obstacles and now.hasStudy else ""


def _startTip(now: Situation) -> str:
    if now.isTraining:
        return _("A training is running: stop it first, or wait for its end.")
    if now.waitsForCheck:
        return _("The cohort is being checked; the training starts after that.")
    return "\n".join(now.obstacles) or _("Starts the training in the background.")


def _resumeTip(now: Situation) -> str:
    if not now.canWork:
        return _("Training needs packages that are not installed: see the section Setup.")
    if now.state in RESUMABLE:
        return _("Goes on from the last checkpoint.")
    return _("Only a training that was stopped, failed or was interrupted can be resumed.")
