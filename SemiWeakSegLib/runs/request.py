"""What was asked of a run: written once, before the work starts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from SemiWeakSegLib import __version__

SCHEMA = 1


class RunError(ValueError):
    """A run folder that cannot be made, read or worked on; the message says which and why."""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True)
class RunRequest:
    """Cohort, method, settings, extra terms, plan overrides, budget, seed and device of a run.

    `cohort` is a path relative to the run folder. `terms` are `TermRequest.to_dict()` values.
    `steps` and `minutes` are the budget; both None: the usual number of steps for the device.
    `predict` names the cases to predict when training is done: all, unlabeled, train, validation,
    test.
    """

    method: str
    cohort: str = "cohort.json"
    settings: dict[str, Any] = field(default_factory=dict)
    terms: list[dict[str, Any]] = field(default_factory=list)
    plan: dict[str, Any] = field(default_factory=dict)
    steps: int | None = None
    minutes: float | None = None
    seed: int = 0
    device: str = "auto"
    predict: tuple[str, ...] = ("unlabeled", "validation", "test")
    created: str = field(default_factory=_now)
    version: str = __version__

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, with the schema version."""
        return {"schema": SCHEMA, **asdict(self), "predict": list(self.predict)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RunRequest:
        """Raises RunError for another schema, an unknown key or a missing method."""
        content = dict(values)
        schema = content.pop("schema", None)
        if schema != SCHEMA:
            raise RunError(
                f"run request has schema {schema!r}, this version reads {SCHEMA}: "
                "update SemiWeakSeg or start a new run"
            )
        unknown = sorted(set(content) - {each.name for each in fields(cls)})
        if unknown:
            raise RunError(f"run request has unknown entries: {', '.join(unknown)}")
        if not isinstance(content.get("method"), str):
            raise RunError("run request names no method")
        if "predict" in content:
            content["predict"] = tuple(content["predict"])
        return cls(**content)

    @classmethod
    def load(cls, path: Path) -> RunRequest:
        """Read run.json; raises RunError that names the file."""
        try:
            values = json.loads(Path(path).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise RunError(
                f"{Path(path).parent} is not a run: it has no {Path(path).name}"
            ) from None
        except ValueError as error:
            raise RunError(f"{path} is not readable JSON: {error}") from error
        if not isinstance(values, dict):
            raise RunError(f"{path} holds {type(values).__name__}, expected a JSON object")
        try:
            return cls.from_dict(values)
        except RunError as error:
            raise RunError(f"{path}: {error}") from error
