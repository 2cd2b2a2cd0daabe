"""What a stage draws for each of its steps."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import torch

from .batches import Augmentation, Batch, PatchSampler
from .stages import Stage
from .store import CaseStore

Drawn = tuple[Batch, Batch | None, torch.Generator]


class StepBatches:
    """Labeled and unlabeled patches of each step, and the generator that its terms go on with.

    A step's draw depends on ``seed_of(step)`` alone. ``unlabeled``: whether a term looks at
    unlabeled patches; ``ahead``: the next step's patches are drawn in another thread meanwhile.
    """

    def __init__(
        self,
        store: CaseStore,
        stage: Stage,
        augmentation: Augmentation,
        seed_of: Callable[[int], int],
        *,
        unlabeled: bool,
        strong_view: bool,
        ahead: bool,
    ):
        plan = store.plan
        self.seed_of = seed_of
        self.ahead = ahead
        self.labeled = PatchSampler(
            store, stage.labeled, plan.batch_labeled, augmentation, annotated=stage.segments
        )
        self.unlabeled = None
        if unlabeled and stage.unlabeled:
            self.unlabeled = PatchSampler(
                store,
                stage.unlabeled,
                plan.batch_unlabeled,
                augmentation,
                annotated=False,
                strong_view=strong_view,
            )
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="batches")
        self._coming: dict[int, Future] = {}

    def of_step(self, step: int) -> Drawn:
        """The patches of a step."""
        if not self.ahead:
            return self._draw(step)
        drawn = self._coming.pop(step, None) or self._pool.submit(self._draw, step)
        self._coming[step + 1] = self._pool.submit(self._draw, step + 1)
        return drawn.result()

    def close(self) -> None:
        """Gives up what was drawn ahead."""
        self._pool.shutdown(cancel_futures=True)

    def _draw(self, step: int) -> Drawn:
        generator = torch.Generator().manual_seed(self.seed_of(step))
        labeled = self.labeled.draw(generator)
        return labeled, self.unlabeled.draw(generator) if self.unlabeled else None, generator
