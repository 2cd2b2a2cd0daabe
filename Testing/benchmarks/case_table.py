"""How long the table of cases keeps the event loop busy.

    python Testing/benchmarks/case_table.py [--cases N ...] [--rounds N]

Run in the testbed (Qt from PySide6, offscreen): inside Slicer a call from Python into Qt costs
several times as much. A fresh table for each round; medians of processor time in milliseconds, so
that other work on the machine does not count. "rows" is what is made of cases and facts, "table"
what Qt is told, with the view painted.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from Testing import testbed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, nargs="+", default=[100, 1000, 5000])
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    testbed.boot_application()
    columns = {count: measure(count, arguments.rounds) for count in sorted(set(arguments.cases))}
    names = list(next(iter(columns.values())))
    width = max(map(len, names))
    print(f"{'milliseconds':{width}}" + "".join(f"{count:>12,} cases" for count in columns))
    for name in names:
        print(f"{name:{width}}" + "".join(f"{column[name]:>18.1f}" for column in columns.values()))


def measure(count: int, rounds: int) -> dict[str, float]:
    """Median milliseconds of each thing a person or the check does to ``count`` cases."""
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, seconds in one_round(count).items():
            found.setdefault(name, []).append(1000.0 * seconds)
    return {name: statistics.median(times) for name, times in found.items()}


def one_round(count: int) -> dict[str, float]:
    import qt

    from SemiWeakSegLib.panels.case_table import CaseTable
    from SemiWeakSegLib.panels.cohort_state import CohortState

    study, inspection = made_up(count)
    view = qt.QTableView()
    view.resize(460, 500)
    view.show()
    table, state = CaseTable(view, lambda _case: None, lambda: None), CohortState()
    nothing = SimpleNamespace(problems=[], facts={}, finished=False)
    times: dict[str, float] = {}

    def timed(name: str, work: Callable[[], Any]) -> Any:
        begin = time.process_time()
        result = work()
        view.repaint()
        testbed.process_events(0)
        times[name] = time.process_time() - begin
        return result

    rows = timed("rows: a cohort is opened", lambda: state.rows(study, nothing))
    timed("table: a cohort is opened", lambda: table.setRows(rows))
    rows = timed("rows: the check has read all", lambda: state.rows(study, inspection))
    timed("table: the check has read all", lambda: table.setRows(rows))
    cases = study.cohort.cases
    cases[count // 2] = replace(cases[count // 2], role="validation")
    rows = timed("rows: one case changed", lambda: state.rows(study, inspection))
    timed("table: one case changed", lambda: table.setRows(rows))
    study.cohort.cases = [replace(case, role="test") for case in cases]
    rows = timed("rows: the role of all", lambda: state.rows(study, inspection))
    timed("table: the role of all", lambda: table.setRows(rows))
    timed("table: filter by a word", lambda: table.setFilter("case_01"))
    timed("table: filter by problems", lambda: table.setFilter("", "state=problem"))
    timed("table: no filter", lambda: table.setFilter(""))
    timed("table: sort by what is known", lambda: view.sortByColumn(2, qt.Qt.DescendingOrder))
    timed("table: half of the cases removed", lambda: table.setRows(rows[::2]))
    timed("table: undone", lambda: table.setRows(rows))
    table.cleanup()
    view.deleteLater()
    return times


def made_up(count: int) -> tuple[SimpleNamespace, SimpleNamespace]:
    """A study of ``count`` cases and what a finished check says, every tenth with a problem."""
    from SemiWeakSegLib.cohort import Case, Problem, SegmentClass

    cases = []
    facts = {}
    problems = []
    for index in range(count):
        name = f"case_{index:05d}"
        label = Path(f"labels/{name}.nii.gz") if index % 3 else None
        images = (Path(f"images/{name}.nii.gz"),)
        cases.append(Case(id=name, images=images, label=label, group=f"patient {index // 2}"))
        facts[name] = SimpleNamespace(
            kind="scribbled" if label else "unlabeled",
            voxels={0: 100 + index, 1: 7 * index, 2: index} if label else {},
            total=1_000_000,
            size=(128, 128, 64),
            spacing=(0.8, 0.8, 2.0),
            channels=1,
            dimension=3,
        )
        if index % 10 == 0:
            problem = ("error", "grid", name, label, "another grid", "the image's grid")
            problems.append(Problem(*problem))
    classes = [SegmentClass(1, "liver"), SegmentClass(2, "tumor")]
    study = SimpleNamespace(classes=classes, cohort=SimpleNamespace(cases=cases))
    return study, SimpleNamespace(problems=problems, facts=facts, finished=True)


if __name__ == "__main__":
    main()
