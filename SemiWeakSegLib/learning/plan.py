"""What is decided from the data before training: grid, patch, network, batch, intensity."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from typing import Any

import numpy as np

from ..cohort import Cohort
from ..cohort.geometry import ANISOTROPY_FOR_SLICES, FEWEST_SLICES
from .fingerprint import Fingerprint, fingerprint

# Voxels of one training patch that train comfortably; the batch is chosen beside it.
PATCH_VOXELS = {
    ("cpu", 2): 256 * 256,
    ("cpu", 3): 64**3,
    ("cuda", 2): 512 * 512,
    ("cuda", 3): 128**3,
}
# What decides where a voxel of an image lies on the planned grid, and its value there.
GRID_LINES = ("dimensions", "orient", "frame", "slice_axis", "spacing", "intensity")
TRUE, FALSE = ("true", "yes", "1"), ("false", "no", "0")
FIRST_CHANNELS = 16
MOST_CHANNELS = {2: 256, 3: 256}


class PlanError(ValueError):
    """An override of the plan that cannot be carried out."""


@dataclasses.dataclass
class Plan:
    """Everything decided from the data; written to ``plan.json``, each line can be overridden.

    Shapes and spacings are in array order (z, y, x), of the oriented image; for 2-D plans they
    are in-plane (y, x) and ``slice_axis`` is the array axis along which slices are cut.
    ``frame``: the directions that images are turned to if ``orient``, as `layout.canonical_axes`
    takes them; None for the patient's axes.
    """

    dimensions: int
    channels_in: int
    classes: list[str]
    orient: bool
    slice_axis: int
    spacing: list[float]
    patch_size: list[int]
    whole: bool
    batch_labeled: int
    batch_unlabeled: int
    network: dict[str, Any]
    intensity: list[dict[str, Any]]
    mirror_axes: list[int]
    frame: list[float] | None = None
    notes: list[str] = dataclasses.field(default_factory=list)
    overridden: list[str] = dataclasses.field(default_factory=list)

    @property
    def num_classes(self) -> int:
        """Number of network outputs, background included."""
        return len(self.classes) + 1

    def to_dict(self) -> dict[str, Any]:
        """Plain values for ``plan.json``."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Plan:
        """The inverse of ``to_dict``."""
        return cls(**values)


def make_plan(
    cohort: Cohort,
    *,
    whole: bool = False,
    overrides: dict[str, Any] | None = None,
    device: str = "cpu",
) -> Plan:
    """Decides grid, patch, network and batch for a cohort.

    ``whole``: the method constrains whole slices or volumes, so the patch must hold the largest
    of them. ``overrides``: values by the names of `Plan` and of ``network``; raises `PlanError`
    for names or values that do not fit.
    """
    overrides = dict(overrides or {})
    notes: list[str] = []
    kind = "cuda" if device.startswith("cuda") else "cpu"
    asked_for = sorted(overrides)
    prints = fingerprint(cohort, _parse_bool(overrides, "orient"))
    if prints.frame is not None:
        notes.append("images lie far from the patient's axes, and are turned to axes of their own")
    elif prints.dimension == 3 and not prints.orient and "orient" not in asked_for:
        notes.append("image axes are kept as stored: they are far from the patient's, and differ")
    dimensions = _parse_choice(overrides, "dimensions", (2, 3))
    if dimensions is None:
        dimensions = _choose_dimensions(prints, notes)
    slice_axis = _parse_choice(overrides, "slice_axis", (0, 1, 2))
    if prints.dimension == 2:
        if dimensions == 3:
            raise PlanError("dimensions=3: the images of this cohort are 2-D")
        slice_axis = 0
    elif slice_axis is None:
        slice_axis = _slice_axis(prints)

    def in_plane(values: tuple) -> tuple:
        if dimensions == 3 or prints.dimension == 2:
            return tuple(values)
        return tuple(value for axis, value in enumerate(values) if axis != slice_axis)

    shapes = np.array([in_plane(shape) for shape in prints.shapes], dtype=float)
    spacings = np.array([in_plane(spacing) for spacing in prints.spacings])
    spacing = _parse_numbers(overrides.pop("spacing", None), dimensions, "spacing", float)
    free_spacing = spacing is None
    if spacing is None:
        spacing = [_tidy(value) for value in np.median(spacings, axis=0)]
    extents = np.maximum(1, np.round(shapes * spacings / np.array(spacing)))

    budget = PATCH_VOXELS[(kind, dimensions)]
    largest = extents.max(axis=0)
    too_big = math.prod(largest) > budget and "patch_size" not in overrides
    if whole and too_big and free_spacing:
        factor = (math.prod(largest) / budget) ** (1 / dimensions)
        spacing = [_tidy(value * factor) for value in spacing]
        extents = np.maximum(1, np.round(shapes * spacings / np.array(spacing)))
        largest = extents.max(axis=0)
        notes.append(
            f"the method works on whole {'slices' if dimensions == 2 else 'volumes'}: "
            f"spacing made {factor:.2f} times coarser so that they fit"
        )
    wanted = largest if whole else np.ceil(np.percentile(extents, 95, axis=0))
    asked = _parse_numbers(overrides.pop("patch_size", None), dimensions, "patch_size", int)
    patch = asked or _fit_patch(wanted, budget, whole)
    strides = choose_strides(patch, spacing)
    if leaves_one_voxel(patch, strides):
        raise PlanError(f"patch_size {patch}: a single voxel cannot be normalised")
    multiples = total_strides(strides)
    if asked is None:
        patch = [math.ceil(size / m) * m for size, m in zip(patch, multiples, strict=True)]
    for size, multiple in zip(patch, multiples, strict=True):
        if size % multiple:
            raise PlanError(f"patch_size {patch}: must be multiples of {multiples}")
    if whole and any(size < edge for size, edge in zip(patch, largest, strict=True)):
        raise PlanError(
            f"patch_size {patch}: this method needs whole images, the largest has {largest}"
        )
    batch = int(np.clip(round(2 * 48 * 64 * 48 / math.prod(patch)), 2, 8 if dimensions == 2 else 4))
    top = MOST_CHANNELS[dimensions]
    channels = [min(top, FIRST_CHANNELS * 2**level) for level in range(len(strides) + 1)]
    network = {
        "name": "unet",
        "dimensions": dimensions,
        "in_channels": prints.channels,
        "out_channels": len(cohort.classes) + 1,
        "channels": channels,
        "strides": strides,
        "residual_units": 2,
        "normalisation": "instance",
        "dropout": 0.0,
    }
    plan = Plan(
        dimensions=dimensions,
        channels_in=prints.channels,
        classes=[each.name for each in cohort.classes],
        orient=prints.orient,
        slice_axis=slice_axis,
        spacing=list(spacing),
        patch_size=[int(size) for size in patch],
        whole=whole,
        batch_labeled=batch,
        batch_unlabeled=batch,
        network=network,
        intensity=prints.intensity,
        mirror_axes=[] if prints.has_geometry else list(range(dimensions)),
        frame=prints.frame,
        notes=notes,
    )
    plan.overridden = asked_for
    _apply_overrides(plan, overrides)
    return plan


def _choose_dimensions(prints: Fingerprint, notes: list[str]) -> int:
    if prints.dimension == 2:
        return 2
    ratios = [sorted(spacing)[2] / sorted(spacing)[1] for spacing in prints.spacings]
    ratio = float(np.median(ratios))
    if _are_thin(prints):
        notes.append(f"2-D slices: most volumes have fewer than {FEWEST_SLICES} of them")
        return 2
    if ratio >= ANISOTROPY_FOR_SLICES:
        notes.append(f"2-D slices: one spacing is {ratio:.1f} times the others")
        return 2
    return 3


def _are_thin(prints: Fingerprint) -> bool:
    return float(np.median([min(shape) for shape in prints.shapes])) < FEWEST_SLICES


def _slice_axis(prints: Fingerprint) -> int:
    """The axis of the thick slices; in volumes of a few slices, the one they are stacked along."""
    if _are_thin(prints):
        votes = Counter(int(np.argmin(shape)) for shape in prints.shapes)
    else:
        # Rounding: spacings that should be equal differ in the last digits of a file format.
        votes = Counter(
            int(np.argmax([float(f"{step:.4g}") for step in spacing]))
            for spacing in prints.spacings
        )
    return votes.most_common(1)[0][0]


def _tidy(value: float) -> float:
    """Six significant digits, for pixels of a micrometre as well as for centimetres."""
    return float(f"{value:.6g}")


def _fit_patch(wanted: np.ndarray, budget: int, whole: bool) -> list[int]:
    size = [int(value) for value in np.maximum(wanted, 8)]
    while not whole and math.prod(size) > budget:
        axis = int(np.argmax(size))
        size[axis] = max(8, size[axis] - 8)
    return size


def choose_strides(patch: list[int], spacing: list[float]) -> list[list[int]]:
    """Halves an axis while it keeps at least 3 voxels and is not much coarser than the finest."""
    size, grid = list(patch), list(spacing)
    strides: list[list[int]] = []
    most = 4
    while len(strides) < most:
        finest = min(g for g, s in zip(grid, size, strict=True) if s >= 6) if max(size) >= 6 else 0
        stride = [2 if s >= 6 and g < 2.1 * finest else 1 for s, g in zip(size, grid, strict=True)]
        if max(stride) == 1:
            break
        strides.append(stride)
        size = [math.ceil(s / step) for s, step in zip(size, stride, strict=True)]
        grid = [g * step for g, step in zip(grid, stride, strict=True)]
    return strides or [[1] * len(patch)]


def total_strides(strides: list[list[int]]) -> list[int]:
    """How many voxels of a patch are one at the bottom of the network, along each axis."""
    return [math.prod(steps) for steps in zip(*strides, strict=True)]


def leaves_one_voxel(patch: list[int], strides: list[list[int]]) -> bool:
    """Whether the bottom has a single voxel, which no instance normalisation can train on."""
    return math.prod(patch) <= math.prod(total_strides(strides))


def _apply_overrides(plan: Plan, overrides: dict[str, Any]) -> None:
    for name, value in overrides.items():
        if name == "channels":
            channels = _parse_numbers(value, len(plan.network["channels"]), name, int)
            plan.network["channels"] = channels
        elif name == "residual_units":
            plan.network[name] = _parse_number(value, name, int, 0, 10)
        elif name == "dropout":
            plan.network[name] = _parse_number(value, name, float, 0, 0.9)
        elif name in ("batch_labeled", "batch_unlabeled"):
            setattr(plan, name, _parse_number(value, name, int, 1, 4096))
        elif name == "mirror_axes":
            axes = _parse_numbers(value, None, name, int) or []
            if any(not 0 <= axis < plan.dimensions for axis in axes):
                raise PlanError(
                    f"mirror_axes {axes}: this plan has axes 0 to {plan.dimensions - 1}"
                )
            plan.mirror_axes = axes
        else:
            known = "dimensions, slice_axis, spacing, patch_size, batch_labeled, batch_unlabeled, "
            raise PlanError(
                f"plan has no line {name!r}; known: {known}channels, residual_units, dropout, "
                "mirror_axes, orient"
            )


def _parse_number(value: Any, name: str, kind: type, low: float, high: float) -> Any:
    what = "a whole number" if kind is int else "a number"
    try:
        number = kind(value)
    except (TypeError, ValueError):
        number = math.nan
    if not low <= number <= high:
        raise PlanError(f"{name}={value}: expected {what} from {low:g} to {high:g}")
    return number


def _parse_bool(overrides: dict[str, Any], name: str) -> bool | None:
    """Takes a yes or no out of the overrides; None where it is not there."""
    if name not in overrides:
        return None
    value = str(overrides.pop(name)).lower()
    if value not in (*TRUE, *FALSE):
        raise PlanError(f"{name}={value}: expected true or false")
    return value in TRUE


def _parse_choice(overrides: dict[str, Any], name: str, choices: tuple[int, ...]) -> int | None:
    """Takes one of a few integers out of the overrides; None where it is not there."""
    if name not in overrides:
        return None
    value = overrides.pop(name)
    if str(value) not in map(str, choices):
        raise PlanError(f"{name}={value}: expected {' or '.join(map(str, choices))}")
    return int(value)


def _parse_numbers(value: Any, count: int | None, name: str, kind: type) -> list | None:
    if value is None:
        return None
    if isinstance(value, str):
        parts = value.replace("x", ",").split(",")
    else:
        parts = list(value) if isinstance(value, (list, tuple)) else [value]
    try:
        numbers = [kind(part) for part in parts if str(part).strip() != ""]
    except (TypeError, ValueError) as error:
        raise PlanError(f"{name}={value}: expected numbers separated by commas") from error
    if count is not None and len(numbers) != count:
        raise PlanError(f"{name}={value}: expected {count} numbers")
    if count is not None and any(number <= 0 for number in numbers):
        raise PlanError(f"{name}={value}: must be positive")
    return numbers
