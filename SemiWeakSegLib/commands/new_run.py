"""From the options of `train` to a run folder, with every problem found before it is made."""

from __future__ import annotations

import argparse
import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SemiWeakSegLib.commands.cases import parse_case_names
from SemiWeakSegLib.commands.failures import InputError, collecting, missing_packages
from SemiWeakSegLib.commands.reading import read_cohort, report_findings
from SemiWeakSegLib.methods import (
    SettingsError,
    TermRequest,
    conflicts,
    get,
    missing_requirements,
    parse_term,
)
from SemiWeakSegLib.methods.co_training import CoTraining
from SemiWeakSegLib.runs import RunError, RunFolder, RunRequest

if TYPE_CHECKING:
    from SemiWeakSegLib.cohort import Cohort
    from SemiWeakSegLib.methods import SegmentationSettings

WAIT_LIMIT_S = 1800.0
DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


def make_run(arguments: argparse.Namespace) -> RunFolder:
    """Check everything, then make the folder with the cohort's copy and the request.

    Raises InputError with all problems of folder, method, settings, terms, plan and cohort.
    """
    problems: list[str] = missing_packages()
    run = RunFolder(arguments.run)
    with collecting(problems):
        _require_empty(run)
    method, settings = None, None
    with collecting(problems):
        method = get(arguments.method)
        settings = method().with_assignments(arguments.set)
    terms = parse_terms(arguments.add, settings, problems)
    plan: dict[str, Any] = {}
    with collecting(problems):
        plan = parse_overrides(arguments.plan)
    device = arguments.device or "auto"
    if not DEVICE.fullmatch(device):
        problems.append(f"--device is '{device}', must be auto, cpu, cuda, cuda:NUMBER or mps")
    predict = RunRequest.predict
    with collecting(problems):
        predict = parse_case_names(arguments.predict) if arguments.predict else predict
    cohort = _read_and_check(arguments, method, problems)
    if not problems and cohort is not None and settings is not None:
        _check_learning(cohort, settings, terms, plan, device, problems)
    if problems or cohort is None or settings is None:
        raise InputError(problems)
    request = RunRequest(
        method=arguments.method,
        settings=settings.to_dict(),
        terms=terms,
        plan=plan,
        steps=arguments.steps,
        minutes=arguments.minutes,
        seed=arguments.seed or 0,
        device=device,
        predict=predict,
    )
    run.path.mkdir(parents=True, exist_ok=True)
    # The request comes last: a folder is a run once it has one.
    cohort.save(run.cohort_path)
    return RunFolder.create(run.path, request)


def wait_until_made(run: RunFolder) -> None:
    """Wait for the main process, which makes the run that all of them work on."""
    deadline = time.monotonic() + WAIT_LIMIT_S
    while not run.request_path.is_file():
        if time.monotonic() > deadline:
            raise InputError([f"{run.path} was not made within {WAIT_LIMIT_S / 60:.0f} min"])
        time.sleep(0.2)


def parse_terms(
    texts: list[str], settings: SegmentationSettings | None, problems: list[str]
) -> list[dict[str, Any]]:
    """Terms "name:weight,key=value" as plain values; what is wrong with them joins `problems`.

    So does what does not go together, among them and with the method's settings; None: these are
    wrong themselves.
    """
    terms: list[TermRequest] = []
    for text in texts:
        with collecting(problems):
            terms.append(parse_term(text))
    problems.extend(conflicts(settings, terms))
    return [term.to_dict() for term in terms]


def parse_overrides(texts: list[str]) -> dict[str, Any]:
    """Plan overrides "key=value": a JSON value, numbers divided by commas, or text.

    Raises SettingsError with all texts that are not of that form.
    """
    overrides: dict[str, Any] = {}
    problems = []
    for text in texts:
        key, separator, value = text.partition("=")
        if not separator or not key.strip():
            problems.append(f"--plan: '{text}' is not of the form key=value")
            continue
        overrides[key.strip()] = _plan_value(value.strip())
    if problems:
        raise SettingsError(problems)
    return overrides


def _plan_value(text: str) -> Any:
    for candidate in (text, text.lower(), f"[{text}]"):
        try:
            return json.loads(candidate)
        except ValueError:
            continue
    return text


def _require_empty(run: RunFolder) -> None:
    run.require_vacant()
    if run.path.is_dir() and any(run.path.iterdir()):
        raise RunError(f"{run.path} is not empty: a new run needs a folder of its own")


def _read_and_check(
    arguments: argparse.Namespace, method: type[SegmentationSettings] | None, problems: list[str]
) -> Cohort | None:
    from SemiWeakSegLib.cohort import check_cohort, summary

    cohort = None
    with collecting(problems):
        cohort = read_cohort(Path(arguments.cohort))
        errors = report_findings(check_cohort(cohort, voxels=not arguments.headers_only))
        problems.extend(errors)
        if not errors and method is not None:
            problems.extend(missing_requirements(method, summary(cohort)))
    return cohort


def _check_learning(
    cohort: Cohort,
    settings: SegmentationSettings,
    terms: list[dict[str, Any]],
    plan: dict[str, Any],
    device: str,
    problems: list[str],
) -> None:
    """What only torch can tell; asked last, and only when there is something to ask."""
    # Which networks co-training can have depends on the plan.
    if not plan and device in ("auto", "cpu") and not isinstance(settings, CoTraining):
        return
    from SemiWeakSegLib.learning.processes import choose_device
    from SemiWeakSegLib.learning.recipes import plan_run

    with collecting(problems):
        kind = choose_device(device).type
        extra = [TermRequest.from_dict(each) for each in terms]
        plan_run(cohort, settings, extra, plan, kind)
