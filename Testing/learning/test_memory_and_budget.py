"""Out of memory: recognised and answered; the length of a run and how far it has come."""

from __future__ import annotations

import dataclasses
import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from SemiWeakSegLib.learning import budget as budget_module
from SemiWeakSegLib.learning.budget import Budget, StageClock
from SemiWeakSegLib.learning.memory import is_out_of_memory, shrink
from Testing.learning.scans import make_plan

ROOT = Path(__file__).resolve().parents[2]


# A process of its own: what a fork inherits from torch's threads can lock it.
ALLOCATE = """
import resource, sys
import numpy as np
import torch
from SemiWeakSegLib.learning.memory import is_out_of_memory

used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, used + 2**28))
try:
    if sys.argv[1] == "torch":
        torch.zeros(2**30)
    elif sys.argv[1] == "convolution":
        torch.nn.functional.conv_transpose3d(
            torch.zeros(1, 8, 64, 64, 64), torch.zeros(8, 64, 3, 3, 3), stride=2
        )
    else:
        np.ones(2**30)
except Exception as error:
    print(is_out_of_memory(error), type(error).__name__, error)
"""


class TestRecognition:
    @pytest.mark.skipif(sys.platform != "linux", reason="limits the address space as Linux does")
    @pytest.mark.parametrize("kind", ["torch", "convolution", "numpy"])
    def test_a_real_failure_of_the_cpu(self, kind):
        done = subprocess.run(
            [sys.executable, "-c", ALLOCATE, kind],
            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            encoding="utf-8",
            timeout=120,
        )
        assert done.stdout.startswith("True"), done.stdout + done.stderr

    @pytest.mark.parametrize(
        "error",
        [
            torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
            MemoryError(),
            RuntimeError("MPS backend out of memory (MPS allocated: 17 GB)"),
            RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
            RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"),
            OSError(errno.ENOMEM, "Cannot allocate memory"),
        ],
    )
    def test_of_other_devices(self, error):
        assert is_out_of_memory(error)

    @pytest.mark.parametrize(
        "error",
        [
            RuntimeError("The size of tensor a (3) must match the size of tensor b (4)"),
            OSError(errno.ENOSPC, "No space left on device"),
            ValueError("out of memory"),
            KeyboardInterrupt(),
        ],
    )
    def test_anything_else_is_not(self, error):
        assert not is_out_of_memory(error)


class TestShrink:
    def test_halves_the_batch_then_the_longest_edge_to_the_end(self):
        plan = make_plan(3, (16, 32, 24), batch_labeled=4, batch_unlabeled=2)
        seen = []
        while plan is not None:
            seen.append((plan.batch_labeled, plan.batch_unlabeled, tuple(plan.patch_size)))
            plan = shrink(plan)
            assert len(seen) < 20
        assert seen == [
            (4, 2, (16, 32, 24)),
            (2, 1, (16, 32, 24)),
            (1, 1, (16, 32, 24)),
            (1, 1, (16, 16, 24)),
            (1, 1, (16, 16, 12)),
            (1, 1, (8, 16, 12)),
            (1, 1, (8, 8, 12)),
            (1, 1, (8, 8, 4)),
            (1, 1, (4, 8, 4)),
        ]

    def test_leaves_the_plan_it_was_given(self):
        plan = make_plan(2, (32, 32))
        before = dataclasses.asdict(plan)
        shrink(plan)
        assert dataclasses.asdict(plan) == before

    def test_whole_images_are_not_cut(self):
        plan = make_plan(2, (32, 32), whole=True, batch_labeled=2, batch_unlabeled=1)
        smaller = shrink(plan)
        assert (smaller.batch_labeled, smaller.patch_size) == (1, [32, 32])
        assert shrink(smaller) is None


class Clock:
    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(budget_module, "time", made)
    return made


class TestBudget:
    @pytest.mark.parametrize(
        "values", [{}, {"steps": 5, "minutes": 1.0}, {"steps": 0}, {"minutes": -1.0}]
    )
    def test_is_one_positive_number(self, values):
        with pytest.raises(ValueError, match="steps or of minutes"):
            Budget(**values)

    def test_stages_share_it(self):
        assert Budget(steps=1000).of_stage([0.6, 0.4, 1.0], 1, ()).steps == 200
        assert Budget(minutes=10).of_stage([0.4, 1.6], 0, ()).minutes == pytest.approx(2)
        assert Budget(steps=3).of_stage([0.01, 0.99], 0, ()).steps == 1

    def test_what_skipped_stages_had_goes_to_the_later_ones(self):
        shares, budget = [0.4, 0.2, 0.2, 0.1, 0.1], Budget(steps=1000)
        assert budget.of_stage(shares, 1, ()).steps == 200
        assert budget.of_stage(shares, 2, {1}).steps == 300
        assert budget.of_stage(shares, 3, {1}).steps == 150
        assert budget.of_stage(shares, 4, {1, 2, 3}).steps == 600


class TestStageClock:
    def test_of_steps(self, clock):
        stage = StageClock(Budget(steps=200))
        assert (stage.progress, stage.total) == (0, 200)
        clock.now += 10
        stage.step = 50
        assert stage.progress == 0.25
        assert stage.rate == pytest.approx(5)
        assert stage.remaining_seconds == pytest.approx(30)
        stage.step = 250
        assert stage.progress == 1

    def test_the_slow_first_step_does_not_count_into_the_rate(self, clock):
        stage = StageClock(Budget(steps=101))
        clock.now += 20
        stage.advance()
        assert stage.rate == pytest.approx(1 / 20)
        for _ in range(10):
            clock.now += 0.5
            stage.advance()
        assert (stage.step, stage.rate) == (11, pytest.approx(2))
        assert stage.remaining_seconds == pytest.approx(45)

    def test_of_minutes(self, clock):
        stage = StageClock(Budget(minutes=2))
        clock.now += 30
        stage.step = 60
        assert stage.progress == pytest.approx(0.25)
        assert stage.total == 60 + 180
        assert stage.remaining_seconds == pytest.approx(90)
        clock.now += 300
        assert stage.progress == 1
        assert stage.remaining_seconds == 0
        assert stage.total == 60

    def test_goes_on_where_a_former_process_stopped(self, clock):
        stage = StageClock(Budget(minutes=2), step=400, elapsed=60.0)
        assert stage.progress == pytest.approx(0.5)
        clock.now += 20
        stage.step = 440
        assert stage.elapsed == pytest.approx(80)
        assert stage.rate == pytest.approx(2)  # of this process alone
        assert StageClock(Budget(steps=10), step=5).progress == 0.5
