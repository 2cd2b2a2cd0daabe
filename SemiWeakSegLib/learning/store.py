"""The preprocessed cases of a run: on the device where they fit, memory-mapped otherwise."""

from __future__ import annotations

import dataclasses
import functools
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from ..cohort import Case
from .cache import CachedCase, cached, choose_centres
from .knowledge import Knowledge, KnownLabel, knowledge_of, known_label
from .plan import Plan

# Open memory maps kept at a time: bounds both file handles and address space.
OPEN_CASES = 32
# Share of the device's free memory that cases may take.
DEVICE_SHARE = 0.4


@dataclasses.dataclass
class CaseArrays:
    """One case's tensors: image (C, units, *sp) float16, label (units, *sp) uint8 or None.

    floor (C,): the value of voxels outside. ``find_centres`` gives the rows (class, unit, *voxel)
    of `CachedCase.centres`; it is called when they are first asked for.
    """

    image: torch.Tensor
    label: torch.Tensor | None
    floor: torch.Tensor
    find_centres: Callable[[], np.ndarray]

    @functools.cached_property
    def centres(self) -> np.ndarray:
        """(N, 2 + d) rows (class, unit, *voxel)."""
        return self.find_centres()

    @functools.cached_property
    def centres_by_class(self) -> list[np.ndarray]:
        """The rows of each annotated class, classes in ascending order."""
        return [self.centres[self.centres[:, 0] == k] for k in np.unique(self.centres[:, 0])]


class CaseStore:
    """Gives the tensors of any case by its index; memory does not grow with the cohort.

    On a CUDA device all cases are kept there when they fit in ``DEVICE_SHARE`` of its free
    memory (``resident``); otherwise the most recent ``OPEN_CASES`` memory maps stay open.

    ``knowledge``: what boxes and tags of training cases say of their voxels. Where only background
    is possible the label of a boxed or annotated case says so; validation cases keep theirs as it
    is, since they are measured by it.
    """

    def __init__(
        self,
        cases: list[Case],
        plan: Plan,
        device: torch.device,
        folder: Path | None = None,
        prepared: Callable[[int, int], None] = lambda done, total: None,
    ):
        self.cases = cases
        self.plan = plan
        self.device = device
        self.entries: list[CachedCase] = []
        self.knowledge: dict[int, Knowledge] = {}
        self.known_labels: dict[int, KnownLabel] = {}
        for case in cases:
            self.entries.append(cached(case, plan, folder))
            self._add_knowledge(case)
            prepared(len(self.entries), len(cases))
        self.index = {case.id: number for number, case in enumerate(cases)}
        self.resident = device.type == "cuda" and self._fits(device)
        self.proposals: dict[int, Path] = {}
        self._open: OrderedDict[int, CaseArrays] = OrderedDict()
        self._lock = threading.Lock()

    def _add_knowledge(self, case: Case) -> None:
        if case.role != "train" or not (case.boxes or case.absent):
            return
        index, entry = len(self.entries) - 1, self.entries[-1]
        knowledge = self.knowledge[index] = knowledge_of(case, self.plan)
        if case.boxes or (entry.annotated and not entry.dense):
            self.known_labels[index] = known_label(case, entry, knowledge, self.plan)

    def _fits(self, device: torch.device) -> bool:
        free, _ = torch.cuda.mem_get_info(device)
        return sum(entry.bytes for entry in self.entries) < DEVICE_SHARE * free

    @property
    def bytes(self) -> int:
        """Size of all cached arrays on disk: the only part that grows with the cohort."""
        return sum(entry.bytes for entry in self.entries)

    def looked_at(self, index: int) -> list[bool]:
        """Per class (background first): was it looked at in this case?"""
        seen = self.cases[index].looked_at
        return [
            value == 0 or seen is None or value in seen for value in range(self.plan.num_classes)
        ]

    def annotated(self, index: int) -> bool:
        """Whether patches can be centred on something known: a label, a box or a proposal."""
        return index in self.proposals or self.carries_marks(index)

    def carries_marks(self, index: int) -> bool:
        """Whether the case itself says of some voxels what they are."""
        return index in self.known_labels or self.entries[index].annotated

    def use_proposals(self, proposals: dict[int, Path]) -> None:
        """Label maps (``.npy`` on the planned grid) that stand in for cases without annotation."""
        self.proposals = proposals
        self._open.clear()

    def arrays(self, index: int) -> CaseArrays:
        """The tensors of one case, on the device if resident, else memory-mapped."""
        # Batches may be drawn in a thread of their own while the main one validates.
        with self._lock:
            return self._arrays(index)

    def _arrays(self, index: int) -> CaseArrays:
        if index in self._open:
            self._open.move_to_end(index)
            return self._open[index]
        entry = self.entries[index]
        label, find_centres = entry.label(), entry.centres
        if index in self.proposals:
            label = np.load(self.proposals[index], mmap_mode="c", allow_pickle=False)
            find_centres = functools.partial(choose_centres, label, self.plan.num_classes)
        elif index in self.known_labels:
            known = self.known_labels[index]
            label = np.load(known.label, mmap_mode="c", allow_pickle=False)
            find_centres = functools.partial(np.load, known.centres, allow_pickle=False)
        arrays = CaseArrays(
            image=torch.from_numpy(entry.image()),
            label=None if label is None else torch.from_numpy(label),
            floor=torch.tensor(entry.floor, device=self.device),
            find_centres=find_centres,
        )
        if self.resident:
            arrays.image = arrays.image.to(self.device)
            if arrays.label is not None:
                arrays.label = arrays.label.to(self.device)
        self._open[index] = arrays
        if not self.resident and len(self._open) > OPEN_CASES:
            self._open.popitem(last=False)
        return arrays
