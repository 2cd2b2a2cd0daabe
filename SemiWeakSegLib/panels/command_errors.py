"""What a command of the library printed when it failed, as sentences for a person."""

from __future__ import annotations

import re

from slicer.i18n import tr as _

from SemiWeakSegLib.panels.children import lastLines

BEGINNING = re.compile(r"^(?:problem: |failed: |(?=\d+ problems:$))", re.MULTILINE)
HINT = "(--debug shows the traceback)"


def plainMessage(errorText: str, exitCode: int) -> str:
    """The command's last words without their prefix, and without what Python warned of before."""
    found = list(BEGINNING.finditer(errorText))
    text = errorText[found[-1].end() :] if found else lastLines(errorText)
    text = text.replace(HINT, "").strip()
    return text or _("The process ended with code {code}.").format(code=exitCode)
