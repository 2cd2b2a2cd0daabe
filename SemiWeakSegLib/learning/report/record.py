"""All that a report tells, read once from a run folder; what is missing or torn is said."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ...cohort.case import Case
from ...cohort.cohort import Cohort
from ...runs import EventLog, RunFolder

SYNTHETIC_WORDS = ("synthetic", "phantom")
# Groups of measured cases in the order in which they matter.
TEST, VALIDATION, UNANNOTATED, ANNOTATED, OTHER = GROUPS = (
    "test",
    "validation",
    "training, without annotation",
    "training, annotated",
    "measured",
)


@dataclass(frozen=True)
class RunRecord:
    """A run as the report sees it; every part but the name may be missing.

    metrics: an evaluation (evaluate.py). predictions: rows with case, file, uncertainty_file and
    uncertainty. unreadable: sentences on what could not be read.
    """

    name: str
    state: str
    message: str
    request: dict[str, Any]
    plan: dict[str, Any]
    events: list[dict[str, Any]]
    metrics: dict[str, Any] | None
    predictions: list[dict[str, Any]]
    predictions_folder: Path
    cohort: Cohort | None
    unreadable: list[str] = field(default_factory=list)

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        """The events of one kind, oldest first."""
        return [event for event in self.events if event.get("kind") == kind]

    def last(self, kind: str) -> dict[str, Any]:
        """The newest event of one kind, or an empty dictionary."""
        events = self.of_kind(kind)
        return events[-1] if events else {}

    def case(self, case_id: str) -> Case | None:
        """A case of the cohort, where the cohort could be read and has it."""
        cases = self.cohort.cases if self.cohort is not None else []
        return next((case for case in cases if case.id == case_id), None)

    def role(self, case_id: str) -> str:
        """Role of a case; empty where unknown."""
        case = self.case(case_id)
        return case.role if case is not None else ""

    def annotation(self, case_id: str) -> str:
        """What a case was when the run began: labeled, scribbled... ; empty where unknown."""
        case = self.case(case_id)
        if case is None:
            return ""
        try:
            return self.cohort.annotation_kind(case)
        except (OSError, ValueError):
            return ""

    def group(self, case_id: str) -> str:
        """Which of GROUPS a case belongs to."""
        case = self.case(case_id)
        if case is None:
            return OTHER
        if case.role != "train":
            return {"test": TEST, "validation": VALIDATION}[case.role]
        known = case.label is not None or case.points or case.boxes
        return ANNOTATED if known else UNANNOTATED

    def measured_by_group(self) -> dict[str, list[dict]]:
        """The evaluation's cases by group: test first, then validation, then the rest."""
        groups: dict[str, list[dict]] = {}
        for case in self.metrics["cases"] if self.metrics else []:
            groups.setdefault(self.group(case["case"]), []).append(case)
        return {title: groups[title] for title in GROUPS if title in groups}

    @property
    def synthetic(self) -> bool:
        """Whether the cohort, a case's id or a path says that the images are made up."""
        if self.cohort is None:
            return False
        texts = [self.cohort.description]
        for case in self.cohort.cases:
            texts.extend((case.id, *map(str, case.images)))
        return any(word in text.lower() for text in texts for word in SYNTHETIC_WORDS)

    @property
    def duration(self) -> float | None:
        """Seconds worked: the time between each start and the last event before the next one."""
        spans: list[tuple[float, float]] = []
        for event in self.events:
            moment = seconds(event.get("time"))
            if moment is None:
                continue
            if event.get("kind") == "started":
                spans.append((moment, moment))
            elif spans:
                spans[-1] = (spans[-1][0], max(spans[-1][1], moment))
        return sum(end - start for start, end in spans) if spans else None


def read_record(run: RunFolder) -> RunRecord:
    """Read a run folder, whatever state it is in; only a run without run.json is refused."""
    unreadable: list[str] = []
    request = run.read_request().to_dict()
    events = EventLog(run.events_path).read(0)[0] if run.events_path.exists() else []
    closing = [event for event in events if event.get("kind") in ("finished", "failed", "stopped")]
    rows = _read_json(run.predictions / "predictions.json", unreadable)
    return RunRecord(
        name=Path(run.path).resolve().name,
        state=run.state(),
        message=str(closing[-1].get("message") or "") if closing else "",
        request=request,
        plan=_read_json(run.plan_path, unreadable) or {},
        events=events,
        metrics=_read_json(run.predictions / "metrics.json", unreadable),
        predictions=rows or [],
        predictions_folder=run.predictions,
        cohort=_read_cohort(run.cohort_path, unreadable),
        unreadable=unreadable,
    )


def seconds(moment: Any) -> float | None:
    """An event's time, a number of seconds or an ISO text, in seconds; None for anything else."""
    if isinstance(moment, (int, float)):
        return float(moment)
    try:
        return datetime.fromisoformat(str(moment)).timestamp()
    except ValueError:
        return None


def _read_json(path: Path, unreadable: list[str]) -> Any:
    if not path.exists():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        unreadable.append(f"{path.name} could not be read: {error}")
        return None


def _read_cohort(path: Path, unreadable: list[str]) -> Cohort | None:
    if not path.exists():
        unreadable.append(f"{path.name} is not in the run folder")
        return None
    try:
        return Cohort.load(path)
    except (OSError, ValueError) as error:
        unreadable.append(f"{path.name} could not be read: {error}")
        return None
