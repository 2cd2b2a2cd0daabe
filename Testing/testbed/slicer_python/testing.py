"""The exit functions that test scripts call."""

from __future__ import annotations


def exitSuccess() -> None:
    """Nothing to do outside the application."""


def exitFailure(message: str = "") -> None:
    """Fail with ``message``."""
    raise Exception(message)


def runUnitTest(path, testname: str) -> None:
    """Run a unittest by name after adding ``path`` (a text or a list) to the search path."""
    import sys
    import unittest

    sys.path.extend([path] if isinstance(path, str) else path)
    suite = unittest.TestLoader().loadTestsFromName(testname)
    if not unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful():
        exitFailure(f"{testname} failed")
