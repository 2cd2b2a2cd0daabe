"""`environment`: what is installed here, and on what it would train."""

from __future__ import annotations

import argparse
import json
import os
import platform
from importlib import metadata
from typing import Any

from SemiWeakSegLib.commands.cache import readable
from SemiWeakSegLib.commands.failures import OK, USAGE
from SemiWeakSegLib.commands.parser import add_command

PACKAGES = ("torch", "monai", "numpy", "scipy", "SimpleITK", "matplotlib")


def register(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "environment",
        run,
        summary="Show versions, devices with their memory, and the cache.",
        description="Works where torch is not installed; then it says so.",
        examples=["environment", "environment --json"],
        exit_codes=(OK, USAGE),
    )
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")


def run(arguments: argparse.Namespace) -> int:
    """Print what was found."""
    found = inspect_environment()
    print(json.dumps(found, indent=2) if arguments.json else as_text(found))
    return OK


def inspect_environment() -> dict[str, Any]:
    """Versions by package (None: absent), torch's build, devices with bytes, cache, error."""
    from SemiWeakSegLib import __version__

    packages = {name: _version(name) for name in PACKAGES}
    found: dict[str, Any] = {
        "python": platform.python_version(),
        "SemiWeakSeg": __version__,
        "packages": packages,
        "torch_build": None,
        "devices": [],
        "cache": None,
        "error": None,
    }
    if packages["torch"] is None:
        return found
    try:
        import torch

        found["torch_build"] = _build(torch)
        found["devices"] = _devices(torch)
        from SemiWeakSegLib.learning.cache import cache_folder, cache_size

        found["cache"] = {"folder": str(cache_folder()), "bytes": cache_size()}
    except Exception as error:  # a broken installation is a finding, whatever it raises
        found["error"] = " ".join(str(error).split()) or type(error).__name__
    return found


def as_text(found: dict[str, Any]) -> str:
    """The findings for a person."""
    rows = [("Python", found["python"]), ("SemiWeakSeg", found["SemiWeakSeg"])]
    for name, version in found["packages"].items():
        build = f" ({found['torch_build']})" if name == "torch" and found["torch_build"] else ""
        rows.append((name, f"{version}{build}" if version else "not installed"))
    for device in found["devices"]:
        memory = "" if device["memory"] is None else f", {device['memory'] / 2**30:.0f} GiB"
        rows.append((device["name"], device["title"] + memory))
    if found["cache"]:
        rows.append(("cache", f"{readable(found['cache']['bytes'])} in {found['cache']['folder']}"))
    if found["error"]:
        rows.append(("error", found["error"]))
    return "\n".join(f"{name:<12} {value}" for name, value in rows)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _build(torch: Any) -> str:
    if torch.version.cuda:
        return f"CUDA {torch.version.cuda}"
    if getattr(torch.version, "hip", None):
        return f"ROCm {torch.version.hip}"
    return "Metal" if torch.backends.mps.is_available() else "CPU only"


def _devices(torch: Any) -> list[dict[str, Any]]:
    """Every device one can train on, the fastest first."""
    devices = []
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            free, total = torch.cuda.mem_get_info(index)
            title = torch.cuda.get_device_name(index)
            devices.append(_device(f"cuda:{index}", title, total, free))
    if torch.backends.mps.is_available():
        devices.append(_device("mps", "Apple GPU", None, None))
    title = f"CPU, {torch.get_num_threads()} of {os.cpu_count()} threads"
    devices.append(_device("cpu", title, None, None))
    return devices


def _device(name: str, title: str, memory: int | None, free: int | None) -> dict[str, Any]:
    return {"name": name, "title": title, "memory": memory, "free": free}
