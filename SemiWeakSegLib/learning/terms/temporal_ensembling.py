"""Learning from the mean of the network's own earlier predictions."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import torch

from ...methods.teacher_terms import TemporalEnsemblingFields
from ..ensemble_store import HELD_BYTES, EnsembleStore
from ..losses.consistency import squared_difference
from ..store import DEVICE_SHARE
from ..temporal_ensemble import TemporalEnsemble
from .base import StageContext, Step, Term, mean_over

FOLDER = "temporal"
# Files of two checkpoints; see `EnsembleStore`.
DISK_FACTOR = 2


class TemporalEnsemblingTerm(Term):
    """‖s - Z / (1 - a^k)‖², summed over classes, mean over voxels that were seen before.

    Then Z <- a Z + (1 - a) s with a = ``memory``; k: how often the voxel has been seen. Z lies in
    the geometry of the cases: what the student says of a patch is brought back through the patch's
    own transform, and read through that of the next one. Voxels of labeled and unlabeled cases
    alike, as ``on`` says; every process has maps of what it has seen itself.
    Source: Laine and Aila, ICLR 2017 (mean over the classes there: C times less).
    """

    name = "temporal_ensembling"
    uses_unlabeled = True

    def __init__(self, settings: TemporalEnsemblingFields, weight: float):
        super().__init__(weight, settings.ramp)
        self.settings = settings
        self.ensemble: TemporalEnsemble | None = None
        self.average: Callable[[torch.Tensor], torch.Tensor] = lambda tensor: tensor

    def start(self, context: StageContext) -> None:
        everywhere = self.settings.on == "all"
        shapes = {
            index: entry.shape[1:]
            for index, (case, entry) in enumerate(
                zip(context.store.cases, context.store.entries, strict=True)
            )
            if case.role == "train" and (everywhere or not context.store.carries_marks(index))
        }
        self.root = context.products / FOLDER
        self.is_main = context.rank == 0
        store = EnsembleStore(
            self.root / f"process-{context.rank}",
            shapes,
            context.plan.num_classes,
            main=self.root / "process-0",
        )
        if _has_room(context.device, store.bytes):
            store.device = context.device
        self.ensemble = TemporalEnsemble(store, self.settings.memory)
        self.average = context.average
        self._say_memory(context, store)

    def __call__(self, step: Step) -> torch.Tensor:
        self.ensemble.settle()
        halves = step.halves(self.settings.on)
        # All targets first: patches of one step may overlap.
        targets = [self.ensemble.target(batch) for batch, _ in halves]
        values = []
        for (batch, logits), (target, known) in zip(halves, targets, strict=True):
            probabilities = logits.softmax(dim=1)
            value = squared_difference(probabilities, target, known)
            values.append((value, known.sum()))
            self.ensemble.add(batch, probabilities)
        return mean_over(values, step)

    def state_dict(self) -> dict[str, Any]:
        self.ensemble.settle()
        checkpoint = self.ensemble.store.save()
        # A checkpoint that names maps must find them with every process.
        self.average(torch.zeros(1))
        return {"checkpoint": checkpoint}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.ensemble.store.load(state["checkpoint"])

    def finish(self) -> None:
        self.ensemble.store.remove()
        if self.is_main:
            # With what processes left that the run was not resumed with.
            shutil.rmtree(self.root, ignore_errors=True)

    def _say_memory(self, context: StageContext, store: EnsembleStore) -> None:
        count = context.processes
        where = f"at most {size_in_words(count * min(store.bytes, HELD_BYTES))} of memory"
        if store.device is not None:
            where = f"as much memory of the device ({context.device})"
        on_disk = DISK_FACTOR * count * store.bytes
        each = f" in each of {count} processes" if count > 1 else ""
        context.emit(
            "note",
            message=(
                f"temporal ensembling keeps maps of {len(store.shapes)} cases{each}: "
                f"{size_in_words(store.bytes)}, {where}, and up to about "
                f"{size_in_words(on_disk)} in the run folder while it trains"
            ),
            bytes=store.bytes,
        )
        made = next(each for each in (self.root, *self.root.parents) if each.exists())
        free = shutil.disk_usage(made).free
        if free < on_disk:
            context.emit(
                "warning",
                message=(
                    f"temporal ensembling may need {size_in_words(on_disk)} on the disk of the "
                    f"run folder, {size_in_words(free)} are free: make room, or choose "
                    "mean_teacher, which keeps no maps"
                ),
            )


def size_in_words(size: int) -> str:
    """Bytes as "12 MB" or "3.4 GB"."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{max(1, round(size / 1e6))} MB"


def _has_room(device: torch.device, wanted: int) -> bool:
    """Whether the maps may lie on the device; on the CPU they lie in files."""
    if device.type == "cpu":
        return False
    if device.type == "cuda":
        return wanted < DEVICE_SHARE * torch.cuda.mem_get_info(device)[0]
    if device.type == "mps":
        free = torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
        return wanted < DEVICE_SHARE * free
    return True
