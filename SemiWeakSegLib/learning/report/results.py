"""The report's sections on what came out: headline, per class, per case, what to annotate next."""

from __future__ import annotations

from typing import Any

from ..evaluate import summarise
from .markup import MISSING, Markup, bullets, clock, details, number, paragraph, section, table
from .page import note, tiles
from .record import RunRecord

NEXT_TO_ANNOTATE = 15
HEADLINE_GROUPS = 2

MEANINGS = (
    (
        "Dice",
        "Overlap of prediction and truth, from 0 (none) to 1 (the same voxels): twice the common "
        "volume divided by the sum of both volumes. Small structures reach lower values.",
    ),
    (
        "HD95",
        "Distance in {distance} that 95 % of the surface does not exceed, the larger of both "
        "directions: how far off the worst parts of the outline are, the last 5 % apart.",
    ),
    ("ASSD", "Mean distance in {distance} between the two surfaces, both directions together."),
    (
        "Volume difference",
        "Prediction minus truth: above zero the structure is drawn too large, below it too small.",
    ),
    (
        "Uncertainty",
        "The model's own doubt, without any truth: near 0 where it is sure. A case with much doubt "
        "is worth annotating next. It is no probability of an error.",
    ),
    (
        "Mean",
        "The mean over cases of the mean over the structures of a case. A structure that neither "
        "truth nor prediction holds does not count; one in only one of the two has Dice 0 and no "
        "distance, and counts as missed or as a false alarm. Voxels whose truth is unlabeled take "
        "no part.",
    ),
)


def headline(record: RunRecord) -> Markup:
    """The figures a reader looks for first."""
    figures: list[tuple[str, str]] = []
    for title, cases in list(record.measured_by_group().items())[:HEADLINE_GROUPS]:
        summary = summarise(cases)
        if summary["mean_dice"] is not None:
            figures.append((f"{summary['mean_dice']:.3f}", f"mean Dice, {_count(cases)}: {title}"))
        if len(figures) == 1 and summary["mean_hd95"] is not None:
            unit = record.metrics.get("distance_unit", "mm")
            figures.append((f"{summary['mean_hd95']:.1f} {unit}", f"mean HD95, {title}"))
    validated = [
        event["mean_dice"]
        for event in record.of_kind("validation")
        if event.get("mean_dice") is not None
    ]
    if not figures and validated:
        figures.append((f"{max(validated):.3f}", "best mean Dice on validation while training"))
    if not figures:
        figures.append(("not measured", "no case with a reference segmentation was predicted"))
    figures.append((str(len(record.predictions)), "cases predicted"))
    if record.duration is not None:
        figures.append((clock(record.duration), "of work"))
    return tiles(figures)


def notices(record: RunRecord, problems: list[str]) -> Markup:
    """Synthetic data, a run that is not finished and why, and every warning."""
    parts: list[str] = []
    if record.synthetic:
        parts.append(
            note(
                "<b>Synthetic data.</b> The images of this cohort are made by a program. Figures "
                "on them say nothing about patients.",
                "warning",
            )
        )
    if record.state in ("failed", "stopped", "lost"):
        reason = record.message or "no reason was written"
        parts.append(note(paragraph(f"This run is {record.state}: {reason}"), "failure"))
    # A worker writes its report while it still counts as running: its predictions are there then.
    if record.state in ("created", "running") and not record.of_kind("predicted"):
        words = {"created": "has not begun", "running": "was still working"}[record.state]
        parts.append(note(f"This run {words} when this page was written.", "warning"))
    messages = [event.get("message", "") for event in record.of_kind("warning")]
    messages += [_out_of_memory(event) for event in record.of_kind("out_of_memory")]
    messages += [*record.unreadable, *problems]
    if messages:
        unique = list(dict.fromkeys(message for message in messages if message))
        parts.append(note("<b>Warnings</b>" + bullets(unique), "warning"))
    return Markup("".join(parts))


def accuracy(record: RunRecord) -> Markup:
    """Measures per class for each role that was measured."""
    if not record.metrics:
        return Markup("")
    unit = _unit(record)
    distance = record.metrics.get("distance_unit", "mm")
    parts = []
    for title, cases in record.measured_by_group().items():
        rows = []
        for name, values in summarise(cases)["per_class"].items():
            rows.append(
                (
                    name,
                    _spread(values, "dice", 3),
                    _spread(values, "hd95", 1),
                    _spread(values, "assd", 2),
                    _spread(values, "volume_difference", 2, sign=True),
                    _spread(values, "volume_difference_percent", 0, sign=True),
                    values["missed"],
                    values["false_alarm"],
                    values["n"],
                )
            )
        headings = (
            "structure",
            "Dice",
            f"HD95 ({distance})",
            f"ASSD ({distance})",
            f"volume diff. ({unit})",
            "volume diff. (%)",
            "missed",
            "false alarms",
            "cases",
        )
        parts.append(f"<h3>{title[0].upper()}{title[1:]}, {_count(cases)}</h3>\n")
        parts.append(table(headings, rows, numeric=8))
    parts.append(paragraph("Mean ± standard deviation over cases.", "quiet"))
    without = record.metrics.get("without_truth") or []
    if without:
        parts.append(paragraph(f"{len(without)} predictions have no truth and count nothing."))
    return section("How well it segments", *parts, anchor="accuracy")


def next_to_annotate(record: RunRecord) -> Markup:
    """Training cases not fully labeled, the most uncertain first; the rest behind a click."""
    rows = sorted(
        (row for row in record.predictions if row.get("uncertainty") is not None),
        key=lambda row: -row["uncertainty"],
    )
    kinds = {row["case"]: record.annotation(row["case"]) for row in rows}
    cells = [
        (position, row["case"], kinds[row["case"]], number(row["uncertainty"], 4))
        for position, row in enumerate(
            (row for row in rows if _worth_annotating(record, row["case"], kinds)), start=1
        )
    ]
    if not cells:
        return Markup("")
    headings = ("", "case", "known so far", "uncertainty")
    return section(
        "What to annotate next",
        paragraph(
            "The training cases the model doubts most; annotating these is likely to help most."
        ),
        table(headings, cells[:NEXT_TO_ANNOTATE], numeric=1),
        details(
            f"{len(cells) - NEXT_TO_ANNOTATE} more",
            table(headings, cells[NEXT_TO_ANNOTATE:], numeric=1),
        ),
        anchor="next",
    )


def all_cases(record: RunRecord) -> Markup:
    """Every measured case, worst first."""
    if not record.metrics:
        return Markup("")
    uncertainty = {row["case"]: row.get("uncertainty") for row in record.predictions}
    names = list(record.metrics.get("per_class", {}))
    cases = sorted(
        record.metrics["cases"],
        key=lambda case: (case["mean_dice"] is None, case["mean_dice"] or 0.0),
    )
    rows = [
        (
            case["case"],
            record.role(case["case"]) or MISSING,
            number(case["mean_dice"]),
            *(_case_dice(case["per_class"].get(name)) for name in names),
            number(uncertainty.get(case["case"]), 4),
        )
        for case in cases
    ]
    headings = ("case", "role", "mean Dice", *(f"Dice {name}" for name in names), "uncertainty")
    content = table(headings, rows, numeric=len(names) + 2)
    return section("Every measured case", details(f"{_count(cases)}, worst first", content))


def meanings(record: RunRecord) -> Markup:
    """What the measures mean, in words."""
    distance = (record.metrics or {}).get("distance_unit", "mm")
    words = {"mm": "millimetres", "px": "pixels"}[distance]
    entries = "".join(
        f"<dt>{term}</dt><dd>{text.format(distance=words)}</dd>\n" for term, text in MEANINGS
    )
    return section("What the figures mean", f"<dl>\n{entries}</dl>\n", anchor="meanings")


def _worth_annotating(record: RunRecord, case: str, kinds: dict[str, str]) -> bool:
    return record.role(case) in ("train", "") and kinds[case] != "labeled"


def _spread(values: dict[str, Any], measure: str, digits: int, sign: bool = False) -> str:
    if values[measure] is None:
        return MISSING
    deviation = values[f"{measure}_std"]
    text = number(values[measure], digits, sign)
    return text if deviation is None else f"{text} ± {deviation:.{digits}f}"


def _case_dice(entry: dict[str, Any] | None) -> str:
    if entry is None:
        return MISSING
    flaw = " missed" if entry["missed"] else " false alarm" if entry["false_alarm"] else ""
    return number(entry["dice"]) + flaw


def _count(cases: list[dict]) -> str:
    return f"{len(cases)} case" + ("" if len(cases) == 1 else "s")


def _unit(record: RunRecord) -> str:
    return str(record.metrics.get("volume_unit", "mL")).replace("^2", "²")


def _out_of_memory(event: dict[str, Any]) -> str:
    message = event.get("message")
    return str(message) if message else "The device ran out of memory."
