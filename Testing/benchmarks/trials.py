"""What the tables of Dice share: the split of the real cohort, one training, many side by side."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from SemiWeakSegLib.cohort import Case, Cohort, SegmentClass

SEEDS = (0, 1, 2)
TEST_CASES = 40
DEVELOPMENT_CASES = 20
RESULTS = Path(__file__).parent / "results"
DATA = Path(__file__).resolve().parents[3] / "shared" / "data"

T = TypeVar("T")


class TrialFailed(RuntimeError):
    """A training that ended badly; the message has the end of what it printed."""


@dataclass(frozen=True)
class Outcome:
    """What one training came to on the test cases."""

    mean_dice: float
    per_class: dict[str, float]
    seconds: float
    events: list[dict]


def hippocampus(data: Path) -> Cohort:
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


def with_labels(cohort: Cohort, labeled: int | None, seed: int, on: str) -> Cohort:
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


def fresh(folder: Path) -> Path:
    """The folder, empty."""
    if folder.exists():
        remove(folder)
    folder.mkdir(parents=True)
    return folder


def remove(folder: Path) -> None:
    """Delete a work folder with all that is in it."""
    subprocess.run(["rm", "-rf", str(folder)], check=True)


def train_and_measure(run: Path, cohort: Path, options: Sequence[str]) -> Outcome:
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
    events = (run / "events.jsonl").read_text(encoding="utf-8").splitlines()
    return Outcome(
        mean_dice=metrics["mean_dice"],
        per_class={name: row["dice"] for name, row in metrics["per_class"].items()},
        seconds=round(time.time() - started, 1),
        events=[json.loads(line) for line in events],
    )


def side_by_side(
    todo: Sequence[T],
    run: Callable[[T], dict[str, Any]],
    note: Callable[[T, dict[str, Any]], None],
    jobs: int,
) -> list[tuple[T, TrialFailed]]:
    """Run all, ``jobs`` at a time; ``note`` is called for one result after the other.

    A training that fails keeps no other from being run; those that failed come back.
    """
    lock = threading.Lock()

    def one(each: T) -> None:
        result = run(each)
        with lock:
            note(each, result)

    failed = []
    with ThreadPoolExecutor(jobs) as pool:
        waiting = {pool.submit(one, each): each for each in todo}
        for future in as_completed(waiting):
            try:
                future.result()
            except TrialFailed as error:
                failed.append((waiting[future], error))
    return failed


def spread(values: list[float]) -> str:
    """Mean ± standard deviation over the seeds, in percent; of one seed its value alone."""
    mean = f"{100 * np.mean(values):.1f}"
    return mean if len(values) == 1 else f"{mean} ± {100 * np.std(values, ddof=1):.1f}"


def differences(paired: Sequence[float]) -> str:
    """Mean of paired differences in points, and each of them where there are several."""
    text = f"{100 * np.mean(paired):+.1f}" if paired else ""
    if len(paired) > 1:
        text += f" ({', '.join(f'{100 * each:+.1f}' for each in paired)})"
    return text


def own_and_handed_on() -> tuple[list[str], list[str]]:
    """The command line before a ``--``, and what comes after it for ``train``."""
    given = sys.argv[1:]
    end = given.index("--") if "--" in given else len(given)
    return given[:end], given[end + 1 :]
