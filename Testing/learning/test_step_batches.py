"""What a step draws depends on the step alone, drawn ahead or not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from SemiWeakSegLib.cohort import Case
from SemiWeakSegLib.learning.batches import make_augmentation
from SemiWeakSegLib.learning.stages import Stage
from SemiWeakSegLib.learning.step_batches import StepBatches
from Testing.learning.scans import make_plan, make_store, save


@pytest.fixture
def store(tmp_path):
    source, cases = np.random.default_rng(0), []
    for name in ("a", "b", "c", "d"):
        image = save(tmp_path / f"{name}.mha", source.normal(size=(20, 24)).astype(np.float32))
        label = save(tmp_path / f"{name}_l.mha", source.integers(0, 3, (20, 24)).astype(np.uint8))
        cases.append(Case(name, (image,), label=label if name in "ab" else None))
    return make_store(tmp_path, cases, make_plan(2, (8, 8)))


def batches(store, ahead, unlabeled=True):
    stage = Stage("segment", 1.0, store.plan.network, list, labeled=[0, 1], unlabeled=[2, 3])
    return StepBatches(
        store,
        stage,
        make_augmentation("standard", store.plan),
        lambda step: 100 + step,
        unlabeled=unlabeled,
        strong_view=False,
        ahead=ahead,
    )


def contents(drawn):
    labeled, unlabeled, generator = drawn
    return [labeled.image, labeled.label, unlabeled.image, torch.rand(3, generator=generator)]


def test_drawn_ahead_is_drawn_alike(store):
    """Also where a step is asked for twice, and where a resumed run begins in the middle."""
    now, ahead = batches(store, False), batches(store, True)
    for step in (0, 1, 2, 2, 7, 8, 3):
        expected, found = contents(now.of_step(step)), contents(ahead.of_step(step))
        assert all(torch.equal(*pair) for pair in zip(expected, found, strict=True))
    ahead.close()


def test_steps_differ(store):
    drawn = batches(store, False)
    assert not torch.equal(*(contents(drawn.of_step(step))[0] for step in (0, 1)))


def test_what_nobody_looks_at_is_not_drawn(store):
    drawn = batches(store, False, unlabeled=False)
    assert drawn.unlabeled is None
    assert drawn.of_step(0)[1] is None
