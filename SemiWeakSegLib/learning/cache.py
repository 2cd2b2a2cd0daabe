"""Preprocessed cases on disk, keyed by the content of their files and by the plan."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from ..cohort import UNLABELED, Case
from .case_label import prepare_label
from .plan import GRID_LINES, Plan
from .preprocess import prepare_image

# Change it when what is written below changes its meaning.
CACHE_VERSION = 1
CENTRES_PER_CLASS = 2000
ENTRY_NAME = re.compile(r"case-[0-9a-f]{32}|\.case-[0-9a-f]{32}\.\w+")
# An entry in the making that is older than this belongs to a process that was killed.
UNFINISHED_SECONDS = 3600.0
# Headers whose voxels lie in files beside them, named in the header's text.
DETACHED_HEADERS = (".mhd", ".nhdr")
PLAN_LINES = (*GRID_LINES, "channels_in")


def cache_folder() -> Path:
    """Where preprocessed cases are kept: ``SEMIWEAKSEG_CACHE`` or the user's cache folder."""
    named = os.environ.get("SEMIWEAKSEG_CACHE")
    if named:
        return Path(named)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return base / "SemiWeakSeg"


def cache_size(folder: Path | None = None) -> int:
    """Bytes used by the cache."""
    root = folder or cache_folder()
    return sum(_bytes(entry) for entry in _own_entries(root))


def clear_cache(folder: Path | None = None) -> int:
    """Deletes every cached case (never anything else in the folder); returns the bytes freed."""
    root = folder or cache_folder()
    freed = 0
    for entry in _own_entries(root):
        unfinished = entry.name.startswith(".")
        if unfinished and time.time() - entry.stat().st_mtime < UNFINISHED_SECONDS:
            continue  # another process may be writing it
        freed += _bytes(entry)
        _remove(entry)
    return freed


def _own_entries(root: Path) -> list[Path]:
    if not root.is_dir():
        return []
    return [entry for entry in sorted(root.iterdir()) if ENTRY_NAME.fullmatch(entry.name)]


def _bytes(entry: Path) -> int:
    return sum(path.stat().st_size for path in entry.iterdir() if path.is_file())


def _remove(entry: Path) -> None:
    """The entry goes at once, by its meta.json: half an entry is never taken for a whole one."""
    (entry / "meta.json").unlink(missing_ok=True)
    shutil.rmtree(entry, ignore_errors=True)


@dataclasses.dataclass(frozen=True)
class CachedCase:
    """One preprocessed case on disk.

    image.npy: (channels, units, *spatial) float16; label.npy (if annotated; points are in it):
    (units, *spatial) uint8; centres.npy: rows (class, unit, *voxel) of annotated voxels to centre
    patches on.
    """

    folder: Path
    shape: tuple[int, ...]
    spacing: tuple[float, ...]
    thickness: float
    floor: tuple[float, ...]
    window: tuple[tuple[float, float], ...]
    counts: tuple[int, ...]

    @property
    def annotated(self) -> bool:
        """True where at least one voxel carries a class."""
        return any(self.counts)

    @property
    def dense(self) -> bool:
        """True where every voxel carries a class."""
        return sum(self.counts) == math.prod(self.shape[1:])

    @property
    def bytes(self) -> int:
        """Bytes of the arrays."""
        return sum(path.stat().st_size for path in self.folder.glob("*.npy"))

    def image(self) -> np.ndarray:
        """Memory-mapped (channels, units, *spatial) float16."""
        return _map(self.folder / "image.npy")

    def label(self) -> np.ndarray | None:
        """Memory-mapped (units, *spatial) uint8, or None."""
        path = self.folder / "label.npy"
        if not path.exists():
            return None
        return _map(path)

    def centres(self) -> np.ndarray:
        """(N, 2 + d) int32 rows (class, unit, *voxel)."""
        return np.load(self.folder / "centres.npy", allow_pickle=False)


def _map(path: Path) -> np.ndarray:
    """A memory map; copy on write, so that torch does not warn of memory it must not write to."""
    return np.load(path, mmap_mode="c", allow_pickle=False)


def cached(case: Case, plan: Plan, folder: Path | None = None) -> CachedCase:
    """The case's cache entry, made if it is not there; complete or absent, never half written."""
    root = folder or cache_folder()
    target = root / f"case-{_key(case, plan)}"
    if not (target / "meta.json").exists():
        root.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=root))
        try:
            _write_entry(case, plan, work)
            if target.exists() and not (target / "meta.json").exists():
                shutil.rmtree(target)  # what a deletion that was interrupted has left
            try:
                os.rename(work, target)
            except OSError:
                if not (target / "meta.json").exists():  # else another process was faster
                    raise
        finally:
            shutil.rmtree(work, ignore_errors=True)
    meta = json.loads((target / "meta.json").read_text(encoding="utf-8"))
    return CachedCase(
        folder=target,
        shape=tuple(meta["shape"]),
        spacing=tuple(meta["spacing"]),
        thickness=meta["thickness"],
        floor=tuple(meta["floor"]),
        window=tuple(tuple(pair) for pair in meta["window"]),
        counts=tuple(meta["counts"]),
    )


def _write_entry(case: Case, plan: Plan, work: Path) -> None:
    prepared = prepare_image(case.images, plan)
    np.save(work / "image.npy", prepared.image.astype(np.float16))
    label = prepare_label(case, prepared.layout, plan.num_classes)
    counts = [0] * plan.num_classes
    centres = np.zeros((0, 2 + plan.dimensions), dtype=np.int32)
    if label is not None and (label != UNLABELED).any():
        np.save(work / "label.npy", label)
        counts = [int(np.count_nonzero(label == value)) for value in range(plan.num_classes)]
        centres = choose_centres(label, plan.num_classes)
    np.save(work / "centres.npy", centres)
    meta: dict[str, Any] = {
        "case": case.id,
        "shape": list(prepared.image.shape),
        "spacing": list(prepared.layout.spacing),
        "thickness": prepared.layout.thickness,
        "floor": [float(value) for value in prepared.floor],
        "window": [[float(low), float(high)] for low, high in prepared.window],
        "counts": counts,
    }
    (work / "meta.json").write_text(json.dumps(meta), encoding="utf-8")


def choose_centres(label: np.ndarray, num_classes: int) -> np.ndarray:
    """Up to 2,000 voxels of every annotated class, the same ones every time."""
    source = np.random.default_rng(0)
    rows = []
    for value in range(num_classes):
        found = np.argwhere(label == value)
        if len(found) > CENTRES_PER_CLASS:
            found = found[np.sort(source.choice(len(found), CENTRES_PER_CLASS, replace=False))]
        rows.append(np.column_stack([np.full(len(found), value), found]))
    return np.concatenate(rows).astype(np.int32)


def _key(case: Case, plan: Plan) -> str:
    digest = hashlib.blake2b(digest_size=16)
    lines = {name: getattr(plan, name) for name in PLAN_LINES}
    lines["num_classes"] = plan.num_classes
    lines["version"] = CACHE_VERSION
    digest.update(json.dumps(lines, sort_keys=True).encode())
    for path in (*case.images, case.label):
        digest.update(b"|")
        if path is None:
            continue
        for file in _files_of(path):
            with file.open("rb") as stream:
                while block := stream.read(1 << 20):
                    digest.update(block)
    for point in case.points:
        digest.update(f"|{point.class_index}:{point.position}".encode())
    return digest.hexdigest()


def _files_of(path: Path) -> list[Path]:
    """Every file an image consists of: a series' slices, the voxels beside a detached header."""
    if path.is_dir():
        return sorted(each for each in path.iterdir() if each.is_file())
    if path.suffix.lower() not in DETACHED_HEADERS:
        return [path]
    header = path.read_text(encoding="latin-1")
    beside = (each for each in path.parent.iterdir() if each != path and each.is_file())
    return [path, *sorted(each for each in beside if each.name in header)]
