"""Keeps Python's singletons alive under PySide6 builds made for Python 3.12 and later.

From 3.12 on None, True and False cannot be deallocated, and PySide6 6.12 gives back more
references to them than it took. On Python 3.11 a long test run would end with the interpreter
deallocating None; enough references from the start prevent that.
"""

from __future__ import annotations

import ctypes
import sys

SPARE_REFERENCES = 1 << 40


def keep_singletons() -> None:
    """To be called once before Qt is used; does nothing where they are immortal."""
    if sys.version_info >= (3, 12):
        return
    for singleton in (None, True, False):
        # The count is the first field of every object in CPython.
        ctypes.c_ssize_t.from_address(id(singleton)).value += SPARE_REFERENCES
