"""What tests with real trainings share."""

from __future__ import annotations

import pytest
import torch

from SemiWeakSegLib.learning import short_floats as numbers
from SemiWeakSegLib.learning import worker


@pytest.fixture
def one_thread():
    """Tiny networks are faster on one thread, and sums keep their order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def no_report(monkeypatch):
    """Runs write no report: half of the time of a run of a few steps, and tested elsewhere."""
    monkeypatch.setattr(worker, "write_report", lambda run: None)


@pytest.fixture(autouse=True)
def full_precision(monkeypatch):
    """float32 on every processor, so that tests find the same everywhere; see `short_floats`."""
    monkeypatch.setattr(numbers, "processor_has_bfloat16", lambda: False)


@pytest.fixture
def short_floats(monkeypatch, full_precision):
    """bfloat16 on every processor: those without instructions for it imitate them."""
    monkeypatch.setattr(numbers, "processor_has_bfloat16", lambda: True)
