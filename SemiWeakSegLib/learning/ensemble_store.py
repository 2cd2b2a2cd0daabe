"""A map of class probabilities for every case, changed patch by patch and kept across kills."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch

from .tile_files import Key, TileFiles
from .tiles import Box, box_of_tile, tiles_of

# Changed tiles that may lie in memory; beyond it they go to disk before the next checkpoint.
HELD_BYTES = 2**30
ALIGNMENT = 8


class EnsembleStore:
    """One half-precision map (K, units, *sp) for each case, and how often each voxel was visited.

    The maps are cut into tiles; what was never written takes no place. Without ``device`` they lie
    in memory-mapped files: changed tiles are held in memory (at most about `HELD_BYTES`) and
    written to a new file by `save`; no file is ever changed. With ``device`` all maps lie there and
    the files are for resuming only.

    `save` returns a number that `load` goes back to, bit for bit: what a checkpoint has to hold.
    `TileFiles` says what stays on disk.

    folder: of this process alone, made when needed; ``main``: that of the main process, whose maps
    are taken where this one has none. shapes: (units, *sp) of each case by its index.
    """

    def __init__(
        self,
        folder: Path,
        shapes: Mapping[int, tuple[int, ...]],
        classes: int,
        device: torch.device | None = None,
        main: Path | None = None,
    ):
        self.shapes = dict(shapes)
        self.classes = classes
        self.device = device
        self._files = TileFiles(folder, main)
        self._whole: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        self._held: dict[Key, tuple[np.ndarray, np.ndarray]] = {}
        self._held_bytes = 0
        self._changed: dict[Key, None] = {}

    @property
    def checkpoint(self) -> int:
        """The number of the last `save`, 0 before the first."""
        return self._files.checkpoint

    @property
    def bytes(self) -> int:
        """Of all maps, if every voxel has been visited."""
        return sum(math.prod(shape) for shape in self.shapes.values()) * (2 * self.classes + 1)

    def read(self, case: int, unit: int, box: Box) -> tuple[torch.Tensor, torch.Tensor]:
        """The map (K, *box) float16 and the visits (*box) uint8 of a block, 0 where none was.

        They are not to be changed: `write` does that.
        """
        if self.device is not None:
            values, visits = self._resident(case)
            return values[(slice(None), unit, *box)], visits[(unit, *box)]
        edges = [part.stop - part.start for part in box]
        values = torch.zeros(self.classes, *edges, dtype=torch.float16)
        visits = torch.zeros(*edges, dtype=torch.uint8)
        for key, in_tile, in_block in self._parts(case, unit, box):
            tile = self._held.get(key) or self._stored(key)
            if tile is not None:
                values.numpy()[(slice(None), *in_block)] = tile[0][:, *in_tile]
                visits.numpy()[in_block] = tile[1][in_tile]
        return values, visits

    def write(
        self, case: int, unit: int, box: Box, values: torch.Tensor, visits: torch.Tensor
    ) -> None:
        """Replaces a block by a map (K, *box) float16 and visits (*box) uint8."""
        if self.device is not None:
            whole = self._resident(case)
            whole[0][(slice(None), unit, *box)] = values
            whole[1][(unit, *box)] = visits
            self._changed |= dict.fromkeys(key for key, _, _ in self._parts(case, unit, box))
            return
        for key, in_tile, in_block in self._parts(case, unit, box):
            tile = self._hold(key)
            tile[0][:, *in_tile] = values.numpy()[(slice(None), *in_block)]
            tile[1][in_tile] = visits.numpy()[in_block]
        if self._held_bytes > HELD_BYTES:
            self._write_changed()

    def save(self) -> int:
        """Writes what has changed; returns the number for `load`."""
        self._write_changed()
        return self._files.save()

    def load(self, checkpoint: int) -> None:
        """Goes back to what `save` left under this number.

        Raises FileNotFoundError where the files are gone, ValueError where they are not whole.
        """
        self._files.load(checkpoint)
        self._whole, self._held, self._held_bytes, self._changed = {}, {}, 0, {}
        if self.device is not None:
            for key in self._files.keys:
                self._to_device(key)

    def remove(self) -> None:
        """Deletes the files; the store is of no use afterwards."""
        self._files.remove()

    # Tiles

    def _parts(self, case: int, unit: int, box: Box) -> Iterator[tuple[Key, Box, Box]]:
        """The tiles that a block touches, and the overlap in the tile and in the block."""
        for tile in tiles_of(self.shapes[case][1:], box):
            yield (case, unit, *tile.index), tile.in_tile, tile.in_block

    def _tile_box(self, key: Key) -> Box:
        case, _, *index = key
        return box_of_tile(self.shapes[case][1:], tuple(index))

    def _tile_shape(self, key: Key) -> tuple[int, ...]:
        return tuple(part.stop - part.start for part in self._tile_box(key))

    def _hold(self, key: Key) -> tuple[np.ndarray, np.ndarray]:
        """The tile as it may be changed."""
        if key not in self._held:
            stored, shape = self._stored(key), self._tile_shape(key)
            if stored is None:
                values = np.zeros((self.classes, *shape), np.float16)
                self._held[key] = values, np.zeros(shape, np.uint8)
            else:
                self._held[key] = stored[0].copy(), stored[1].copy()
            self._held_bytes += self._tile_bytes(key)
            self._changed[key] = None
        return self._held[key]

    def _resident(self, case: int) -> tuple[torch.Tensor, torch.Tensor]:
        if case not in self._whole:
            shape = self.shapes[case]
            self._whole[case] = (
                torch.zeros(self.classes, *shape, dtype=torch.float16, device=self.device),
                torch.zeros(shape, dtype=torch.uint8, device=self.device),
            )
        return self._whole[case]

    def _to_device(self, key: Key) -> None:
        case, unit, *_ = key
        values, visits = self._stored(key)
        whole, box = self._resident(case), self._tile_box(key)
        whole[0][(slice(None), unit, *box)] = torch.from_numpy(values.copy()).to(self.device)
        whole[1][(unit, *box)] = torch.from_numpy(visits.copy()).to(self.device)

    def _tile_bytes(self, key: Key) -> int:
        voxels = math.prod(self._tile_shape(key))
        return math.ceil(voxels * (2 * self.classes + 1) / ALIGNMENT) * ALIGNMENT

    def _stored(self, key: Key) -> tuple[np.ndarray, np.ndarray] | None:
        """Map and visits of a tile in its file, None where it was never written."""
        if key not in self._files:
            return None
        raw, shape = self._files.read(key), self._tile_shape(key)
        voxels = math.prod(shape)
        split = 2 * self.classes * voxels
        values = raw[:split].view(np.float16).reshape(self.classes, *shape)
        return values, raw[split : split + voxels].reshape(shape)

    def _packed(self, key: Key) -> bytes:
        """What a changed tile is in a file."""
        if self.device is None:
            values, visits = self._held[key]
        else:
            case, unit, *_ = key
            whole, box = self._resident(case), self._tile_box(key)
            values = whole[0][(slice(None), unit, *box)].cpu().numpy()
            visits = whole[1][(unit, *box)].cpu().numpy()
        return (values.tobytes() + visits.tobytes()).ljust(self._tile_bytes(key), b"\0")

    def _write_changed(self) -> None:
        if self._changed:
            self._files.write(self._changed, self._packed)
            self._changed, self._held, self._held_bytes = {}, {}, 0
