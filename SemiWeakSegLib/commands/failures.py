"""Exit codes, and the failures that decide them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from importlib.util import find_spec

OK = 0
FAILED = 1
USAGE = 2
INPUT = 3
STOPPED = 4
ABORTED = 130

MEANINGS = {
    OK: "done",
    FAILED: "failed while working; the message says why, the log has the details",
    USAGE: "the command line cannot be understood",
    INPUT: "the input has problems, all of them listed; nothing was changed",
    STOPPED: "stopped on request, with a checkpoint to resume from",
    ABORTED: "aborted",
}


class UsageError(Exception):
    """A command line that lacks, or contradicts, something."""


class InputError(Exception):
    """What the user must put right before any work can start: one sentence each."""

    def __init__(self, problems: Iterable[str]):
        self.problems = [str(problem) for problem in problems]
        super().__init__("\n".join(self.problems))


def sentences(error: Exception) -> list[str]:
    """One sentence per problem of an error that may carry several."""
    problems = getattr(error, "problems", None)
    if problems:
        return [getattr(problem, "message", None) or str(problem) for problem in problems]
    if isinstance(error, OSError) and error.strerror:
        return [f"{error.filename}: {error.strerror}" if error.filename else error.strerror]
    return [str(error) or type(error).__name__]


@contextlib.contextmanager
def reading_input() -> Iterator[None]:
    """Errors while input is read and checked are the input's: reported without a traceback."""
    try:
        yield
    except (ValueError, KeyError, OSError) as error:
        raise InputError(sentences(error)) from error


@contextlib.contextmanager
def collecting(problems: list[str]) -> Iterator[None]:
    """Note the input's problems and go on, so that all of them are reported together."""
    try:
        yield
    except InputError as error:
        problems.extend(error.problems)
    except (ValueError, KeyError, OSError) as error:
        problems.extend(sentences(error))


def missing_packages() -> list[str]:
    """One sentence where what training and prediction need is not installed."""
    missing = [name for name in ("torch", "monai") if find_spec(name) is None]
    if not missing:
        return []
    return [
        f"this command needs {' and '.join(missing)}, which this Python does not have: "
        "see the README for installing"
    ]
