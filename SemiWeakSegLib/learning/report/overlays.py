"""The pictures of a few cases: the image, predicted and true outlines, and the uncertainty."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.patheffects import Normal, withStroke

from ...cohort.case import UNLABELED
from .pictures import Picture
from .record import RunRecord
from .slices import View
from .theme import series_colour

SURFACE, INK, QUIET, TRUTH = "#101418", "#eef1f4", "#9aa6b5", "#ffffff"
UNCERTAINTY_COLOURS = "inferno"
FIGURE_WIDTH, COLUMN_WIDTH, TITLE_HEIGHT = 10.2, 3.0, 0.5
# A dark casing keeps an outline visible on bright and on dark tissue.
CASING = (withStroke(linewidth=2.6, foreground="#000000", alpha=0.75),)
LONGEST_NAME = 40
TRUTH_DASHES = (0, (3, 2))


def draw_overlays(pictures: list[Picture], record: RunRecord) -> Figure:
    """A row per case: the whole slice, the outlines close up, the uncertainty close up."""
    classes = record.cohort.classes if record.cohort is not None else []
    colours = {item.index: item.color or series_colour(n) for n, item in enumerate(classes)}
    names = {item.index: item.name for item in classes}
    heights = [_row_height(picture) for picture in pictures]
    figure = Figure(
        figsize=(FIGURE_WIDTH, sum(heights) + 0.5), facecolor=SURFACE, layout="constrained"
    )
    grid = figure.subplots(len(pictures), 3, squeeze=False, height_ratios=heights)
    brightest = _brightest(pictures)
    shown = None
    for row, picture in zip(grid, pictures, strict=True):
        _draw_whole(row[0], picture)
        title = f"outlines, {picture.view.title}" if picture.view.title else "outlines"
        _draw_close(row[1], picture, title)
        _draw_outlines(row[1], picture, colours)
        shown = _draw_uncertainty(row[2], picture, colours, brightest) or shown
    if shown is not None:
        bar = figure.colorbar(shown, ax=list(grid[:, 2]), shrink=0.6, aspect=30)
        bar.set_label("uncertainty", color=QUIET, fontsize=9)
        bar.ax.tick_params(colors=QUIET, labelsize=8, length=0)
        bar.outline.set_visible(False)
    _legend(figure, pictures, colours, names)
    return figure


def _draw_whole(axes: Axes, picture: Picture) -> None:
    choice, view = picture.choice, picture.view
    _show(axes, picture.image, view)
    rows, columns = picture.window
    size = (columns.stop - columns.start, rows.stop - rows.start)
    if (size[1], size[0]) != picture.image.shape:
        corner = (columns.start - 0.5, rows.start - 0.5)
        axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor=QUIET, linewidth=1))
    parts = [f"{choice.reason[0].upper()}{choice.reason[1:]}: {_shortened(choice.case)}"]
    figures = [] if choice.dice is None else [f"Dice {choice.dice:.3f}"]
    if choice.uncertainty is not None:
        figures.append(f"uncertainty {choice.uncertainty:.3g}")
    parts.append(", ".join(figures))
    axes.set_title("\n".join(parts), color=INK, fontsize=9.5, loc="left", parse_math=False)
    _letters(axes, view)


def _draw_close(axes: Axes, picture: Picture, title: str) -> None:
    _show(axes, picture.image, picture.view)
    rows, columns = picture.window
    axes.set_xlim(columns.start - 0.5, columns.stop - 0.5)
    axes.set_ylim(rows.stop - 0.5, rows.start - 0.5)
    axes.set_title(title, color=QUIET, fontsize=9, loc="left")


def _draw_outlines(
    axes: Axes, picture: Picture, colours: dict, linewidth: float = 1.6, with_truth: bool = True
) -> None:
    for labels, is_truth in ((picture.prediction, False), (picture.truth, True)):
        if labels is None or (is_truth and not with_truth):
            continue
        # The smallest class comes last: one inside another shares its whole outline with it.
        counts = np.bincount(labels.ravel(), minlength=256)
        for index in sorted(np.flatnonzero(counts), key=lambda index: -counts[index]):
            if index in (0, UNLABELED):
                continue
            # A margin of background closes outlines that touch the image's border.
            mask = np.pad((labels == index).astype(float), 1)
            positions = [np.arange(-1, size + 1) for size in reversed(labels.shape)]
            colour = colours.get(int(index), series_colour(int(index)))
            outline = axes.contour(
                *positions,
                mask,
                levels=[0.5],
                colors=[TRUTH if is_truth else colour],
                linewidths=1.0 if is_truth else linewidth,
                linestyles=[TRUTH_DASHES if is_truth else "solid"],
            )
            outline.set_path_effects([*CASING, Normal()] if is_truth else [])


def _draw_uncertainty(
    axes: Axes, picture: Picture, colours: dict, brightest: float
) -> AxesImage | None:
    """The uncertainty over the image; the drawn map for the colour bar, None where unknown."""
    _draw_close(axes, picture, "uncertainty")
    if picture.uncertainty is None:
        axes.set_title("no uncertainty map", color=QUIET, fontsize=9, loc="left")
        return None
    shown = axes.imshow(
        picture.uncertainty,
        cmap=UNCERTAINTY_COLOURS,
        vmin=0,
        vmax=brightest,
        alpha=np.clip(0.25 + picture.uncertainty / brightest, 0, 0.9),
        aspect=picture.view.spacing[0] / picture.view.spacing[1],
        interpolation="nearest",
    )
    _draw_outlines(axes, picture, colours, linewidth=0.8, with_truth=False)
    return shown


def _show(axes: Axes, image: np.ndarray, view: View) -> None:
    finite = image[np.isfinite(image)]
    low, high = np.percentile(finite, [0.5, 99.5]) if finite.size else (0.0, 1.0)
    axes.imshow(
        image,
        cmap="gray",
        vmin=low,
        vmax=max(high, low + 1e-6),
        aspect=view.spacing[0] / view.spacing[1],
        interpolation="nearest",
    )
    axes.set_facecolor("black")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _letters(axes: Axes, view: View) -> None:
    if view.letters is None:
        return
    places = ((0.015, 0.5, "left"), (0.985, 0.5, "right"), (0.5, 0.97, "center"))
    for letter, (x, y, side) in zip(view.letters, (*places, (0.5, 0.03, "center")), strict=True):
        axes.text(
            x, y, letter, transform=axes.transAxes, color=INK, fontsize=8, ha=side, va="center"
        )


def _row_height(picture: Picture) -> float:
    """Inches that a row needs so that neither of its two shapes leaves a gap."""
    rows, columns = picture.window
    sizes = (picture.image.shape, (rows.stop - rows.start, columns.stop - columns.start))
    step = picture.view.spacing[0] / picture.view.spacing[1]
    ratio = max(height * step / width for height, width in sizes)
    return COLUMN_WIDTH * min(max(ratio, 0.3), 1.6) + TITLE_HEIGHT


def _shortened(name: str) -> str:
    """A long name without its middle, for its ends tell most."""
    half = LONGEST_NAME // 2
    return name if len(name) <= LONGEST_NAME else f"{name[:half]}...{name[-half:]}"


def _brightest(pictures: list[Picture]) -> float:
    """One scale for all rows, so that they can be compared."""
    maxima = [
        float(np.percentile(picture.uncertainty[np.isfinite(picture.uncertainty)], 99.9))
        for picture in pictures
        if picture.uncertainty is not None and np.isfinite(picture.uncertainty).any()
    ]
    return max([1e-3, *maxima])


def _legend(figure: Figure, pictures: list[Picture], colours: dict, names: dict) -> None:
    present = {
        int(index)
        for picture in pictures
        for labels in (picture.prediction, picture.truth)
        if labels is not None
        for index in np.unique(labels)
        if index not in (0, UNLABELED)
    }
    handles = [
        Line2D([], [], color=colours.get(index, series_colour(index)), linewidth=2)
        for index in sorted(present)
    ]
    labels = [f"{names.get(index, index)} (predicted)" for index in sorted(present)]
    if any(picture.truth is not None for picture in pictures):
        handles.append(Line2D([], [], color=TRUTH, linewidth=1.2, linestyle=TRUTH_DASHES))
        labels.append("truth")
    if handles:
        legend = figure.legend(
            handles,
            labels,
            loc="outside lower center",
            ncols=min(4, len(handles)),
            frameon=False,
            labelcolor=INK,
            fontsize=9,
        )
        for text in legend.get_texts():
            text.set_parse_math(False)
