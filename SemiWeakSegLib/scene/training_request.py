"""What is asked of a training, and everything that keeps it from being done."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from SemiWeakSegLib.methods import (
    SettingsError,
    TermRequest,
    conflicts,
    get,
    missing_requirements,
)
from SemiWeakSegLib.runs import RunRequest
from SemiWeakSegLib.scene.texts import tr as _

if TYPE_CHECKING:
    from SemiWeakSegLib.cohort import CohortSummary

CASE_NAMES = ("all", "unlabeled", "train", "validation", "test")
FEWEST_MINUTES = 0.01
DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


@dataclass
class TrainingRequest:
    """What is asked of a training.

    ``settings``: those of the method that differ from its defaults. ``terms``: dictionaries of
    name, weight and settings. ``plan``: overrides by name. ``steps`` or ``minutes`` is the budget;
    neither: the usual number of steps for the device. ``predict``: which cases to segment
    afterwards, of `CASE_NAMES`.
    """

    method: str
    settings: dict[str, Any] = field(default_factory=dict)
    terms: list[dict[str, Any]] = field(default_factory=list)
    plan: dict[str, Any] = field(default_factory=dict)
    steps: int | None = None
    minutes: float | None = None
    seed: int = 0
    device: str = "auto"
    predict: tuple[str, ...] = RunRequest.predict


def problemsOf(request: TrainingRequest, summary: CohortSummary | None = None) -> list[str]:
    """A sentence for each thing that keeps the request from being trained, all at once.

    ``summary``: the counts of the cohort, for what the method needs; None where they are not yet
    known.
    """
    problems: list[str] = []
    settings = None
    with _collecting(problems):
        method = get(request.method)
        if summary is not None:
            problems += missing_requirements(method, summary)
        settings = method.from_dict(request.settings)
    terms: list[TermRequest] = []
    for term in request.terms:
        with _collecting(problems):
            terms.append(TermRequest.from_dict(term))
    problems += conflicts(settings, terms)
    return problems + _budgetProblems(request) + _otherProblems(request)


@contextmanager
def _collecting(problems: list[str]) -> Iterator[None]:
    """What is raised inside joins the problems."""
    try:
        yield
    except SettingsError as error:
        problems += error.problems
    except (TypeError, ValueError, AttributeError) as error:
        problems.append(str(error))


def _budgetProblems(request: TrainingRequest) -> list[str]:
    problems = []
    if request.steps is not None and request.minutes is not None:
        problems.append(_("The budget is either a number of steps or of minutes, not both."))
    if request.steps is not None and (not isinstance(request.steps, int) or request.steps < 1):
        problems.append(
            _("The budget is {steps} steps; it must be a whole number of at least 1.").format(
                steps=request.steps
            )
        )
    if request.minutes is not None and not (
        math.isfinite(request.minutes) and request.minutes >= FEWEST_MINUTES
    ):
        problems.append(
            _("The budget is {minutes} minutes; it must be at least {least}.").format(
                minutes=request.minutes, least=FEWEST_MINUTES
            )
        )
    return problems


def _otherProblems(request: TrainingRequest) -> list[str]:
    problems = []
    if not isinstance(request.seed, int) or request.seed < 0:
        problems.append(
            _("The seed is {seed}; it must be a whole number of at least 0.").format(
                seed=request.seed
            )
        )
    if not DEVICE.fullmatch(request.device):
        problems.append(
            _("The device is {device!r}; it must be auto, cpu, cuda, cuda:<number> or mps.").format(
                device=request.device
            )
        )
    unknown = [name for name in request.predict if name not in CASE_NAMES]
    if unknown:
        problems.append(
            _("There are no cases {names}; cases to predict are {known}.").format(
                names=", ".join(map(repr, unknown)), known=", ".join(CASE_NAMES)
            )
        )
    try:
        json.dumps(request.plan, allow_nan=False)
    except (TypeError, ValueError) as error:
        problems.append(_("The plan cannot be written: {reason}.").format(reason=error))
    return problems
