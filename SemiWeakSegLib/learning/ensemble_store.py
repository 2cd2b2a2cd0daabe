"""A map of class probabilities for every case, changed patch by patch and kept across kills."""

from __future__ import annotations

import itertools
import math
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch

from .saved_model import PARTIAL, load_tensors, save_tensors
from .tiles import Box, box_of_tile, tiles_of

# Changed tiles that may lie in memory; beyond it they go to disk before the next checkpoint.
HELD_BYTES = 2**30
# A file of which less than this is still the newest is not worth its place.
LIVE_SHARE = 0.5
MOST_FILES = 32
ALIGNMENT = 8

# Case, unit and index of a tile along each axis.
Key = tuple[int, ...]


class EnsembleStore:
    """One half-precision map (K, units, *sp) for each case, and how often each voxel was visited.

    The maps are cut into tiles; what was never written takes no place. Without ``device`` they lie
    in memory-mapped files: changed tiles are held in memory (at most about `HELD_BYTES`) and
    written to a new file by `save`; no file is ever changed. With ``device`` all maps lie there and
    the files are for resuming only.

    `save` returns a number that `load` goes back to, bit for bit: what a checkpoint has to hold.
    The files of the last save and of the one before stay, so a process that is killed before its
    checkpoint is written still finds what the former one needs. Usually they are twice the size of
    the maps, at worst four times.

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
        self.folder = folder
        self.main = main or folder
        self.shapes = dict(shapes)
        self.classes = classes
        self.device = device
        self.checkpoint = 0
        self._whole: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        self._held: dict[Key, tuple[np.ndarray, np.ndarray]] = {}
        self._held_bytes = 0
        self._changed: dict[Key, None] = {}
        # File, offset and bytes of the newest version of each tile.
        self._places: dict[Key, tuple[int, int, int]] = {}
        self._maps: dict[int, np.ndarray] = {}
        self._next_file = 1
        # Files that the last two checkpoints need, by the checkpoint.
        self._kept: dict[int, set[int]] = {}

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
        keys = sorted(self._places)
        self.checkpoint += 1
        self.folder.mkdir(parents=True, exist_ok=True)
        save_tensors(
            self._list_path(self.folder, self.checkpoint),
            {"tiles": [[*key, *self._places[key]] for key in keys]},
        )
        self._kept[self.checkpoint] = self._files()
        self._kept = {
            number: files for number, files in self._kept.items() if number >= self.checkpoint - 1
        }
        self._remove_others()
        return self.checkpoint

    def load(self, checkpoint: int) -> None:
        """Goes back to what `save` left under this number.

        Raises FileNotFoundError where the files are gone, ValueError where they are not whole.
        """
        path = self._list_path(self.folder, checkpoint)
        if not path.exists():
            self._adopt(checkpoint)
        self._whole, self._held, self._held_bytes = {}, {}, 0
        self._changed, self._maps = {}, {}
        rows = load_tensors(path)["tiles"]
        self._places = {tuple(row[:-3]): tuple(row[-3:]) for row in rows}
        files = self._files()
        self.checkpoint, self._kept = checkpoint, {checkpoint: files}
        self._next_file = max(files, default=0) + 1
        self._require_whole()
        self._remove_others()
        if self.device is not None:
            for key in self._places:
                self._to_device(key)

    def remove(self) -> None:
        """Deletes the files; the store is of no use afterwards."""
        self._maps = {}
        shutil.rmtree(self.folder, ignore_errors=True)

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

    # Files

    def _files(self) -> set[int]:
        """Those that hold the newest version of a tile."""
        return {number for number, _, _ in self._places.values()}

    def _tile_bytes(self, key: Key) -> int:
        voxels = math.prod(self._tile_shape(key))
        return math.ceil(voxels * (2 * self.classes + 1) / ALIGNMENT) * ALIGNMENT

    def _file_path(self, number: int) -> Path:
        return self.folder / f"maps-{number:06d}.bin"

    @staticmethod
    def _list_path(folder: Path, checkpoint: int) -> Path:
        return folder / f"tiles-{checkpoint:06d}.pt"

    def _raw(self, key: Key) -> np.ndarray:
        """The bytes of a tile in its file."""
        number, offset, size = self._places[key]
        if number not in self._maps:
            self._maps[number] = np.memmap(self._file_path(number), dtype=np.uint8, mode="r")
        return self._maps[number][offset : offset + size]

    def _stored(self, key: Key) -> tuple[np.ndarray, np.ndarray] | None:
        """Map and visits of a tile in its file, None where it was never written."""
        if key not in self._places:
            return None
        raw, shape = self._raw(key), self._tile_shape(key)
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
        """Puts changed tiles, and what is still of use in files that hardly are, in a new file."""
        if not self._changed:
            return
        moved = self._of_sparse_files()
        self.folder.mkdir(parents=True, exist_ok=True)
        number = self._next_file
        path, places, offset = self._file_path(number), {}, 0
        partial = path.with_name(f".{path.name}{PARTIAL}")
        try:
            with partial.open("wb") as stream:
                for key in itertools.chain(self._changed, moved):
                    # Copied: Windows deletes no file of which a part is still mapped.
                    content = self._packed(key) if key in self._changed else bytes(self._raw(key))
                    stream.write(content)
                    places[key] = (number, offset, len(content))
                    offset += len(content)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)
        self._next_file += 1
        self._places |= places
        self._changed, self._held, self._held_bytes = {}, {}, 0
        self._remove_others()

    def _of_sparse_files(self) -> list[Key]:
        """Unchanged tiles of files that are to be given up."""
        tiles: dict[int, list[Key]] = {}
        live: dict[int, int] = {}
        for key, (number, _, size) in self._places.items():
            if key not in self._changed:
                tiles.setdefault(number, []).append(key)
                live[number] = live.get(number, 0) + size
        dropped = {
            number
            for number, used in live.items()
            if used < LIVE_SHARE * self._file_path(number).stat().st_size
        }
        rest = sorted(live.keys() - dropped, key=live.__getitem__, reverse=True)
        if len(rest) >= MOST_FILES:
            dropped.update(rest[MOST_FILES // 2 :])
        return [key for number in sorted(dropped) for key in tiles[number]]

    def _remove_others(self) -> None:
        """Deletes what neither the last two checkpoints nor the newest maps need."""
        wanted = self._files().union(*self._kept.values())
        self._maps = {number: each for number, each in self._maps.items() if number in wanted}
        names = {self._file_path(number).name for number in wanted}
        names |= {self._list_path(self.folder, number).name for number in self._kept}
        for path in self.folder.iterdir():
            if path.name not in names:
                path.unlink(missing_ok=True)

    def _adopt(self, checkpoint: int) -> None:
        """Copies the main process's maps: this run goes on with more processes than it had."""
        path = self._list_path(self.main, checkpoint)
        if self.main == self.folder or not path.exists():
            raise FileNotFoundError(
                f"{path}: the maps of temporal ensembling that belong to the checkpoint are gone; "
                "the run cannot be resumed, start it anew"
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        for number in {row[-3] for row in load_tensors(path)["tiles"]}:
            name = self._file_path(number).name
            shutil.copyfile(self.main / name, self.folder / name)
        shutil.copyfile(path, self._list_path(self.folder, checkpoint))

    def _require_whole(self) -> None:
        ends: dict[int, int] = {}
        for number, offset, size in self._places.values():
            ends[number] = max(ends.get(number, 0), offset + size)
        for number, end in ends.items():
            path = self._file_path(number)
            size = path.stat().st_size if path.exists() else 0
            if size < end:
                raise ValueError(
                    f"{path}: {size} bytes, {end} expected; the maps of temporal ensembling are "
                    "damaged and the run cannot be resumed, start it anew"
                )
