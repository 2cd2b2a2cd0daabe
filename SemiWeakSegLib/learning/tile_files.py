"""The newest bytes of every tile in files that are never changed: what survives a kill."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np

from .saved_model import PARTIAL, load_tensors, save_tensors

# A file of which less than this is still the newest is not worth its place.
LIVE_SHARE = 0.5
MOST_FILES = 32

# Case, unit and index of a tile along each axis.
Key = tuple[int, ...]


class TileFiles:
    """Bytes by key; each `write` makes one new file, what older ones hold of use moves there.

    `save` returns a number that `load` goes back to: what a checkpoint has to hold. The files of
    the last save and of the one before stay, so a process that is killed before its checkpoint is
    written still finds what the former one needs. Usually they are twice the size of what is
    stored, at worst four times.

    folder: of this process alone, made when needed; ``main``: that of the main process, whose files
    are taken where this one has none.
    """

    def __init__(self, folder: Path, main: Path | None = None):
        self.folder = folder
        self.main = main or folder
        self.checkpoint = 0
        # File, offset and bytes of the newest version of each tile.
        self._places: dict[Key, tuple[int, int, int]] = {}
        self._maps: dict[int, np.ndarray] = {}
        self._next_file = 1
        # Files that the last two checkpoints need, by the checkpoint.
        self._kept: dict[int, set[int]] = {}

    def __contains__(self, key: Key) -> bool:
        return key in self._places

    @property
    def keys(self) -> list[Key]:
        """All tiles that were ever written."""
        return list(self._places)

    def read(self, key: Key) -> np.ndarray:
        """The bytes of a tile, uint8, as they lie in the file; KeyError where there are none."""
        number, offset, size = self._places[key]
        if number not in self._maps:
            self._maps[number] = np.memmap(self._file_path(number), dtype=np.uint8, mode="r")
        return self._maps[number][offset : offset + size]

    def write(self, changed: Collection[Key], content: Callable[[Key], bytes]) -> None:
        """Puts changed tiles, and what is still of use in files that hardly are, in a new file."""
        moved = self._of_sparse_files(changed)
        self.folder.mkdir(parents=True, exist_ok=True)
        number = self._next_file
        path, places, offset = self._file_path(number), {}, 0
        partial = path.with_name(f".{path.name}{PARTIAL}")
        try:
            with partial.open("wb") as stream:
                for key in itertools.chain(changed, moved):
                    # Copied: Windows deletes no file of which a part is still mapped.
                    tile = content(key) if key in changed else bytes(self.read(key))
                    stream.write(tile)
                    places[key] = (number, offset, len(tile))
                    offset += len(tile)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)
        self._next_file += 1
        self._places |= places
        self._remove_others()

    def save(self) -> int:
        """Notes what was written so far; returns the number for `load`."""
        self.checkpoint += 1
        self.folder.mkdir(parents=True, exist_ok=True)
        save_tensors(
            self._list_path(self.folder, self.checkpoint),
            {"tiles": [[*key, *self._places[key]] for key in sorted(self._places)]},
        )
        self._kept[self.checkpoint] = self._files()
        self._kept = {
            number: files for number, files in self._kept.items() if number >= self.checkpoint - 1
        }
        self._remove_others()
        return self.checkpoint

    def load(self, checkpoint: int) -> None:
        """Goes back to what `save` noted under this number.

        Raises FileNotFoundError where the files are gone, ValueError where they are not whole.
        """
        path = self._list_path(self.folder, checkpoint)
        if not path.exists():
            self._adopt(checkpoint)
        self._maps = {}
        rows = load_tensors(path)["tiles"]
        self._places = {tuple(row[:-3]): tuple(row[-3:]) for row in rows}
        files = self._files()
        self.checkpoint, self._kept = checkpoint, {checkpoint: files}
        self._next_file = max(files, default=0) + 1
        self._require_whole()
        self._remove_others()

    def remove(self) -> None:
        """Deletes the files; this object is of no use afterwards."""
        self._maps = {}
        shutil.rmtree(self.folder, ignore_errors=True)

    def _files(self) -> set[int]:
        """Those that hold the newest version of a tile."""
        return {number for number, _, _ in self._places.values()}

    def _file_path(self, number: int) -> Path:
        return self.folder / f"maps-{number:06d}.bin"

    @staticmethod
    def _list_path(folder: Path, checkpoint: int) -> Path:
        return folder / f"tiles-{checkpoint:06d}.pt"

    def _of_sparse_files(self, changed: Collection[Key]) -> list[Key]:
        """Unchanged tiles of files that are to be given up."""
        tiles: dict[int, list[Key]] = {}
        live: dict[int, int] = {}
        for key, (number, _, size) in self._places.items():
            if key not in changed:
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
        """Deletes what neither the last two checkpoints nor the newest tiles need."""
        wanted = self._files().union(*self._kept.values())
        self._maps = {number: each for number, each in self._maps.items() if number in wanted}
        names = {self._file_path(number).name for number in wanted}
        names |= {self._list_path(self.folder, number).name for number in self._kept}
        for path in self.folder.iterdir():
            if path.name not in names:
                path.unlink(missing_ok=True)

    def _adopt(self, checkpoint: int) -> None:
        """Copies the main process's files: this run goes on with more processes than it had."""
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
