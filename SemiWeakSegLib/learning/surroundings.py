"""What a run was computed with: versions and the device in words."""

from __future__ import annotations

import os
import platform
from importlib import metadata

import torch

from .. import __version__

VERSIONED = ("torch", "monai", "numpy", "SimpleITK", "scipy")


def versions() -> dict[str, str]:
    """Versions of what computed the run."""
    known = {"python": platform.python_version(), "SemiWeakSeg": __version__}
    for name in VERSIONED:
        try:
            known[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            known[name] = "unknown"
    return known


def describe_device(device: torch.device) -> str:
    """A device in words: kind, name, threads or memory."""
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        return f"{device} ({properties.name}, {properties.total_memory / 2**30:.0f} GiB)"
    if device.type == "cpu":
        return f"cpu ({torch.get_num_threads()} of {os.cpu_count()} threads)"
    return str(device)
