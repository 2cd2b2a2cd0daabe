"""Sizes that a regressor or a segmenter told in cross-validation against the true ones."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from .theme import Theme, dress, make_figure, series_colour


def draw_scatter(sizes: dict[str, Any], theme: Theme) -> Figure | None:
    """One panel per class of a `sizes` event, the diagonal being a perfect answer; None if empty.

    The event's scatter is {class: {"true": [...], "predicted": [...]}} in its `unit`.
    """
    scatter = {
        name: pairs
        for name, points in (sizes.get("scatter") or {}).items()
        if (pairs := _pairs(points))
    }
    if not scatter:
        return None
    columns = min(3, len(scatter))
    rows = -(-len(scatter) // columns)
    figure = make_figure(theme, 3.3 * columns, 3.3 * rows)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    unit = str(sizes.get("unit") or "").replace("^2", "²").replace("^3", "³")
    for position, (axes, (name, pairs)) in enumerate(zip(grid, scatter.items(), strict=False)):
        dress(axes, theme)
        top = max(max(pair) for pair in pairs) * 1.06 or 1.0
        axes.plot([0, top], [0, top], color=theme.quiet, linewidth=1, linestyle="--")
        true, predicted = zip(*pairs, strict=True)
        axes.scatter(
            true,
            predicted,
            s=22,
            color=series_colour(position),
            alpha=0.8,
            linewidth=0,
            clip_on=False,
        )
        axes.set_xlim(0, top)
        axes.set_ylim(min(0.0, *predicted), top)
        axes.set_aspect("equal", adjustable="box")
        axes.set_title(name, fontsize=10, parse_math=False)
        axes.set_xlabel(f"true ({unit})", fontsize=9, parse_math=False)
        axes.set_ylabel(f"predicted ({unit})", fontsize=9, parse_math=False)
    for axes in grid[len(scatter) :]:
        axes.set_visible(False)
    return figure


def _pairs(points: dict[str, Any]) -> list[tuple[float, float]]:
    """The points that hold two numbers."""
    both = zip(points.get("true") or [], points.get("predicted") or [], strict=False)
    return [(a, b) for a, b in both if a is not None and b is not None]
