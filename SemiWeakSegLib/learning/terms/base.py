"""What a term of the training loss is, and what it is given."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ...cohort import SegmentClass
from ..batches import NO_AUGMENTATION, Augmentation, Batch
from ..plan import Plan
from ..schedules import sigmoid_ramp
from ..short_floats import autocast
from ..store import CaseStore


@dataclasses.dataclass
class Step:
    """Everything one summand of the loss may look at in one step.

    ``labeled`` holds patches of annotated cases, ``unlabeled`` those of the others (either may be
    absent); the student has already been applied to both: ``labeled_logits`` and
    ``unlabeled_logits`` (B, K, *patch), the latter None where no term reads them. ``teacher`` is in
    eval mode and takes no gradient.
    ``members``: such a pair of logits for each member of a `ViewEnsemble`, which the two above are
    the logits of; for other networks that one pair.
    """

    progress: float
    labeled: Batch | None
    unlabeled: Batch | None
    labeled_logits: torch.Tensor | None
    unlabeled_logits: torch.Tensor | None
    student: nn.Module
    teacher: nn.Module | None
    generator: torch.Generator
    members: Sequence[tuple[torch.Tensor, torch.Tensor | None]] = ()
    # Of `teacher_logits`, by the identity of the batch.
    _answers: dict[int, tuple[Batch, torch.Tensor]] = dataclasses.field(
        default_factory=dict, init=False, repr=False
    )

    def halves(self, which: str) -> list[tuple[Batch, torch.Tensor | None]]:
        """(batch, logits) pairs of "annotated_cases", "unlabeled_cases" or "all".

        The logits of unlabeled cases are None where no term of the stage reads them.
        """
        pairs = []
        if self.labeled is not None and which != "unlabeled_cases":
            pairs.append((self.labeled, self.labeled_logits))
        if self.unlabeled is not None and which != "annotated_cases":
            pairs.append((self.unlabeled, self.unlabeled_logits))
        return pairs

    def member_halves(self) -> list[tuple[Batch, list[torch.Tensor]]]:
        """Each batch with its logits from every member."""
        pairs = []
        for half, batch in enumerate((self.labeled, self.unlabeled)):
            if batch is not None:
                pairs.append((batch, [logits[half] for logits in self.members]))
        return pairs

    def ask_student(self, image: torch.Tensor) -> torch.Tensor:
        """The student's logits (B, K, *patch) float32 of another view, with their gradient."""
        with autocast(image.device):
            return self.student(image).float()

    def teacher_logits(self, batch: Batch) -> torch.Tensor:
        """The teacher's answer to the weak view of one of the step's batches.

        Asked for once a step, whichever terms want it: it is the same for all of them.
        """
        if id(batch) not in self._answers:
            # Kept with its batch, so that no other gets the same id.
            self._answers[id(batch)] = batch, self.ask_teacher(batch.weak_image)
        return self._answers[id(batch)][1]

    @torch.no_grad()
    def ask_teacher(self, image: torch.Tensor) -> torch.Tensor:
        """The teacher's logits (B, K, *patch) float32, without a gradient."""
        with autocast(image.device):
            return self.teacher(image).float()

    def zero(self) -> torch.Tensor:
        """0 with a gradient path to the student: the value of a term that does not apply."""
        for logits in (self.labeled_logits, self.unlabeled_logits):
            if logits is not None:
                return logits[:0].sum()
        raise ValueError("a step needs a labeled or an unlabeled batch")


@dataclasses.dataclass
class StageContext:
    """What a term may prepare itself from when its stage starts.

    ``augmentation``: how the patches of this stage are varied. ``emit`` writes an event.
    ``average`` gives the mean of a tensor over the training processes, which all must call it: for
    state that has to be the same in each of them. A term that owns a network calls
    ``copy_from_main`` on it at the start and ``average_gradients`` before each of its updates.
    ``rank``: the number of this process, 0 for the main one, of so many ``processes``.
    """

    plan: Plan
    store: CaseStore
    products: Path
    device: torch.device
    classes: Sequence[SegmentClass] = ()
    augmentation: Augmentation = NO_AUGMENTATION
    emit: Callable[..., None] = lambda kind, **fields: None
    average: Callable[[torch.Tensor], torch.Tensor] = lambda tensor: tensor
    average_gradients: Callable[[nn.Module], None] = lambda network: None
    copy_from_main: Callable[[nn.Module], None] = lambda network: None
    rank: int = 0
    processes: int = 1


class Term:
    """One summand of the loss: a weight schedule over progress and a scalar per step.

    ``weight`` × sigmoid ramp over the first ``ramp`` of the stage. ``teacher``: whom it learns
    from, "ema" (the moving average of the weights), "frozen" (a first-stage network) or None.
    ``reads_unlabeled``: of one that uses unlabeled patches, whether it reads the student's logits
    of them; a pass that nobody reads is not made. ``reads_labels``: whether the student learns the
    annotation of labeled patches by it. A term that owns modules trains them in
    ``after_step`` and names them in ``state_dict``.
    """

    name = "term"
    uses_unlabeled = False
    reads_unlabeled = True
    teacher: str | None = None
    uses_strong_view = False
    reads_labels = False

    def __init__(self, weight: float = 1.0, ramp: float = 0.0):
        self.weight = weight
        self.ramp = ramp

    def weight_at(self, progress: float) -> float:
        """The weight at progress t in [0, 1]."""
        return self.weight * (sigmoid_ramp(progress, self.ramp) if self.ramp > 0 else 1.0)

    def start(self, context: StageContext) -> None:
        """Called once when the stage starts or is resumed."""

    def __call__(self, step: Step) -> torch.Tensor:
        """The unweighted value, a scalar with a gradient path to the student."""
        raise NotImplementedError

    def after_step(self, step: Step) -> None:
        """Called after the student's update."""

    def state_dict(self) -> dict[str, Any]:
        """State that a resumed run needs; tensors and plain values.

        Called in every process for a checkpoint; the main one's answer is kept for all.
        """
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse of ``state_dict``."""

    def finish(self) -> None:
        """Called in every process when the stage is done and will not be resumed: clear up."""


def mean_over(values: list[tuple[torch.Tensor, torch.Tensor | int]], step: Step) -> torch.Tensor:
    """Mean of scalars, each weighted by the samples, voxels or bounds it is itself a mean of.

    0 with a gradient path where there are none.
    """
    if not values:
        return step.zero()
    total = torch.as_tensor(sum(count for _, count in values)).clamp(min=1)
    return sum(value * (count / total) for value, count in values)
