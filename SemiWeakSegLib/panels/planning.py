"""Asking a child process for the plan: the latest question counts, earlier ones are dropped."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from slicer.i18n import tr as _

from SemiWeakSegLib.panels.children import ChildProcess
from SemiWeakSegLib.panels.command_errors import plainMessage


class Planner:
    """Runs the plan command; `onPlan` gets its lines and notes, `onProblem` a message instead."""

    def __init__(
        self,
        onPlan: Callable[[list[dict[str, Any]], list[str]], None],
        onProblem: Callable[[str], None],
    ) -> None:
        self._onPlan = onPlan
        self._onProblem = onProblem
        self.child: ChildProcess | None = None

    @property
    def running(self) -> bool:
        """Whether an answer is awaited."""
        return self.child is not None and self.child.running

    def ask(self, arguments: Sequence[str]) -> None:
        """Start the command with these arguments; a question that is still open is dropped."""
        self.stop()
        child = ChildProcess(arguments, None, lambda code, text: self._answer(child, code, text))
        self.child = child
        child.start()

    def stop(self) -> None:
        """Drop the question; no callback comes after this."""
        if self.child is not None:
            self.child.stop()
        self.child = None

    def _answer(self, child: ChildProcess, exitCode: int, errorText: str) -> None:
        if child is not self.child:
            return
        self.child = None
        if exitCode == 0:
            try:
                content = json.loads(child.output.decode("utf-8"))
                lines, notes = content["lines"], content["plan"].get("notes", [])
            except (ValueError, KeyError, TypeError):
                self._onProblem(_("The plan that came back cannot be read."))
                return
            self._onPlan(lines, notes)
            return
        self._onProblem(plainMessage(errorText, exitCode))
