"""A run is a folder: the only thing that passes between those who ask, work and watch."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

from SemiWeakSegLib.runs.atomic import write_json
from SemiWeakSegLib.runs.processes import ProcessIdentity, identify
from SemiWeakSegLib.runs.request import RunError, RunRequest

WRITTEN_STATES = ("created", "running", "finished", "failed", "stopped")
STATES = (*WRITTEN_STATES, "lost")
HEARTBEAT_LIMIT_S = 90.0


class RunFolder:
    """Names, reads and writes the files of a run (design.md lists them).

    One object may be shared by the threads of a worker: writing the status is guarded.
    """

    def __init__(self, path: Path | str):
        self.path = Path(path).absolute()
        self._status_lock = threading.Lock()

    @classmethod
    def create(cls, path: Path | str, request: RunRequest) -> RunFolder:
        """Make the folder and write the request; RunError where a run, or a file, already is."""
        run = cls(path)
        run.require_vacant()
        run.path.mkdir(parents=True, exist_ok=True)
        write_json(run.request_path, request.to_dict())
        return run

    @classmethod
    def open(cls, path: Path | str) -> RunFolder:
        """An existing run; RunError where the folder holds none."""
        run = cls(path)
        if not run.request_path.is_file():
            what = "has no run.json" if run.path.is_dir() else "does not exist"
            raise RunError(f"{run.path} is not a run: it {what}")
        return run

    def require_vacant(self) -> None:
        """Raise RunError where this path cannot become a new run."""
        if self.request_path.exists():
            raise RunError(f"{self.path} already holds a run: choose another folder, or resume it")
        if self.path.exists() and not self.path.is_dir():
            raise RunError(f"{self.path} is a file: a run needs a folder")

    @property
    def request_path(self) -> Path:
        """run.json: what was asked."""
        return self.path / "run.json"

    @property
    def cohort_path(self) -> Path:
        """cohort.json: the cohort as it was when the run was made."""
        return self.path / "cohort.json"

    @property
    def plan_path(self) -> Path:
        """plan.json: what was decided from the data."""
        return self.path / "plan.json"

    @property
    def events_path(self) -> Path:
        """events.jsonl: what happened, one JSON object a line."""
        return self.path / "events.jsonl"

    @property
    def status_path(self) -> Path:
        """status.json: state, process, heartbeat."""
        return self.path / "status.json"

    @property
    def process_path(self) -> Path:
        """process.json: the process that was started for this run; its group holds the worker."""
        return self.path / "process.json"

    @property
    def stop_path(self) -> Path:
        """stop: while this file is there, the worker is asked to stop."""
        return self.path / "stop"

    @property
    def log_path(self) -> Path:
        """log.txt: everything the worker printed."""
        return self.path / "log.txt"

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints last and best."""
        return self.path / "checkpoints"

    @property
    def last_checkpoint(self) -> Path:
        """checkpoints/last.pt: what a resumed run goes on from."""
        return self.checkpoints / "last.pt"

    @property
    def model(self) -> Path:
        """Folder of all that prediction needs."""
        return self.path / "model"

    @property
    def model_path(self) -> Path:
        """model/model.json: its presence says that the model is whole."""
        return self.model / "model.json"

    @property
    def predictions(self) -> Path:
        """Folder of label maps, uncertainty maps and metrics."""
        return self.path / "predictions"

    @property
    def report(self) -> Path:
        """Folder of the report."""
        return self.path / "report"

    def read_request(self) -> RunRequest:
        """What was asked; RunError where the file is missing or damaged."""
        return RunRequest.load(self.request_path)

    def read_plan(self) -> dict[str, Any] | None:
        """What was decided from the data, None before that."""
        return self._read_json(self.plan_path)

    def read_process(self) -> dict[str, Any]:
        """The process that was started for this run, {} where it is worked on by hand."""
        return self._read_json(self.process_path) or {}

    def write_json(self, name: str, value: Any) -> None:
        """Write a JSON file of this run, atomically; NaN and infinity become null."""
        write_json(self.path / name, value)

    def read_status(self) -> dict[str, Any]:
        """The content of status.json; {"state": "created"} before anyone worked on the run."""
        return self._read_json(self.status_path) or {"state": "created", "message": ""}

    def write_status(self, state: str, message: str = "") -> None:
        """State and message, with this process as the one that works on the run."""
        if state not in WRITTEN_STATES:
            raise ValueError(f"state is {state!r}, must be one of {', '.join(WRITTEN_STATES)}")
        self._write_status({"state": state, "message": message, **identify().to_dict()})

    def write_starting(self) -> None:
        """State running, on behalf of a worker that is about to be started and has no pid yet."""
        self._write_status({"state": "running", "message": "starting", "pid": None})

    def beat(self) -> None:
        """Refresh the heartbeat, where this process is the one that works on the run."""
        with self._status_lock:
            status = self.read_status()
            if status.get("state") == "running" and _is_me(status):
                status["heartbeat"] = time.time()
                write_json(self.status_path, status)

    def worker(self) -> ProcessIdentity | None:
        """The process that works, or last worked, on the run.

        Until a started worker has said who it is, that is the process that was started.
        """
        identity = ProcessIdentity.from_dict(self.read_status())
        return identity or ProcessIdentity.from_dict(self.read_process())

    def state(self) -> str:
        """created, running, finished, failed, stopped, or lost.

        Lost is a run that says running while its process is gone: on this machine that is known
        at once, on another one when the heartbeat is older than 90 s.
        """
        status = self.read_status()
        state = str(status.get("state", "created"))
        if state != "running":
            return state
        identity = self.worker()
        alive = identity.is_alive() if identity else None
        if alive is None:
            alive = time.time() - float(status.get("heartbeat") or 0) <= HEARTBEAT_LIMIT_S
        return "running" if alive else "lost"

    def can_predict(self) -> bool:
        """Whether there is a model, or a checkpoint that may hold one."""
        return self.model_path.is_file() or self.last_checkpoint.is_file()

    def request_stop(self) -> None:
        """Ask the worker to stop after the current step, with a checkpoint."""
        self.stop_path.touch()

    def stop_requested(self) -> bool:
        """Whether the worker is asked to stop."""
        return self.stop_path.exists()

    def clear_stop(self) -> None:
        """Take back a request to stop, as every start does."""
        self.stop_path.unlink(missing_ok=True)

    def _write_status(self, content: dict[str, Any]) -> None:
        with self._status_lock:
            write_json(self.status_path, {**content, "heartbeat": time.time()})

    def _read_json(self, path: Path) -> dict[str, Any] | None:
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise RunError(f"{path} is not readable JSON: {error}") from error
        if not isinstance(value, dict):
            raise RunError(f"{path} holds {type(value).__name__}, expected a JSON object")
        return value


def _is_me(status: dict[str, Any]) -> bool:
    return ProcessIdentity.from_dict(status) == identify()
