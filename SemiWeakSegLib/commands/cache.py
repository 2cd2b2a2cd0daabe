"""`cache`: the preprocessed cases on disk."""

from __future__ import annotations

import argparse
from typing import Any

from SemiWeakSegLib.commands.failures import INPUT, OK, USAGE, InputError, missing_packages
from SemiWeakSegLib.commands.parser import add_command


def register(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "cache",
        run,
        summary="Show where preprocessed cases are kept and how much they take, or delete them.",
        description=(
            "The cache makes a second run on the same cohort start faster; deleting it loses "
            "nothing else. SEMIWEAKSEG_CACHE names another folder."
        ),
        examples=["cache", "cache --delete"],
        exit_codes=(OK, USAGE, INPUT),
    )
    parser.add_argument("--delete", action="store_true", help="delete the preprocessed cases")


def run(arguments: argparse.Namespace) -> int:
    """Print folder and size; empty it where asked."""
    if missing := missing_packages():
        raise InputError(missing)
    from SemiWeakSegLib.learning.cache import cache_folder, cache_size, clear_cache

    folder = cache_folder()
    if arguments.delete:
        print(f"deleted {readable(clear_cache())} from {folder}")
    else:
        print(f"{readable(cache_size())} in {folder}")
    return OK


def readable(size: int) -> str:
    """Bytes in the unit that fits: '512 bytes', '1.5 MB'."""
    if size < 1000:
        return f"{size} bytes"
    amount = float(size)
    for unit in ("kB", "MB", "GB"):
        amount /= 1000
        if amount < 1000:
            return f"{amount:.1f} {unit}"
    return f"{amount / 1000:.1f} TB"
