"""A worker that trains nothing: it says that it lives and stops when asked. Run by the tests."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from SemiWeakSegLib.runs import EventLog, Heartbeat, RunFolder, worker


def main(path: str, child: str = "") -> None:
    """Work on the run until asked to stop; with `child`, have a child process of one's own."""
    run = RunFolder.open(path)
    worker.claim(run)
    print("the worker prints")
    print("and complains", file=sys.stderr)
    if child:
        sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        (run.path / "child").write_text(str(sleeper.pid), encoding="utf-8")
    events = EventLog(run.events_path)
    events.append("started", policy=os.environ.get("OMP_WAIT_POLICY"), folder=os.getcwd())
    with Heartbeat(run, interval_s=0.05):
        step = 0
        while not run.stop_requested():
            step += 1
            events.append("progress", step=step, padding="x" * 500)
            time.sleep(0.01)
    events.append("stopped", step=step)
    run.write_status("stopped", "as asked")


if __name__ == "__main__":
    main(*sys.argv[1:])
