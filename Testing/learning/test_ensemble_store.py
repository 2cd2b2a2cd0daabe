"""Maps of cases on disk: what is read is what was written, also after kills."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from SemiWeakSegLib.learning import ensemble_store, tile_files, tiles
from SemiWeakSegLib.learning.ensemble_store import EnsembleStore

SHAPES = {2: {0: (3, 21, 17), 5: (1, 8, 30)}, 3: {1: (1, 9, 14, 11), 4: (1, 5, 16, 6)}}
CLASSES = 3
MAPPED = Path("/proc/self/maps")


@pytest.fixture(params=[2, 3], ids=["slices", "volumes"])
def shapes(request, monkeypatch):
    monkeypatch.setattr(tiles, "TILE_EDGES", {2: 8, 3: 6})
    return SHAPES[request.param]


class Dense:
    """The same maps as plain arrays: what the store has to agree with."""

    def __init__(self, shapes):
        self.values = {k: np.zeros((CLASSES, *shape), np.float16) for k, shape in shapes.items()}
        self.visits = {k: np.zeros(shape, np.uint8) for k, shape in shapes.items()}

    def copy(self):
        other = Dense({})
        other.values = {k: each.copy() for k, each in self.values.items()}
        other.visits = {k: each.copy() for k, each in self.visits.items()}
        return other

    def equals(self, store):
        for case, (units, *shape) in store.shapes.items():
            for unit in range(units):
                values, visits = store.read(case, unit, tuple(slice(0, n) for n in shape))
                if not np.array_equal(values.numpy(), self.values[case][:, unit]):
                    return False
                if not np.array_equal(visits.numpy(), self.visits[case][unit]):
                    return False
        return True


def change(source, store, dense):
    """Writes a random block to both."""
    case = int(source.choice(list(store.shapes)))
    units, *shape = store.shapes[case]
    unit, box = int(source.integers(units)), []
    for n in shape:
        low, high = sorted(source.choice(n + 1, 2, replace=False))
        box.append(slice(int(low), int(high)))
    edges = [part.stop - part.start for part in box]
    values = source.random((CLASSES, *edges)).astype(np.float16)
    visits = source.integers(0, 256, edges).astype(np.uint8)
    store.write(case, unit, tuple(box), torch.from_numpy(values), torch.from_numpy(visits))
    dense.values[case][(slice(None), unit, *box)] = values
    dense.visits[case][(unit, *box)] = visits


def size_on_disk(folder):
    return sum(path.stat().st_size for path in folder.glob("maps-*.bin"))


class TestReadAndWrite:
    def test_never_written_is_nought_and_takes_no_place(self, shapes, tmp_path):
        store = EnsembleStore(tmp_path / "maps", shapes, CLASSES)
        assert Dense(shapes).equals(store)
        store.save()
        assert size_on_disk(tmp_path / "maps") == 0
        voxels = sum(int(np.prod(shape)) for shape in shapes.values())
        assert store.bytes == voxels * (2 * CLASSES + 1)

    @pytest.mark.parametrize("resident", [False, True])
    def test_blocks_across_tiles(self, shapes, resident, tmp_path):
        device = torch.device("cpu") if resident else None
        store, dense = EnsembleStore(tmp_path / "maps", shapes, CLASSES, device), Dense(shapes)
        source = np.random.default_rng(0)
        for _ in range(30):
            change(source, store, dense)
        assert dense.equals(store)

    def test_what_was_read_does_not_follow_what_is_written(self, shapes, tmp_path):
        store = EnsembleStore(tmp_path / "maps", shapes, CLASSES)
        case, (_, *shape) = next(iter(shapes.items()))
        box = tuple(slice(0, n) for n in shape)
        before, _ = store.read(case, 0, box)
        store.write(case, 0, box, torch.ones_like(before), torch.ones(shape, dtype=torch.uint8))
        assert not before.any()


@pytest.mark.parametrize("resident", [False, True])
@pytest.mark.parametrize("held", [2**30, 3000])
class TestKills:
    def test_a_killed_process_finds_either_of_the_last_two_saves(
        self, shapes, resident, held, tmp_path, monkeypatch
    ):
        """Against plain arrays; memory small enough that tiles go to disk between saves."""
        monkeypatch.setattr(ensemble_store, "HELD_BYTES", held)
        monkeypatch.setattr(tile_files, "MOST_FILES", 4)
        device = torch.device("cpu") if resident else None

        def opened():
            return EnsembleStore(tmp_path / "maps", shapes, CLASSES, device)

        source = np.random.default_rng(1)
        store, dense, saved = opened(), Dense(shapes), {}
        for _ in range(25):
            for _ in range(source.integers(0, 6)):
                change(source, store, dense)
            saved[store.save()] = dense.copy()
            for _ in range(source.integers(0, 4)):  # lost with the process
                change(source, store, dense)
            assert dense.equals(store)
            # Killed after the checkpoint was written, or before: then the former one holds.
            number = store.checkpoint - int(store.checkpoint > 1 and source.random() < 0.3)
            if source.random() < 0.7:
                store = opened()
                store.load(number)
                dense = saved[number].copy()
                assert dense.equals(store)
                assert store.checkpoint == number

    @pytest.mark.parametrize("most", [4, 1000])
    def test_files_are_few_and_small(self, shapes, resident, held, most, tmp_path, monkeypatch):
        monkeypatch.setattr(ensemble_store, "HELD_BYTES", held)
        monkeypatch.setattr(tile_files, "MOST_FILES", most)
        device = torch.device("cpu") if resident else None
        store = EnsembleStore(tmp_path / "maps", shapes, CLASSES, device)
        source, dense = np.random.default_rng(2), Dense(shapes)
        for _ in range(80 if most == 1000 else 40):
            for _ in range(6 if most == 4 else 1):
                change(source, store, dense)
            store.save()
            names = [path.name for path in (tmp_path / "maps").iterdir()]
            assert sum(name.startswith("tiles-") for name in names) <= 2
            assert len(names) <= 2 + 3 * (most + 1)
            assert not [name for name in names if name.startswith(".")]
            # Tiles are filled up to a few bytes, and two checkpoints are kept.
            assert size_on_disk(tmp_path / "maps") < 1.1 * store.bytes * (4 if most == 4 else 2.1)
        assert dense.equals(store)


class TestFaults:
    def test_a_write_that_breaks_off_leaves_nothing(self, shapes, tmp_path, monkeypatch):
        store, dense = EnsembleStore(tmp_path / "maps", shapes, CLASSES), Dense(shapes)
        change(np.random.default_rng(0), store, dense)
        number, saved = store.save(), dense.copy()
        change(np.random.default_rng(1), store, dense)

        def broken(*_):
            raise OSError("no space left on device")

        monkeypatch.setattr(tile_files.os, "fsync", broken)
        with pytest.raises(OSError, match="no space"):
            store.save()
        monkeypatch.undo()
        monkeypatch.setattr(tiles, "TILE_EDGES", {2: 8, 3: 6})
        again = EnsembleStore(tmp_path / "maps", shapes, CLASSES)
        again.load(number)
        assert saved.equals(again)
        assert not list((tmp_path / "maps").glob(".*"))

    @pytest.mark.skipif(not MAPPED.exists(), reason="/proc tells what is mapped")
    def test_no_file_is_deleted_while_it_is_mapped(self, shapes, tmp_path, monkeypatch):
        """Windows would refuse; tiles of sparse files are moved between two saves."""
        monkeypatch.setattr(ensemble_store, "HELD_BYTES", 3000)
        monkeypatch.setattr(tile_files, "LIVE_SHARE", 1.0)
        unlink, deleted = Path.unlink, []

        def watched(path, missing_ok=False):
            assert path.name not in MAPPED.read_text()
            deleted.append(path.name)
            unlink(path, missing_ok=missing_ok)

        monkeypatch.setattr(Path, "unlink", watched)
        store, dense = EnsembleStore(tmp_path / "maps", shapes, CLASSES), Dense(shapes)
        source = np.random.default_rng(3)
        for _ in range(30):
            change(source, store, dense)
        assert any(name.startswith("maps-") for name in deleted)
        assert dense.equals(store)

    def test_leftovers_of_a_run_that_was_never_saved_go(self, shapes, tmp_path):
        folder = tmp_path / "maps"
        folder.mkdir()
        for name in ("maps-000007.bin", ".maps-000008.bin.partial", "tiles-000003.pt"):
            (folder / name).write_bytes(b"old")
        store = EnsembleStore(folder, shapes, CLASSES)
        change(np.random.default_rng(0), store, Dense(shapes))
        store.save()
        names = {path.name for path in folder.iterdir()}
        assert names == {"maps-000001.bin", "tiles-000001.pt"}

    def test_gone_and_damaged_files_are_named(self, shapes, tmp_path):
        folder = tmp_path / "maps"
        store = EnsembleStore(folder, shapes, CLASSES)
        change(np.random.default_rng(0), store, Dense(shapes))
        number = store.save()
        with pytest.raises(FileNotFoundError, match=r"tiles-000009.*start it anew"):
            EnsembleStore(folder, shapes, CLASSES).load(9)
        (folder / "maps-000001.bin").write_bytes(b"short")
        with pytest.raises(ValueError, match=r"maps-000001.bin: 5 bytes.*damaged"):
            EnsembleStore(folder, shapes, CLASSES).load(number)
        (folder / "maps-000001.bin").unlink()
        with pytest.raises(ValueError, match=r"maps-000001.bin: 0 bytes"):
            EnsembleStore(folder, shapes, CLASSES).load(number)

    def test_removed_is_removed(self, shapes, tmp_path):
        store = EnsembleStore(tmp_path / "maps", shapes, CLASSES)
        change(np.random.default_rng(0), store, Dense(shapes))
        store.save()
        store.remove()
        assert not (tmp_path / "maps").exists()
        store.remove()


class TestSeveralProcesses:
    def test_a_new_process_starts_from_the_maps_of_the_main_one(self, shapes, tmp_path):
        main, dense = EnsembleStore(tmp_path / "0", shapes, CLASSES), Dense(shapes)
        source = np.random.default_rng(0)
        for _ in range(5):
            change(source, main, dense)
        number = main.save()
        other = EnsembleStore(tmp_path / "1", shapes, CLASSES, main=tmp_path / "0")
        other.load(number)
        assert dense.equals(other)
        for _ in range(5):
            change(source, other, dense)
        assert other.save() == number + 1
        # Its maps are its own from now on.
        again = EnsembleStore(tmp_path / "1", shapes, CLASSES, main=tmp_path / "0")
        again.load(number + 1)
        assert dense.equals(again)
        assert not dense.equals(main)


@pytest.mark.parametrize("shape", [(300, 301), (33, 64, 65), (20, 20, 20), (1, 7)])
def test_tiles_cover_an_image_once(shape):
    covered = np.zeros(shape, int)
    for tile in tiles.tiles_of(shape, tuple(slice(0, n) for n in shape)):
        covered[tile.in_block] += 1
        assert tile.in_block == tiles.box_of_tile(shape, tile.index)
        edges = [each.stop - each.start for each in tile.in_block]
        assert 0 < min(edges) <= max(edges) <= tiles.TILE_EDGES[len(shape)]
    assert (covered == 1).all()
