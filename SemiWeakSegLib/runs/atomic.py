"""Files that are either the old or the new version, and values as JSON can hold them."""

from __future__ import annotations

import json
import math
import os
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

WINDOWS_RETRIES = 20


def plain(value: Any) -> Any:
    """`value` as JSON can hold it: NaN and infinity become null, paths text, arrays lists."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(each) for each in value]
    if hasattr(value, "tolist"):  # arrays, tensors and their scalars, without importing either
        return plain(value.tolist())
    raise TypeError(f"{type(value).__name__} {value!r} cannot be written as JSON")


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 file beside `path`, then put it in its place in one step."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{uuid.uuid4().hex[:8]}")
    try:
        with open(temporary, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        _replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """Write `value` (see `plain`) as an indented JSON file, atomically."""
    write_text(path, json.dumps(plain(value), indent=2, ensure_ascii=False) + "\n")


def _replace(temporary: Path, path: Path) -> None:
    for attempt in range(WINDOWS_RETRIES):
        try:
            os.replace(temporary, path)
            return
        except PermissionError:
            # Windows refuses while another process has the old file open; readers are brief.
            if os.name != "nt" or attempt == WINDOWS_RETRIES - 1:
                raise
            time.sleep(0.05)
