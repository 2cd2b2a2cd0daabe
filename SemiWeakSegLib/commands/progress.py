"""Events as a person reads them: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Any, TextIO

LINE_INTERVAL_S = 10.0
BAR_INTERVAL_S = 0.2
BAR_WIDTH = 24
FALLBACK_COLUMNS = 80


class Printer:
    """Prints events; called with each of them, it is the `progress` of the learning room.

    On a terminal, progress is one bar that is redrawn; `log` gets a line now and then instead.
    """

    def __init__(self, stream: TextIO | None = None, log: TextIO | None = None):
        self._stream = sys.stdout if stream is None else stream
        self._log = log
        self._is_terminal = self._stream.isatty()
        self._bar_drawn = False
        self._last_bar = self._last_line = -float("inf")
        self._last_event: dict[str, Any] = {}

    def __call__(self, event: dict[str, Any]) -> None:
        """Show one event."""
        if event.get("kind") in ("progress", "preparing", "predicting"):
            self._show_progress(event)
            return
        text = describe(event)
        if text:
            self.close()
            print(text, file=self._stream, flush=True)
            self._copy(text)

    def close(self) -> None:
        """Clear the bar, so that ordinary text can follow."""
        if self._bar_drawn:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._bar_drawn = False

    def _show_progress(self, event: dict[str, Any]) -> None:
        now = time.monotonic()
        is_last = share_done(event) == 1.0
        if self._is_terminal and (is_last or now - self._last_bar >= BAR_INTERVAL_S):
            self._last_bar = now
            self._stream.write("\r" + fitted(bar(event)) + "\x1b[K")
            self._stream.flush()
            self._bar_drawn = True
        if is_last or now - self._last_line >= LINE_INTERVAL_S:
            self._last_line = now
            text = describe(event)
            if not self._is_terminal:
                print(text, file=self._stream, flush=True)
            self._copy(text)

    def _copy(self, text: str) -> None:
        if self._log is not None:
            print(text, file=self._log, flush=True)


def bar(event: dict[str, Any]) -> str:
    """One progress event as a bar: '[#####-----]  50 % segment 500/1000 ...'."""
    share = share_done(event)
    if share is None:
        return describe(event)
    filled = round(BAR_WIDTH * share)
    return f"[{'#' * filled}{'-' * (BAR_WIDTH - filled)}] {share:4.0%} {describe(event)}"


def share_done(event: dict[str, Any]) -> float | None:
    """Progress of the stage or the prediction, 0 to 1, where the event tells it."""
    share = event.get("progress")
    if share is None and event.get("total"):
        share = event.get("done", event.get("step", 0)) / event["total"]
    return None if share is None else min(1.0, max(0.0, float(share)))


def describe(event: dict[str, Any]) -> str:
    """One event in one line; "" for what a person need not see."""
    kind = event.get("kind")
    if kind == "progress":
        return _progress(event)
    if kind == "preparing":
        return f"prepared {event['done']} of {event['total']} cases"
    if kind == "predicting":
        return f"predicted {event['done']} of {event['total']} cases"
    if kind == "started":
        return f"started: {event.get('method', '')} on {event.get('device', '')}"
    if kind == "stage":
        cases = f"{event.get('labeled', '?')} annotated cases"
        if event.get("unlabeled"):
            cases += f", {event['unlabeled']} without annotation"
        return f"stage {event.get('name', '')}: {cases}"
    if kind == "validation":
        parts = [f"validation at step {event.get('step', '?')}: Dice {number(event, 'mean_dice')}"]
        if event.get("best"):
            parts.append("best so far")
        return ", ".join(parts)
    if kind == "sizes":
        return _sizes(event)
    if kind == "seeds":
        return _seeds(event)
    if kind == "predicted":
        measured = event.get("mean_dice") is not None
        role = event.get("measured_on") or "known"
        tail = f", Dice {number(event, 'mean_dice')} on {role} cases" if measured else ""
        return f"predicted {event.get('cases', '?')} cases{tail}"
    if kind == "checkpoint":
        return ""
    message = event.get("message")
    word = str(kind).replace("_", " ")
    return f"{word}: {message}" if message else word


def number(event: dict[str, Any], key: str) -> str:
    """A figure of an event with three decimals, '-' where there is none."""
    value = event.get(key)
    return f"{value:.3f}" if isinstance(value, (int, float)) else "-"


def duration(seconds: float) -> str:
    """'45 s', '12 min' or '3 h 20 min'."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def fitted(text: str) -> str:
    """The text cut to the terminal's width: a bar that wraps cannot be redrawn."""
    import shutil

    columns = shutil.get_terminal_size((FALLBACK_COLUMNS, 24)).columns
    return text[: max(1, columns - 1)]


def _sizes(event: dict[str, Any]) -> str:
    """How far estimated sizes can be trusted: R² and the bounds' half-width of each class."""
    parts = [f"sizes from the {event.get('source', 'estimate')}"]
    for name, error in (event.get("per_class") or {}).items():
        width = error.get("relative_width")
        bounds = "" if width is None else f", bounds ±{100 * width:.0f} %"
        parts.append(f"{name} R² {number(error, 'r2')}{bounds}")
    return "; ".join([*parts, event["note"]] if event.get("note") else parts)


def _seeds(event: dict[str, Any]) -> str:
    """How good the seeds of an image-tag classifier are on the validation cases."""
    parts = [f"seeds in {event.get('cases', '?')} cases"]
    for name, found in (event.get("per_class") or {}).items():
        precision, recall = number(found, "precision"), number(found, "recall")
        parts.append(f"{name} precision {precision}, recall {recall}")
    return "; ".join([*parts, event["note"]] if event.get("note") else parts)


def _progress(event: dict[str, Any]) -> str:
    step, total = event.get("step"), event.get("total")
    parts = [str(event["stage"])] if event.get("stage") else []
    if step is not None:
        parts.append(f"step {step}" + (f" of {total}" if total else ""))
    losses = event.get("losses") or {}
    parts += [f"{name} {value:.4g}" for name, value in losses.items() if value is not None]
    if event.get("rate"):
        parts.append(f"{event['rate']:.2g} steps/s")
    if event.get("eta") is not None:
        parts.append(f"{duration(event['eta'])} left")
    return ", ".join(parts)
