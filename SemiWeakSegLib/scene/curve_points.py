"""The points of a run's curves: stages end to end on one axis, never more than two thousand."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

MOST_POINTS = 2000


@dataclass
class Points:
    """Rows (x, values by name) in the order of x; names that come later are NaN before.

    When there are too many rows every second one goes, and from then on only every second, fourth,
    ... is kept. The newest row is always there.
    """

    most: int = MOST_POINTS
    x: list[float] = field(default_factory=list)
    values: dict[str, list[float]] = field(default_factory=dict)
    _every: int = 1
    _since: int = 0

    def append(self, x: float, values: Mapping[str, float]) -> None:
        """Add a row; ``x`` must not be less than the last."""
        if self.x and (self._since - 1) % self._every:
            self._drop(len(self.x) - 1)  # the last row only stood for "the newest"
        self._since += 1
        for name in values:
            if name not in self.values:
                self.values[name] = [math.nan] * len(self.x)
        self.x.append(x)
        for name, column in self.values.items():
            column.append(float(values.get(name, math.nan)))
        if len(self.x) > self.most:
            self._thin()

    def cut(self, x: float) -> None:
        """Remove the rows from ``x`` on: they are told again."""
        first = len(self.x)
        while first and self.x[first - 1] >= x:
            first -= 1
        if first < len(self.x):
            self._drop(first)
            self._since = 1

    def clear(self) -> None:
        """Remove everything."""
        self.x, self.values, self._every, self._since = [], {}, 1, 0

    def _drop(self, first: int) -> None:
        del self.x[first:]
        for column in self.values.values():
            del column[first:]

    def _thin(self) -> None:
        # Counted from the end, so that the newest row stays.
        chosen = slice((len(self.x) - 1) % 2, None, 2)
        self.x = self.x[chosen]
        self.values = {name: column[chosen] for name, column in self.values.items()}
        self._every *= 2
        self._since = 1


@dataclass
class _Stage:
    name: str
    start: float
    last: float = 0.0


class RunPoints:
    """Losses by step and Dice by step of a run, from its events."""

    def __init__(self, most: int = MOST_POINTS):
        self.losses = Points(most)
        self.dice = Points(most)
        self._stages: list[_Stage] = []

    @property
    def stages(self) -> list[tuple[str, float, float]]:
        """Name, first and last x of each stage so far."""
        return [(stage.name, stage.start, stage.start + stage.last) for stage in self._stages]

    def take(self, events: Iterable[Mapping[str, Any]]) -> bool:
        """Add what the events say; returns whether anything was new.

        Steps that are told again after a resume replace those of before; a run that was started
        anew begins with nothing.
        """
        changed = False
        for event in events:
            try:
                changed = self._take(event) or changed
            except (TypeError, ValueError, AttributeError):
                continue  # an event of another version
        return changed

    def _take(self, event: Mapping[str, Any]) -> bool:
        kind = event.get("kind")
        if kind == "started" and not event.get("resumed"):
            changed = bool(self._stages)
            self._stages.clear()
            self.losses.clear()
            self.dice.clear()
            return changed
        if kind == "progress":
            row = _numbers(event.get("losses"))
            return bool(row) and self._add(self.losses, event, row)
        if kind == "validation":
            row = _numbers({"mean": event.get("mean_dice"), **(event.get("per_class") or {})})
            return bool(row) and self._add(self.dice, event, row)
        return False

    def _add(self, points: Points, event: Mapping[str, Any], row: dict[str, float]) -> bool:
        step = float(event["step"]) if event.get("step") is not None else math.nan
        if not math.isfinite(step):
            return False
        stage = self._stageOf(str(event.get("stage", "")), step)
        x = stage.start + step
        points.cut(x)
        points.append(x, row)
        stage.last = max(stage.last, step)
        return True

    def _stageOf(self, name: str, step: float) -> _Stage:
        names = [stage.name for stage in self._stages]
        if name not in names:
            last = self._stages[-1] if self._stages else _Stage("", 0.0)
            self._stages.append(_Stage(name, last.start + last.last))
            return self._stages[-1]
        index = names.index(name)
        stage = self._stages[index]
        if index < len(names) - 1 or step < stage.last:
            # Resumed from a checkpoint of before: what came after it will be told again.
            del self._stages[index + 1 :]
            stage.last = step
            self.losses.cut(stage.start + step)
            self.dice.cut(stage.start + step)
        return stage


def _numbers(values: Mapping[str, Any] | None) -> dict[str, float]:
    return {
        str(name): float(value)
        for name, value in (values or {}).items()
        if isinstance(value, (int, float)) and math.isfinite(value)
    }
