"""The only training loop: every method is a list of stages that it runs."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from torch import nn

from .answers import answers_to
from .batches import Batch, make_augmentation
from .budget import Budget, StageClock
from .in_training import InTraining, Losses
from .networks import build_network, on_device
from .processes import Processes
from .saved_model import save_tensors
from .schedules import cosine_rate
from .short_floats import autocast
from .stages import FINAL_STAGE, Stage, Workshop
from .step_batches import StepBatches
from .terms import StageContext, Step, Term
from .validation import validate

PROGRESS_SECONDS = 2.0
CHECKPOINT_SECONDS = 60.0
AVERAGE_SHARE = 0.05


class TrainingDiverged(RuntimeError):
    """The loss became NaN or infinite."""


class Stopped(Exception):
    """The run was asked to stop; a checkpoint has been written."""


class StageTrainer:
    """Trains the network of one stage; resumable bit for bit on the CPU.

    All randomness of a step comes from (seed, stage, step, process), so nothing but tensors and
    counters has to be restored.
    """

    def __init__(
        self,
        workshop: Workshop,
        stage: Stage,
        number: int,
        budget: Budget,
        settings: Any,
        processes: Processes,
        later_seconds: float = 0.0,
    ):
        self.workshop = workshop
        self.stage = stage
        self.number = number
        self.settings = settings
        self.processes = processes
        self.later_seconds = later_seconds
        self.device = workshop.device
        self.clock = StageClock(budget)
        self.best = -1.0
        self.validations = 0
        self.since_best = 0
        if stage.prepare:
            stage.prepare(workshop)
        self.augmentation = make_augmentation(stage.augmentation, workshop.plan)
        self._make_network()
        self._make_terms()
        self._make_batches()

    def _make_network(self) -> None:
        torch.manual_seed(self._seed(0, purpose=1))
        network = on_device(build_network(self.stage.network), self.device)
        if self.stage.initialise:
            with torch.no_grad():
                self.stage.initialise(network, self.workshop)
        self.processes.copy_from_main(network)
        self.weights = InTraining(network, self.settings, self.device, self._decay(0.0))
        self.network, self.average = network, self.weights.average

    def _decay(self, progress: float) -> float:
        """The average's decay: never a memory longer than a twentieth of the stage."""
        steps = self.clock.budget.steps
        if steps is None:
            # The progress is that of all processes, whose averages must stay the same.
            steps = self.clock.step / max(progress, 1e-9)
        window = max(1.0, AVERAGE_SHARE * steps)
        return min(self.settings.average_decay, 1.0 - 1.0 / window)

    def _make_terms(self) -> None:
        self.terms: list[Term] = self.stage.make_terms()
        shop = self.workshop
        context = StageContext(
            shop.plan,
            shop.store,
            shop.products,
            self.device,
            shop.classes,
            augmentation=self.augmentation,
            emit=shop.emit,
            average=self.processes.average,
            average_gradients=self.processes.average_gradients,
            copy_from_main=self.processes.copy_from_main,
            rank=self.processes.rank,
            processes=self.processes.world,
        )
        for term in self.terms:
            term.start(context)
        self.teacher: nn.Module | None = None
        if self.stage.frozen_teacher is not None:
            self.teacher = shop.load_stage(self.stage.frozen_teacher)
        elif any(term.teacher for term in self.terms):
            self.teacher = self.average
        self.reads_unlabeled = any(
            term.uses_unlabeled and term.reads_unlabeled for term in self.terms
        )
        self.losses = Losses()

    def _make_batches(self) -> None:
        store = self.workshop.store
        self.batches = StepBatches(
            store,
            self.stage,
            self.augmentation,
            self._seed,
            unlabeled=any(term.uses_unlabeled for term in self.terms),
            strong_view=any(term.uses_strong_view for term in self.terms),
            # From disk to a GPU: the processor draws while the device works.
            ahead=self.device.type == "cuda" and not store.resident,
        )

    def _seed(self, step: int, purpose: int = 0) -> int:
        # The last stage of every method starts alike and sees the same labeled patches: methods
        # are compared in pairs, whatever came before.
        place = 0 if self.stage.name == FINAL_STAGE else self.number + 1
        parts = [self.workshop.seed, place, step, self.processes.rank, purpose]
        return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> 1)

    def run(self) -> None:
        """Trains to the end of the budget, or raises `Stopped` or `TrainingDiverged`."""
        shop = self.workshop
        self._emit_stage()
        said = saved = time.monotonic()
        patience = self.settings.patience
        # A stage of a time budget trains one step even if loading has used its time up.
        while self._progress() < 1.0 or self.clock.step == 0:
            self.step()
            now = time.monotonic()
            if now - said >= PROGRESS_SECONDS or self.clock.step == 1:
                said = now
                self._emit_progress()
            validated = self._validate_if_due()
            # One message for both: a checkpoint is a matter of all processes, so the main one's
            # clock decides.
            is_due = now - saved >= CHECKPOINT_SECONDS
            signal = int(self.processes.agree(2.0 * shop.run.stop_requested() + is_due))
            stop = signal >= 2
            if validated or signal:
                self._require_finite()  # a diverged network must not replace a good checkpoint
                saved = now
                self.save()
            if stop:
                raise Stopped
            if patience and self.since_best >= patience:
                shop.emit(
                    "warning",
                    message=(
                        f"stage {self.stage.name}: stopped early, {patience} validations in a row "
                        "brought nothing better"
                    ),
                )
                break
        self._emit_progress()
        self.batches.close()
        if self.best < 0:
            self._keep_final()

    def _progress(self) -> float:
        return self.processes.agree(self.clock.progress)

    def step(self) -> None:
        """One optimisation step: batches, forward, terms, backward, update, teacher."""
        torch.manual_seed(self._seed(self.clock.step))
        progress = self._progress()
        batches = self.batches.of_step(self.clock.step)
        self.network.train()
        context = self._look(*batches, progress)
        total = self._weigh(context)
        rate = self.settings.learning_rate * cosine_rate(progress)
        self.average.decay = self._decay(progress)
        self.weights.update(total, rate, self.processes)
        for term in self.terms:
            term.after_step(context)
        self.clock.advance()

    def _look(
        self,
        labeled: Batch,
        unlabeled: Batch | None,
        generator: torch.Generator,
        progress: float,
    ) -> Step:
        """What the terms are given: the batches, and the network's answers to them."""
        if self.stage.segments:
            read = unlabeled if self.reads_unlabeled else None
            answers = answers_to(self.network, labeled, read, self.device)
        else:
            with autocast(self.device):
                answers = [(self.network.of_batch(labeled).float(), None)]
        # The first is the network's own; those of its members follow, where it has any.
        own, *members = answers
        return Step(
            progress=progress,
            labeled=labeled,
            unlabeled=unlabeled,
            labeled_logits=own[0],
            unlabeled_logits=own[1],
            student=self.network,
            teacher=self.teacher,
            generator=generator,
            members=members or [own],
        )

    def _weigh(self, context: Step) -> torch.Tensor:
        total = torch.zeros((), device=self.device)
        for term in self.terms:
            weight = term.weight_at(context.progress)
            if weight == 0:
                continue
            value = term(context)
            total = total + weight * value
            self.losses.add(term.name, value)
        self.losses.end_step(total)
        return total

    def _emit_stage(self) -> None:
        self.workshop.emit(
            "stage",
            name=self.stage.name,
            number=self.number,
            steps=self.clock.total,
            labeled=len(self.stage.labeled),
            unlabeled=len(self.stage.unlabeled) if self.batches.unlabeled else 0,
            step=self.clock.step,
        )

    def _emit_progress(self) -> None:
        if not self.losses.steps:
            return
        self._require_finite()
        self.workshop.emit(
            "progress",
            stage=self.stage.name,
            step=self.clock.step,
            total=self.clock.total,
            progress=round(self.clock.progress, 4),
            losses=self.losses.take(),
            rate=round(self.clock.rate, 3),
            eta=round(self.clock.remaining_seconds + self.later_seconds, 1),
            learning_rate=self.weights.learning_rate,
        )

    def _require_finite(self) -> None:
        total = self.losses.total()
        if not np.isfinite(total):
            raise TrainingDiverged(
                f"the loss became {total} in stage {self.stage.name} at step "
                f"{self.clock.step}; a smaller learning rate may help "
                f"(--set learning_rate={self.settings.learning_rate / 3:g})"
            )

    def _can_validate(self) -> bool:
        return self.stage.segments and bool(self.workshop.validation)

    def _validate_if_due(self) -> bool:
        due = int(self._progress() * self.settings.validations + 1e-9)
        if not self._can_validate() or due <= self.validations:
            return False
        self.validations = due
        if self.processes.is_main:
            result = validate(self._product(), self.workshop)
            improved = result["mean_dice"] is not None and result["mean_dice"] > self.best
            if result["mean_dice"] is not None:
                self.since_best = 0 if improved else self.since_best + 1
            if improved:
                self.best = result["mean_dice"]
                self._keep_final()
            self.workshop.emit(
                "validation", stage=self.stage.name, step=self.clock.step, best=improved, **result
            )
        self.since_best = int(self.processes.agree(self.since_best))
        return True

    def _product(self) -> nn.Module:
        """The network that is validated and kept: averaged weights, or the student itself."""
        if not self.stage.average:
            return self.network
        return self.average.module

    def _keep_final(self) -> None:
        """The stage's result so far: the best by validation, or the last where none is done."""
        if self.processes.is_main:
            path = self.workshop.weights_path(self.stage.name)
            save_tensors(path, {"network": self._product().state_dict(), "dice": self.best})

    def save(self) -> None:
        """Writes ``checkpoints/last.pt``: everything a resumed run needs."""
        self.processes.average_buffers(self.network)
        terms = [term.state_dict() for term in self.terms]
        if self.processes.is_main:
            save_tensors(
                self.workshop.run.last_checkpoint,
                {
                    "stage": self.number,
                    "name": self.stage.name,
                    "settings": self.stage.network,
                    "averaged": self.stage.average,
                    "step": self.clock.step,
                    "elapsed": self.clock.elapsed,
                    **self.weights.state_dict(),
                    "terms": terms,
                    "best": self.best,
                    "validations": self.validations,
                    "since_best": self.since_best,
                },
            )
            self.workshop.emit("checkpoint", stage=self.stage.name, step=self.clock.step)

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from what `save` wrote for this stage."""
        self.weights.load_state_dict(state)
        for term, kept in zip(self.terms, state["terms"], strict=True):
            term.load_state_dict(kept)
        self.clock = StageClock(self.clock.budget, state["step"], state["elapsed"])
        self.best = state["best"]
        self.validations = state["validations"]
        self.since_best = state["since_best"]
