"""How long to train: steps or minutes, and how far a stage has come."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Collection, Sequence


@dataclasses.dataclass(frozen=True)
class Budget:
    """The whole run's length: ``steps`` or ``minutes``, exactly one of them."""

    steps: int | None = None
    minutes: float | None = None

    def __post_init__(self) -> None:
        given = [value for value in (self.steps, self.minutes) if value is not None]
        if len(given) != 1 or not given[0] > 0:
            raise ValueError(
                f"steps={self.steps}, minutes={self.minutes}: a budget is a positive number of "
                "steps or of minutes, one of the two"
            )

    def of_stage(self, shares: Sequence[float], number: int, skipped: Collection[int]) -> Budget:
        """The part of stage ``number`` by the shares of all stages, at least one step.

        What the ``skipped`` stages before it had goes to those after them.
        """
        left = 1.0
        for place in range(number):
            if place not in skipped:
                left -= left * shares[place] / sum(shares[place:])
        part = left * shares[number] / sum(shares[number:])
        if self.minutes is not None:
            return Budget(minutes=self.minutes * part)
        return Budget(steps=max(1, round(self.steps * part)))


class StageClock:
    """Progress t in [0, 1] of one stage, going on where a former process left it."""

    def __init__(self, budget: Budget, step: int = 0, elapsed: float = 0.0):
        self.budget = budget
        self.step = step
        self._before = elapsed
        self._begun = self._rated_from = time.monotonic()
        self._steps_before = step
        self._has_advanced = False

    def advance(self) -> None:
        """Counts one step."""
        self.step += 1
        if not self._has_advanced:
            # The first step finds memory and the fastest convolutions: it says little of the rest.
            self._has_advanced = True
            self._rated_from, self._steps_before = time.monotonic(), self.step

    @property
    def elapsed(self) -> float:
        """Seconds of training in this stage, over all processes that worked on it."""
        return self._before + time.monotonic() - self._begun

    @property
    def progress(self) -> float:
        """Share of the budget used."""
        if self.budget.minutes is not None:
            return min(1.0, self.elapsed / (60 * self.budget.minutes))
        return min(1.0, self.step / self.budget.steps)

    @property
    def rate(self) -> float:
        """Steps a second of this process, its first step left out once there are more."""
        done = self.step - self._steps_before
        if done == 0 and self._has_advanced:
            return 1.0 / max(self._rated_from - self._begun, 1e-9)
        return done / max(time.monotonic() - self._rated_from, 1e-9)

    @property
    def total(self) -> int:
        """Steps of the stage; estimated from the rate where the budget is time."""
        if self.budget.steps is not None:
            return self.budget.steps
        left = max(0.0, 60 * self.budget.minutes - self.elapsed)
        return self.step + max(0, round(left * self.rate))

    @property
    def remaining_seconds(self) -> float:
        """Estimated seconds to the end of the stage."""
        if self.budget.minutes is not None:
            return max(0.0, 60 * self.budget.minutes - self.elapsed)
        return (self.budget.steps - self.step) / max(self.rate, 1e-9)
