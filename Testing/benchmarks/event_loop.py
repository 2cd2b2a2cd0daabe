"""How long Slicer's event loop stands still while a training runs in the background.

    python Testing/benchmarks/event_loop.py [--seconds 20] [--json FILE]

The real module is loaded on the testbed (real MRML, Qt without a screen; Slicer's own drawing is
not in it). While a real training runs, events are handled in a loop and each turn is timed: by the
clock, which also counts what other processes took of the processor, and by the processor time of
this thread, which is what the module itself did. The stand-ins for Slicer's node selectors are
Python: the turn in which the first chart is made is slower here than in Slicer.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from SemiWeakSegLib.runs import EventLog, RunFolder, RunRequest
from Testing import testbed
from Testing.learning.tiny import make_cohort

MODULE = Path(__file__).resolve().parents[2] / "SemiWeakSeg" / "SemiWeakSeg.py"
PAST_EVENTS = 10_000
PAST_CASES = 1_000


class Turns:
    """Times the turns of the event loop."""

    def __init__(self) -> None:
        self.clock: list[float] = []
        self.own: list[float] = []

    def run(self, goes_on: Callable[[], bool]) -> None:
        """Turn while `goes_on()`; what is asked there is not counted."""
        import slicer

        while goes_on():
            began, began_own = time.perf_counter(), time.thread_time()
            slicer.app.processEvents()
            self.own.append(time.thread_time() - began_own)
            self.clock.append(time.perf_counter() - began)
            time.sleep(0.002)

    def row(self) -> dict[str, float]:
        """Milliseconds: 99 of 100 turns, and the longest."""
        return {
            "turns": len(self.clock),
            "clock_99": 1000 * _quantile(self.clock, 0.99),
            "clock_max": 1000 * max(self.clock),
            "own_99": 1000 * _quantile(self.own, 0.99),
            "own_max": 1000 * max(self.own),
        }


def measure(folder: Path, seconds: float) -> dict[str, dict[str, float]]:
    """Rows by what was going on."""
    testbed.boot_application()
    loaded = testbed.load_module(MODULE)
    logic, panel = loaded.logic, loaded.panels["train"]
    loaded.widget.enter()
    rows = {}

    def timed(title: str, goes_on: Callable[[], bool]) -> None:
        turns = Turns()
        turns.run(goes_on)
        rows[title] = turns.row()

    def for_seconds(amount: float) -> Callable[[], bool]:
        end = time.monotonic() + amount
        return lambda: time.monotonic() < end

    make_cohort(folder / "study", labeled=4, unlabeled=8)
    logic.openCohort(folder / "study")
    logic.environment(waitForCompletion=True)
    logic.inspect(waitForCompletion=True)
    timed("nothing runs", for_seconds(seconds / 4))
    node = logic.getParameterNode()
    node.budgetKind, node.steps, node.device = "steps", 10_000_000, "cpu"
    node.settingsJson = '{"supervised": {"validations": 100}}'
    panel.ui.logGroupBox.collapsed = False
    rows["press Start"] = _once(panel.ui.startButton.click)
    timed("training begins", lambda: not _is_training(panel))
    timed("training, curves and log shown", for_seconds(seconds))
    rows["press Stop"] = _once(panel.ui.stopButton.click)
    timed("training ends", lambda: logic.isTraining)
    logic.detach()
    run = _long_run(folder / "long")
    rows[f"attach to a run of {PAST_EVENTS} events"] = _once(lambda: logic.attach(run))
    timed("its past is read", for_seconds(seconds / 4))
    logic.detach()
    make_cohort(folder / "big", labeled=PAST_CASES - 2, unlabeled=0, shape=(8, 8))
    logic.openCohort(folder / "big")
    timed(f"{PAST_CASES} cases are checked", lambda: not logic.checking.isCurrent())
    loaded.widget.cleanup()
    return rows


def _is_training(panel: object) -> bool:
    update = panel.runView.update
    return update is not None and update.activity == "training"


def _long_run(folder: Path) -> RunFolder:
    """A run whose worker is alive and has much to tell."""
    run = RunFolder.create(folder, RunRequest(method="supervised"))
    log = EventLog(run.events_path)
    log.append("started", method="supervised", device="cpu", resumed=False)
    log.append("stage", name="segment", steps=PAST_EVENTS, step=0)
    for step in range(PAST_EVENTS):
        losses = {"supervised": 1 / (1 + step), "total": 1 / (1 + step)}
        shared = {"stage": "segment", "step": step}
        log.append("progress", total=PAST_EVENTS, losses=losses, rate=1.0, eta=1.0, **shared)
    run.write_status("running")
    return run


def _once(act: Callable[[], object]) -> dict[str, float]:
    began, began_own = time.perf_counter(), time.thread_time()
    act()
    own = time.thread_time() - began_own
    return {"turns": 1, "clock_max": 1000 * (time.perf_counter() - began), "own_max": 1000 * own}


def _quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as text:
        os.environ["SEMIWEAKSEG_CACHE"] = str(Path(text) / "cache")
        rows = measure(Path(text), arguments.seconds)
    print("| while | turns | longest, ms | 99 %, ms | own work: longest, ms | 99 %, ms |")
    print("|---|---|---|---|---|---|")
    for title, row in rows.items():
        figures = [row.get(key) for key in ("clock_max", "clock_99", "own_max", "own_99")]
        shown = " | ".join("" if each is None else f"{each:.1f}" for each in figures)
        print(f"| {title} | {row['turns']} | {shown} |")
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
