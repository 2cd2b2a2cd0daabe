"""Terms of co-training: each member's supervision, and what members teach each other.

They read ``step.members`` and suit a `ViewEnsemble`, whose members share no weights. Each is a mean
over members, so that their number does not change its size.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Sequence

import torch
from torch.nn import functional

from ...cohort import UNLABELED
from ..batches import Batch
from ..boxes_in_patches import without_excluded
from ..losses.consistency import jensen_shannon, kl_divergence
from ..losses.partial import partial_cross_entropy
from ..short_floats import autocast
from .base import StageContext, Step, Term, mean_over
from .supervised import SupervisedTerm

# Per member the cases whose labels it learns from; None: every case, for every member.
Subsets = Sequence[Collection[int]] | None


def label_for(member: int, batch: Batch, subsets: Subsets) -> torch.Tensor:
    """The batch's label (B, *patch) as a member knows it: 255 in cases of other members."""
    if subsets is None:
        return batch.label
    foreign = torch.tensor([case not in subsets[member] for case, _ in batch.units])
    shape = (-1, *[1] * (batch.label.ndim - 1))
    return batch.label.masked_fill(foreign.reshape(shape).to(batch.label.device), UNLABELED)


class MemberSupervisedTerm(SupervisedTerm):
    """The supervised loss of each member on its own labeled cases, averaged over the members."""

    def __init__(self, cross_entropy_weight: float, dice_weight: float, subsets: Subsets = None):
        super().__init__(cross_entropy_weight, dice_weight)
        self.subsets = subsets

    def __call__(self, step: Step) -> torch.Tensor:
        values = []
        for number, (logits, _) in enumerate(step.members):
            label = label_for(number, step.labeled, self.subsets)
            values.append(self._value(dataclasses.replace(step.labeled, label=label), logits))
        return torch.stack(values).mean()


class AgreementTerm(Term):
    """H(mean_m s_m) - mean_m H(s_m), the Jensen-Shannon divergence of the members (Peng 2020).

    Over all voxels inside the images, annotated or not; the gradient reaches every member.
    """

    name = "agreement"
    uses_unlabeled = True

    def __call__(self, step: Step) -> torch.Tensor:
        values = []
        for batch, members in step.member_halves():
            inside = batch.valid[:, 0]
            maps = [logits.softmax(dim=1) for logits in members]
            values.append((jensen_shannon(maps, inside), inside.sum()))
        return mean_over(values, step)


class MemberPseudoLabelTerm(Term):
    """CE(argmax q_m, s_m) where q_m, the mean of the other members' softmaxes, is confident.

    On voxels inside the image that the member has no label for (Xia 2020); others stay unlabeled.
    """

    name = "member_pseudo_label"
    uses_unlabeled = True

    def __init__(self, threshold: float, weight: float, ramp: float, subsets: Subsets = None):
        super().__init__(weight, ramp)
        self.threshold = threshold
        self.subsets = subsets
        self.dense: frozenset[int] = frozenset()

    def start(self, context: StageContext) -> None:
        entries = enumerate(context.store.entries)
        self.dense = frozenset(index for index, entry in entries if entry.dense)
        self.knowledge = context.store.knowledge

    def __call__(self, step: Step) -> torch.Tensor:
        halves = [
            (batch, members, self._labels(batch, members))
            for batch, members in step.member_halves()
            if not self._is_known(batch)
        ]
        values = []
        for number in range(len(step.members)):
            found = []
            for batch, members, labels in halves:
                unknown = batch.valid[:, 0] & (label_for(number, batch, self.subsets) == UNLABELED)
                label = labels[number].masked_fill(~unknown, UNLABELED)
                loss = partial_cross_entropy(members[number], label)
                found.append((loss, (label != UNLABELED).sum()))
            values.append(mean_over(found, step))
        return torch.stack(values).mean()

    def _labels(self, batch: Batch, members: Sequence[torch.Tensor]) -> torch.Tensor:
        """(M, B, *patch): for each member what the others say and nothing rules out."""
        labels = others_labels(members, self.threshold)
        return without_excluded(labels, batch, self.knowledge, members[0].shape[1])

    def _is_known(self, batch: Batch) -> bool:
        """True where no member lacks a label; known without asking the device."""
        return self.subsets is None and all(case in self.dense for case, _ in batch.units)


@torch.no_grad()
def others_labels(members: Sequence[torch.Tensor], threshold: float) -> torch.Tensor:
    """(M, B, *patch): for each member the class that the mean of the others is confident of.

    ``members``: logits (B, K, *patch) each; 255 where no class reaches ``threshold``.
    """
    maps = torch.stack([logits.softmax(dim=1) for logits in members])
    others = (maps.sum(dim=0) - maps) / (len(members) - 1)
    confidence, labels = others.max(dim=2)
    return labels.masked_fill(confidence < threshold, UNLABELED)


class DisagreementTerm(Term):
    """KL(s_i(x) | s_j(x + r_i)): a member withstands what misleads another (Qiao 2018, Peng 2020).

    r_i changes the image against member i (`adversarial_view`). Members that made the same
    mistakes could not both be right on such images, so they stay different. Each step draws one
    ordered pair (i, j); only j receives a gradient.
    """

    name = "disagreement"
    uses_unlabeled = True

    def __init__(self, epsilon: float, weight: float, ramp: float):
        super().__init__(weight, ramp)
        self.epsilon = epsilon

    def __call__(self, step: Step) -> torch.Tensor:
        misled, taught = draw_pair(len(step.members), step.generator)
        halves = step.member_halves()
        image = torch.cat([batch.image for batch, _ in halves])
        inside = torch.cat([batch.valid[:, 0] for batch, _ in halves])
        logits = torch.cat([members[misled] for _, members in halves]).detach()

        def ask(number: int, view: torch.Tensor) -> torch.Tensor:
            with autocast(view.device):
                return step.student.member(number, view).float()

        view = adversarial_view(
            lambda asked: ask(misled, asked), image, logits.argmax(dim=1), inside, self.epsilon
        )
        return kl_divergence(logits, ask(taught, view), inside)


def adversarial_view(
    ask: Callable[[torch.Tensor], torch.Tensor],
    image: torch.Tensor,
    target: torch.Tensor,
    inside: torch.Tensor,
    epsilon: float,
) -> torch.Tensor:
    """x + epsilon · sign(d CE(f(x), target) / dx): one step of the fast gradient sign method.

    ``ask``: f, (B, C, *spatial) -> logits (B, K, *spatial); ``target`` (B, *spatial): classes, here
    the predicted ones, which unlabeled images have too; ``inside`` (B, *spatial): voxels that count
    and are changed; ``epsilon`` in units of the image. No gradient of weights is left behind.
    Source: Goodfellow et al., ICLR 2015; with predicted classes, Kurakin et al., ICLR 2017.
    """
    with torch.enable_grad():
        image = image.detach().requires_grad_()
        # A sum: a mean over the voxels would vanish in float16.
        loss = functional.cross_entropy(
            ask(image), target.masked_fill(~inside, UNLABELED), ignore_index=255, reduction="sum"
        )
        (gradient,) = torch.autograd.grad(loss, image)
    return image.detach() + epsilon * gradient.sign() * inside.unsqueeze(1)


def draw_pair(members: int, generator: torch.Generator) -> tuple[int, int]:
    """Two different members, in order."""
    first = int(torch.randint(members, (1,), generator=generator))
    second = int(torch.randint(members - 1, (1,), generator=generator))
    return first, second + (second >= first)
