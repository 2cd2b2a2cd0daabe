"""Losses by name and validation Dice over a run's steps, its stages as bands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .theme import Theme, dress, make_figure, series_colour

# A loss this many times another needs a logarithmic axis to leave the smaller one visible.
LOGARITHMIC_RANGE = 30.0
Points = list[tuple[int, float]]


@dataclass
class Curves:
    """Points of a run over steps counted through all stages.

    stages: (name, first step, last step). losses and dice_by_class: name -> [(step, value)].
    mean_dice: [(step, value)]. best: (step, value) of the best validation of the last stage.
    """

    stages: list[tuple[str, int, int]] = field(default_factory=list)
    losses: dict[str, Points] = field(default_factory=dict)
    mean_dice: Points = field(default_factory=list)
    dice_by_class: dict[str, Points] = field(default_factory=dict)
    best: tuple[int, float] | None = None

    def __bool__(self) -> bool:
        return bool(self.losses or self.mean_dice)


def collect_curves(events: list[dict[str, Any]]) -> Curves:
    """Put the events of all stages on one axis; steps repeated after a resume count once."""
    names = _stage_names(events)
    progress = {name: _by_step(events, "progress", name) for name in names}
    validation = {name: _by_step(events, "validation", name) for name in names}
    curves = Curves()
    start = 0
    for name in names:
        last = max([0, *progress[name], *validation[name]])
        if not last:
            continue
        for step, event in sorted(progress[name].items()):
            _append(curves.losses, event.get("losses"), start + step)
        best: tuple[int, float] | None = None
        for step, event in sorted(validation[name].items()):
            value = event.get("mean_dice")
            if value is None:
                continue
            curves.mean_dice.append((start + step, value))
            _append(curves.dice_by_class, event.get("per_class"), start + step)
            if best is None or value > best[1]:
                best = (start + step, value)
        curves.best = best or curves.best
        curves.stages.append((name, start, start + last))
        start += last
    return curves


def draw_curves(curves: Curves, theme: Theme) -> Figure:
    """Losses above, validation Dice below (where there was validation), one axis of steps."""
    rows = 2 if curves.mean_dice else 1
    figure = make_figure(theme, 9.6, 2.9 * rows + 0.4)
    panels = figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0]
    for axes in panels:
        dress(axes, theme)
        _mark_stages(axes, curves, theme)
    _draw_losses(panels[0], curves, theme)
    if curves.mean_dice:
        _draw_dice(panels[1], curves, theme)
    panels[-1].set_xlabel("step")
    return figure


def _draw_losses(axes: Axes, curves: Curves, theme: Theme) -> None:
    for position, (name, points) in enumerate(curves.losses.items()):
        emphasised = name == "total"
        colour = theme.ink if emphasised else series_colour(position)
        _line(axes, curves.stages, points, colour, 2.0 if emphasised else 1.5, name)
    values = [value for points in curves.losses.values() for _, value in points]
    if values and min(values) > 0 and max(values) > LOGARITHMIC_RANGE * min(values):
        axes.set_yscale("log")
    axes.set_ylabel("loss")
    _legend(axes, theme)


def _draw_dice(axes: Axes, curves: Curves, theme: Theme) -> None:
    if len(curves.dice_by_class) > 1:
        for position, (name, points) in enumerate(curves.dice_by_class.items()):
            _line(axes, curves.stages, points, series_colour(position), 1.2, name)
    label = "mean" if curves.best is None else f"mean (best {curves.best[1]:.3f})"
    _line(axes, curves.stages, curves.mean_dice, theme.ink, 2.0, label)
    if curves.best is not None:
        axes.plot(*curves.best, "o", color=theme.ink, markersize=6, zorder=5)
    axes.set_ylim(-0.02, 1.02)
    axes.set_ylabel("validation Dice")
    _legend(axes, theme)


def _line(
    axes: Axes,
    stages: list[tuple[str, int, int]],
    points: Points,
    colour: str,
    width: float,
    label: str,
) -> None:
    """A line that does not connect one stage with the next."""
    # A leading underscore would hide the line from the legend.
    shown_label: str | None = label.lstrip("_")
    for _, first, last in stages:
        part = [point for point in points if first < point[0] <= last]
        if not part:
            continue
        steps, values = zip(*part, strict=True)
        marker = "o" if len(part) < 3 else ""
        axes.plot(
            steps,
            values,
            color=colour,
            linewidth=width,
            marker=marker,
            markersize=4,
            label=shown_label,
        )
        shown_label = None


def _legend(axes: Axes, theme: Theme) -> None:
    handles, labels = axes.get_legend_handles_labels()
    if not handles:
        return
    legend = axes.legend(
        handles,
        labels,
        loc="center left",
        bbox_to_anchor=(1.01, 0.5),
        frameon=False,
        fontsize=9,
        labelcolor=theme.ink,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)


def _mark_stages(axes: Axes, curves: Curves, theme: Theme) -> None:
    for position, (name, first, last) in enumerate(curves.stages):
        if position % 2:
            axes.axvspan(first, last, color=theme.band, linewidth=0, zorder=0)
        if position:
            axes.axvline(first, color=theme.quiet, linewidth=0.8, zorder=1)
        if axes.get_subplotspec().is_first_row() and len(curves.stages) > 1:
            axes.annotate(
                name,
                ((first + last) / 2, 1.02),
                xycoords=("data", "axes fraction"),
                ha="center",
                color=theme.quiet,
                fontsize=9,
                parse_math=False,
            )


def _stage_names(events: list[dict[str, Any]]) -> list[str]:
    """Stages in the order in which they began."""
    names = [
        event.get("name") if event.get("kind") == "stage" else event.get("stage")
        for event in events
        if event.get("kind") in ("stage", "progress", "validation")
    ]
    return list(dict.fromkeys(str(name) for name in names if name is not None))


def _by_step(events: list[dict[str, Any]], kind: str, stage: str) -> dict[int, dict[str, Any]]:
    return {
        int(event["step"]): event
        for event in events
        if event.get("kind") == kind
        and str(event.get("stage")) == stage
        and event.get("step") is not None
    }


def _append(lines: dict[str, Points], values: dict[str, float | None] | None, step: int) -> None:
    for name, value in (values or {}).items():
        if value is not None:
            lines.setdefault(name, []).append((step, value))
