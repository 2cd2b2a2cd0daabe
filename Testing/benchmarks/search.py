"""The search for settings, on the development cases only: successive halving over seeds.

    python Testing/benchmarks/search.py mean_teacher cutmix --jobs 2
    python Testing/benchmarks/search.py --cohorts heart --labeled 1 2
    python Testing/benchmarks/search.py cutmix --list

Every candidate of ``search_space.py`` is run with the first seed on all cohorts; the better half by
the mean difference to ``supervised`` goes on to the next seed, and so forth. The settings that are
the default now always go on, so that a change of them rests on all seeds. Seeds are others than
those of the tables, so labeled cases are drawn anew, and test cases are never read. Resumable: a
run whose result is in ``--out`` is not repeated. The table goes to ``OUT/search.md``.
"""

from __future__ import annotations

import math
import re
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from cohorts import fully_labeled
from few_rows import STEPS, STUDIES, Study
from rows import Row
from search_space import SPACE
from tables import differences
from trials import Trial, make_parser, parse, run_trials
from weak_cohorts import few

from SemiWeakSegLib.cohort import Cohort
from SemiWeakSegLib.methods import get

SEEDS = (10, 11, 12)
BASELINE = "supervised"


@dataclass(frozen=True)
class Candidate:
    """A method with a value for each setting that is searched for it."""

    method: str
    values: tuple[tuple[str, Any], ...] = ()
    is_default: bool = False

    @property
    def settings(self) -> tuple[str, ...]:
        """As after ``--set``."""
        return tuple(f"{name}={_plain(value)}" for name, value in self.values)

    def row(self, study: Study, labeled: int) -> Row:
        """Its row on a cohort with so many labeled groups of cases."""
        return Row(
            key="-".join((self.method, *self.settings, f"n{labeled}")),
            annotation=f"{labeled} labeled",
            learned_by=self.method,
            make=few("full", labeled),
            method=self.method,
            settings=self.settings,
            plan=study.plan,
        )


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def candidates(method: str) -> list[Candidate]:
    """The default and all variations; each states every setting that any of them varies.

    So a result keeps its meaning when a default moves.
    """
    variations = SPACE[method]
    names = sorted({name for each in variations for name in each})
    standard = get(method)().to_dict()
    default = {name: standard[name] for name in names}
    found = {tuple(sorted(({**default, **each}).items())): None for each in ({}, *variations)}
    return [Candidate(method, values, is_default=dict(values) == default) for values in found]


class Search:
    """The runs of all candidates on all cohorts, and what they came to."""

    def __init__(self, arguments: Namespace, extra: Sequence[str]):
        self.arguments = arguments
        self.extra = extra
        self.cohorts: dict[Study, Cohort] = {}
        for name in arguments.cohorts:
            study = STUDIES[name]
            everything = study.make(arguments.data, arguments.out)
            self.cohorts[study] = fully_labeled(everything, "validation")

    def trial(self, candidate: Candidate, study: Study, labeled: int, seed: int) -> Trial:
        """One training."""
        folder = self.arguments.out / "search" / study.name
        folder.mkdir(parents=True, exist_ok=True)
        return candidate.row(study, labeled).trial(
            folder,
            self.cohorts[study],
            seed,
            self.arguments.steps,
            "validation",
            self.extra,
        )

    def run(self, chosen: Sequence[Candidate], seed: int) -> None:
        """Run the candidates and the baseline with a seed."""
        run_trials(
            [
                self.trial(each, study, labeled, seed)
                for study in self.cohorts
                for labeled in self.arguments.labeled
                for each in (Candidate(BASELINE), *chosen)
            ],
            self.arguments.jobs,
        )

    def gains(self, candidate: Candidate, study: Study) -> dict[int, float]:
        """Difference to the baseline for each seed that was run, mean over labeled counts."""
        found = {}
        for seed in self.arguments.seeds:
            pairs = [
                (
                    self.trial(candidate, study, labeled, seed).result(),
                    self.trial(Candidate(BASELINE), study, labeled, seed).result(),
                )
                for labeled in self.arguments.labeled
            ]
            if all(own and base for own, base in pairs):
                each = [own["mean_dice"] - base["mean_dice"] for own, base in pairs]
                found[seed] = float(np.mean(each))
        return found

    def score(self, candidate: Candidate) -> float:
        """Mean over the cohorts of the mean gain over the seeds; -inf where one has none."""
        gains = [list(self.gains(candidate, study).values()) for study in self.cohorts]
        return float(np.mean([np.mean(each) for each in gains])) if all(gains) else -math.inf

    def halved(self, chosen: Sequence[Candidate]) -> list[Candidate]:
        """The better half of a method's candidates, rounded up, and its default."""
        ranked = sorted(chosen, key=self.score, reverse=True)
        kept = ranked[: math.ceil(len(ranked) / 2)]
        return [each for each in chosen if each in kept or each.is_default]

    def table(self, methods: Sequence[str]) -> str:
        """All candidates that were run, best first; the defaults are bold."""
        names = [study.name for study in self.cohorts]
        lines = [
            f"| method | settings | seeds | {' | '.join(names)} | mean gain |",
            f"|---|---|---|{'---|' * len(names)}---|",
        ]
        for method in methods:
            # More seeds first: what was dropped early is no rival of what went on.
            rows = [(self._seeds(each), self.score(each), each) for each in candidates(method)]
            for seeds, score, each in sorted(rows, key=lambda row: row[:2], reverse=True):
                if seeds == 0 or score == -math.inf:
                    continue
                settings = ", ".join(f"`{setting}`" for setting in each.settings)
                gains = [differences(list(self.gains(each, s).values())) for s in self.cohorts]
                shown = f"**{settings}**" if each.is_default else settings
                lines.append(
                    f"| {method} | {shown} | {seeds} | {' | '.join(gains)} | {100 * score:+.1f} |"
                )
        return "\n".join(lines) + "\n"

    def _seeds(self, candidate: Candidate) -> int:
        return min(len(self.gains(candidate, study)) for study in self.cohorts)


def main() -> None:
    """Searches, and writes the table."""
    parser = make_parser(__doc__, "besides the defaults, candidates whose settings")
    parser.add_argument("methods", nargs="*", metavar="METHOD", help=f"of {', '.join(SPACE)}; all")
    parser.add_argument("--cohorts", nargs="+", choices=STUDIES, default=list(STUDIES))
    parser.add_argument("--labeled", type=int, nargs="+", default=[1], help="labeled groups (1)")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--list", action="store_true", help="show the candidates")
    parser.add_argument(
        "--table-only", action="store_true", help="write the table of what is there, run nothing"
    )
    arguments, extra = parse(parser)
    if unknown := set(arguments.methods) - set(SPACE):
        parser.error(f"nothing is searched for {', '.join(sorted(unknown))}")
    methods = arguments.methods or list(SPACE)
    chosen = {
        method: [
            each
            for each in candidates(method)
            if each.is_default or re.search(arguments.only, " ".join(each.settings))
        ]
        for method in methods
    }
    if arguments.list:
        for method in methods:
            for each in chosen[method]:
                print(method, *each.settings, "(default)" if each.is_default else "")
        return
    search = Search(arguments, extra)
    for seed in () if arguments.table_only else arguments.seeds:
        search.run([each for method in methods for each in chosen[method]], seed)
        chosen = {method: search.halved(each) for method, each in chosen.items()}
        write(search, arguments.out)
    print(write(search, arguments.out).read_text(encoding="utf-8"))


def write(search: Search, out: Path) -> Path:
    """The table of all methods of which anything was run; its file."""
    page = out / "search.md"
    page.write_text(search.table(list(SPACE)), encoding="utf-8")
    return page


if __name__ == "__main__":
    main()
