"""The plan as lines that a person can read, and which of them can be set by hand."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from .plan import Plan

PLAN_MEANINGS = {
    "dimensions": "2-D slices or 3-D volumes",
    "channels_in": "channels of an image",
    "classes": "structures, in the order of their label values",
    "orient": "images are turned to the same axes first",
    "frame": "directions of these axes, where they are not the patient's",
    "slice_axis": "axis across which slices are cut (0 = foot to head, or what is nearest to it)",
    "spacing": "mm between voxels that the network sees",
    "patch_size": "voxels the network sees at once",
    "whole": "the network sees whole slices or volumes",
    "batch_labeled": "annotated patches in a step",
    "batch_unlabeled": "unlabeled patches in a step",
    "network": "the network",
    "channels": "channels at each level of the network",
    "strides": "how each level halves the grid, axis by axis",
    "residual_units": "convolutions in each residual block of the network",
    "dropout": "share of the channels dropped in training",
    "intensity": "how intensities are scaled, per channel",
    "mirror_axes": "axes that may be mirrored",
}
SETTABLE = (
    *("dimensions", "orient", "slice_axis", "spacing", "patch_size"),
    *("batch_labeled", "batch_unlabeled", "channels", "residual_units", "dropout", "mirror_axes"),
)


@dataclass(frozen=True)
class PlanLine:
    """One line: its value, the value as text that an override may take, and what it means."""

    key: str
    value: Any
    text: str
    why: str
    settable: bool
    overridden: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def describe_plan(plan: Plan) -> list[PlanLine]:
    """The plan's lines in reading order; the network's that can be set stand for themselves."""
    values = plan.to_dict()
    network = values.pop("network")
    notes, overridden = values.pop("notes"), set(values.pop("overridden"))
    del notes  # sentences, shown beside the lines
    position = list(values).index("intensity")
    parts = {key: network[key] for key in ("channels", "strides", "residual_units", "dropout")}
    if values["frame"] is None:
        del values["frame"]
    else:
        rounded = [round(value, 2) for value in values["frame"]]
        values["frame"] = [rounded[row : row + 3] for row in (0, 3, 6)]
    items = list(values.items())
    items[position:position] = parts.items()
    return [
        PlanLine(key, value, _text(value), PLAN_MEANINGS[key], key in SETTABLE, key in overridden)
        for key, value in items
    ]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_text(each)}" for key, each in value.items())
    if isinstance(value, (list, tuple)):
        if value and isinstance(value[0], (list, tuple, dict)):
            return "; ".join(_text(each) for each in value)
        return ", ".join(_text(each) for each in value)
    return str(value)
