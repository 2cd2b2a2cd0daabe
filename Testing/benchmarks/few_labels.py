"""The table of few labels: every method on the same labeled cases, with paired differences.

    python Testing/benchmarks/few_labels.py hippocampus --steps 150 --long-steps 1000
    python Testing/benchmarks/few_labels.py heart --steps 200 --long-steps 600      (synthetic)

Resumable: a run whose result is in ``--out`` is not repeated. Each run is the command line as a
user runs it, on one thread, ``--jobs`` at a time. The table goes to ``OUT/<cohort>.md``.
"""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from trials import (
    DATA,
    RESULTS,
    SEEDS,
    Outcome,
    differences,
    fresh,
    hippocampus,
    own_and_handed_on,
    remove,
    side_by_side,
    spread,
    train_and_measure,
    with_labels,
)

from SemiWeakSegLib.cohort import Cohort
from SemiWeakSegLib.cohort.phantom import make_phantom
from SemiWeakSegLib.cohort.simulate import simulate

LABELED = (1, 2, 5)
METHODS = ("supervised", "proposals", "pseudo_label", "curriculum_size", "oracle_size")
# Every method's last network is trained for the same number of steps; earlier stages come on top.
EARLIER_SHARE = {"proposals": 0.5, "curriculum_size": 0.5}


@dataclass(frozen=True)
class Entry:
    """One training of the table."""

    name: str
    method: str
    labeled: int | None
    seed: int
    steps: int


def heart(folder: Path) -> Cohort:
    """The synthetic cohort: 40 patients with two frames each, 10 patients (20 stacks) for test."""
    path = folder / "heart" / "cohort.json"
    if not path.exists():
        make_phantom(path.parent, patients=40, seed=2026)
    cohort = Cohort.load(path)
    patients = sorted({case.group for case in cohort.cases})
    order = np.random.default_rng(2026).permutation(len(patients))
    test = {patients[number] for number in order[:10]}
    development = {patients[number] for number in order[10:15]}
    return cohort.with_cases(
        [
            replace(
                case,
                label=None,
                truth=case.reference,
                role=(
                    "test"
                    if case.group in test
                    else "validation"
                    if case.group in development
                    else "train"
                ),
            )
            for case in cohort.cases
        ]
    )


def entries(name: str, steps: int, long_steps: int) -> list[Entry]:
    """All trainings of one table, the references first."""
    result = []
    for seed in SEEDS:
        result.append(Entry("full supervision", "supervised", None, seed, long_steps))
        if name == "hippocampus":
            result.append(Entry("scribbles, partial CE + Dice", "supervised", 0, seed, long_steps))
            result.append(Entry("scribbles, CRF", "scribble_crf", 0, seed, long_steps))
    for seed in SEEDS:
        for labeled in LABELED:
            for method in METHODS:
                total = round(steps / (1 - EARLIER_SHARE.get(method, 0.0)))
                result.append(Entry(method, method, labeled, seed, total))
    return result


def result_path(folder: Path, entry: Entry) -> Path:
    """Where one training's result is kept."""
    label = {None: "all", 0: "scribbles"}.get(entry.labeled, f"n{entry.labeled}")
    return folder / f"{entry.method}-{label}-seed{entry.seed}.json"


def run_entry(entry: Entry, cohort: Cohort, folder: Path, on: str, extra: list[str]) -> dict:
    """Trains, predicts and measures one entry, unless its result is already there."""
    target = result_path(folder, entry)
    if target.exists():
        return json.loads(target.read_text(encoding="utf-8"))
    work = fresh(folder / "work" / target.stem)
    path = work / "cohort.json"
    if entry.labeled == 0:
        full = with_labels(cohort, None, entry.seed, on)
        simulate(full, "scribbles", fraction=0.01, seed=entry.seed, out_path=path)
    else:
        with_labels(cohort, entry.labeled, entry.seed, on).save(path)
    options = ["--method", entry.method, "--steps", str(entry.steps), "--seed", str(entry.seed)]
    outcome = train_and_measure(work / "run", path, [*options, *extra])
    result = {
        "name": entry.name,
        "method": entry.method,
        "labeled": entry.labeled,
        "seed": entry.seed,
        "steps": entry.steps,
        "mean_dice": outcome.mean_dice,
        "per_class": outcome.per_class,
        "seconds": outcome.seconds,
        **size_errors(outcome),
    }
    target.write_text(json.dumps(result, indent=1), encoding="utf-8")
    remove(work)
    return result


def size_errors(outcome: Outcome) -> dict:
    """How wrong the regressed sizes were, None for each where none were regressed."""
    sizes = [event["per_class"] for event in outcome.events if event["kind"] == "sizes"]
    if not sizes:
        return {"size_error": None, "size_r2": None}
    return {
        "size_error": {name: row["mae_percent"] for name, row in sizes[-1].items()},
        "size_r2": {name: row["r2"] for name, row in sizes[-1].items()},
    }


def table(results: list[dict]) -> str:
    """The Markdown table: Dice, and the difference to the baseline on the same labeled cases."""
    lines = ["| trained on | method | seeds | mean Dice % | paired difference | regressed sizes |"]
    lines += ["|---|---|---|---|---|---|"]
    seen = []
    for result in results:
        place = (result["labeled"], result["name"])
        if place in seen:
            continue
        seen.append(place)
        rows = [r for r in results if (r["labeled"], r["name"]) == place]
        base = {
            r["seed"]: r["mean_dice"]
            for r in results
            if r["labeled"] == result["labeled"] and r["method"] == "supervised"
        }
        paired = [r["mean_dice"] - base[r["seed"]] for r in rows if r["seed"] in base]
        is_base = result["method"] == "supervised"
        difference = "" if is_base else differences(paired)
        trained = {None: "all labels", 0: "scribbles ≤ 1 %"}.get(
            result["labeled"], f"n = {result['labeled']}"
        )
        errors = [e for r in rows if r["size_error"] for e in r["size_error"].values() if e]
        sizes = f"error {np.mean(errors):.0f} %" if errors else ""
        values = [r["mean_dice"] for r in rows]
        lines.append(
            f"| {trained} | {result['name']} | {len(rows)} | {spread(values)} | {difference} "
            f"| {sizes} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Fills one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cohort", choices=("hippocampus", "heart"))
    parser.add_argument(
        "--out",
        type=Path,
        default=RESULTS,
        help="results, one file a run",
    )
    parser.add_argument("--data", type=Path, help="folder with hippocampus/images and labels")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--steps", type=int, default=200, help="of the last network, few labels")
    parser.add_argument("--long-steps", type=int, default=600, help="all labels and scribbles")
    parser.add_argument("--only", help="entries whose key this regular expression finds")
    parser.add_argument(
        "--on", choices=("test", "validation"), default="test", help="validation: to find settings"
    )
    parser.add_argument(
        "--table-only", action="store_true", help="write the table of what is there, run nothing"
    )
    parser.epilog = "What follows a -- is handed to train."
    own, extra = own_and_handed_on()
    arguments = parser.parse_args(own)
    folder = arguments.out / arguments.cohort
    folder.mkdir(parents=True, exist_ok=True)
    if arguments.cohort == "hippocampus":
        cohort = hippocampus((arguments.data or DATA) / "hippocampus")
    else:
        cohort = heart(folder)
    todo = entries(arguments.cohort, arguments.steps, arguments.long_steps)
    if arguments.only:
        todo = [
            e
            for e in todo
            if re.search(arguments.only, f"{e.method}-n{e.labeled}-{e.name}-seed{e.seed}")
        ]
    if arguments.table_only:
        todo = [entry for entry in todo if result_path(folder, entry).exists()]
    results: dict[int, dict] = {}

    def run(entry: Entry) -> dict:
        return run_entry(entry, cohort, folder, arguments.on, extra)

    def note(entry: Entry, result: dict) -> None:
        results[todo.index(entry)] = result
        ordered = [results[place] for place in sorted(results)]
        (arguments.out / f"{arguments.cohort}.md").write_text(table(ordered), encoding="utf-8")
        print(
            f"{len(results)}/{len(todo)} {result['name']} n={result['labeled']} "
            f"seed {result['seed']}: {result['mean_dice']:.4f} in {result['seconds']:.0f} s",
            flush=True,
        )

    failed = side_by_side(todo, run, note, arguments.jobs)
    print((arguments.out / f"{arguments.cohort}.md").read_text(encoding="utf-8"))
    if failed:
        raise SystemExit(
            "\n".join(f"{result_path(folder, each).stem} failed: {why}" for each, why in failed)
        )


if __name__ == "__main__":
    main()
