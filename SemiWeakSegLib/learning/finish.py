"""The end of a run: its model, the cases it was asked to predict, how good they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..cohort import Case, Cohort
from ..runs.folder import RunFolder
from .evaluate import evaluate_cases, summarise, write_metrics
from .predict import predict_run, select_cases
from .saved_model import load_tensors, save_model
from .stages import Stage, Workshop

# Held-out cases say more than those the model was chosen by or trained with.
MOST_TELLING_FIRST = ("test", "validation", "train")


def keep_last_stage(workshop: Workshop, stage: Stage, cohort: Cohort) -> None:
    """Writes ``model/`` of a run whose last stage has ended."""
    state = load_tensors(workshop.weights_path(stage.name))["network"]
    save_model(workshop.run.model, stage.network, state, workshop.plan, cohort.classes)


def predict_asked(workshop: Workshop, cohort: Cohort, progress: Callable[[int, int], None]) -> None:
    """Predicts what the request asks for, measures what has a reference; emits "predicted"."""
    run = workshop.run
    cases = {
        case.id: case
        for which in run.read_request().predict
        for case in select_cases(cohort, which)
    }
    if not cases:
        return
    rows = predict_run(run, list(cases.values()), device=str(workshop.device), progress=progress)
    files = {row["case"]: run.predictions / row["file"] for row in rows}
    mean_dice, measured_on = _measure(run, list(cases.values()), files, cohort)
    workshop.emit(
        "predicted",
        cases=len(rows),
        mean_uncertainty=sum(row["uncertainty"] for row in rows) / len(rows),
        mean_dice=mean_dice,
        measured_on=measured_on,
    )


def _measure(
    run: RunFolder, cases: list[Case], files: dict[str, Path], cohort: Cohort
) -> tuple[float | None, str | None]:
    """Writes the metrics; mean Dice and role of the cases that it says most about."""
    known = [case for case in cases if case.reference is not None]
    if not known:
        return None, None
    partial = [case for case in known if case.truth is None and case.looked_at is not None]
    result = evaluate_cases(
        [(case.id, files[case.id], case.reference) for case in known],
        cohort.classes,
        {case.id: case.looked_at for case in partial},
    )
    write_metrics(result, run.predictions)
    roles = {case.id: case.role for case in known}
    role = next(each for each in MOST_TELLING_FIRST if each in roles.values())
    chosen = [row for row in result["cases"] if roles[row["case"]] == role]
    return summarise(chosen)["mean_dice"], role
