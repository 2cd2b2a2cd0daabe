"""Preprocessed cases on disk: keys, crashes, two processes at once; and the store over them."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from SemiWeakSegLib.cohort import Case
from SemiWeakSegLib.learning import cache as cache_module
from SemiWeakSegLib.learning import store as store_module
from SemiWeakSegLib.learning.cache import (
    cache_folder,
    cache_size,
    cached,
    choose_centres,
    clear_cache,
)
from Testing.learning.scans import PER_VOLUME, make_plan, make_store, save

ROOT = Path(__file__).resolve().parents[2]
PLAN = make_plan(3, (8, 8, 8), intensity=[PER_VOLUME])


def make_case(folder, name="a", seed=0, label=True):
    source = np.random.default_rng(seed)
    shape = (10, 12, 14)
    image = save(folder / f"{name}.nii.gz", source.normal(size=shape).astype(np.float32))
    marks = np.full(shape, 255, dtype=np.uint8)
    marks[3:5, 4:8, 5:9] = 1
    marks[0, :, 2] = 0
    path = save(folder / f"{name}_label.nii.gz", marks) if label else None
    return Case(name, (image,), label=path)


class TestKey:
    def test_same_content_elsewhere_is_the_same_entry(self, tmp_path):
        case = make_case(tmp_path / "one")
        shutil.copytree(tmp_path / "one", tmp_path / "two")
        moved = Case(
            "other name",
            (tmp_path / "two" / "a.nii.gz",),
            label=tmp_path / "two" / "a_label.nii.gz",
        )
        first, second = (cached(each, PLAN, tmp_path / "cache") for each in (case, moved))
        assert first.folder == second.folder

    def test_a_changed_label_is_a_new_entry(self, tmp_path):
        case = make_case(tmp_path)
        before = cached(case, PLAN, tmp_path / "cache")
        marks = np.full((10, 12, 14), 2, dtype=np.uint8)
        save(case.label, marks)
        after = cached(case, PLAN, tmp_path / "cache")
        assert before.folder != after.folder
        assert after.counts == (0, 0, marks.size)
        assert before.counts == (12, 32, 0)

    def test_a_label_that_is_taken_away_is_a_new_entry(self, tmp_path):
        case = make_case(tmp_path)
        bare = dataclasses.replace(case, label=None)
        entries = [cached(each, PLAN, tmp_path / "cache") for each in (case, bare)]
        assert entries[0].folder != entries[1].folder
        assert not entries[1].annotated
        assert entries[1].label() is None

    @pytest.mark.parametrize(
        "change",
        [
            {"spacing": [2.0, 2.0, 2.0]},
            {"orient": False},
            {"dimensions": 2, "spacing": [1.0, 1.0]},
            {"classes": ["one"]},
            {"intensity": [PER_VOLUME | {"low_percentile": 5}]},
        ],
    )
    def test_a_plan_that_changes_the_voxels_is_a_new_entry(self, tmp_path, change):
        case = make_case(tmp_path)
        first = cached(case, PLAN, tmp_path / "cache")
        changed = dataclasses.replace(PLAN, **change)
        assert cached(case, changed, tmp_path / "cache").folder != first.folder

    def test_patch_and_batch_do_not_matter(self, tmp_path):
        case = make_case(tmp_path)
        other = dataclasses.replace(PLAN, patch_size=[4, 4, 4], batch_labeled=7)
        folders = [cached(case, each, tmp_path / "cache").folder for each in (PLAN, other)]
        assert folders[0] == folders[1]

    @pytest.mark.parametrize("suffix", [".mhd", ".nhdr"])
    def test_voxels_beside_a_detached_header_count(self, tmp_path, suffix):
        path = save(tmp_path / f"a{suffix}", np.zeros((8, 8, 8), np.float32))
        first = cached(Case("a", (path,)), PLAN, tmp_path / "cache")
        header = path.read_bytes()
        save(path, np.random.default_rng(0).normal(size=(8, 8, 8)).astype(np.float32))
        assert path.read_bytes() == header
        assert cached(Case("a", (path,)), PLAN, tmp_path / "cache").folder != first.folder


class TestEntry:
    def test_holds_the_prepared_case(self, tmp_path):
        case = make_case(tmp_path)
        entry = cached(case, PLAN, tmp_path / "cache")
        assert entry.shape == entry.image().shape == (1, 1, 10, 12, 14)
        assert entry.image().dtype == np.float16
        assert entry.annotated
        assert entry.label().shape == (1, 10, 12, 14)
        assert entry.bytes == sum(each.stat().st_size for each in entry.folder.glob("*.npy"))
        assert entry.floor == (pytest.approx(float(entry.image().min()), abs=1e-2),)

    def test_a_label_without_annotation_is_none(self, tmp_path):
        case = make_case(tmp_path)
        save(case.label, np.full((10, 12, 14), 255, dtype=np.uint8))
        entry = cached(case, PLAN, tmp_path / "cache")
        assert entry.label() is None
        assert len(entry.centres()) == 0

    def test_writing_to_an_array_does_not_reach_the_disk(self, tmp_path):
        entry = cached(make_case(tmp_path), PLAN, tmp_path / "cache")
        before = entry.image().copy()
        entry.image()[:] = 0
        assert np.array_equal(entry.image(), before)

    def test_centres_are_annotated_voxels_of_every_class(self, monkeypatch):
        monkeypatch.setattr(cache_module, "CENTRES_PER_CLASS", 50)
        label = np.full((2, 20, 20), 255, dtype=np.uint8)
        label[0, :10], label[1, 3, 3] = 0, 2
        centres = choose_centres(label, 3)
        assert np.unique(centres[:, 0], return_counts=True)[1].tolist() == [50, 1]
        for value, *place in centres:
            assert label[tuple(place)] == value
        assert np.array_equal(centres, choose_centres(label, 3))
        assert len({tuple(row) for row in centres}) == 51


class TestCrash:
    @pytest.mark.parametrize("fatal", ["image.npy", "label.npy", "centres.npy"])
    def test_a_failed_write_leaves_nothing(self, tmp_path, monkeypatch, fatal):
        case, folder = make_case(tmp_path), tmp_path / "cache"
        save_array = np.save

        def failing(path, array):
            if path.name == fatal:
                raise OSError("disk full")
            save_array(path, array)

        monkeypatch.setattr(cache_module.np, "save", failing)
        with pytest.raises(OSError, match="disk full"):
            cached(case, PLAN, folder)
        assert list(folder.iterdir()) == []
        monkeypatch.undo()
        assert cached(case, PLAN, folder).annotated

    def test_what_an_interrupted_deletion_left_is_replaced(self, tmp_path):
        case, folder = make_case(tmp_path), tmp_path / "cache"
        entry = cached(case, PLAN, folder)
        (entry.folder / "meta.json").unlink()
        (entry.folder / "centres.npy").unlink()
        again = cached(case, PLAN, folder)
        assert again.folder == entry.folder
        assert len(again.centres()) == 44

    def test_processes_at_once_agree(self, tmp_path):
        case, folder = make_case(tmp_path), tmp_path / "cache"
        script = (
            "import json, sys\n"
            "from pathlib import Path\n"
            "from SemiWeakSegLib.cohort import Case\n"
            "from SemiWeakSegLib.learning.cache import cached\n"
            "from SemiWeakSegLib.learning.plan import Plan\n"
            "plan, image, label, folder = sys.argv[1:]\n"
            "case = Case('case', (Path(image),), label=Path(label))\n"
            "print('ready', flush=True)\n"
            "sys.stdin.readline()\n"
            "print(cached(case, Plan.from_dict(json.loads(plan)), Path(folder)).folder)\n"
        )
        plan = json.dumps(PLAN.to_dict())
        command = [sys.executable, "-c", script, plan, str(case.images[0]), str(case.label)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "encoding": "utf-8"}
        workers = [
            subprocess.Popen([*command, str(folder)], env=environment, **pipes) for _ in range(2)
        ]
        assert [worker.stdout.readline() for worker in workers] == ["ready\n", "ready\n"]
        for worker in workers:
            worker.stdin.write("go\n")
            worker.stdin.flush()
        found = {worker.communicate(timeout=120)[0].strip() for worker in workers}
        assert len(found) == 1
        assert [each.name for each in folder.iterdir()] == [os.path.basename(found.pop())]

    def test_losing_the_race_uses_the_winners_entry(self, tmp_path, monkeypatch):
        case, folder = make_case(tmp_path), tmp_path / "cache"
        write_entry = cache_module._write_entry

        def slow(case_, plan, work):
            write_entry(case_, plan, work)
            monkeypatch.setattr(cache_module, "_write_entry", write_entry)
            cached(case, PLAN, folder)  # another process finishes first

        monkeypatch.setattr(cache_module, "_write_entry", slow)
        assert cached(case, PLAN, folder).annotated
        assert len(list(folder.iterdir())) == 1


class TestClearing:
    def test_removes_its_own_entries_only(self, tmp_path):
        folder = tmp_path / "cache"
        entry = cached(make_case(tmp_path), PLAN, folder)
        for name in ("case-1", "case-patient", "new-scans", "notes"):
            save(folder / name / "scan.nii.gz", np.zeros((4, 4, 4), np.uint8))
        (folder / "case-7.txt").write_text("mine", encoding="utf-8")
        size = cache_size(folder)
        assert size == sum(each.stat().st_size for each in entry.folder.iterdir())
        assert clear_cache(folder) == size
        assert sorted(each.name for each in folder.iterdir()) == [
            "case-1",
            "case-7.txt",
            "case-patient",
            "new-scans",
            "notes",
        ]
        assert cache_size(folder) == 0

    def test_an_entry_whose_deletion_fails_is_not_taken_for_whole(self, tmp_path, monkeypatch):
        case, folder = make_case(tmp_path), tmp_path / "cache"
        cached(case, PLAN, folder)
        monkeypatch.setattr(cache_module.shutil, "rmtree", lambda *args, **kwargs: None)
        clear_cache(folder)
        monkeypatch.undo()
        written = []
        write_entry = cache_module._write_entry
        monkeypatch.setattr(
            cache_module, "_write_entry", lambda *args: (written.append(1), write_entry(*args))
        )
        assert cached(case, PLAN, folder).annotated
        assert written == [1]

    def test_removes_what_killed_processes_left_but_not_work_in_progress(self, tmp_path):
        folder = tmp_path / "cache"
        key = "0" * 32
        for name, age in (("old", 7200), ("fresh", 0)):
            work = folder / f".case-{key}.{name}"
            work.mkdir(parents=True)
            (work / "image.npy").write_bytes(b"12345")
            os.utime(work, (time.time() - age,) * 2)
        assert clear_cache(folder) == 5
        assert [each.name for each in folder.iterdir()] == [f".case-{key}.fresh"]

    def test_a_cache_that_is_not_there_is_empty(self, tmp_path):
        assert cache_size(tmp_path / "none") == 0
        assert clear_cache(tmp_path / "none") == 0

    def test_the_environment_names_the_folder(self, tmp_path, monkeypatch):
        monkeypatch.setenv("SEMIWEAKSEG_CACHE", str(tmp_path / "here"))
        assert cache_folder() == tmp_path / "here"


class TestStore:
    def test_number_of_open_maps_is_bounded(self, tmp_path, monkeypatch):
        monkeypatch.setattr(store_module, "OPEN_CASES", 3)
        cases = [make_case(tmp_path, f"c{number}", seed=number) for number in range(9)]
        store = make_store(tmp_path, cases, PLAN)
        for index in [*range(9), 4, 2, 8]:
            store.arrays(index)
            assert len(store._open) <= 3
        if sys.platform == "linux":
            with open("/proc/self/maps", encoding="utf-8") as maps:
                mapped = {line.split()[-1] for line in maps if str(tmp_path) in line}
            assert len({os.path.dirname(path) for path in mapped}) <= 3

    def test_recently_used_cases_stay_open(self, tmp_path, monkeypatch):
        monkeypatch.setattr(store_module, "OPEN_CASES", 2)
        cases = [make_case(tmp_path, f"c{number}", seed=number) for number in range(3)]
        store = make_store(tmp_path, cases, PLAN)
        first = store.arrays(0)
        store.arrays(1)
        assert store.arrays(0) is first
        store.arrays(2)
        assert store.arrays(0) is first

    def test_tensors_are_the_cached_arrays(self, tmp_path):
        store = make_store(tmp_path, [make_case(tmp_path)], PLAN)
        arrays, entry = store.arrays(0), store.entries[0]
        assert torch.equal(arrays.image, torch.from_numpy(entry.image()))
        assert torch.equal(arrays.label, torch.from_numpy(entry.label()))
        assert arrays.floor.tolist() == pytest.approx(list(entry.floor))
        assert np.array_equal(np.concatenate(arrays.centres_by_class), arrays.centres)
        assert not store.resident
        assert store.bytes == entry.bytes

    def test_looked_at_counts_background_always(self, tmp_path):
        case = make_case(tmp_path)
        cases = [case, dataclasses.replace(case, looked_at=(2,))]
        store = make_store(tmp_path, cases, PLAN)
        assert store.looked_at(0) == [True, True, True]
        assert store.looked_at(1) == [True, False, True]

    def test_proposals_stand_in_for_labels(self, tmp_path):
        store = make_store(tmp_path, [make_case(tmp_path, label=False)], PLAN)
        assert store.arrays(0).label is None
        proposal = np.zeros((1, 10, 12, 14), dtype=np.uint8)
        proposal[0, 2, 3, 4] = 2
        np.save(tmp_path / "proposal.npy", proposal)
        store.use_proposals({0: tmp_path / "proposal.npy"})
        assert torch.equal(store.arrays(0).label, torch.from_numpy(proposal))
        assert [2, 0, 2, 3, 4] in store.arrays(0).centres.tolist()
