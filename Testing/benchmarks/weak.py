"""The table of weak annotations: what each is worth on the same images, term by term.

    python Testing/benchmarks/weak.py --steps 1000 --jobs 2
    python Testing/benchmarks/weak.py --only '^boxes' --seeds 0
    python Testing/benchmarks/weak.py --only crf --on validation --out W -- --set ramp=0.5

The cohort and its split are those of few_labels.py; annotations are simulated from its labels. Each
run is the command line as a user runs it. All runs have the same steps, all stages of a method
together. Resumable: a run whose result is in ``--out`` is not repeated; runs with other options
need another ``--out``. All rows of a seed come before the next seed. The table goes to
``OUT/weak.md``.
"""

from __future__ import annotations

import re

from cohorts import fully_labeled, hippocampus
from rows import listing
from tables import (
    ANNOTATION,
    DICE,
    DIFFERENCE,
    LEARNED_BY,
    NUMBER_OF_SEEDS,
    OF_FULL,
    PER_CLASS,
    Results,
    table,
)
from trials import SEEDS, make_parser, parse, run_trials
from weak_rows import ROWS

COLUMNS = (ANNOTATION, LEARNED_BY, NUMBER_OF_SEEDS, DICE, OF_FULL, DIFFERENCE, PER_CLASS)


def main() -> None:
    """Fills the table."""
    parser = make_parser(__doc__)
    parser.add_argument("--steps", type=int, default=1000, help="of each run, all its stages")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument(
        "--on", choices=("test", "validation"), default="test", help="validation: to find settings"
    )
    parser.add_argument("--list", action="store_true", help="show the rows and their options")
    parser.add_argument(
        "--table-only", action="store_true", help="write the table of what is there, run nothing"
    )
    arguments, extra = parse(parser)
    rows = [row for row in ROWS if re.search(arguments.only, row.key)]
    if arguments.list:
        print(listing(rows))
        return
    folder = arguments.out / "weak"
    folder.mkdir(parents=True, exist_ok=True)
    page = arguments.out / "weak.md"

    def write() -> None:
        page.write_text(table(Results(ROWS, folder), COLUMNS), encoding="utf-8")

    if not arguments.table_only:
        cohort = fully_labeled(hippocampus(arguments.data), arguments.on)
        steps, on = arguments.steps, arguments.on
        run_trials(
            [
                row.trial(folder, cohort, seed, steps, on, extra)
                for seed in arguments.seeds
                for row in rows
            ],
            arguments.jobs,
            write,
        )
    write()
    print(page.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
