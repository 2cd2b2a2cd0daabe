"""A row of a table of Dice: what is known, and what learns from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from trials import Trial

from SemiWeakSegLib.cohort import Cohort

Maker = Callable[[Cohort, Path, int], Path]
"""Writes a cohort into a folder, by a seed, and returns its file."""

# The same patch and so the same network in all rows; it holds the largest image, as terms on whole
# images ask. Narrow and fast: at equal steps it was as good as one four times as wide
# (docs/benchmarks.md).
NARROW = "channels=8,16,32,64,64"
VOLUMES = ("patch_size=48,64,48", NARROW)
LEARNING_RATE = "learning_rate=0.01"


@dataclass(frozen=True)
class Row:
    """One row. The first of an annotation is what the others with it are compared to.

    ``earlier`` is the share of the budget that goes to stages before the last one, and comes on
    top: the last network of every row is trained for the same number of steps.
    """

    key: str
    annotation: str
    learned_by: str
    make: Maker
    method: str
    settings: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()
    plan: tuple[str, ...] = VOLUMES
    earlier: float = 0.0

    def options(self) -> list[str]:
        """The options of ``train`` but for steps and seed."""
        options = ["--method", self.method]
        settings = (LEARNING_RATE, *self.settings)
        for name, values in (("set", settings), ("add", self.terms), ("plan", self.plan)):
            if values:
                options += [f"--{name}", *values]
        return options

    def trial(
        self,
        folder: Path,
        cohort: Cohort,
        seed: int,
        steps: int,
        on: str = "test",
        extra: Sequence[str] = (),
    ) -> Trial:
        """Its training with a seed on ``cohort``, whose training cases are fully labeled."""
        total = round(steps / (1 - self.earlier))
        numbers = ["--steps", str(total), "--seed", str(seed)]
        return Trial(
            folder=folder,
            key=self.key,
            seed=seed,
            options=[*self.options(), *numbers, *extra],
            make=partial(self.make, cohort),
            on=on,
            facts={"steps": steps},
        )


def rows(annotation: str, key: str, make: Maker, *learners: tuple) -> list[Row]:
    """Rows of one annotation; a learner is (key, name, method, and perhaps settings, terms)."""
    return [
        Row(f"{key}-{own}", annotation, name, make, method, *rest)
        for own, name, method, *rest in learners
    ]


def listing(rows: Iterable[Row]) -> str:
    """The rows with their options, one a line."""
    return "\n".join(
        f"{row.key:32} {row.annotation}, {row.learned_by}: {' '.join(row.options())}"
        for row in rows
    )
