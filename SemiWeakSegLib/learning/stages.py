"""A stage: one network, its terms and its length. Recipes turn a method into a list of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..cohort import SegmentClass
from ..runs.folder import RunFolder
from .networks import build_network, is_segmenter, on_device
from .plan import Plan
from .saved_model import load_tensors
from .store import CaseStore
from .terms import Term

# The stage whose network is the product of a run.
FINAL_STAGE = "segment"


@dataclasses.dataclass
class Workshop:
    """What stages share: the run, its plan and data, and what earlier stages made.

    ``labeled``: indices of training cases with annotated voxels or boxes; ``dense``: those of them
    without unlabeled voxels; ``unlabeled``: the other training cases. ``emit`` writes an event.
    ``count(done, total)``: says how many cases the end of a stage has gone through, and raises
    where the run is asked to stop; such an end is gone through again when the run is resumed.
    """

    run: RunFolder
    plan: Plan
    store: CaseStore
    device: torch.device
    seed: int
    labeled: list[int]
    dense: list[int]
    unlabeled: list[int]
    validation: list[int]
    emit: Callable[..., None]
    classes: Sequence[SegmentClass] = ()
    count: Callable[[int, int], None] = lambda done, total: None

    @property
    def products(self) -> Path:
        """Folder of what stages leave for later ones."""
        return self.run.path / "stages"

    def weights_path(self, stage: str) -> Path:
        """Final weights of a finished stage."""
        return self.run.checkpoints / f"{stage}.pt"

    def load_stage(self, stage: Stage) -> nn.Module:
        """The trained network of a finished stage, in eval mode."""
        network = build_network(stage.network)
        network.load_state_dict(load_tensors(self.weights_path(stage.name))["network"])
        return on_device(network, self.device).eval()


@dataclasses.dataclass
class Stage:
    """One training: what is learned, from which cases, with which terms, for how long.

    share: part of the budget relative to the other stages. ``prepare`` runs before the terms are
    made (by every process); ``finish`` runs once after the training, in the main process.
    ``skip``: asked before the stage starts, by every process, of what earlier stages left on disk;
    a stage that is skipped is not trained and leaves no weights.
    """

    name: str
    share: float
    network: dict[str, Any]
    make_terms: Callable[[], list[Term]]
    labeled: list[int]
    unlabeled: list[int] = dataclasses.field(default_factory=list)
    augmentation: str = "standard"
    average: bool = True
    frozen_teacher: Stage | None = None
    prepare: Callable[[Workshop], None] | None = None
    initialise: Callable[[nn.Module, Workshop], None] | None = None
    finish: Callable[[Workshop], None] | None = None
    skip: Callable[[Workshop], bool] | None = None

    @property
    def segments(self) -> bool:
        """True for segmentation networks, which can be validated by Dice."""
        return is_segmenter(self.network)
