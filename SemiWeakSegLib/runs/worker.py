"""The process that works on a run: started apart from who asks, found again through the folder."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from SemiWeakSegLib.runs.folder import RunFolder
from SemiWeakSegLib.runs.lock import locked
from SemiWeakSegLib.runs.process_tree import end_tree
from SemiWeakSegLib.runs.processes import ProcessIdentity, identify, pid_exists
from SemiWeakSegLib.runs.request import RunError

START_VARIABLE = "SEMIWEAKSEG_START"
POLL_S = 0.05
LOCK_LIMIT_S = 30.0
END_LIMIT_S = 5.0


def start(
    run: RunFolder,
    *,
    resume: bool = False,
    python: Path | str | None = None,
    environment: Mapping[str, str] | None = None,
    arguments: Sequence[str] = (),
    command: Sequence[str] | None = None,
) -> int:
    """Start `python -u -m SemiWeakSegLib train RUN [--resume]` apart from this process.

    The worker has its own session, so that it outlives who started it; what it prints goes to
    log.txt. `environment` replaces this process's own; `command` replaces the whole command line.
    Returns the process id. Raises RunError where a worker is alive on the run or the program
    cannot be started.
    """
    if command is None:
        command = [str(python or sys.executable), "-u", "-m", "SemiWeakSegLib", "train"]
        command += [str(run.path), *(["--resume"] if resume else []), *arguments]
    token = uuid.uuid4().hex
    with _claiming(run):
        _require_no_worker(run)
        before = run.read_status()
        run.clear_stop()
        run.process_path.unlink(missing_ok=True)
        run.write_starting()
        try:
            process = _spawn(run, command, worker_environment(environment, token))
        except OSError as error:
            run.write_json(run.status_path.name, before)
            raise RunError(f"the worker of {run.path} cannot be started: {error}") from error
        run.write_json(run.process_path.name, {**identify(process.pid).to_dict(), "token": token})
    # Collects the worker's end, so that it does not linger as a zombie of a long-lived parent.
    threading.Thread(target=process.wait, name="worker-end", daemon=True).start()
    return process.pid


def claim(run: RunFolder) -> None:
    """Become the worker of a run: called by the process that does the work, before it starts.

    Raises RunError where another worker is alive on it. A request to stop that came after this
    worker was started, or claimed the run, is kept.
    """
    with _claiming(run):
        if run.state() == "running" and run.worker() == identify():
            return
        if not _was_started_as_worker(run):
            _require_no_worker(run)
            run.clear_stop()
            run.process_path.unlink(missing_ok=True)
        run.write_status("running")


def stop(run: RunFolder, timeout: float | None = None) -> str:
    """Ask the worker to stop with a checkpoint and wait for it; returns the state then.

    After `timeout` seconds the state may still be running; the request stays.
    """
    if run.state() == "running":
        run.request_stop()
    return wait(run, timeout)


def wait(run: RunFolder, timeout: float | None = None) -> str:
    """Wait until nobody works on the run, or `timeout` seconds; returns the state then."""
    deadline = None if timeout is None else time.monotonic() + timeout
    while (state := run.state()) == "running":
        if deadline is not None and time.monotonic() >= deadline:
            break
        time.sleep(POLL_S)
    return state


def kill(run: RunFolder) -> bool:
    """End the worker and its children at once; what the last checkpoint holds is kept.

    Returns whether there was anything to end. Raises RunError where the worker is on another
    machine, is this very process, or does not end.
    """
    if run.state() != "running":
        return False
    worker = run.worker()
    if worker is None or not worker.is_here:
        where = worker.host if worker else "an unknown host"
        raise RunError(f"{run.path} is worked on by {where}: kill it there, or stop it by request")
    if worker.pid == os.getpid():
        raise RunError(f"{run.path} is worked on by this process: it cannot end itself")
    launched = ProcessIdentity.from_dict(run.read_process())
    for identity in (worker, launched):
        if identity is not None and identity.is_alive() is not False:
            # A worker in a user's own terminal shares its group with others.
            _end(identity.pid, owns_group=launched is not None)
            if identity.is_alive():
                raise RunError(
                    f"{run.path} is worked on by process {identity.pid}, which does not end: it "
                    "may be another user's"
                )
    return True


def worker_environment(
    environment: Mapping[str, str] | None = None, token: str = ""
) -> dict[str, str]:
    """The environment of a worker: this package found from any folder, text in UTF-8."""
    result = dict(os.environ if environment is None else environment)
    package_parent = str(Path(__file__).resolve().parents[2])
    known = result.get("PYTHONPATH", "").split(os.pathsep)
    known = [os.path.abspath(each) for each in known if each]
    if package_parent not in known:
        known.insert(0, package_parent)
    result["PYTHONPATH"] = os.pathsep.join(known)
    result["PYTHONUNBUFFERED"] = "1"
    result["PYTHONIOENCODING"] = "utf-8"
    # Idle OpenMP threads that spin take the cores from the one that works.
    result.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    result[START_VARIABLE] = token
    return result


def _spawn(run: RunFolder, command: Sequence[str], environment: Mapping[str, str]) -> Any:
    options: dict[str, Any] = {"start_new_session": True}
    if os.name == "nt":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        options = {"creationflags": flags}
    with open(run.log_path, "ab") as log:
        return subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=run.path,
            **options,
        )


def _require_no_worker(run: RunFolder) -> None:
    if run.state() != "running":
        return
    worker = run.worker()
    if worker is not None and worker == identify():
        return
    who = f"process {worker.pid} on {worker.host}" if worker else "a process just started"
    raise RunError(f"{run.path} is being worked on by {who}: stop it first, or wait for its end")


def _was_started_as_worker(run: RunFolder) -> bool:
    token = os.environ.get(START_VARIABLE)
    return bool(token) and run.read_process().get("token") == token


def _claiming(run: RunFolder) -> contextlib.AbstractContextManager[None]:
    """Only one process at a time may decide who works on a run."""
    return locked(run.path / ".claim", LOCK_LIMIT_S, POLL_S)


def _end(pid: int, owns_group: bool) -> None:
    group = _group_of_its_own(pid) if owns_group else None
    end_tree(pid)
    if group is not None:
        # There may also be what is nobody's child any more.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
    deadline = time.monotonic() + END_LIMIT_S
    while pid_exists(pid) and time.monotonic() < deadline:
        time.sleep(POLL_S)


def _group_of_its_own(pid: int) -> int | None:
    """The group of a process; None where it is this process's, or has none."""
    if os.name == "nt":
        return None
    with contextlib.suppress(ProcessLookupError):
        group = os.getpgid(pid)
        return group if group != os.getpgrp() else None
    return None
