"""The table of weak annotations: what each is worth on the same images, term by term.

    python Testing/benchmarks/weak.py --steps 1000 --jobs 2
    python Testing/benchmarks/weak.py --only '^boxes' --seeds 0
    python Testing/benchmarks/weak.py --only crf --on validation --out W -- --set ramp=0.5

The cohort and its split are those of few_labels.py; annotations are simulated from its labels. Each
run is the command line as a user runs it. All runs have the same steps, all stages of a method
together. Resumable: a run whose result is in ``--out`` is not repeated, whatever it was run with,
so runs with other settings need another ``--out``. All rows of a seed come before the next seed.
The table goes to ``OUT/weak.md``.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import numpy as np
from trials import (
    DATA,
    RESULTS,
    SEEDS,
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
from weak_rows import ROWS, Row

from SemiWeakSegLib.cohort import Cohort

Entry = tuple[Row, int]
"""A row and a seed: one training."""


def result_path(folder: Path, entry: Entry) -> Path:
    """Where one training's result is kept."""
    row, seed = entry
    return folder / f"{row.key}-seed{seed}.json"


def run_entry(entry: Entry, cohort: Cohort, folder: Path, steps: int, extra: list[str]) -> dict:
    """Trains, predicts and measures one entry, unless its result is already there."""
    target = result_path(folder, entry)
    if target.exists():
        return json.loads(target.read_text(encoding="utf-8"))
    row, seed = entry
    work = fresh(folder / "work" / target.stem)
    path = row.make(cohort, work, seed)
    options = [*row.options(), "--steps", str(steps), "--seed", str(seed), *extra]
    outcome = train_and_measure(work / "run", path, options)
    result = {
        "key": row.key,
        "options": options,
        "seed": seed,
        "mean_dice": outcome.mean_dice,
        "per_class": outcome.per_class,
        "seconds": outcome.seconds,
    }
    target.write_text(json.dumps(result, indent=1), encoding="utf-8")
    remove(work)
    return result


def table(folder: Path) -> str:
    """The Markdown table of all results in a folder.

    Dice; its share of full supervision's; and the paired difference, seed by seed, to the first
    row with the same annotation.
    """
    found: dict[str, dict[int, dict]] = {row.key: {} for row in ROWS}
    for row in ROWS:
        for path in folder.glob(f"{row.key}-seed*.json"):
            result = json.loads(path.read_text(encoding="utf-8"))
            found[row.key][result["seed"]] = result
    full = [result["mean_dice"] for result in found[ROWS[0].key].values()]
    lines = [
        "| annotation | learned by | seeds | mean Dice % | of full supervision | difference | "
        "per class % |",
        "|---|---|---|---|---|---|---|",
    ]
    firsts: dict[str, Row] = {}
    for row in ROWS:
        first = firsts.setdefault(row.annotation, row)
        results = found[row.key]
        if not results:
            continue
        values = [results[seed]["mean_dice"] for seed in sorted(results)]
        share = f"{100 * np.mean(values) / np.mean(full):.1f} %" if full else ""
        base = found[first.key]
        paired = [
            results[seed]["mean_dice"] - base[seed]["mean_dice"]
            for seed in sorted(results)
            if seed in base and row is not first
        ]
        classes = [
            f"{100 * np.mean([result['per_class'][name] for result in results.values()]):.1f}"
            for name in next(iter(results.values()))["per_class"]
        ]
        lines.append(
            f"| {row.annotation} | {row.learned_by} | {len(values)} | {spread(values)} | {share} "
            f"| {differences(paired)} | {', '.join(classes)} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Fills the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=RESULTS, help="results, one file a run")
    parser.add_argument("--data", type=Path, help="folder with hippocampus/images and labels")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, each on one thread")
    parser.add_argument("--steps", type=int, default=1000, help="of each run, all its stages")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--only", help="rows whose key this regular expression finds")
    parser.add_argument(
        "--on", choices=("test", "validation"), default="test", help="validation: to find settings"
    )
    parser.add_argument("--list", action="store_true", help="show the rows and their options")
    parser.add_argument(
        "--table-only", action="store_true", help="write the table of what is there, run nothing"
    )
    parser.epilog = "What follows a -- is handed to train."
    own, extra = own_and_handed_on()
    arguments = parser.parse_args(own)
    rows = [row for row in ROWS if re.search(arguments.only or "", row.key)]
    if arguments.list:
        for row in rows:
            print(f"{row.key:28} {row.annotation}, {row.learned_by}: {' '.join(row.options())}")
        return
    folder = arguments.out / "weak"
    folder.mkdir(parents=True, exist_ok=True)
    todo = [] if arguments.table_only else [(row, s) for s in arguments.seeds for row in rows]
    everything = hippocampus((arguments.data or DATA) / "hippocampus")
    cohort = with_labels(everything, None, 0, arguments.on)
    ready = 0

    def run(entry: Entry) -> dict:
        return run_entry(entry, cohort, folder, arguments.steps, extra)

    def note(entry: Entry, result: dict) -> None:
        nonlocal ready
        ready += 1
        (arguments.out / "weak.md").write_text(table(folder), encoding="utf-8")
        print(
            f"{ready}/{len(todo)} {result['key']} seed {result['seed']}: "
            f"{result['mean_dice']:.4f} in {result['seconds']:.0f} s",
            flush=True,
        )

    failed = side_by_side(todo, run, note, arguments.jobs)
    (arguments.out / "weak.md").write_text(table(folder), encoding="utf-8")
    print((arguments.out / "weak.md").read_text(encoding="utf-8"))
    if failed:
        raise SystemExit(
            "\n".join(f"{result_path(folder, each).stem} failed: {why}" for each, why in failed)
        )


if __name__ == "__main__":
    main()
