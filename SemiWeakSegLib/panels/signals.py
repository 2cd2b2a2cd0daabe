"""Plain Python callbacks by topic: Qt's own signals cannot be declared under PythonQt."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

TOPICS = (
    "study",  # the study was replaced or changed
    "inspection",  # new facts about the cohort
    "case",  # another case is active: its id, or ""
    "setup",  # the environment is known: a dictionary as `environment --json` gives
    "run",  # a run was attached or detached: RunFolder or None
    "update",  # news of the attached run: RunUpdate
    "finished",  # the attached run ended: RunFolder, state
    "results",  # predictions or their review changed
    "correct",  # a prediction is to be corrected in the editor: case id, segmentation node
    "trainAgain",  # start a run with the current choices
    "headline",  # what a section's title says changed
    "problem",  # a sentence for the user, "" to take it back
)


class Signals:
    """Callbacks by topic, called in the order in which they were connected."""

    def __init__(self) -> None:
        self._receivers: dict[str, list[Callable[..., Any]]] = {topic: [] for topic in TOPICS}

    def connect(self, topic: str, receiver: Callable[..., Any]) -> None:
        """Call `receiver` whenever `topic` is emitted; KeyError for a topic that is none."""
        if receiver not in self._receivers[topic]:
            self._receivers[topic].append(receiver)

    def disconnect(self, topic: str, receiver: Callable[..., Any]) -> None:
        """Undo `connect`; nothing happens where there was none."""
        if receiver in self._receivers[topic]:
            self._receivers[topic].remove(receiver)

    def emit(self, topic: str, *arguments: Any) -> None:
        """Tell everyone; one receiver's failure is logged and does not keep it from the others."""
        for receiver in list(self._receivers[topic]):
            try:
                receiver(*arguments)
            except Exception:
                logging.exception("SemiWeakSeg: a receiver of '%s' failed", topic)
