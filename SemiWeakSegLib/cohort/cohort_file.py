"""The cohort file: JSON, schema version 1, paths relative to the file where they can be."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from SemiWeakSegLib.cohort.case import Box, Case, Point, SegmentClass

SCHEMA = 1

_T = TypeVar("_T")


class CohortFileError(ValueError):
    """A cohort file that cannot be understood; the message names the file and the place."""


def write_document(path: Path, document: dict[str, Any]) -> None:
    """Write ``document`` as JSON to ``path``, replacing the old file only when complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(temporary, "w", encoding="utf-8") as stream:
            json.dump(document, stream, indent=1, ensure_ascii=False, allow_nan=False)
            stream.write("\n")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def read_document(path: Path) -> dict[str, Any]:
    """The JSON object in ``path``; raises CohortFileError when it is absent or not an object."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CohortFileError(f"{path}: there is no such file.") from None
    except OSError as error:
        raise CohortFileError(f"{path}: cannot be read ({error.strerror}).") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise CohortFileError(f"{path}: is not JSON ({error}).") from None
    if not isinstance(document, dict):
        kind = type(document).__name__
        raise CohortFileError(f"{path}: holds a JSON {kind}; a cohort file holds an object.")
    return document


def encode(
    classes: list[SegmentClass], cases: list[Case], description: str, base: Path
) -> dict[str, Any]:
    """The JSON document of a cohort; ``base`` is the folder paths are relative to."""
    document: dict[str, Any] = {"schema": SCHEMA}
    if description:
        document["description"] = description
    document["classes"] = [_encode_class(item) for item in classes]
    document["cases"] = [_encode_case(case, base) for case in cases]
    return document


def decode(document: dict[str, Any], path: Path) -> tuple[list[SegmentClass], list[Case], str]:
    """Classes, cases and description of the document read from ``path``."""
    schema = document.get("schema")
    if schema != SCHEMA:
        found = "no schema version" if schema is None else f"schema version {schema!r}"
        raise CohortFileError(
            f"{path}: found {found}; this version of SemiWeakSeg reads schema version {SCHEMA}."
        )
    classes = _decode_list(document, "classes", path, _decode_class)
    cases = _decode_list(document, "cases", path, lambda item: _decode_case(item, path.parent))
    return classes, cases, str(document.get("description", ""))


def _decode_list(
    document: dict[str, Any], key: str, path: Path, decode_item: Callable[[dict[str, Any]], _T]
) -> list[_T]:
    items = document.get(key)
    if not isinstance(items, list):
        raise CohortFileError(f'{path}: "{key}" should be a list, found {type(items).__name__}.')
    decoded = []
    for position, item in enumerate(items):
        name = item.get("id", item.get("name")) if isinstance(item, dict) else None
        place = f'{path}: "{key}" entry {position + 1}' + (f" ({name})" if name else "")
        try:
            decoded.append(decode_item(item))
        except KeyError as error:
            raise CohortFileError(f"{place}: {error.args[0]!r} is missing.") from None
        except (TypeError, ValueError, AttributeError) as error:
            raise CohortFileError(f"{place}: {error}.") from None
    return decoded


def _encode_class(item: SegmentClass) -> dict[str, Any]:
    data: dict[str, Any] = {"index": item.index, "name": item.name}
    if item.color is not None:
        data["color"] = list(item.color)
    if item.terminology is not None:
        data["terminology"] = item.terminology
    if item.size_bounds is not None:
        data["size_bounds"] = [_bound(value) for value in item.size_bounds]
    return data


def _decode_class(data: dict[str, Any]) -> SegmentClass:
    color = data.get("color")
    bounds = data.get("size_bounds")
    return SegmentClass(
        index=int(data["index"]),
        name=str(data["name"]),
        color=None if color is None else _floats(color),  # type: ignore[arg-type]
        terminology=data.get("terminology"),
        size_bounds=None if bounds is None else _bounds(bounds),
    )


def _encode_case(case: Case, base: Path) -> dict[str, Any]:
    data: dict[str, Any] = {"id": case.id, "role": case.role}
    if case.group is not None:
        data["group"] = case.group
    data["images"] = [_relative(path, base) for path in case.images]
    if case.label is not None:
        data["label"] = _relative(case.label, base)
    if case.truth is not None:
        data["truth"] = _relative(case.truth, base)
    if case.points:
        data["points"] = [
            {"class": point.class_index, "position": list(point.position)} for point in case.points
        ]
    if case.boxes:
        data["boxes"] = [_encode_box(box) for box in case.boxes]
    if case.present:
        data["present"] = list(case.present)
    if case.absent:
        data["absent"] = list(case.absent)
    if case.sizes:
        data["sizes"] = {
            str(index): [_bound(value) for value in bounds] for index, bounds in case.sizes.items()
        }
    if case.looked_at is not None:
        data["looked_at"] = list(case.looked_at)
    return data


def _decode_case(data: dict[str, Any], base: Path) -> Case:
    images = data["images"]
    if isinstance(images, str):
        images = [images]
    looked_at = data.get("looked_at")
    return Case(
        id=str(data["id"]),
        images=tuple(base / path for path in images),
        label=None if data.get("label") is None else base / data["label"],
        truth=None if data.get("truth") is None else base / data["truth"],
        points=tuple(
            Point(int(point["class"]), _floats(point["position"]))
            for point in data.get("points", ())
        ),
        boxes=tuple(_decode_box(box) for box in data.get("boxes", ())),
        present=tuple(int(index) for index in data.get("present", ())),
        absent=tuple(int(index) for index in data.get("absent", ())),
        sizes={int(index): _bounds(bounds) for index, bounds in data.get("sizes", {}).items()},
        looked_at=None if looked_at is None else tuple(int(index) for index in looked_at),
        role=str(data.get("role", "train")),
        group=None if data.get("group") is None else str(data["group"]),
    )


def _encode_box(box: Box) -> dict[str, Any]:
    return {
        "class": box.class_index,
        "center": list(box.center),
        "size": list(box.size),
        "axes": [list(axis) for axis in box.axes],
    }


def _decode_box(data: dict[str, Any]) -> Box:
    return Box(
        class_index=int(data["class"]),
        center=_floats(data["center"]),
        size=_floats(data["size"]),
        axes=tuple(_floats(axis) for axis in data["axes"]),
    )


def _floats(values: list[Any]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _bounds(values: list[float | None]) -> tuple[float, float]:
    """Lower and upper bound; ``null`` is none."""
    lower, upper = values
    return (0.0 if lower is None else float(lower), math.inf if upper is None else float(upper))


def _bound(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _relative(path: Path, base: Path) -> str:
    try:
        return Path(os.path.relpath(path, base)).as_posix()
    except ValueError:  # another drive (Windows): there is no relative path
        return path.as_posix()
