"""Colours of the report's figures, for light and for dark pages; distinct to the colour-blind."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

# After Okabe and Ito, without black and yellow: readable on white, on black and on an image.
SERIES = ("#2f8fd0", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#8b7fd6")


@dataclass(frozen=True)
class Theme:
    """A figure's surface, text, quiet text, lines of the grid and band of every second stage."""

    name: str
    surface: str
    ink: str
    quiet: str
    grid: str
    band: str


LIGHT = Theme("light", "#ffffff", "#1d2530", "#5b6675", "#e3e7ec", "#f3f5f8")
DARK = Theme("dark", "#171c23", "#e8ecf1", "#9aa6b5", "#2c3541", "#1e252e")


def make_figure(theme: Theme, width: float, height: float) -> Figure:
    """A figure in inches, laid out by itself; no pyplot, so nothing outlives it."""
    return Figure(figsize=(width, height), facecolor=theme.surface, layout="constrained")


def dress(axes: Axes, theme: Theme) -> None:
    """Give a pair of axes the theme's colours and quiet lines."""
    axes.set_facecolor(theme.surface)
    axes.grid(True, color=theme.grid, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(colors=theme.quiet, labelsize=9, length=0)
    for name, spine in axes.spines.items():
        spine.set_visible(name in ("left", "bottom"))
        spine.set_color(theme.grid)
    axes.xaxis.label.set_color(theme.quiet)
    axes.yaxis.label.set_color(theme.quiet)
    axes.title.set_color(theme.ink)


def series_colour(position: int) -> str:
    """Colour of the n-th line or class."""
    return SERIES[position % len(SERIES)]
