"""What each term of the loss costs: a training step with it against the step without it.

    python Testing/benchmarks/term_cost.py [--rounds 15] [--threads 1] [--only crf] [--json FILE]

The step without it is that of ``supervised`` on the same batches: for a term that acts on unlabeled
cases, one that draws and predicts an unlabeled batch as well. What that batch costs is a row of its
own. All steps are run in turns in one process, and the table gives ratios of medians; terms on
whole images make no difference, as all patches hold whole ones.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from step_cost import CASES, SPACING, make_cohort, make_trainer, make_workshop, timed

from SemiWeakSegLib.cohort import Cohort
from SemiWeakSegLib.cohort.simulate import simulate
from SemiWeakSegLib.learning.processes import Processes
from SemiWeakSegLib.learning.recipes import make_stages
from SemiWeakSegLib.learning.stages import Workshop
from SemiWeakSegLib.learning.terms import Step, Term
from SemiWeakSegLib.learning.trainer import StageTrainer
from SemiWeakSegLib.methods.supervised import Supervised
from SemiWeakSegLib.methods.terms import parse_term

WARM_UP = 3


@dataclass(frozen=True)
class Row:
    """A term as it is written after ``--add``; empty: the step without any.

    ``boxed``: the annotated cases carry boxes instead of labels. ``unlabeled``: a batch of
    unlabeled cases takes part.
    """

    request: str
    boxed: bool = False
    unlabeled: bool = False

    @property
    def base(self) -> Row:
        """The step without the term, on the same batches."""
        return replace(self, request="")


ROWS = (
    Row("crf"),
    Row("crf,neighbourhood=grid"),
    Row("crf,form=normalised_cut"),
    Row("crf,gate=unlabeled"),
    Row("boxes", boxed=True),
    Row("candidates", boxed=True, unlabeled=True),
    Row("", unlabeled=True),
    Row("entropy", unlabeled=True),
    Row("pseudo_label", unlabeled=True),
    Row("pseudo_label,selection=class_balanced", unlabeled=True),
    Row("cutmix", unlabeled=True),
    Row("transformation", unlabeled=True),
    Row("transformation,teacher=own", unlabeled=True),
    Row("pi_model", unlabeled=True),
    Row("pi_model,gradient=both", unlabeled=True),
    Row("ict", unlabeled=True),
    Row("mixup"),
    Row("mean_teacher", unlabeled=True),
    Row("uncertainty_teacher", unlabeled=True),
    Row("temporal_ensembling", unlabeled=True),
    Row("adversarial", unlabeled=True),
    Row("adversarial,criterion=wasserstein", unlabeled=True),
    Row("adversarial_self_training", unlabeled=True),
    Row("size,sources=common", unlabeled=True),
    Row("size,sources=common,penalty=log_barrier", unlabeled=True),
    Row("moments", unlabeled=True),
    Row("prior,form=l2", unlabeled=True),
    Row("prior,form=kl", unlabeled=True),
    Row("prior,form=reverse_kl", unlabeled=True),
    Row("prior,form=prior_aware", unlabeled=True),
    Row("area,sources=common", unlabeled=True),
    Row("class_ratio", unlabeled=True),
    Row("mutual_information", unlabeled=True),
)


class UnlabeledBatch(Term):
    """Asks for an unlabeled batch, and for predictions of it if ``reads``, and adds nothing."""

    name = "unlabeled_batch"
    uses_unlabeled = True

    def __init__(self, reads: bool):
        super().__init__()
        self.reads_unlabeled = reads

    def __call__(self, step: Step) -> torch.Tensor:
        return step.zero()


def make_row(row: Row, shop: Workshop, processes: Processes) -> StageTrainer:
    """The last stage of ``supervised`` with a term, ready to step."""
    requests = [parse_term(row.request)] if row.request else []
    stage = make_stages(Supervised(), requests, shop)[-1]
    if row.unlabeled:
        own = stage.make_terms
        # A term decides itself whether its batch is predicted.
        stage.make_terms = lambda: [*own(), UnlabeledBatch(reads=not requests)]
        stage.unlabeled = shop.unlabeled
    trainer = make_trainer(shop, stage, processes)
    if bool(trainer.batches.unlabeled) is not row.unlabeled:
        raise ValueError(f"{row.request}: unlabeled cases take part: {not row.unlabeled}")
    return trainer


def with_bounds(cohort: Cohort, extent: float) -> Cohort:
    """Classes bounded to between a hundredth and a tenth of an image."""
    bounds = (0.01 * extent, 0.1 * extent)
    return replace(cohort, classes=[replace(each, size_bounds=bounds) for each in cohort.classes])


def medians(trainers: dict[Row, StageTrainer], rounds: int) -> dict[Row, float]:
    """Seconds of a step of each, all measured in every round so that load hits them alike."""
    times: dict[Row, list[float]] = {row: [] for row in trainers}
    for number in range(rounds + WARM_UP):
        for row, trainer in trainers.items():
            seconds = timed(trainer.step, trainer.device)
            if number >= WARM_UP:
                times[row].append(seconds)
    return {row: statistics.median(values) for row, values in times.items()}


def measure(name: str, rows: list[Row], rounds: int, device: str) -> dict[Row, float]:
    """Each row's step over its base's; the unlabeled batch's over the step without it."""
    processes = Processes(device)
    shape, spacing = CASES[name], SPACING[name]
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        volume = 1.0
        for size, step in zip(shape, spacing[::-1], strict=True):
            volume *= size * step
        labeled = with_bounds(make_cohort(folder, shape, spacing), volume)
        labeled.save(folder / "labeled.json")
        boxed = simulate(labeled, "boxes", out_path=folder / "boxed.json")
        shops = {}
        for is_boxed in (False, True):
            own = folder / str(is_boxed)
            own.mkdir()
            cohort = boxed if is_boxed else labeled
            shops[is_boxed] = make_workshop(own, cohort, processes, whole=True)
        wanted = dict.fromkeys([*(row.base for row in rows), Row(""), *rows])
        trainers = {row: make_row(row, shops[row.boxed], processes) for row in wanted}
        seconds = medians(trainers, rounds)
    return {row: seconds[row] / seconds[row.base if row.request else Row("")] for row in rows}


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--only", default="", help="terms that this regular expression finds")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    rows = [row for row in ROWS if re.search(arguments.only, row.request)]
    found = {name: measure(name, rows, arguments.rounds, arguments.device) for name in CASES}
    print(f"| term | {' | '.join(CASES)} |\n|---|{'---|' * len(CASES)}")
    for row in rows:
        label = f"`{row.request}`" if row.request else "a batch of unlabeled cases"
        print(f"| {label} | {' | '.join(f'{found[name][row]:.2f}' for name in CASES)} |")
    if arguments.json:
        plain = {
            name: {row.request or "unlabeled batch": ratio for row, ratio in ratios.items()}
            for name, ratios in found.items()
        }
        arguments.json.write_text(json.dumps(plain, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
