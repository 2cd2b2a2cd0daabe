"""`status`: how a run is getting on, read from its folder."""

from __future__ import annotations

import argparse
import json
import time
from typing import TYPE_CHECKING, Any

from SemiWeakSegLib.commands.failures import OK, UsageError, reading_input
from SemiWeakSegLib.commands.parser import add_command
from SemiWeakSegLib.commands.progress import Printer, describe, number

if TYPE_CHECKING:
    from SemiWeakSegLib.runs import RunFolder

POLL_S = 0.5


def register(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "status",
        run,
        summary="Show a run's state, progress and last validation.",
        description=(
            "States: created, running, finished, failed, stopped, and lost: it says running but "
            "its process is gone, as after a power cut; 'resume' goes on with it."
        ),
        examples=["status runs/first", "status runs/first --follow", "status runs/first --json"],
    )
    parser.add_argument("run", metavar="RUN", help="folder of the run")
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")
    parser.add_argument("--follow", action="store_true", help="show events until the run ends")


def run(arguments: argparse.Namespace) -> int:
    """Print the state, or events as they come."""
    from SemiWeakSegLib.runs import RunFolder

    if arguments.json and arguments.follow:
        raise UsageError("--json and --follow exclude each other: events.jsonl can be followed")
    with reading_input():
        folder = RunFolder.open(arguments.run)
        if arguments.follow:
            _follow(folder)
        overview = summarise(folder)
    print(json.dumps(overview, indent=2) if arguments.json else as_text(overview))
    return OK


def summarise(run: RunFolder) -> dict[str, Any]:
    """State, request and the newest event of each kind, as plain values."""
    from SemiWeakSegLib.runs import EventLog

    request = run.read_request()
    status = run.read_status()
    events, _ = EventLog(run.events_path).read()
    newest = {event["kind"]: event for event in events}
    scores = [event.get("mean_dice") for event in events if event["kind"] == "validation"]
    worker = run.worker()
    return {
        "run": str(run.path),
        "state": run.state(),
        "message": status.get("message", ""),
        "method": request.method,
        "seed": request.seed,
        "pid": worker.pid if worker else None,
        "host": worker.host if worker else None,
        "heartbeat": status.get("heartbeat"),
        "progress": newest.get("progress"),
        "validation": newest.get("validation"),
        "best_dice": max((score for score in scores if score is not None), default=None),
        "predicted": newest.get("predicted"),
    }


def as_text(overview: dict[str, Any]) -> str:
    """What `summarise` found, for a person."""
    state = overview["state"]
    if state == "running" and overview["pid"]:
        state += f" (process {overview['pid']} on {overview['host']})"
    if state == "lost":
        state += " (its process is gone; 'resume' goes on from the last checkpoint)"
    rows = [
        ("run", overview["run"]),
        ("state", state),
        ("message", overview["message"]),
        ("method", f"{overview['method']}, seed {overview['seed']}"),
        ("progress", describe(overview["progress"]) if overview["progress"] else ""),
    ]
    if overview["validation"]:
        last, best = number(overview["validation"], "mean_dice"), number(overview, "best_dice")
        rows.append(("validation", f"Dice {last}, best {best}"))
    if overview["predicted"]:
        rows.append(("prediction", describe(overview["predicted"])))
    return "\n".join(f"{name:<11} {value}" for name, value in rows if value)


def _follow(run: RunFolder) -> None:
    from SemiWeakSegLib.runs import EventLog

    events, offset = EventLog(run.events_path), 0
    printer = Printer()
    while True:
        # The state comes first: what was written before it changed is then still shown.
        is_running = run.state() == "running"
        new, offset = events.read(offset)
        for event in _without_old_progress(new):
            printer(event)
        if not is_running:
            printer.close()
            return
        time.sleep(POLL_S)


def _without_old_progress(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All events, but of progress the newest only: the past need not be replayed."""
    newest = next((event for event in reversed(events) if event["kind"] == "progress"), None)
    return [event for event in events if event["kind"] != "progress" or event is newest]
