"""Real processes: a worker killed at random moments, several processes, memory that runs out."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import torch

from SemiWeakSegLib.learning.saved_model import PARTIAL, load_tensors
from SemiWeakSegLib.runs.events import EventLog
from SemiWeakSegLib.runs.folder import RunFolder
from Testing.learning.tiny import make_cohort, make_run

ROOT = Path(__file__).resolve().parents[2]
STEPS = 40
# A checkpoint at each of the validations.
SETTINGS = {"validations": 20}


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def command(run: RunFolder, verb: str = "train") -> list[str]:
    return [sys.executable, "-m", "SemiWeakSegLib", verb, str(run.path)]


def torchrun() -> list[str]:
    """Two processes on this machine; a port that is free lets tests go on side by side."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = str(found.getsockname()[1])
    starter = [sys.executable, "-m", "torch.distributed.run"]
    return [*starter, "--nproc-per-node", "2", "--master-port", port]


def end(command: list[str]) -> subprocess.CompletedProcess:
    """A command to its end, with this checkout's library."""
    return subprocess.run(
        command, env=environment(), cwd=ROOT, capture_output=True, encoding="utf-8", timeout=180
    )


def succeed(command: list[str]) -> None:
    """Runs a command that must end with 0."""
    done = end(command)
    assert done.returncode == 0, done.stdout + done.stderr


def steps_done(run: RunFolder) -> int:
    events = EventLog(run.events_path).read()[0]
    return max((e["step"] for e in events if e["kind"] == "checkpoint"), default=0)


def kill_after(run: RunFolder, verb: str, steps: int, delay: float) -> None:
    """Starts a worker and ends it with SIGKILL some time after so many steps are saved."""
    process = subprocess.Popen(
        command(run, verb),
        env=environment(),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 90
    while steps_done(run) < steps and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.01)
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.wait()


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return make_cohort(tmp_path_factory.mktemp("data"))


class TestKilled:
    def test_resumed_after_kills_at_random_moments_equals_uninterrupted(self, cohort, tmp_path):
        chance = random.Random(20261121)
        asked = {"steps": STEPS, "settings": SETTINGS}
        whole = make_run(tmp_path / "whole", cohort, "pseudo_label", **asked)
        succeed(command(whole))
        broken = make_run(tmp_path / "broken", cohort, "pseudo_label", **asked)
        for number, share in enumerate((0.05, 0.35, 0.7)):
            verb = "resume" if number else "train"
            kill_after(broken, verb, int(share * STEPS), chance.uniform(0, 0.15))
            assert broken.state() == "lost"
        # As a kill in the middle of writing leaves it.
        (broken.checkpoints / f".segment.pt{PARTIAL}").write_bytes(b"half")
        succeed(command(broken, "resume"))
        assert broken.state() == "finished"
        expected = load_tensors(whole.model / "weights.pt")
        found = load_tensors(broken.model / "weights.pt")
        assert all(torch.equal(expected[name], found[name]) for name in expected)
        # Nothing half-written was left behind.
        assert not [path for path in broken.path.rglob("*") if path.name.endswith(PARTIAL)]


class TestSeveralProcesses:
    def test_torchrun_with_two_processes_trains_one_model(self, cohort, tmp_path):
        run = make_run(tmp_path / "run", cohort, "pseudo_label", steps=20, predict=("test",))
        succeed([*torchrun(), "-m", "SemiWeakSegLib", "train", str(run.path)])
        events = EventLog(run.events_path).read()[0]
        started = [event for event in events if event["kind"] == "started"]
        assert [event["processes"] for event in started] == [2]
        assert run.state() == "finished"
        assert (run.predictions / "metrics.json").exists()

    def test_checkpoints_by_the_clock_do_not_lock_processes_that_are_not_in_step(
        self, cohort, tmp_path
    ):
        settings = {"folds": 2, "regressor": "resnet18"}
        run = make_run(tmp_path / "run", cohort, "curriculum_size", steps=12, settings=settings)
        script = tmp_path / "script.py"
        script.write_text(
            textwrap.dedent(
                f"""
                import os, time
                from SemiWeakSegLib.learning import trainer, worker
                from SemiWeakSegLib.runs.folder import RunFolder
                trainer.CHECKPOINT_SECONDS = 0.1
                step = trainer.StageTrainer.step
                def slow(self):
                    time.sleep(0.07 * int(os.environ["RANK"]))
                    step(self)
                trainer.StageTrainer.step = slow
                assert worker.work(RunFolder({str(run.path)!r})) == "finished"
                """
            )
        )
        succeed([*torchrun(), str(script)])

    @pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads are listed by Linux")
    def test_no_thread_of_the_group_is_left_to_abort_the_end(self, cohort, tmp_path):
        run = make_run(tmp_path / "run", cohort, steps=2)
        script = tmp_path / "script.py"
        script.write_text(
            textwrap.dedent(
                f"""
                import pathlib
                from SemiWeakSegLib.learning import worker
                from SemiWeakSegLib.runs.folder import RunFolder
                assert worker.work(RunFolder({str(run.path)!r})) == "finished"
                threads = pathlib.Path("/proc/self/task").glob("*/comm")
                names = [thread.read_text() for thread in threads]
                assert not [name for name in names if "gloo" in name], names
                """
            )
        )
        succeed([*torchrun(), str(script)])

    def test_gradients_are_the_mean_over_the_processes(self, tmp_path):
        script = tmp_path / "script.py"
        script.write_text(
            textwrap.dedent(
                """
                import torch
                from SemiWeakSegLib.learning.processes import Processes
                processes = Processes("cpu")
                network = torch.nn.Linear(3, 2)
                torch.nn.init.constant_(network.weight, float(processes.rank))
                processes.copy_from_main(network)
                assert network.weight.eq(0).all()
                network(torch.full((1, 3), 1.0 + 2 * processes.rank)).sum().backward()
                processes.average_gradients(network)
                assert network.weight.grad.eq(2.0).all(), network.weight.grad
                assert network.bias.grad.eq(1.0).all()
                shared = processes.average(torch.tensor([1.0, 2.0]) * processes.rank)
                assert shared.tolist() == [0.5, 1.0], shared
                assert processes.agree(float(processes.rank + 5)) == 5.0
                processes.wait()
                processes.close()
                """
            )
        )
        succeed([*torchrun(), str(script)])


class TestMemory:
    def test_a_plan_too_big_for_the_computer_is_named(self, cohort, tmp_path):
        """A real allocation failure: the address space of the worker is limited."""
        plan = {"batch_labeled": 4096, "patch_size": "256,256"}
        run = make_run(tmp_path / "run", cohort, plan=plan)
        script = (
            "import resource, sys, torch\n"
            "from SemiWeakSegLib.learning.worker import work\n"
            "from SemiWeakSegLib.runs.folder import RunFolder\n"
            "resource.setrlimit(resource.RLIMIT_AS, (6 * 2**30, 6 * 2**30))\n"
            "work(RunFolder(sys.argv[1]))\n"
        )
        done = end([sys.executable, "-c", script, str(run.path)])
        assert done.returncode != 0
        failed = [e for e in EventLog(run.events_path).read()[0] if e["kind"] == "failed"]
        assert "out of memory with batch 4096" in failed[0]["message"]
        assert "may fit" in failed[0]["message"]
