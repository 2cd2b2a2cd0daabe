"""A step of the training loop against the bare step of the same network and batch.

    python Testing/benchmarks/step_cost.py [--rounds 15] [--threads 1] [--json FILE]

Bare: forward, cross-entropy, backward, AdamW on a batch that is already there. The loop adds
drawing and augmenting the batch, partial CE + Dice, gradient clipping and the weight average.
Both are run in turns in one process; the table gives medians as a ratio.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from SemiWeakSegLib.cohort import Case, Cohort, SegmentClass
from SemiWeakSegLib.cohort.images import Geometry, write_label, write_scalar
from SemiWeakSegLib.learning.budget import Budget
from SemiWeakSegLib.learning.networks import build_network
from SemiWeakSegLib.learning.plan import make_plan
from SemiWeakSegLib.learning.processes import Processes
from SemiWeakSegLib.learning.recipes import make_stages
from SemiWeakSegLib.learning.short_floats import autocast
from SemiWeakSegLib.learning.stages import Stage, Workshop
from SemiWeakSegLib.learning.store import CaseStore
from SemiWeakSegLib.learning.trainer import StageTrainer
from SemiWeakSegLib.methods.menu import get
from SemiWeakSegLib.methods.supervised import Supervised
from SemiWeakSegLib.runs.folder import RunFolder

CASES = {"volumes 48×64×48": (44, 60, 44), "slices 112×112": (10, 112, 112)}
SPACING = {"volumes 48×64×48": (1.0, 1.0, 1.0), "slices 112×112": (1.75, 1.75, 8.0)}


def make_cohort(folder: Path, shape: tuple[int, ...], spacing: tuple[float, ...]) -> Cohort:
    """Eight volumes of noise with a box in each, half of them labeled."""
    source, cases = np.random.default_rng(0), []
    geometry = Geometry(shape[::-1], spacing, (0.0,) * 3, tuple(np.eye(3).ravel()))
    for number in range(8):
        label = np.zeros(shape, dtype=np.uint8)
        label[2:-2, 10:30, 10:30] = 1
        label[2:-2, 30:40, 10:30] = 2
        image = (label + source.normal(0, 0.5, shape)).astype(np.float32)
        write_scalar(folder / f"{number}.nii.gz", image, geometry)
        write_label(folder / f"{number}_label.nii.gz", label, geometry)
        known = folder / f"{number}_label.nii.gz" if number < 4 else None
        cases.append(Case(str(number), (folder / f"{number}.nii.gz",), label=known))
    return Cohort([SegmentClass(1, "one"), SegmentClass(2, "two")], cases)


def make_workshop(
    folder: Path, cohort: Cohort, processes: Processes, *, whole: bool = False
) -> Workshop:
    """What a run makes of a cohort before it trains; ``whole``: patches hold whole images."""
    plan = make_plan(cohort, whole=whole, device=processes.device.type)
    store = CaseStore(cohort.cases, plan, processes.device, folder / "cache")
    everything = range(len(cohort.cases))
    labeled = [index for index in everything if store.annotated(index)]
    return Workshop(
        run=RunFolder(folder / "run"),
        plan=plan,
        store=store,
        device=processes.device,
        seed=0,
        labeled=labeled,
        dense=[i for i in labeled if cohort.annotation_kind(cohort.cases[i]) == "labeled"],
        unlabeled=[index for index in everything if index not in labeled],
        validation=[],
        emit=lambda *args, **kwargs: None,
        classes=cohort.classes,
    )


def make_trainer(shop: Workshop, stage: Stage, processes: Processes) -> StageTrainer:
    """A stage with default settings, ready to step."""
    return StageTrainer(shop, stage, 0, Budget(steps=10_000), Supervised(), processes)


def make_bare(trainer: StageTrainer) -> Callable[[], None]:
    """The bare step on as many patches as the trainer's network sees in a step."""
    plan, device = trainer.workshop.plan, trainer.device
    count = plan.batch_labeled + (plan.batch_unlabeled if trainer.batches.unlabeled else 0)
    network = build_network(plan.network).to(device).train()
    optimiser = torch.optim.AdamW(network.parameters(), fused=True)
    image = torch.randn(count, plan.channels_in, *plan.patch_size, device=device)
    target = torch.randint(plan.num_classes, (count, *plan.patch_size), device=device)

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        with autocast(device):
            logits = network(image)
        torch.nn.functional.cross_entropy(logits.float(), target).backward()
        optimiser.step()

    return step


def make_draw(trainer: StageTrainer) -> Callable[[], None]:
    """Drawing and augmenting the batches of one step."""
    generator = torch.Generator().manual_seed(0)

    def draw() -> None:
        trainer.batches.labeled.draw(generator)
        if trainer.batches.unlabeled:
            trainer.batches.unlabeled.draw(generator)

    return draw


def timed(step: Callable[[], None], device: torch.device) -> float:
    """Seconds of one call, the device's work included."""
    started = time.perf_counter()
    step()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    rows = {}
    print("| data | method | step of the loop / bare step | batch / bare step |\n|---|---|---|---|")
    for name, shape in CASES.items():
        for method in ("supervised", "scribble_crf", "pseudo_label"):
            with tempfile.TemporaryDirectory() as text:
                folder = Path(text)
                cohort = make_cohort(folder, shape, SPACING[name])
                processes = Processes(arguments.device)
                shop = make_workshop(folder, cohort, processes)
                stage = make_stages(get(method)(), [], shop)[-1]
                trainer = make_trainer(shop, stage, processes)
                bare = make_bare(trainer)
                draw = make_draw(trainer)
                times: dict[str, list[float]] = {"loop": [], "bare": [], "batch": []}
                for number in range(arguments.rounds + 3):
                    measured = {
                        "loop": timed(trainer.step, trainer.device),
                        "bare": timed(bare, trainer.device),
                        "batch": timed(draw, trainer.device),
                    }
                    if number >= 3:  # the first rounds warm up
                        for key, value in measured.items():
                            times[key].append(value)
                medians = {key: statistics.median(values) for key, values in times.items()}
                ratio, batch = (medians[key] / medians["bare"] for key in ("loop", "batch"))
                rows[f"{name}, {method}"] = {"loop": ratio, "batch": batch}
                print(f"| {name} | {method} | {ratio:.2f} | {batch:.3f} |", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
