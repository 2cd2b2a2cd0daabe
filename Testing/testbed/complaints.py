"""What the real application would only have printed, kept so that a test can fail on it."""

from __future__ import annotations

import sys
import traceback

# One list for the process, as there is one console in Slicer.
_complaints: list[str] = []


def complain(text: str) -> None:
    """Print ``text`` as PythonQt would and remember it."""
    print(text, file=sys.stderr)
    _complaints.append(text)


def complain_of_exception(where: str) -> None:
    """Remember the exception that is being handled; PythonQt prints it and goes on."""
    text = traceback.format_exc()
    print(text, file=sys.stderr)
    _complaints.append(f"exception in {where}:\n{text}")


def take_complaints() -> list[str]:
    """Everything remembered since the last call."""
    taken = list(_complaints)
    _complaints.clear()
    return taken
