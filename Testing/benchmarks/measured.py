"""From results to the figures that recommendations rest on: SemiWeakSegLib/methods/measured.py."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Mapping
from dataclasses import astuple
from pathlib import Path

import numpy as np
from few_rows import FewRow, Study, few_rows
from tables import Results

from SemiWeakSegLib.methods import measured
from SemiWeakSegLib.methods.measured import Measured

FIRST, LAST = "MEASURED: tuple[Measured, ...] = (\n", ")\n# fmt: on\n"


def measured_rows(folders: Mapping[Study, Path]) -> list[Measured]:
    """One row for each row of the tables that was run, but for full supervision."""
    found = []
    for study, folder in folders.items():
        results = Results(few_rows(study), folder)
        for row in results.rows:
            if row.annotated is not None and results.of(row) and results.of(results.base(row)):
                found.append(_measured(study, results, row))
    return found


def _measured(study: Study, results: Results, row: FewRow) -> Measured:
    values, paired = results.dice(row), results.paired(row)
    is_base = row is results.base(row)
    closed, cost = results.closed(row), results.cost(row)
    return Measured(
        cohort=study.name,
        dimensions=study.dimensions,
        annotation=row.kind,
        annotated=row.annotated,
        method=row.method,
        settings=row.settings,
        terms=row.terms,
        steps=results.of(row)[0]["steps"],
        seeds=len(values),
        dice=_rounded(np.mean(values)),
        dice_spread=_spread(values),
        gain=0.0 if is_base else _rounded(np.mean(paired)),
        gain_spread=0.0 if is_base else _spread(paired),
        closed=0.0 if is_base else None if closed is None else _rounded(closed),
        cost=1.0 if is_base else None if cost is None else round(cost, 2),
    )


def _spread(values: list[float]) -> float | None:
    return _rounded(np.std(values, ddof=1)) if len(values) > 1 else None


def _rounded(value: float) -> float:
    return round(float(value), 4)


def write_measured(folders: Mapping[Study, Path]) -> None:
    """Replace the rows in the module by those of the results."""
    path = Path(inspect.getfile(measured))
    text = path.read_text(encoding="utf-8")
    head, _, rest = text.partition(FIRST)
    _, _, tail = rest.partition(LAST)
    rows = "".join(_line(each) for each in measured_rows(folders))
    path.write_text(f"{head}{FIRST}{rows}{LAST}{tail}", encoding="utf-8")
    print(f"wrote {path}")


def _line(row: Measured) -> str:
    """A row as Python, in lines of at most 100 columns that are cut between values."""
    kept = "\xa0"  # textwrap cuts at plain spaces only, so not within a text
    values = ", ".join(_literal(value).replace(" ", kept) for value in astuple(row))
    lines = textwrap.wrap(
        f"Measured({values}),",
        width=100,
        initial_indent="    ",
        subsequent_indent="        ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(lines).replace(kept, " ") + "\n"


def _literal(value: object) -> str:
    """Double quotes for text, as everywhere."""
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple):
        inner = ", ".join(map(_literal, value))
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    return repr(value)
