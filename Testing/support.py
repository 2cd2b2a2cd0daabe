"""What tests of several rooms need: real data where it lies, else a skip that says why."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def shared_data(name: str) -> Path:
    """The folder ``name`` of the shared data; skips the test where it is absent.

    Looked for in the folder that SEMIWEAKSEG_DATA names, else in shared/data beside the checkout.
    """
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    root = Path(os.environ.get("SEMIWEAKSEG_DATA", beside))
    folder = root / name
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent; set SEMIWEAKSEG_DATA to the folder that holds {name}")
    return folder
