"""Which measured figures bear on a cohort: those of the kind and number of labels most like it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from SemiWeakSegLib.methods.measured import MEASURED, Measured
from SemiWeakSegLib.methods.menu import METHODS, TERMS, missing_requirements
from SemiWeakSegLib.methods.terms import TermRequest, parse_term

BEYOND = 3.0
"""How many times the labels that were measured a cohort must have to be called beyond it."""

WORTH = 0.005
"""Gain in Dice that more than double the time of another method has to bring."""


@dataclass(frozen=True)
class Benchmark:
    """A cohort of docs/benchmarks.md; an annotated case of its tables holds ``images`` images.

    ``slices`` is how many slices one of them has, for comparison with cohorts of single slices.
    """

    title: str
    unit: str
    images: int = 1
    slices: int = 1

    def annotated(self, number: int, annotation: str) -> str:
        """So many annotated cases in words: "labels of 2 patients"."""
        return f"{annotation} of {number} {self.unit}{'' if number == 1 else 's'}"


BENCHMARKS = {
    "hippocampus": Benchmark("hippocampus volumes", "case", slices=35),
    "heart": Benchmark("synthetic hearts", "patient", images=2, slices=9),
}


@dataclass(frozen=True)
class Evidence:
    """The rows that were measured nearest to a cohort, best mean gain first, without the baseline.

    ``rows`` leaves out what the cohort cannot feed and comparisons that read true segmentations.
    ``is_beyond``: the cohort has far more annotations than any of the rows of its kind.
    """

    baseline: Measured
    rows: tuple[Measured, ...]
    is_beyond: bool

    @property
    def convincing(self) -> list[Measured]:
        """The rows whose gain is larger than its spread over the seeds."""
        return [row for row in self.rows if is_convincing(row)]

    @property
    def ranked(self) -> list[Measured]:
        """The convincing rows, first the one to try first.

        That is the one with the best mean gain, or one that gained hardly less (`WORTH`) in less
        than half its time.
        """
        found = self.convincing
        if not found:
            return []
        first = found[0]
        for row in found[1:]:
            hardly_less = found[0].gain - row.gain < WORTH
            if hardly_less and row.cost and first.cost and 2 * row.cost < first.cost:
                first = row
        return [first, *(row for row in found if row is not first)]

    @property
    def place(self) -> str:
        """Where it was measured, in words: "synthetic hearts with labels of 2 patients"."""
        base = self.baseline
        benchmark = BENCHMARKS[base.cohort]
        return f"{benchmark.title} with {benchmark.annotated(base.annotated, base.annotation)}"

    def settings(self, row: Measured) -> dict[str, Any]:
        """The settings that a row was measured with and that are not the method's defaults.

        What the baseline was given too belongs to the measurement (a narrow network wants another
        learning rate) and is left out.
        """
        method = METHODS[row.method]
        own = [text for text in row.settings if text not in self.baseline.settings]
        defaults = method().to_dict()
        values = method().with_assignments(own).to_dict()
        return {name: value for name, value in values.items() if value != defaults[name]}

    def title(self, row: Measured) -> str:
        """A row in words: "Pseudo-labels (threshold=0.8) + Entropy minimisation"."""
        title = METHODS[row.method].title
        settings = ", ".join(f"{name}={value}" for name, value in self.settings(row).items())
        if settings:
            title += f" ({settings})"
        terms = [TERMS[request.name].title for request in row_terms(row)]
        return " + ".join([title, *terms])


def evidence(
    summary: Any, annotation: str, measured: Sequence[Measured] = MEASURED
) -> Evidence | None:
    """What was measured most like a cohort with these counts; None where nothing was.

    ``annotation``: what its annotated cases carry, as in `Measured.annotation`. Slices are compared
    with slices, volumes with volumes; of these the rows whose number of annotated images is nearest
    as a ratio.
    """
    dimensions = usual_dimensions(summary)
    alike = [
        row
        for row in measured
        if row.dimensions == dimensions
        and row.annotation == annotation
        and row.cohort in BENCHMARKS
        and is_baseline(row)
    ]
    if not alike:
        return None
    amount = summary.labeled + summary.scribbled

    def distance(row: Measured) -> float:
        return abs(math.log(amount / _images(row, summary.single)))

    baseline = min(alike, key=distance)
    rows = [
        row
        for row in measured
        if _place(row) == _place(baseline) and not is_baseline(row) and _is_possible(row, summary)
    ]
    return Evidence(
        baseline=baseline,
        rows=tuple(sorted(rows, key=lambda row: row.gain, reverse=True)),
        is_beyond=amount > BEYOND * max(_images(row, summary.single) for row in alike),
    )


def usual_dimensions(summary: Any) -> int:
    """2 for a cohort that is best learned slice by slice, as a plan would decide, else 3."""
    return 2 if summary.sliced else 3


def is_baseline(row: Measured) -> bool:
    """Whether it is plain supervision, to which the other rows are compared."""
    return row.method == "supervised" and not row.terms and row.gain == 0


def is_convincing(row: Measured) -> bool:
    """Whether its gain is larger than its spread; never with one seed, where that is unknown."""
    return row.gain_spread is not None and row.gain > row.gain_spread


def row_terms(row: Measured) -> list[TermRequest]:
    """The extra terms that a row was measured with."""
    return [parse_term(text) for text in row.terms]


def gain_text(row: Measured) -> str:
    """Gain and spread in points of Dice: "+5.5 ± 0.5"."""
    text = f"{100 * row.gain:+.1f}"
    return text if row.gain_spread is None else f"{text} ± {100 * row.gain_spread:.1f}"


def _images(row: Measured, single_slices: bool) -> int:
    benchmark = BENCHMARKS[row.cohort]
    return row.annotated * benchmark.images * (benchmark.slices if single_slices else 1)


def _place(row: Measured) -> tuple[str, str, int]:
    return row.cohort, row.annotation, row.annotated


def _is_possible(row: Measured, summary: Any) -> bool:
    method = METHODS[row.method]
    return "truth" not in method.needs and not missing_requirements(method, summary)
