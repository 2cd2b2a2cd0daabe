"""Watching a run through its files: nothing that happens to them makes the watcher fail."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from SemiWeakSegLib.runs import EventLog, RunFolder
from SemiWeakSegLib.scene.texts import tr as _

READ_AT_ONCE = 256 * 1024
"""Bytes of events taken in by one poll, so that a long run's past does not stop the window."""

ENDED = ("finished", "failed", "stopped", "lost")


@dataclass
class RunUpdate:
    """How a run is getting on.

    ``state``: created, running, finished, failed, stopped or lost (its process, or the folder, is
    gone); it stays running until all events of the past have been told. ``progress``: 0 to 1 of
    the stage, or of the cases while preparing and predicting. ``activity``: preparing, training,
    predicting or "". ``eta``: seconds to the end of the whole run. ``rate``: steps per second.
    ``message``: why it failed, or the last warning.
    """

    state: str
    newEvents: list[dict[str, Any]] = field(default_factory=list)
    progress: float | None = None
    activity: str = ""
    stage: str = ""
    step: int | None = None
    total: int | None = None
    rate: float | None = None
    eta: float | None = None
    losses: dict[str, float] = field(default_factory=dict)
    lastDice: float | None = None
    bestDice: float | None = None
    message: str = ""

    @property
    def hasEnded(self) -> bool:
        """Whether nobody works on the run any more."""
        return self.state in ENDED


class RunWatcher:
    """Reads what is new of a run at each `poll`; any number of watchers may look at one run."""

    def __init__(self, run: RunFolder | str | PathLike[str]):
        self.run = run if isinstance(run, RunFolder) else RunFolder(run)
        self._events = EventLog(self.run.events_path)
        self._offset = 0
        self._state = "created"
        self._seen = RunUpdate("created")
        self._warning = ""

    def poll(self) -> RunUpdate:
        """What happened since the last poll, and how the run stands. Never raises."""
        # The state comes first: what was written before it changed is then still told.
        state, message = self._readState()
        events, behind = self._readEvents()
        for event in events:
            try:
                self._take(event)
            except (TypeError, ValueError, KeyError, AttributeError):
                continue  # written by another version: the rest is still worth telling
        if state != "running":
            self._seen.activity = ""
            self._seen.eta = None
        seen = dict(vars(self._seen))
        seen.update(
            state="running" if behind and state in ENDED else state,
            newEvents=events,
            losses=dict(self._seen.losses),
            message=message or self._warning,
        )
        return RunUpdate(**seen)

    def _readState(self) -> tuple[str, str]:
        try:
            if not self.run.path.is_dir():
                gone = _("The run folder {folder} is gone.").format(folder=self.run.path)
                return "lost", gone
            status = self.run.read_status()
            self._state = self.run.state()
        except (OSError, ValueError, TypeError):
            return self._state, ""  # being replaced, or out of reach: the next poll sees it
        message = str(status.get("message") or "")
        if self._state == "lost":
            message = _("Its process is gone. Resume it from its last checkpoint.")
        return self._state, message if self._state in ENDED else ""

    def _readEvents(self) -> tuple[list[dict[str, Any]], bool]:
        try:
            events, offset = self._events.read(self._offset, READ_AT_ONCE)
            if offset < self._offset:  # another run has taken the place of this one
                self._seen, self._warning = RunUpdate("created"), ""
            moved, self._offset = offset > self._offset, offset
            return events, moved and offset < self.run.events_path.stat().st_size
        except (OSError, ValueError):
            return [], False

    def _take(self, event: dict[str, Any]) -> None:
        seen, kind = self._seen, event["kind"]
        if kind == "started":
            kept = (seen.lastDice, seen.bestDice) if event.get("resumed") else (None, None)
            self._seen = RunUpdate(
                "running", activity="preparing", lastDice=kept[0], bestDice=kept[1]
            )
            self._warning = ""
        elif kind == "stage":
            seen.activity, seen.stage = "training", str(event.get("name", ""))
            seen.step, seen.total = event.get("step"), event.get("steps")
            seen.progress, seen.losses, seen.rate = 0.0, {}, None
        elif kind == "progress":
            seen.activity, seen.stage = "training", str(event.get("stage", seen.stage))
            seen.step, seen.total = event.get("step"), event.get("total")
            seen.progress = _share(event.get("progress"))
            seen.rate, seen.eta = event.get("rate"), event.get("eta")
            seen.losses = {k: v for k, v in (event.get("losses") or {}).items() if v is not None}
        elif kind in ("preparing", "predicting"):
            seen.activity, seen.rate = kind, None
            seen.step, seen.total = event.get("done"), event.get("total")
            seen.progress = _share(event["done"] / event["total"]) if event.get("total") else None
            seen.eta = seen.eta if kind == "preparing" else None
        elif kind == "validation" and event.get("mean_dice") is not None:
            seen.lastDice = float(event["mean_dice"])
            seen.bestDice = max(seen.lastDice, -1.0 if seen.bestDice is None else seen.bestDice)
        elif kind in ("warning", "out_of_memory"):
            self._warning = str(event.get("message", ""))
        elif kind == "finished":
            seen.progress, seen.eta = 1.0, None


@dataclass(frozen=True)
class RunSummary:
    """One line of a list of runs; ``message`` says why a run failed or cannot be read."""

    path: Path
    name: str
    state: str
    method: str
    created: str
    bestDice: float | None
    message: str


def summaryOfRun(path: str | PathLike[str]) -> RunSummary:
    """What a list shows of a run; never raises: a damaged run is "lost", with the reason."""
    run = RunFolder(path)
    method = created = message = ""
    state = "lost"
    try:
        request = run.read_request()
        method, created = request.method, request.created
        state = run.state()
        message = str(run.read_status().get("message") or "")
    except (OSError, ValueError, TypeError) as error:
        message = str(error)
    return RunSummary(
        run.path, run.path.name, state, method, created, _bestDice(run.events_path), message
    )


def describe(update: RunUpdate) -> str:
    """What the run is doing, in a line for a person."""
    if update.state == "running":
        counted = {"step": update.step, "total": update.total}
        if update.activity == "preparing" and update.total:
            return _("Preparing: {step} of {total} cases").format(**counted)
        if update.activity == "preparing":
            return _("Preparing")
        if update.activity == "predicting":
            return _("Predicting: {step} of {total} cases").format(**counted)
        if update.activity == "training" and update.total:
            return _("Stage {stage}: step {step} of {total}").format(stage=update.stage, **counted)
        if update.activity == "training":
            return _("Stage {stage}").format(stage=update.stage)
        return _("Starting")
    texts = {
        "created": _("Not started"),
        "finished": _("Finished"),
        "stopped": _("Stopped, can be resumed"),
        "failed": _("Failed"),
        "lost": _("Interrupted"),
    }
    text = texts.get(update.state, update.state)
    return f"{text}: {update.message}" if update.message else text


def _bestDice(path: Path) -> float | None:
    try:
        lines: Iterable[bytes] = path.read_bytes().splitlines()
    except OSError:
        return None
    best = None
    for line in lines:
        if b'"validation"' not in line:  # parsing each of many thousand lines would take too long
            continue
        try:
            value = json.loads(line).get("mean_dice")
        except (ValueError, AttributeError):
            continue
        if isinstance(value, (int, float)):
            best = max(value, -1.0 if best is None else best)
    return best


def _share(value: Any) -> float | None:
    return None if value is None else min(1.0, max(0.0, float(value)))
