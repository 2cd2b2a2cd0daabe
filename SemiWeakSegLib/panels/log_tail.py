"""The end of a growing text file, a little at a time."""

from __future__ import annotations

import codecs
from pathlib import Path

CHUNK_BYTES = 64 * 1024


class LogTail:
    """Reads what was added to a file since the last call, never more than `chunk` bytes at once.

    The first call begins at most `chunk` bytes before the end; where more was added between two
    calls than one may read, the older part is left out and `skipped` counts its bytes. A file that
    became shorter was replaced: reading begins anew.
    """

    def __init__(self, path: Path | str, chunk: int = CHUNK_BYTES):
        self.path = Path(path)
        self.chunk = chunk
        self.skipped = 0
        self._restart()

    def lines(self) -> list[str]:
        """Complete lines that are new; the beginning of a line waits for its end."""
        text = self._half + self._decoder.decode(self._read())
        *complete, self._half = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        if self._cut and complete:
            # The first line began before what was read.
            self._cut, complete = False, complete[1:]
        return complete

    def _restart(self) -> None:
        self._offset = 0
        self._half = ""
        self._cut = False
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def _read(self) -> bytes:
        try:
            with open(self.path, "rb") as stream:
                size = stream.seek(0, 2)
                if size < self._offset:
                    self._restart()
                begin = max(self._offset, size - self.chunk)
                if begin > self._offset:
                    self.skipped += begin - self._offset
                    self._half, self._cut = "", True
                    self._decoder.reset()
                stream.seek(begin)
                data = stream.read(size - begin)
        except OSError:
            return b""
        self._offset = begin + len(data)
        return data
