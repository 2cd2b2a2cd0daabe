"""The tables of few labels: every method on the same annotated cases, compared in pairs.

    python Testing/benchmarks/few_labels.py                        both cohorts, all rows and seeds
    python Testing/benchmarks/few_labels.py hippocampus --only '^(full|supervised|cutmix)'
    python Testing/benchmarks/few_labels.py heart --table-only
    python Testing/benchmarks/few_labels.py --measured             the figures of recommendations

Each run is the command line as a user runs it; the last network of every row is trained for
``--steps``, earlier stages come on top. Resumable: a run whose result is in ``--out`` is not
repeated; runs with other options need another ``--out``. All rows of a seed come before the next
seed. The tables go to ``OUT/few_labels_<cohort>.md``.
"""

from __future__ import annotations

import re
from argparse import Namespace
from pathlib import Path

import numpy as np
from cohorts import fully_labeled
from few_rows import STEPS, STUDIES, Study, few_rows
from measured import write_measured
from rows import Row, listing
from tables import (
    ANNOTATION,
    CLOSED,
    COST,
    DICE,
    DIFFERENCE,
    LEARNED_BY,
    NUMBER_OF_SEEDS,
    Column,
    Results,
    table,
)
from trials import SEEDS, make_parser, parse, run_trials


def _size_error(results: Results, row: Row) -> str:
    errors = [each["size_error"] for each in results.of(row) if each["size_error"] is not None]
    return f"error {np.mean(errors):.0f} %" if errors else ""


SIZES: Column = ("regressed sizes", _size_error)
COLUMNS = (ANNOTATION, LEARNED_BY, NUMBER_OF_SEEDS, DICE, DIFFERENCE, CLOSED, COST)


def folder_of(study: Study, out: Path) -> Path:
    """Where the results of one table are."""
    return out / "few_labels" / study.name


def write_table(study: Study, out: Path) -> Path:
    """Write the table of all that was run; its file."""
    results = Results(few_rows(study), folder_of(study, out))
    has_sizes = any(_size_error(results, row) for row in results.rows)
    page = out / f"few_labels_{study.name}.md"
    columns = [*COLUMNS, SIZES] if has_sizes else COLUMNS
    page.write_text(table(results, columns), encoding="utf-8")
    return page


def main() -> None:
    """Fills the tables."""
    parser = make_parser(__doc__)
    parser.add_argument("cohorts", nargs="*", metavar="COHORT", help=" or ".join(STUDIES))
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--list", action="store_true", help="show the rows and their options")
    parser.add_argument(
        "--table-only", action="store_true", help="write the tables of what is there, run nothing"
    )
    parser.add_argument(
        "--measured",
        action="store_true",
        help="write the figures of what is there into SemiWeakSegLib/methods/measured.py",
    )
    arguments, extra = parse(parser)
    if unknown := set(arguments.cohorts) - set(STUDIES):
        parser.error(f"there is no cohort {', '.join(sorted(unknown))}")
    studies = [STUDIES[name] for name in arguments.cohorts or STUDIES]
    if arguments.list:
        for study in studies:
            chosen = [row for row in few_rows(study) if re.search(arguments.only, row.key)]
            print(f"{study.name}\n{listing(chosen)}")
        return
    for study in studies:
        if not (arguments.table_only or arguments.measured):
            run(study, arguments, extra)
        print(write_table(study, arguments.out).read_text(encoding="utf-8"))
    if arguments.measured:
        write_measured({study: folder_of(study, arguments.out) for study in STUDIES.values()})


def run(study: Study, arguments: Namespace, extra: list[str]) -> None:
    """Run what of one table was not run."""
    folder = folder_of(study, arguments.out)
    folder.mkdir(parents=True, exist_ok=True)
    cohort = fully_labeled(study.make(arguments.data, arguments.out), "test")
    trials = [
        row.trial(folder, cohort, seed, arguments.steps, extra=extra)
        for seed in arguments.seeds
        for row in few_rows(study)
        if re.search(arguments.only, row.key)
    ]
    run_trials(trials, arguments.jobs, lambda: write_table(study, arguments.out))


if __name__ == "__main__":
    main()
