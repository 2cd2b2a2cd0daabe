"""Working on a run in this process, or handing it to a worker in the background."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from types import FrameType
from typing import Any

from SemiWeakSegLib.commands.failures import (
    ABORTED,
    FAILED,
    OK,
    STOPPED,
    InputError,
    missing_packages,
    reading_input,
)
from SemiWeakSegLib.commands.log import logged
from SemiWeakSegLib.commands.parser import PROGRAM
from SemiWeakSegLib.commands.progress import Printer
from SemiWeakSegLib.runs import EventLog, RunFolder, worker

STOPPING = b"\nstopping after this step, with a checkpoint; once more to abort\n"
ABORT_MESSAGE = "aborted; what the last checkpoint holds is kept"
REFUSALS = {
    "finished": "is finished: start a new run, in another folder",
    "stopped": "was stopped: go on with 'resume'",
    "failed": "failed before: go on from its last checkpoint with 'resume'",
    "lost": "was interrupted: go on with 'resume'",
}


def work_on(run: RunFolder, *, resume: bool, background: bool) -> int:
    """Train, here or in a worker of its own; returns the exit code."""
    with reading_input():
        run.read_request()
        state = run.state()
    if state in REFUSALS and (state == "finished" or not resume):
        raise InputError([f"{run.path} {REFUSALS[state]}"])
    if missing := missing_packages():
        raise InputError(missing)
    if background:
        return _start(run, resume)
    # Other ranks of torchrun or SLURM work along; one of them speaks and writes.
    if not is_main_process():
        with stopping_on_signals(run):
            return _exit_code(_work(run, resume, None))
    with reading_input():
        worker.claim(run)
    console = sys.stdout
    with logged(run.log_path) as log, stopping_on_signals(run):
        printer = Printer(console, log)
        try:
            return _speak(run, _work(run, resume, printer))
        except KeyboardInterrupt:
            EventLog(run.events_path).append("stopped", message=ABORT_MESSAGE)
            run.write_status("stopped", ABORT_MESSAGE)
            print(f"aborted; go on from the last checkpoint: {PROGRAM} resume {run.path}")
            return ABORTED
        except Exception as error:
            _record_failure(run, error, log)
            return FAILED
        finally:
            printer.close()


def is_main_process() -> bool:
    """Whether this is the one process, or the first of those that torchrun or SLURM started."""
    return int(os.environ.get("RANK", "0")) == 0


@contextlib.contextmanager
def stopping_on_signals(run: RunFolder) -> Iterator[None]:
    """The first Ctrl-C or termination signal asks the run to stop, the second aborts."""

    heard_before = False

    def ask(number: int, frame: FrameType | None) -> None:
        nonlocal heard_before
        if heard_before:
            raise KeyboardInterrupt
        heard_before = True
        run.request_stop()
        # Printing may be what the signal interrupted: write past Python's buffers.
        with contextlib.suppress(OSError):
            os.write(2, STOPPING)

    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    # A signal that is ignored, as under nohup, stays ignored.
    heard = [each for each in numbers if signal.getsignal(each) is not signal.SIG_IGN]
    before = {each: signal.signal(each, ask) for each in heard}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _start(run: RunFolder, resume: bool) -> int:
    with reading_input():
        pid = worker.start(run, resume=resume)
    print(f"working in the background as process {pid}")
    print(f"  watch  {PROGRAM} status {run.path} --follow")
    print(f"  stop   {PROGRAM} stop {run.path}")
    return OK


def _work(run: RunFolder, resume: bool, printer: Printer | None) -> str:
    # Before torch is loaded: idle OpenMP threads that spin take the cores from the one that works.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from SemiWeakSegLib.learning.worker import work

    return work(run, resume=resume, progress=printer)


def _speak(run: RunFolder, state: str) -> int:
    code = _exit_code(state)
    if code == OK:
        print(f"finished: {run.path}")
        for name in ("predictions", "report"):
            if (folder := getattr(run, name)).is_dir():
                print(f"  {name:<12} {folder}")
    elif code == STOPPED:
        print(f"stopped with a checkpoint; go on: {PROGRAM} resume {run.path}")
    else:
        print(f"{state}: {run.read_status().get('message') or run.log_path}", file=sys.stderr)
    return code


def _exit_code(state: str) -> int:
    return {"finished": OK, "stopped": STOPPED}.get(state, FAILED)


def _record_failure(run: RunFolder, error: Exception, log: Any) -> None:
    """Traceback to the log, one sentence to the user and, unless work did it, to the status."""
    traceback.print_exc(file=sys.stdout if log is None else log)
    sentence = " ".join(str(error).split()) or type(error).__name__
    if run.read_status().get("state") != "failed":
        run.write_status("failed", sentence)
    print(f"failed: {sentence}", file=sys.stderr)
    print(f"(details: {run.log_path})", file=sys.stderr)
