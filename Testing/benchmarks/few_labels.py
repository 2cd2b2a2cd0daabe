"""The table of few labels: every method on the same labeled cases, with paired differences.

    python Testing/benchmarks/few_labels.py hippocampus --steps 150 --long-steps 1000
    python Testing/benchmarks/few_labels.py heart --steps 200 --long-steps 600      (synthetic)

Resumable: a run whose result is in ``--out`` is not repeated. Each run is the command line as a
user runs it, on one thread, ``--jobs`` at a time. The table goes to ``OUT/<cohort>.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from SemiWeakSegLib.cohort import Case, Cohort, SegmentClass
from SemiWeakSegLib.cohort.phantom import make_phantom
from SemiWeakSegLib.cohort.simulate import simulate

SEEDS = (0, 1, 2)
LABELED = (1, 2, 5)
METHODS = ("supervised", "proposals", "pseudo_label", "curriculum_size", "oracle_size")
# Every method's last network is trained for the same number of steps; earlier stages come on top.
EARLIER_SHARE = {"proposals": 0.5, "curriculum_size": 0.5}
TEST_CASES = 40
DEVELOPMENT_CASES = 20


@dataclass(frozen=True)
class Entry:
    """One training of the table."""

    name: str
    method: str
    labeled: int | None
    seed: int
    steps: int
    settings: tuple[str, ...] = ()


def hippocampus(folder: Path, data: Path) -> Cohort:
    """The real cohort: 40 test cases, 20 for development (settings), the rest for training.

    The split is drawn once with seed 2026 from the sorted names and is the same for all seeds.
    """
    names = sorted(path.name for path in (data / "images").glob("*.nii.gz"))
    order = np.random.default_rng(2026).permutation(len(names))
    cases = []
    for place, number in enumerate(order):
        name = names[number]
        role = "test" if place < TEST_CASES else "train"
        if TEST_CASES <= place < TEST_CASES + DEVELOPMENT_CASES:
            role = "validation"
        image, label = data / "images" / name, data / "labels" / name
        cases.append(Case(name[: -len(".nii.gz")], (image,), truth=label, role=role))
    return Cohort([SegmentClass(1, "anterior"), SegmentClass(2, "posterior")], cases)


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


def few_labels(cohort: Cohort, labeled: int | None, seed: int, on: str) -> Cohort:
    """Labels of ``labeled`` groups kept (None: all); tested on the role ``on``.

    The other of test and validation is left out: neither is looked at in training.
    """
    train = [case for case in cohort.cases if case.role == "train"]
    groups = sorted({case.group or case.id for case in train})
    order = np.random.default_rng([7, seed]).permutation(len(groups))
    kept = {groups[number] for number in order[: labeled or len(groups)]}
    cases = [
        replace(case, label=case.truth if (case.group or case.id) in kept else None)
        for case in train
    ]
    cases += [replace(case, role="test") for case in cohort.cases if case.role == on]
    return cohort.with_cases(cases)


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
    key = target.stem
    if target.exists():
        return json.loads(target.read_text(encoding="utf-8"))
    work = folder / "work" / key
    if work.exists():
        subprocess.run(["rm", "-rf", str(work)], check=True)
    work.mkdir(parents=True)
    path = work / "cohort.json"
    if entry.labeled == 0:
        full = few_labels(cohort, None, entry.seed, on)
        full.save(work / "dense.json")
        simulate(full, "scribbles", fraction=0.01, seed=entry.seed, out_path=path)
    else:
        few_labels(cohort, entry.labeled, entry.seed, on).save(path)
    command = [sys.executable, "-m", "SemiWeakSegLib", "train", str(work / "run")]
    command += ["--cohort", str(path), "--method", entry.method, "--steps", str(entry.steps)]
    command += ["--seed", str(entry.seed), "--predict", "test", "--headers-only", *extra]
    if entry.settings:
        command += ["--set", *entry.settings]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    started = time.time()
    finished = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8")
    if finished.returncode:
        raise RuntimeError(f"{key} failed:\n{finished.stdout[-2000:]}\n{finished.stderr[-2000:]}")
    metrics = json.loads(
        (work / "run" / "predictions" / "metrics.json").read_text(encoding="utf-8")
    )
    events = [json.loads(line) for line in (work / "run" / "events.jsonl").open()]
    sizes = [event for event in events if event["kind"] == "sizes"]
    result = {
        "name": entry.name,
        "method": entry.method,
        "labeled": entry.labeled,
        "seed": entry.seed,
        "steps": entry.steps,
        "mean_dice": metrics["mean_dice"],
        "per_class": {name: row["dice"] for name, row in metrics["per_class"].items()},
        "seconds": round(time.time() - started, 1),
        "size_error": {k: v["mae_percent"] for k, v in sizes[-1]["per_class"].items()}
        if sizes
        else None,
        "size_r2": {k: v["r2"] for k, v in sizes[-1]["per_class"].items()} if sizes else None,
    }
    target.write_text(json.dumps(result, indent=1), encoding="utf-8")
    subprocess.run(["rm", "-rf", str(work)], check=True)
    return result


def spread(values: list[float]) -> str:
    """Mean ± standard deviation over the seeds, in percent."""
    deviation = np.std(values, ddof=1) if len(values) > 1 else 0.0
    return f"{100 * np.mean(values):.1f} ± {100 * deviation:.1f}"


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
        difference = "" if is_base or not paired else f"{100 * np.mean(paired):+.1f}"
        if difference and len(paired) > 1:
            difference += f" ({', '.join(f'{100 * d:+.1f}' for d in paired)})"
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
        default=Path(__file__).parent / "results",
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
    given = sys.argv[1:]
    end = given.index("--") if "--" in given else len(given)
    arguments, extra = parser.parse_args(given[:end]), given[end + 1 :]
    folder = arguments.out / arguments.cohort
    folder.mkdir(parents=True, exist_ok=True)
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    if arguments.cohort == "hippocampus":
        cohort = hippocampus(folder, (arguments.data or beside) / "hippocampus")
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
    results = []
    lock = threading.Lock()

    def one(entry: Entry) -> None:
        result = run_entry(entry, cohort, folder, arguments.on, extra)
        with lock:
            note(entry, result)

    def note(entry: Entry, result: dict) -> None:
        results.append((todo.index(entry), result))
        ordered = [each for _, each in sorted(results, key=lambda pair: pair[0])]
        (arguments.out / f"{arguments.cohort}.md").write_text(table(ordered), encoding="utf-8")
        print(
            f"{len(results)}/{len(todo)} {result['name']} n={result['labeled']} "
            f"seed {result['seed']}: {result['mean_dice']:.4f} in {result['seconds']:.0f} s",
            flush=True,
        )

    with ThreadPoolExecutor(arguments.jobs) as pool:
        for future in [pool.submit(one, entry) for entry in todo]:
            future.result()
    print((arguments.out / f"{arguments.cohort}.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
