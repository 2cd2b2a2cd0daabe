"""The report's sections on how the run was made: training, sizes, method, plan, versions."""

from __future__ import annotations

from typing import Any

from ...methods import SettingsError, TermRequest, get
from ..plan_lines import PLAN_MEANINGS
from .markup import (
    MISSING,
    Markup,
    bullets,
    clock,
    details,
    escape,
    number,
    paragraph,
    plain,
    section,
    table,
)
from .record import RunRecord


def training(record: RunRecord, pictures: str) -> Markup:
    """Curves, the stages' lengths and what the terms say of themselves."""
    rows = []
    for stage in record.of_kind("stage"):
        name = stage.get("name")
        steps = [e.get("step") or 0 for e in record.of_kind("progress") if e.get("stage") == name]
        best = [
            e["mean_dice"]
            for e in record.of_kind("validation")
            if e.get("stage") == name and e.get("mean_dice") is not None
        ]
        planned = stage.get("steps")
        row = (
            name,
            max(steps, default=0) or MISSING,
            MISSING if planned is None else planned,
            number(max(best, default=None)),
        )
        if row not in rows:
            rows.append(row)
    # A resumed run says them again.
    notes = dict.fromkeys(event.get("message", "") for event in record.of_kind("note"))
    return section(
        "Training",
        pictures,
        table(("stage", "steps done", "steps planned", "best validation Dice"), rows, numeric=3),
        bullets(each for each in notes if each),
        anchor="training",
    )


def sizes(record: RunRecord, pictures: list[str]) -> Markup:
    """The cross-validated error of the sizes that bound the unlabeled cases."""
    parts: list[str] = []
    events = record.of_kind("sizes")
    for event, picture in zip(events, pictures, strict=True):
        source = str(event.get("source") or "regressor")
        parts.append(f"<h3>{escape(source)}</h3>\n" if len(events) > 1 else "")
        parts.append(
            paragraph(
                f"Sizes come from the {source}. Cross-validated on the labeled cases it tells this "
                "much; an R² near or below 0 means that it knows no more than the mean size."
            )
        )
        rows = [
            (
                name,
                number(values.get("r2"), 2),
                number(values.get("mae_percent"), 1),
                number(values.get("mae"), 1),
                number(values.get("relative_width"), 2),
            )
            for name, values in (event.get("per_class") or {}).items()
        ]
        unit = str(event.get("unit") or "").replace("^2", "²").replace("^3", "³")
        headings = (
            "structure",
            "R²",
            "mean error (%)",
            f"mean error ({unit})" if unit else "mean error",
            "width of the bounds (relative)",
        )
        parts.append(table(headings, rows, numeric=4))
        parts.append(_moments(event.get("moments") or {}))
        if event.get("note"):
            parts.append(paragraph(event["note"], "quiet"))
        parts.append(picture)
    return section("Predicted sizes", *parts, anchor="sizes")


def _moments(moments: dict[str, Any]) -> str:
    """The same for centroid and spread, one value for each axis of the planned grid."""
    if not moments:
        return ""

    def axes(values: list[float | None] | None, digits: int) -> str:
        return " · ".join(number(value, digits) for value in values or [])

    rows = [
        (
            name,
            attribute,
            axes(values.get("r2"), 2),
            axes(values.get("mae_mm"), 1),
            axes(values.get("width_mm"), 1),
        )
        for attribute, per_class in moments.items()
        for name, values in per_class.items()
    ]
    headings = ("structure", "attribute", "R²", "mean error (mm)", "width of the bounds (mm)")
    lead = paragraph("Place and extent, along each axis; no width: bounded by the labeled cases.")
    return lead + table(headings, rows, numeric=3)


def seeds(record: RunRecord) -> Markup:
    """What a classifier of image tags found, and how much of it is right."""
    parts: list[str] = []
    for event in record.of_kind("seeds"):
        parts.append(
            paragraph(
                f"A classifier of image tags left seeds in {event.get('cases', 0)} cases, from "
                "which the segmentation was learned. What it got right on the validation cases:"
            )
        )
        rows = [
            (
                name,
                number(values.get("accuracy"), 2),
                number(values.get("precision"), 2),
                number(values.get("recall"), 2),
                number(values.get("share"), 4),
            )
            for name, values in (event.get("per_class") or {}).items()
        ]
        headings = (
            "structure",
            "accuracy of the tag",
            "precision of its seeds",
            "recall of its seeds",
            "share of the voxels seeded",
        )
        parts.append(table(headings, rows, numeric=4))
        if event.get("note"):
            parts.append(paragraph(event["note"], "quiet"))
    return section("Seeds from image tags", *parts, anchor="seeds")


def rounds(record: RunRecord) -> Markup:
    """How much the labels of each round of refinement differ from those before."""
    # A round whose labels were made again after a breakdown counts once.
    by_round = {event.get("round"): event for event in record.of_kind("refinement")}
    rows = [
        (plain(index), number(100 * event["change"], 1), plain(event.get("cases")))
        for index, event in by_round.items()
        if event.get("change") is not None
    ]
    if not rows:
        return Markup("")
    return section(
        "Rounds of refinement",
        paragraph(
            "After each round the labels of the training cases were made anew from predictions "
            "and what is known. Of the voxels that belong to an object before or after, so many "
            "have changed; where hardly any do, the rounds are over."
        ),
        table(("round", "changed (%)", "cases"), rows, numeric=2),
        anchor="rounds",
    )


def making(record: RunRecord) -> Markup:
    """Method, settings, terms, plan, budget, seed, device and versions."""
    return section(
        "How it was made",
        _method(record),
        details("Settings", _settings(record)),
        details("Extra terms", _terms(record)),
        details("Plan", _plan(record)),
        details("Run, seed, device and versions", _run(record)),
        anchor="making",
    )


def _method(record: RunRecord) -> Markup:
    name = str(record.request.get("method"))
    try:
        method = get(name)
    except SettingsError:
        return paragraph(f"Method {name}, which this version does not know.")
    return paragraph(f"{method.title} ({name}). {method.summary}") + paragraph(
        f"Source: {method.source}", "quiet"
    )


def _settings(record: RunRecord) -> Markup:
    given = dict(record.request.get("settings") or {})
    try:
        descriptions = get(str(record.request.get("method"))).descriptions()
    except SettingsError:
        descriptions = []
    rows = []
    for each in descriptions:
        value = given.pop(each.name, each.default)
        changed = "changed" if value != each.default else "default"
        unit = f" {each.unit}" if each.unit else ""
        rows.append((each.name, plain(value) + unit, changed, each.help))
    rows += [(name, plain(value), "", "") for name, value in given.items()]
    return table(("setting", "value", "", "meaning"), rows)


def _terms(record: RunRecord) -> Markup:
    rows = [
        (term.get("name"), plain(_weight(term, record)), plain(term.get("settings") or {}))
        for term in record.request.get("terms") or []
    ]
    return table(("term", "weight", "settings"), rows)


def _weight(term: dict[str, Any], record: RunRecord) -> Any:
    """The weight that was trained with: the usual one where nobody chose one."""
    dimensions = record.plan.get("dimensions")
    if term.get("weight") is not None or dimensions not in (2, 3):
        return term.get("weight")
    try:
        return TermRequest.from_dict(term).weight_on(dimensions)
    except SettingsError:  # of another version
        return None


def _plan(record: RunRecord) -> Markup:
    overridden = record.plan.get("overridden") or []
    rows = [
        (
            name,
            _plan_value(value),
            "set by hand" if name in overridden else "from the data",
            PLAN_MEANINGS.get(name, ""),
        )
        for name, value in record.plan.items()
        if name not in ("notes", "overridden")
    ]
    return bullets(record.plan.get("notes") or []) + table(("line", "value", "", "meaning"), rows)


def _plan_value(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "; ".join(plain(item) for item in value)
    return plain(value)


def _run(record: RunRecord) -> Markup:
    request, started = record.request, record.last("started")
    budget = [
        f"{request[name]:g} {name}"
        for name in ("steps", "minutes")
        if request.get(name) is not None
    ]
    rows = [
        ("seed", plain(request.get("seed"))),
        ("budget", " or ".join(budget) or "the usual number of steps for the device"),
        ("device", f"{started.get('device', MISSING)} (asked for: {request.get('device')})"),
        ("started", f"{len(record.of_kind('started'))} times" if started else "never"),
        ("duration", clock(record.duration)),
        ("state when this page was written", record.state),
        ("asked on", plain(request.get("created"))),
        ("SemiWeakSeg of the request", plain(request.get("version"))),
    ]
    rows += [(name, plain(value)) for name, value in (started.get("versions") or {}).items()]
    return table(("", ""), rows)
