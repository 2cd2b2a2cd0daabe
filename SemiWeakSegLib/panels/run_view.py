"""How a run goes and how it ended, in a bar and a few lines."""

from __future__ import annotations

from typing import Any

from slicer.i18n import tr as _

from SemiWeakSegLib.methods import METHODS
from SemiWeakSegLib.panels.failure_advice import FOLDER_GONE, adviceFor
from SemiWeakSegLib.panels.library_texts import libraryText
from SemiWeakSegLib.panels.log_tail import LogTail
from SemiWeakSegLib.runs import RunError, RunFolder
from SemiWeakSegLib.scene.watching import RunUpdate, describe

BAR_STEPS = 1000
ENDED_BADLY = ("failed", "lost")


class RunView:
    """Shows the attached run; knows nothing of how it is watched."""

    def __init__(self, ui: Any) -> None:
        self.ui = ui
        self.update: RunUpdate | None = None
        self._run: RunFolder | None = None
        self._method = ""
        self._adviceOf: tuple[str, str] | None = None
        self.showRun(None)

    def showRun(self, run: RunFolder | None) -> None:
        """Show another run, of which nothing is known yet, or none."""
        self._run = run
        self.update = None
        self._adviceOf = None
        self._method = _methodOf(run) if run is not None else ""
        self._fill()

    def showUpdate(self, update: RunUpdate) -> None:
        """Show what was learned."""
        self.update = update
        self._fill()

    @property
    def headline(self) -> str:
        """The run in a few words."""
        update = self.update
        if update is None:
            return ""
        if update.state == "finished" and update.bestDice is not None:
            return _("finished, best Dice {dice:.3f}").format(dice=update.bestDice)
        if update.state != "running" or update.progress is None:
            return stateText(update.state)
        percent = 100 * update.progress
        if update.activity != "training" or update.eta is None:
            return _("{activity}, {percent:.0f} %").format(
                activity=_activityText(update.activity), percent=percent
            )
        return _("training, {percent:.0f} %, {time} left").format(
            percent=percent, time=readableDuration(update.eta)
        )

    def _fill(self) -> None:
        ui, update = self.ui, self.update
        ui.runFrame.visible = self._run is not None
        self._fillFailure()
        if self._run is None:
            return
        state = update.state if update is not None else ""
        ui.runLabel.text = " · ".join(
            each for each in (self._run.path.name, self._method, stateText(state)) if each
        )
        ui.runLabel.toolTip = str(self._run.path)
        ui.trainProgressBar.visible = state == "running"
        share = update.progress if update is not None else None
        # Without a share the bar says that something is going on.
        ui.trainProgressBar.maximum = 0 if share is None else BAR_STEPS
        ui.trainProgressBar.value = 0 if share is None else round(BAR_STEPS * share)
        self._say(ui.stageLabel, self._stageText())
        self._say(ui.diceLabel, self._diceText())
        # Of a failure the message is shown below.
        warns = update is not None and state not in ENDED_BADLY
        self._say(ui.warningLabel, update.message if warns else "")

    def _fillFailure(self) -> None:
        ui, update = self.ui, self.update
        isBad = self._run is not None and update is not None and update.state in ENDED_BADLY
        ui.failureFrame.visible = isBad
        if not isBad:
            self._adviceOf = None
            return
        if self._adviceOf == (update.state, update.message):
            return
        self._adviceOf = (update.state, update.message)
        state = update.state if self._run.path.is_dir() else FOLDER_GONE
        advice = adviceFor(state, update.message, LogTail(self._run.log_path).lines())
        ui.failureLabel.text = advice.sentence
        ui.adviceLabel.text = advice.toDo

    def _stageText(self) -> str:
        update = self.update
        if update is None:
            return ""
        if update.state == "finished":
            return _("The predictions are in the section Results.")
        if update.state == "stopped":
            return _("Stopped, with a checkpoint: Resume goes on from there.")
        if update.state != "running":
            return ""
        parts = [describe(update)]
        if update.rate:
            parts.append(_("{rate:.3g} steps/s").format(rate=update.rate))
        if update.losses.get("total") is not None:
            parts.append(_("loss {loss:.3g}").format(loss=update.losses["total"]))
        if update.eta is not None:
            parts.append(_("{time} left").format(time=readableDuration(update.eta)))
        return ", ".join(parts)

    def _diceText(self) -> str:
        update = self.update
        if update is None or update.lastDice is None:
            return ""
        return _("Validation Dice {last:.3f}, best {best:.3f}").format(
            last=update.lastDice, best=update.bestDice
        )

    def _say(self, label: Any, text: str) -> None:
        label.text = text
        label.visible = bool(text)


def stateText(state: str) -> str:
    """A run's state as a person calls it; "" for none."""
    return {
        "created": _("not started"),
        "running": _("running"),
        "finished": _("finished"),
        "stopped": _("stopped"),
        "failed": _("failed"),
        "lost": _("interrupted"),
    }.get(state, state)


def readableDuration(seconds: float) -> str:
    """ "45 s", "12 min", "3 h 20 min"."""
    if seconds < 90:
        return _("{seconds:.0f} s").format(seconds=seconds)
    minutes = round(seconds / 60)
    if minutes < 90:
        return _("{minutes} min").format(minutes=minutes)
    return _("{hours} h {minutes:02d} min").format(hours=minutes // 60, minutes=minutes % 60)


def _activityText(activity: str) -> str:
    return {"preparing": _("preparing"), "predicting": _("predicting")}.get(activity, _("running"))


def _methodOf(run: RunFolder) -> str:
    try:
        name = run.read_request().method
    except RunError:
        return ""
    return libraryText(METHODS[name].title) if name in METHODS else name
