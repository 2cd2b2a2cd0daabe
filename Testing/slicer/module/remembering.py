"""A child process whose answers are remembered; to be imported where Qt has been started."""

from __future__ import annotations

from typing import ClassVar

import qt

from SemiWeakSegLib.panels.children import ChildProcess


class RememberingChild(ChildProcess):
    """Asks a real process each question once; later it answers by itself, as the process did."""

    answers: ClassVar[dict[tuple[str, ...], tuple[int, str, bytes]]] = {}

    def start(self) -> ChildProcess:
        question = tuple(word for word in self.arguments if not word.endswith("cohort.json"))
        tell, known = self._onFinished, self.answers.get(question)

        def remember(exitCode: int, errorText: str) -> None:
            self.answers[question] = exitCode, errorText, self.output
            tell(exitCode, errorText)

        def answer() -> None:
            if self.running:
                self.running = False
                self.exitCode, self.errorText, self.output = known
                tell(self.exitCode, self.errorText)

        if known is None:
            self._onFinished = remember
            return super().start()
        self.running = True
        qt.QTimer.singleShot(0, answer)
        return self
