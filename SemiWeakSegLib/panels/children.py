"""Child processes that answer questions: never blocking, never importing torch in Slicer."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import qt
import slicer

from SemiWeakSegLib.runs.process_tree import end_tree
from SemiWeakSegLib.runs.worker import worker_environment
from SemiWeakSegLib.scene.interpreter import workerEnvironment, workerPython

WAIT_STEP_S = 0.01
MOST_ERROR_TEXT = 20_000


class ChildProcess:
    """`python ARGUMENTS` beside Slicer, for instance ["-u", "-m", "SemiWeakSegLib", "plan", ...].

    `onOutput(bytes)` gets standard output as it comes. `onFinished(exitCode, errorText)` is called
    once, after the last output; `errorText` is what came on standard error. A program that cannot
    be started ends with code -1. A process that was stopped by `stop` calls nothing more.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        onOutput: Callable[[bytes], Any] | None = None,
        onFinished: Callable[[int, str], Any] | None = None,
    ):
        self.arguments = [str(each) for each in arguments]
        self.running = False
        self.exitCode: int | None = None
        self.errorText = ""
        self.output = b""
        self._onOutput = onOutput
        self._onFinished = onFinished
        self._process: Any = None

    def start(self) -> ChildProcess:
        """Start; returns itself."""
        process = qt.QProcess()
        environment = worker_environment(workerEnvironment())
        process.setEnvironment([f"{name}={value}" for name, value in environment.items()])
        process.connect("readyReadStandardOutput()", self._readOutput)
        process.connect("readyReadStandardError()", self._readError)
        process.connect("finished(int,QProcess::ExitStatus)", self._finished)
        process.connect("errorOccurred(QProcess::ProcessError)", self._failed)
        self._process = process
        self.running = True
        process.start(str(workerPython()), self.arguments)
        return self

    def stop(self) -> None:
        """End it at once and forget it: no callback comes after this."""
        process, self._process = self._process, None
        self.running = False
        if process is None:
            return
        process.disconnect("finished(int,QProcess::ExitStatus)", self._finished)
        process.disconnect("errorOccurred(QProcess::ProcessError)", self._failed)
        process.disconnect("readyReadStandardOutput()", self._readOutput)
        process.disconnect("readyReadStandardError()", self._readError)
        end_tree(int(process.processId()))
        process.kill()
        process.waitForFinished(2000)
        _deleteSoon(process)

    def wait(self, seconds: float | None = None) -> bool:
        """Handle events until it has ended or `seconds` have passed; whether it has ended."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while self.running:
            if deadline is not None and time.monotonic() > deadline:
                return False
            slicer.app.processEvents()
            time.sleep(WAIT_STEP_S)
        return True

    def _readOutput(self) -> None:
        if self._process is None:
            return
        data = bytes(self._process.readAllStandardOutput().data())
        if not data:
            return
        if self._onOutput is None:
            self.output += data
        else:
            self._onOutput(data)

    def _readError(self) -> None:
        if self._process is not None:
            data = bytes(self._process.readAllStandardError().data())
            text = self.errorText + data.decode("utf-8", errors="replace")
            self.errorText = text[-MOST_ERROR_TEXT:]

    def _failed(self, error: int) -> None:
        if self._process is not None and int(error) == int(qt.QProcess.FailedToStart):
            self.errorText += f"{workerPython()}: {self._process.errorString()}"
            self._end(-1)

    def _finished(self, exitCode: int, exitStatus: int) -> None:
        self._readOutput()
        self._readError()
        crashed = int(exitStatus) != int(qt.QProcess.NormalExit)
        self._end(exitCode if not crashed else exitCode or -1)

    def _end(self, exitCode: int) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        self.exitCode = exitCode
        self.running = False
        _deleteSoon(process)
        if self._onFinished is not None:
            self._onFinished(exitCode, self.errorText.strip())


def _deleteSoon(process: Any) -> None:
    """Delete a process when Qt has come back from its signals.

    PythonQt deletes an object without parent together with its last Python reference: the timer
    holds one, or the ground would be pulled from under Qt.
    """
    qt.QTimer.singleShot(0, lambda: process.deleteLater())


def lastLines(errorText: str, most: int = 5) -> str:
    """What a person needs of a child's error output: its last lines."""
    lines = [line for line in errorText.splitlines() if line.strip()]
    return "\n".join(lines[-most:])
