"""Temporal ensembling: the running mean of what a network said of every voxel of every case."""

from __future__ import annotations

import dataclasses

import torch

from .batches import Batch
from .bring_back import box_of_patch, bring_back
from .ensemble_store import EnsembleStore
from .patches import crop
from .spatial import sample_planes
from .tiles import Box

MOST_VISITS = 255


@dataclasses.dataclass
class _Pending:
    """A prediction on its way from the GPU to the computer's memory."""

    case: int
    unit: int
    box: Box
    values: torch.Tensor
    seen: torch.Tensor
    arrived: torch.cuda.Event


class TemporalEnsemble:
    """Z <- a Z + (1 - a) z in the geometry of the cases, and Z / (1 - a^k) as a target.

    a: ``memory``; z: the network's probabilities at a voxel, each time a patch shows it; k: how
    often that was. Start-up bias corrected as by Laine and Aila (ICLR 2017), whose epochs are
    visits here, since patches show some voxels more often than others.
    """

    def __init__(self, store: EnsembleStore, memory: float):
        self.store = store
        self.memory = memory
        self._pending: list[_Pending] = []

    def target(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Targets (B, K, *patch) float32 and where there are any, (B, *patch) bool.

        Between voxels of the case the mean of its neighbours, each weighted by how near it is and
        by its 1 - a^k: voxels never visited count for nothing, and a patch voxel of which they are
        half or more has no target.
        """
        targets, masks = [], []
        positions = batch.positions()
        for row, (case, unit) in enumerate(batch.units):
            box = self._box(batch, row)
            values, visits = self.store.read(case, unit, box)
            device = batch.image.device
            values, visits = _upload(values, device).float(), _upload(visits, device).float()
            weight = 1.0 - self.memory**visits
            visited = (visits > 0).float()
            block = torch.cat([values, weight[None], visited[None]])
            read = _read_patch(block, box, batch, row, positions[row])
            targets.append(read[:-2] / read[-2].clamp(min=1e-6))
            masks.append(read[-1] > 0.5)
        return torch.stack(targets), torch.stack(masks) & batch.valid[:, 0]

    def add(self, batch: Batch, probabilities: torch.Tensor) -> None:
        """Takes in what the network said of a batch, (B, K, *patch).

        Where maps are kept in the computer's memory and the network works on a GPU, that is done
        by the next `settle`, so that nobody waits.
        """
        probabilities = probabilities.detach()
        for row, (case, unit) in enumerate(batch.units):
            box = self._box(batch, row)
            centre = batch.centres[row].tolist()
            values, seen = bring_back(probabilities[row], batch.transform.row(row), centre, box)
            if self.store.device is not None:
                self._blend(case, unit, box, values, seen)
            elif values.device.type == "cuda":
                self._send(case, unit, box, values, seen)
            else:
                self._blend(case, unit, box, values.cpu(), seen.cpu())

    def settle(self) -> None:
        """Takes in what `add` left to be done; before targets are read and before a save."""
        for each in self._pending:
            each.arrived.synchronize()
            self._blend(each.case, each.unit, each.box, each.values, each.seen)
        self._pending = []

    def _blend(
        self, case: int, unit: int, box: Box, values: torch.Tensor, seen: torch.Tensor
    ) -> None:
        old, visits = self.store.read(case, unit, box)
        old = old.float()
        blended = torch.where(seen, self.memory * old + (1.0 - self.memory) * values, old)
        more = (seen & (visits < MOST_VISITS)).to(torch.uint8)
        self.store.write(case, unit, box, blended.half(), visits + more)

    def _send(
        self, case: int, unit: int, box: Box, values: torch.Tensor, seen: torch.Tensor
    ) -> None:
        here = [
            torch.empty(each.shape, dtype=each.dtype, pin_memory=True).copy_(
                each, non_blocking=True
            )
            for each in (values, seen)
        ]
        arrived = torch.cuda.Event()
        arrived.record()
        self._pending.append(_Pending(case, unit, box, *here, arrived))

    def _box(self, batch: Batch, row: int) -> Box:
        case, _ = batch.units[row]
        return box_of_patch(
            batch.transform.row(row),
            batch.centres[row].tolist(),
            tuple(batch.image.shape[2:]),
            self.store.shapes[case][1:],
        )


def _read_patch(
    block: torch.Tensor, box: Box, batch: Batch, row: int, positions: torch.Tensor
) -> torch.Tensor:
    """What a patch shows of a block (C, *box): (C, *patch), 0 or the nearest beyond the image."""
    transform, shape = batch.transform.row(row), tuple(positions.shape[1:])
    if not transform.is_axis_aligned(0):
        planes = [plane - part.start for plane, part in zip(positions, box, strict=True)]
        return sample_planes(block, planes)
    centre = batch.centres[row].tolist()
    here = [middle - part.start for middle, part in zip(centre, box, strict=True)]
    signs = transform.matrix[0].diagonal().tolist()
    mirrored = [axis + 1 for axis, sign in enumerate(signs) if sign < 0]
    return crop(block, here, shape)[0].flip(mirrored)


def _upload(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """On the device, from pinned memory where that spares the host from waiting."""
    if tensor.device == device:
        return tensor
    if device.type == "cuda":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)
