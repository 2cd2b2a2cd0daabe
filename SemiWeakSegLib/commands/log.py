"""What a worker prints goes to the run's log as well, once."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO


class Tee:
    """A text stream that writes to two; what else it can do is the first one's."""

    def __init__(self, stream: TextIO, copy: TextIO):
        self._stream = stream
        self._copy = copy

    def write(self, text: str) -> int:
        """Write to both."""
        self._copy.write(text)
        return self._stream.write(text)

    def flush(self) -> None:
        """Flush both."""
        self._copy.flush()
        self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def logged(path: Path) -> Iterator[TextIO | None]:
    """Copy stdout and stderr to the log; yields it, or None where stdout already is the log."""
    if is_same_file(sys.stdout, path):
        yield None
        return
    with open(path, "a", encoding="utf-8", buffering=1) as log:
        stdout, stderr = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = Tee(stdout, log), Tee(stderr, log)
        try:
            yield log
        finally:
            sys.stdout, sys.stderr = stdout, stderr


def is_same_file(stream: TextIO, path: Path) -> bool:
    """Whether the stream writes to the file at `path`."""
    try:
        return os.path.samestat(os.fstat(stream.fileno()), os.stat(path))
    except (OSError, ValueError, AttributeError):
        return False
