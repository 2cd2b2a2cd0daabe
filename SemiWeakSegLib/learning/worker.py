"""A run from its request to its report: plan, cache, stages, model, predictions, metrics."""

from __future__ import annotations

import dataclasses
import shutil
import time
from collections.abc import Callable
from typing import Any

from ..cohort import Case, Cohort
from ..methods import menu
from ..methods.terms import TermRequest
from ..runs import worker
from ..runs.events import EventLog
from ..runs.folder import RunFolder
from ..runs.heartbeat import Heartbeat
from ..runs.request import RunRequest
from .budget import Budget
from .checkpoint import mark_finished, read_checkpoint
from .finish import keep_last_stage, predict_asked
from .memory import OutOfMemory, is_out_of_memory, release_memory, shrink
from .plan import Plan
from .processes import Processes
from .recipes import make_stages, plan_run
from .report import write_report
from .saved_model import PARTIAL, keep_model
from .stages import Stage, Workshop
from .store import CaseStore
from .surroundings import describe_device, versions
from .trainer import PROGRESS_SECONDS, StageTrainer, Stopped

DEFAULT_STEPS = {"cpu": 1000, "cuda": 4000, "mps": 2000}


def work(
    run: RunFolder, *, resume: bool = False, progress: Callable[[dict], None] | None = None
) -> str:
    """Does all of a run; returns "finished" or "stopped", raises on failure.

    Progress, results and failures are written to the run folder; ``progress`` is also called with
    every event. ``resume`` goes on from ``checkpoints/last.pt``, or starts anew where there is
    none. Safe to call in several processes at once (torchrun): the main one writes.
    """
    return _Worker(run, progress).work(resume)


class _Worker:
    def __init__(self, run: RunFolder, progress: Callable[[dict], None] | None):
        self.run = run
        self.progress = progress
        self.log = EventLog(run.events_path)
        self.request: RunRequest = run.read_request()
        self.settings = menu.get(self.request.method).from_dict(self.request.settings)
        self.terms = [TermRequest.from_dict(each) for each in self.request.terms]
        self.processes = Processes(self.request.device)
        self.said = time.monotonic()

    def emit(self, kind: str, **fields: Any) -> None:
        """Writes an event (main process only)."""
        if self.processes.is_main:
            self.log.append(kind, **fields)
            if self.progress:
                self.progress({"kind": kind, **fields})

    def _prepared(self, done: int, total: int) -> None:
        # With several processes the others wait for all cases: they cannot be left behind.
        self._count("preparing", done, total, may_stop=self.processes.world == 1)

    def _labeled(self, done: int, total: int) -> None:
        # Of several processes only the main one ends a stage: the others cannot be left behind.
        self._count("predicting", done, total, may_stop=self.processes.world == 1)

    def _predicted(self, done: int, total: int) -> None:
        self._count("predicting", done, total, may_stop=True)

    def _count(self, kind: str, done: int, total: int, *, may_stop: bool) -> None:
        """Says now and then how far cases have come, and heeds a request to stop."""
        if may_stop and self.run.stop_requested():
            raise Stopped
        now = time.monotonic()
        if done == total or now - self.said >= PROGRESS_SECONDS:
            self.said = now
            self.emit(kind, done=done, total=total)

    def work(self, resume: bool) -> str:
        main = self.processes.is_main
        if main:
            worker.claim(self.run)
        try:
            if not main:
                state = self._work(resume)
                self.processes.wait()
                return state
            with Heartbeat(self.run):
                state = self._work(resume)
            if state == "stopped":
                keep_model(self.run, Cohort.load(self.run.cohort_path).classes)
            self.run.write_status(state)
            self._report()
            # torchrun ends everybody when one leaves with an error: all leave together.
            self.processes.wait()
            return state
        except Exception as error:
            sentence = " ".join(str(error).split()) or type(error).__name__
            if main:
                self.emit("failed", message=sentence)
                self.run.write_status("failed", sentence)
            else:
                # The main process will only see that a connection was closed.
                self.log.append("warning", message=f"process {self.processes.rank}: {sentence}")
            raise
        finally:
            self.processes.close()

    def _report(self) -> None:
        try:
            write_report(self.run)
        except Exception as error:
            # The run itself is done and kept; 'report RUN' shows the error and tries again.
            self.emit("warning", message=f"the report could not be written: {error}")

    def _work(self, resume: bool) -> str:
        cohort = Cohort.load(self.run.cohort_path)
        self.emit(
            "started",
            device=describe_device(self.processes.device),
            processes=self.processes.world,
            method=self.settings.name,
            seed=self.request.seed,
            versions=versions(),
            resumed=resume,
        )
        plan = self._plan(cohort, resume)
        while True:
            try:
                workshop = self._workshop(cohort, plan)
                stages = make_stages(self.settings, self.terms, workshop)
                self._train(workshop, stages, resume)
                break
            except Stopped:
                self.emit("stopped", message="stopped on request, with a checkpoint")
                return "stopped"
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                plan, resume = self._smaller(plan, error), True
            # Outside the handler: the error itself held what filled the memory.
            workshop = stages = None
            release_memory(self.processes.device)
        state, message = "finished", ""
        if self.processes.is_main:
            try:
                keep_last_stage(workshop, stages[-1], cohort)
                predict_asked(workshop, cohort, self._predicted)
            except Stopped:
                state, message = "stopped", "stopped on request, after training"
        self.processes.wait()
        self.emit(state, message=message)
        return state

    def _plan(self, cohort: Cohort, resume: bool) -> Plan:
        stored = self.run.read_plan() if resume else None
        self.processes.wait()  # nobody writes before all have read
        if stored:
            return Plan.from_dict(stored)
        device = self.processes.device.type
        plan = plan_run(cohort, self.settings, self.terms, self.request.plan, device)
        if self.processes.is_main:
            self.run.write_json(self.run.plan_path.name, plan.to_dict())
        self.processes.wait()
        return plan

    def _smaller(self, plan: Plan, error: Exception) -> Plan:
        """A plan that needs less memory, or OutOfMemory where the user fixed what is too big."""
        smaller = shrink(plan)
        fixed = sorted({"patch_size", "batch_labeled", "batch_unlabeled"} & set(plan.overridden))
        described = f"batch {plan.batch_labeled} + {plan.batch_unlabeled}, patch {plan.patch_size}"
        # Several processes are in the middle of a step: they cannot be told to start again.
        if smaller is None or fixed or self.processes.world > 1:
            hint = (
                ""
                if smaller is None
                else (
                    f"; batch {smaller.batch_labeled} + {smaller.batch_unlabeled} with patch "
                    f"{smaller.patch_size} may fit"
                )
            )
            raise OutOfMemory(f"out of memory with {described}{hint}") from error
        self.emit(
            "out_of_memory",
            message=f"out of memory with {described}; going on with a smaller plan",
            batch=plan.batch_labeled,
            patch=plan.patch_size,
            next_batch=smaller.batch_labeled,
            next_patch=smaller.patch_size,
        )
        if self.processes.is_main:
            self.run.write_json(self.run.plan_path.name, smaller.to_dict())
        return smaller

    def _workshop(self, cohort: Cohort, plan: Plan) -> Workshop:
        if not self.processes.is_main:
            self.processes.wait()  # the main process fills the cache first
        used = [_with_known_label(case) for case in cohort.cases if case.role != "test"]
        store = CaseStore(used, plan, self.processes.device, prepared=self._prepared)
        if self.processes.is_main:
            self.processes.wait()
        kinds = [cohort.annotation_kind(case) for case in used]
        training = [index for index, case in enumerate(used) if case.role == "train"]
        labeled = [index for index in training if store.annotated(index)]
        if not labeled and "tagged" not in self.settings.needs:
            raise ValueError(
                "no training case has an annotated voxel or a box: annotate at least one case"
            )
        return Workshop(
            run=self.run,
            plan=plan,
            store=store,
            device=self.processes.device,
            seed=self.request.seed,
            labeled=labeled,
            # A class that was not looked at has no known size.
            dense=[
                index
                for index in labeled
                if kinds[index] == "labeled" and all(store.looked_at(index))
            ],
            unlabeled=[index for index in training if index not in set(labeled)],
            validation=[
                index
                for index, case in enumerate(used)
                if case.role == "validation" and store.entries[index].annotated
            ],
            emit=self.emit,
            classes=cohort.classes,
            count=self._labeled,
        )

    def _train(self, workshop: Workshop, stages: list[Stage], resume: bool) -> None:
        state = read_checkpoint(workshop) if resume else None
        if self.processes.is_main:
            if not resume:
                shutil.rmtree(self.run.checkpoints, ignore_errors=True)
                shutil.rmtree(workshop.products, ignore_errors=True)
            for left in self.run.checkpoints.glob(f".*{PARTIAL}"):
                left.unlink(missing_ok=True)
        self.processes.wait()
        budget = self._budget()
        shares = [stage.share for stage in stages]
        for number, stage in enumerate(stages):
            if state is not None and number < state["stage"]:
                continue
            if stage.skip and stage.skip(workshop):
                self.processes.wait()  # nobody changes what the others are still reading
                if self.processes.is_main:
                    mark_finished(workshop, stages, number)
                continue
            if self.processes.is_main:
                # What an earlier stop left would be taken for the result of this training.
                shutil.rmtree(self.run.model, ignore_errors=True)
            skipped = {
                place
                for place, each in enumerate(stages[:number])
                if each.skip and not workshop.weights_path(each.name).exists()
            }
            part = budget.of_stage(shares, number, skipped)
            later = sum(shares[number + 1 :]) / stage.share
            trainer = StageTrainer(
                workshop, stage, number, part, self.settings, self.processes, later
            )
            if state is not None and state["stage"] == number and "network" in state:
                trainer.restore(state)
            state = None
            trainer.run()
            if self.processes.is_main:
                if stage.finish:
                    stage.finish(workshop)
                mark_finished(workshop, stages, number)
            self.processes.wait()
            for term in trainer.terms:
                term.finish()

    def _budget(self) -> Budget:
        if self.request.minutes is not None:
            return Budget(minutes=self.request.minutes)
        return Budget(steps=self.request.steps or DEFAULT_STEPS[self.processes.device.type])


def _with_known_label(case: Case) -> Case:
    """A validation case is measured against its truth; a training case never sees one."""
    if case.role == "validation" and case.truth is not None:
        return dataclasses.replace(case, label=case.truth, looked_at=None)
    return case
