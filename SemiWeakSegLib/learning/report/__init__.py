"""The report of a run: one HTML file with its pictures inside, readable without this program."""

from __future__ import annotations

import io
import os
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ...runs import RunFolder
from ...runs.atomic import write_text
from . import making, results
from .curves import collect_curves, draw_curves
from .markup import picture, section
from .overlays import draw_overlays
from .page import render_page
from .pictures import choose_cases, load_pictures
from .record import RunRecord, read_record
from .scatter import draw_scatter
from .theme import DARK, LIGHT

__all__ = ["write_report"]

DOTS_PER_INCH = 130


def write_report(run: RunFolder) -> Path:
    """Write report/report.html, curves.png and overlays.png of a run; returns the HTML's path.

    Reads the run folder and, for the overlays, the cohort's images; whatever is not there yet is
    left out, so that a run can be reported at any moment. Nothing else is changed.
    """
    record = read_record(run)
    run.report.mkdir(parents=True, exist_ok=True)
    curves = _curves(record, run.report)
    overlays, problems = _overlays(record, run.report)
    title = f"{run.path.name}: segmentation report"
    page = render_page(
        title,
        _subtitle(record),
        (
            results.headline(record),
            results.notices(record, problems),
            section("Cases", overlays, anchor="cases"),
            results.accuracy(record),
            results.next_to_annotate(record),
            making.training(record, curves),
            making.sizes(record, _scatters(record)),
            making.seeds(record),
            making.rounds(record),
            results.all_cases(record),
            making.making(record),
            results.meanings(record),
        ),
    )
    path = run.report / "report.html"
    write_text(path, page)
    return path


def _subtitle(record: RunRecord) -> str:
    classes = record.cohort.classes if record.cohort is not None else []
    names = ", ".join(item.name for item in classes)
    cases = f"{len(record.cohort.cases)} cases" if record.cohort is not None else "cohort unknown"
    data = "synthetic data, " if record.synthetic else ""
    return f"Method {record.request.get('method')}; {data}{cases}; {names}".rstrip("; ")


def _curves(record: RunRecord, folder: Path) -> str:
    curves = collect_curves(record.events)
    if not curves:
        (folder / "curves.png").unlink(missing_ok=True)
        return ""
    light = _png(draw_curves(curves, LIGHT))
    _write_bytes(folder / "curves.png", light)
    caption = "Losses by name and validation Dice over the steps of training."
    return picture(light, caption, _png(draw_curves(curves, DARK)))


def _overlays(record: RunRecord, folder: Path) -> tuple[str, list[str]]:
    pictures, problems = load_pictures(record, choose_cases(record))
    if not pictures:
        (folder / "overlays.png").unlink(missing_ok=True)
        return "", problems
    png = _png(draw_overlays(pictures, record))
    _write_bytes(folder / "overlays.png", png)
    caption = (
        "The slice with the largest cross-section. Left: whole slice (letters: patient's right, "
        "left, anterior, posterior, superior, inferior). Middle: predicted outlines, truth dashed "
        "in white where known. Right: where the model is in doubt; one colour scale for all cases."
    )
    return picture(png, caption), problems


def _scatters(record: RunRecord) -> list[str]:
    blocks = []
    for event in record.of_kind("sizes"):
        light = draw_scatter(event, LIGHT)
        if light is None:
            blocks.append("")
            continue
        caption = (
            "Held-out images or slices: true against predicted sizes; dashed: a perfect answer."
        )
        blocks.append(picture(_png(light), caption, _png(draw_scatter(event, DARK))))
    return blocks


def _png(figure: Figure) -> bytes:
    FigureCanvasAgg(figure)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=DOTS_PER_INCH)
    return stream.getvalue()


def _write_bytes(path: Path, content: bytes) -> None:
    """Put a file in its place in one step."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_bytes(content)
    os.replace(temporary, path)
