"""From results to tables: spreads, differences in pairs, shares of a gap, cost."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rows import Row

Result = dict[str, Any]


class Results:
    """What the rows of a table came to, seed by seed; the first row is full supervision."""

    def __init__(self, rows: Sequence[Row], folder: Path):
        self.rows = rows
        self._found: dict[str, dict[int, Result]] = {}
        self._bases: dict[str, Row] = {}
        for row in rows:
            self._bases.setdefault(row.annotation, row)
            paths = folder.glob(f"{row.key}-seed*.json")
            results = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
            self._found[row.key] = {
                each["seed"]: each for each in sorted(results, key=lambda each: each["seed"])
            }

    def of(self, row: Row) -> list[Result]:
        """The results of a row by ascending seed; empty where it was not run."""
        return list(self._found[row.key].values())

    def base(self, row: Row) -> Row:
        """The row it is compared to: the first with its annotation."""
        return self._bases[row.annotation]

    def dice(self, row: Row) -> list[float]:
        """Mean Dice of each seed."""
        return [each["mean_dice"] for each in self.of(row)]

    def paired(self, row: Row, base: Row | None = None) -> list[float]:
        """Difference of Dice to its base, or to another row, for each seed that both have."""
        return [own["mean_dice"] - other["mean_dice"] for own, other in self._pairs(row, base)]

    def share_of_full(self, row: Row) -> float | None:
        """Mean Dice over that of full supervision, over the seeds that both have."""
        full, own = self._found[self.rows[0].key], self._found[row.key]
        shared = sorted(full.keys() & own.keys())
        sums = [sum(each[seed]["mean_dice"] for seed in shared) for each in (own, full)]
        return sums[0] / sums[1] if shared else None

    def closed(self, row: Row) -> float | None:
        """Share of the gap between base and full supervision that the mean difference closes.

        Over the seeds that row and base share; full supervision, which varies least, by its mean.
        """
        full, pairs = self.dice(self.rows[0]), self._pairs(row)
        if not full or not pairs:
            return None
        gap = np.mean(full) - np.mean([base["mean_dice"] for _, base in pairs])
        return float(np.mean(self.paired(row)) / gap) if gap > 0 else None

    def cost(self, row: Row) -> float | None:
        """Training time over that of the base, the median over the seeds."""
        ratios = [
            own["training_seconds"] / base["training_seconds"]
            for own, base in self._pairs(row)
            if own.get("training_seconds") and base.get("training_seconds")
        ]
        return statistics.median(ratios) if ratios else None

    def _pairs(self, row: Row, base: Row | None = None) -> list[tuple[Result, Result]]:
        others = self._found[(base or self.base(row)).key]
        own = self._found[row.key].items()
        return [(result, others[seed]) for seed, result in own if seed in others]


Column = tuple[str, Callable[[Results, Row], str]]
"""A heading, and what stands below it for a row."""


def table(results: Results, columns: Sequence[Column]) -> str:
    """The Markdown table of the rows that were run."""
    lines = [[heading for heading, _ in columns]]
    lines += [
        [cell(results, row) for _, cell in columns] for row in results.rows if results.of(row)
    ]
    head, *body = (f"| {' | '.join(line)} |\n" for line in lines)
    return "".join([head, f"|{'---|' * len(columns)}\n", *body])


def spread(values: Sequence[float]) -> str:
    """Mean ± standard deviation over the seeds, in percent; of one seed its value alone."""
    mean = f"{100 * np.mean(values):.1f}"
    return mean if len(values) == 1 else f"{mean} ± {100 * np.std(values, ddof=1):.1f}"


def differences(paired: Sequence[float]) -> str:
    """Mean of paired differences in points, and each of them where there are several."""
    text = f"{100 * np.mean(paired):+.1f}" if paired else ""
    if len(paired) > 1:
        text += f" ({', '.join(f'{100 * each:+.1f}' for each in paired)})"
    return text


def percent(share: float | None, digits: int = 0) -> str:
    """A share in percent, nothing for None."""
    # Adding 0 turns a rounded -0 into 0.
    return "" if share is None else f"{round(100 * share, digits) + 0.0:.{digits}f} %"


ANNOTATION: Column = ("annotation", lambda _, row: row.annotation)
LEARNED_BY: Column = ("learned by", lambda _, row: row.learned_by)
NUMBER_OF_SEEDS: Column = ("seeds", lambda results, row: str(len(results.of(row))))
DICE: Column = ("mean Dice %", lambda results, row: spread(results.dice(row)))
OF_FULL: Column = (
    "of full supervision",
    lambda results, row: percent(results.share_of_full(row), 1),
)
DIFFERENCE: Column = (
    "difference",
    lambda results, row: "" if row is results.base(row) else differences(results.paired(row)),
)
CLOSED: Column = (
    "of the gap",
    lambda results, row: "" if row is results.base(row) else percent(results.closed(row)),
)


def _cost(results: Results, row: Row) -> str:
    cost = results.cost(row)
    return "" if cost is None or row is results.base(row) else f"{cost:.1f}"


def _per_class(results: Results, row: Row) -> str:
    found = results.of(row)
    means = [np.mean([each["per_class"][name] for each in found]) for name in found[0]["per_class"]]
    return ", ".join(f"{100 * mean:.1f}" for mean in means)


COST: Column = ("cost", _cost)
PER_CLASS: Column = ("per class %", _per_class)
