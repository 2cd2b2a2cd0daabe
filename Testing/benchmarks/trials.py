"""Trainings of the tables of Dice: one by the command line, many side by side, none twice.

Each run is the command line as a user runs it, on one thread. What it came to is a JSON file; a run
whose file is there is not repeated, and one whose file was made with other options is refused.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

SEEDS = (0, 1, 2)
RESULTS = Path(__file__).parent / "results"
DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


class TrialFailed(RuntimeError):
    """A training that ended badly; the message has the end of what it printed."""


@dataclass(frozen=True)
class Trial:
    """One training: its key and seed name its result, ``make`` writes its cohort.

    ``make`` takes an empty folder and the seed and returns the cohort file. ``facts`` are written
    into the result beside what was measured.
    """

    folder: Path
    key: str
    seed: int
    options: Sequence[str]
    make: Callable[[Path, int], Path]
    on: str = "test"
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """The file of its result."""
        return self.folder / f"{self.key}-seed{self.seed}.json"

    def result(self) -> dict[str, Any] | None:
        """What it came to, None where it was not run."""
        if not self.path.exists():
            return None
        return json.loads(self.path.read_text(encoding="utf-8"))

    def was_made_otherwise(self) -> bool:
        """Whether a result of its name is there that other options led to."""
        result = self.result()
        if result is None:
            return False
        return (result["options"], result.get("on", "test")) != (list(self.options), self.on)

    def run(self) -> dict[str, Any]:
        """Trains, predicts and measures, unless its result is there; raises TrialFailed."""
        if result := self.result():
            return result
        work = fresh(self.folder / "work" / self.path.stem)
        outcome = train_and_measure(work / "run", self.make(work, self.seed), self.options)
        result = {
            "key": self.key,
            "options": list(self.options),
            "on": self.on,
            "seed": self.seed,
            **self.facts,
            **outcome,
        }
        # Written aside first: a file that is there is whole.
        part = self.path.with_suffix(".part")
        part.write_text(json.dumps(result, indent=1), encoding="utf-8")
        part.replace(self.path)
        remove(work)
        return result


def fresh(folder: Path) -> Path:
    """The folder, empty."""
    if folder.exists():
        remove(folder)
    folder.mkdir(parents=True)
    return folder


def remove(folder: Path) -> None:
    """Delete a work folder with all that is in it."""
    subprocess.run(["rm", "-rf", str(folder)], check=True)


def train_and_measure(run: Path, cohort: Path, options: Sequence[str]) -> dict[str, Any]:
    """One training by the command line, as a user starts it, on one thread; then its Dice.

    Raises TrialFailed with the end of its output.
    """
    command = [sys.executable, "-m", "SemiWeakSegLib", "train", str(run)]
    command += ["--cohort", str(cohort), "--predict", "test", "--headers-only", *options]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    started = time.time()
    finished = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8")
    if finished.returncode:
        raise TrialFailed(f"{finished.stdout[-2000:]}\n{finished.stderr[-2000:]}".strip())
    metrics = json.loads((run / "predictions" / "metrics.json").read_text(encoding="utf-8"))
    lines = (run / "events.jsonl").read_text(encoding="utf-8").splitlines()
    events = [json.loads(line) for line in lines]
    return {
        "mean_dice": metrics["mean_dice"],
        "per_class": {name: row["dice"] for name, row in metrics["per_class"].items()},
        "seconds": round(time.time() - started, 1),
        "training_seconds": training_seconds(events),
        "size_error": size_error(events),
        "warnings": [event["message"] for event in events if event["kind"] == "warning"],
    }


def training_seconds(events: Sequence[dict[str, Any]]) -> float:
    """Steps over their rate, summed over the stages; loading and predicting do not count."""
    last = {event["stage"]: event for event in events if event["kind"] == "progress"}
    return round(sum(event["step"] / event["rate"] for event in last.values()), 2)


def size_error(events: Sequence[dict[str, Any]]) -> float | None:
    """Mean absolute error of the regressed sizes in percent, None where none were regressed."""
    sizes = [event["per_class"] for event in events if event["kind"] == "sizes"]
    found = [row["mae_percent"] for row in sizes[-1].values()] if sizes else []
    known = [each for each in found if each is not None]
    return float(np.mean(known)) if known else None


def run_trials(trials: Sequence[Trial], jobs: int, note: Callable[[], None] = lambda: None) -> None:
    """Run all, ``jobs`` at a time, in their order; ``note`` is called after each.

    A training that fails keeps no other from being run. Raises SystemExit at the end with those
    that failed, and at once where results were made with other options.
    """
    if stale := [trial.path.name for trial in trials if trial.was_made_otherwise()]:
        raise SystemExit(
            f"{len(stale)} results in {trials[0].folder} were made with other options: "
            f"{', '.join(stale)}. Remove them, or give another folder with --out."
        )
    failed = []
    with ThreadPoolExecutor(jobs) as pool:
        waiting = {pool.submit(trial.run): trial for trial in trials}
        for number, future in enumerate(as_completed(waiting), start=1):
            trial = waiting[future]
            try:
                result = future.result()
            except TrialFailed as error:
                failed.append(f"{trial.path.stem} failed: {error}")
                print(f"{number}/{len(trials)} {trial.path.stem} failed", flush=True)
                continue
            print(
                f"{number}/{len(trials)} {trial.path.stem}: {result['mean_dice']:.4f} in "
                f"{result['seconds']:.0f} s",
                flush=True,
            )
            note()
    if failed:
        raise SystemExit("\n".join(failed))


def make_parser(description: str, rows: str = "rows whose key") -> argparse.ArgumentParser:
    """The options that all tables have; ``rows``: what ``--only`` chooses from."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=RESULTS, help="results, one file a run")
    parser.add_argument("--data", type=Path, default=DATA, help="folder that holds hippocampus")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, each on one thread")
    parser.add_argument("--only", default="", help=f"{rows} this regular expression finds")
    parser.epilog = "What follows a -- is handed to train."
    return parser


def parse(parser: argparse.ArgumentParser) -> tuple[argparse.Namespace, list[str]]:
    """The command line before a ``--``, and what comes after it for ``train``."""
    given = sys.argv[1:]
    end = given.index("--") if "--" in given else len(given)
    arguments = parser.parse_args(given[:end])
    try:
        re.compile(arguments.only)
    except re.error as error:
        parser.error(f"--only {arguments.only}: {error}")
    return arguments, given[end + 1 :]
