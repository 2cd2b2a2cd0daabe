"""What happened in a run: one JSON object a line, only ever appended."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from SemiWeakSegLib.runs.atomic import plain

KINDS = (
    "started",
    "preparing",
    "stage",
    "progress",
    "validation",
    "checkpoint",
    "sizes",
    "seeds",
    "refinement",
    "predicting",
    "predicted",
    "note",
    "warning",
    "out_of_memory",
    "finished",
    "failed",
    "stopped",
)


class EventLog:
    """Appends and reads events.jsonl.

    Each event has "kind" and "time" (seconds since 1970, UTC). A line is written by one system
    call; what a killed writer left of its last line is closed off by the next append, and readers
    skip it.
    """

    def __init__(self, path: Path | str):
        self.path = Path(path)

    def append(self, kind: str, **fields: Any) -> None:
        """Add one event; NaN and infinity become null. ValueError for an unknown kind."""
        if kind not in KINDS:
            raise ValueError(f"event kind is {kind!r}, must be one of {', '.join(KINDS)}")
        event = plain({"kind": kind, "time": round(time.time(), 3), **fields})
        line = json.dumps(event, ensure_ascii=False).encode("utf-8") + b"\n"
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
        descriptor = os.open(self.path, flags, 0o666)
        try:
            if _ends_torn(descriptor):
                line = b"\n" + line
            while line:
                line = line[os.write(descriptor, line) :]
        finally:
            os.close(descriptor)

    def read(
        self, since_offset: int = 0, most: int | None = None
    ) -> tuple[list[dict[str, Any]], int]:
        """Events after `since_offset` and the offset to go on from.

        A last line without its end is left for the next call. A file shorter than the offset was
        replaced: reading starts anew. `most` bounds the bytes read at once, to the end of a line.
        """
        try:
            with open(self.path, "rb") as stream:
                size = stream.seek(0, os.SEEK_END)
                offset = since_offset if since_offset <= size else 0
                stream.seek(offset)
                data = stream.read() if most is None else stream.read(most) + stream.readline()
        except FileNotFoundError:
            return [], 0
        complete = data[: data.rfind(b"\n") + 1]
        parsed = (_parse(line) for line in complete.splitlines())
        return [event for event in parsed if event], offset + len(complete)


def _ends_torn(descriptor: int) -> bool:
    size = os.lseek(descriptor, 0, os.SEEK_END)
    if size == 0:
        return False
    os.lseek(descriptor, size - 1, os.SEEK_SET)
    return os.read(descriptor, 1) != b"\n"


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "kind" in event else None
