"""A run that did not end well: one sentence for a person, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from slicer.i18n import tr as _

OUT_OF_MEMORY, PACKAGE, COHORT, DIVERGED, DISK, DEVICE, LOST, OTHER = (
    "memory",
    "package",
    "cohort",
    "diverged",
    "disk",
    "device",
    "lost",
    "other",
)

FOLDER_GONE = "folder gone"
"""In place of a run's state, where its folder is not there any more."""

# What the worker and the libraries say; the first that fits decides.
SIGNS = (
    (OUT_OF_MEMORY, r"out of memory|not enough memory|can't allocate memory|bad_alloc|MemoryError"),
    (DISK, r"No space left|disk quota|Errno 28|Read-only file system|Errno 13|Permission denied"),
    (PACKAGE, r"No module named|this Python does not have|DLL load failed|ImportError"),
    (DIVERGED, r"the loss became|diverged"),
    (DEVICE, r"^device '|CUDA error|no CUDA GPU|NVIDIA driver|cuDNN|CUBLAS"),
    (
        COHORT,
        r"\bcohort\b|\bcase \S+,|\bannotat|label map|not readable|does not exist|No such file|"
        r"cannot be read|unable to read|2-D image",
    ),
)
# How `python -m SemiWeakSegLib` and Python itself announce what went wrong, in log.txt.
ANNOUNCED = re.compile(r"^(?:problem|failed):\s*(?P<text>.+)$")
INTERPRETER = re.compile(r"^\S*[Pp]ython\S*: (?P<text>.+)$")
NUMBERED = re.compile(r"^\s+\d+\.\s+(?P<text>.+)$")
EXCEPTION = re.compile(r"^(?P<name>[A-Za-z_][\w.]*(?:Error|Exception|OutOfMemory)): (?P<text>.+)$")


@dataclass(frozen=True)
class Advice:
    """`sentence`: what happened. `toDo`: what to do. `kind`: one of this module's constants."""

    kind: str
    sentence: str
    toDo: str


def adviceFor(state: str, message: str, logLines: Sequence[str] = ()) -> Advice:
    """The advice for a run in state "failed" or "lost", or FOLDER_GONE.

    `message` is the worker's own sentence, or the watcher's. Where a process ended without a word,
    the end of its log (`logLines`) is asked.
    """
    announced = lastSentence(logLines)
    if state == FOLDER_GONE:
        sentence, kind = message or _("The run's folder is not there."), FOLDER_GONE
    elif state == "failed":
        sentence = message or announced or _("The training failed without saying why.")
        kind = kindOf(sentence)
    elif announced:
        sentence, kind = announced, kindOf(announced)
    else:
        sentence, kind = _("The training's process ended without a word."), LOST
    return Advice(kind, sentence, _todo(kind))


def kindOf(sentence: str) -> str:
    """What a sentence of a failure is about."""
    for kind, sign in SIGNS:
        if re.search(sign, sentence, re.IGNORECASE):
            return kind
    return OTHER


def lastSentence(lines: Sequence[str]) -> str:
    """The last thing a log announces as a problem, of a numbered list the first; else "".

    Only what stands after the last start counts: a resumed run keeps the log of the one before.
    """
    numbered = ""
    for line in reversed(lines):
        if match := NUMBERED.match(line):
            numbered = match["text"].strip()
            continue
        if numbered or line.startswith("started:"):
            break
        for pattern in (ANNOUNCED, EXCEPTION, INTERPRETER):
            if match := pattern.match(line):
                return match["text"].strip()
    return numbered


def _todo(kind: str) -> str:
    texts = {
        OUT_OF_MEMORY: _(
            "Close other programs that use this device, or make batch_labeled or patch_size "
            "smaller in the plan (section Method), or choose another device; then start anew."
        ),
        PACKAGE: _(
            "Open the section Setup and press Install; then press Resume. Nothing that was "
            "learned before is lost."
        ),
        COHORT: _(
            "Look at the marked rows in the section Cohort: each says what was found and what "
            "would be right. Then start anew."
        ),
        DIVERGED: _(
            "Set a smaller learning rate in the section Method, a third of the present one, and "
            "start anew."
        ),
        DISK: _(
            "Free space on the disk (section Setup deletes caches), or choose another output "
            "folder that you may write to; then press Resume."
        ),
        DEVICE: _("Choose another device, or Automatic, and start anew."),
        LOST: _(
            "The computer was shut down, the process was ended, or the system ran out of memory. "
            "Press Resume: the training goes on from its last checkpoint."
        ),
        FOLDER_GONE: _(
            "Connect the disk or network folder, or put the folder back where it was; or start a "
            "new training."
        ),
        OTHER: _(
            "Press Resume to try again from the last checkpoint. If it fails again, the details "
            "below tell what happened; they help those who are asked."
        ),
    }
    return texts[kind]
