"""A lock file: one process at a time, on this machine or on any that shares the folder."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def locked(lock: Path, limit: float, poll: float) -> Iterator[None]:
    """Hold `lock` for what takes milliseconds; looked for every `poll` seconds.

    One that is held longer than `limit` seconds has lost its owner, which was killed in that
    moment, and is taken over. Raises OSError where the file cannot be made.
    """
    deadline = time.monotonic() + limit
    while True:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            break
        except FileExistsError:
            if time.monotonic() >= deadline:
                lock.unlink(missing_ok=True)
            time.sleep(poll)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
