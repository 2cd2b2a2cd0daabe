"""The ``model/`` folder of a run: all that prediction needs, tensors and plain values only."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..cohort import SegmentClass
from ..runs.atomic import write_json
from ..runs.folder import RunFolder
from .networks import build_network, is_segmenter, on_device
from .plan import Plan

SCHEMA = 1
# What a killed process left half written ends so; the next start removes it.
PARTIAL = ".partial"


@dataclasses.dataclass
class SavedModel:
    """A trained network with its plan and classes.

    ``settings``: what `build_network` made it from; empty for a network made by hand.
    """

    network: nn.Module
    plan: Plan
    classes: list[SegmentClass]
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)


def save_tensors(path: Path, values: dict[str, Any]) -> None:
    """``torch.save`` that replaces atomically; values are tensors and plain Python."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}{PARTIAL}")
    try:
        with partial.open("wb") as stream:
            torch.save(values, stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def load_tensors(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Reads tensors and plain values; anything that would run code is refused by torch."""
    return torch.load(path, map_location=device, weights_only=True)


def save_model(
    folder: Path, network: dict, state: dict, plan: Plan, classes: list[SegmentClass]
) -> None:
    """Writes weights.pt, then model.json (whose presence says the model is complete)."""
    folder.mkdir(parents=True, exist_ok=True)
    save_tensors(folder / "weights.pt", state)
    described = {
        "schema": SCHEMA,
        "network": network,
        "classes": [
            {
                "index": each.index,
                "name": each.name,
                "color": each.color,
                "terminology": each.terminology,
            }
            for each in classes
        ],
        "plan": plan.to_dict(),
    }
    write_json(folder / "model.json", described)


def keep_model(run: RunFolder, classes: list[SegmentClass]) -> bool:
    """Makes ``model/`` of an unfinished run from its last checkpoint; False where it has none.

    The best weights by validation where there was one, else the last ones; between two stages
    those of the one that has ended. Regressors and classifiers do not segment: the run must have
    come to a segmenting stage.
    """
    path, plan = run.last_checkpoint, run.read_plan()
    state = load_tensors(path) if path.exists() and plan else {}
    if not is_segmenter(state.get("settings", {})):
        return False
    best = run.checkpoints / f"{state['name']}.pt"
    is_between_stages = "network" not in state
    if is_between_stages and not best.exists():
        return False
    if is_between_stages or (state["validations"] > 0 and best.exists()):
        weights = load_tensors(best)["network"]
    elif state["averaged"]:
        prefix = "module."
        weights = {
            name.removeprefix(prefix): value
            for name, value in state["average"].items()
            if name.startswith(prefix)
        }
    else:
        weights = state["network"]
    save_model(run.model, state["settings"], weights, Plan.from_dict(plan), classes)
    return True


def load_model(folder: Path, device: torch.device | str = "cpu") -> SavedModel:
    """Raises FileNotFoundError with what to do where training has not finished."""
    path = folder / "model.json"
    if not path.exists():
        raise FileNotFoundError(f"{folder}: no trained model here; train or resume the run first")
    described = json.loads(path.read_text(encoding="utf-8"))
    if described.get("schema") != SCHEMA:
        raise ValueError(f"{path}: schema {described.get('schema')}, this version reads {SCHEMA}")
    network = build_network(described["network"])
    network.load_state_dict(load_tensors(folder / "weights.pt"))
    classes = [
        SegmentClass(
            each["index"],
            each["name"],
            None if each["color"] is None else tuple(each["color"]),
            each["terminology"],
        )
        for each in described["classes"]
    ]
    network = on_device(network, device).eval()
    return SavedModel(network, Plan.from_dict(described["plan"]), classes, described["network"])
