"""Draw the pictures of docs/methods by the program's own functions.

    python Testing/draw_methods.py             weak annotations, knowledge of sizes
    python Testing/draw_semi_methods.py        labels and unlabeled images

Images are a slice of a synthetic heart, the same every time; nothing is trained. One function
draws one picture, and its name is the file's.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, to_rgba
from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from SemiWeakSegLib.cohort import Box, Geometry  # noqa: E402
from SemiWeakSegLib.cohort.extremes import extreme_points  # noqa: E402
from SemiWeakSegLib.cohort.objects import (  # noqa: E402
    box_along_image,
    box_along_object,
    middle_point,
)
from SemiWeakSegLib.cohort.phantom import CLASSES, make_patient  # noqa: E402
from SemiWeakSegLib.learning.crf_inference import graph_cut, mean_field  # noqa: E402
from SemiWeakSegLib.learning.losses import Kernel  # noqa: E402
from SemiWeakSegLib.learning.losses.area import area_loss  # noqa: E402
from SemiWeakSegLib.learning.losses.equality import equality_loss  # noqa: E402
from SemiWeakSegLib.learning.losses.size import size_penalty  # noqa: E402
from SemiWeakSegLib.learning.report.theme import (  # noqa: E402
    LIGHT,
    dress,
    make_figure,
    series_colour,
)
from SemiWeakSegLib.learning.seeds import SeedRule, make_seeds  # noqa: E402
from SemiWeakSegLib.scene.kernel_weights import KernelShape, neighbourhoodOf  # noqa: E402

PICTURES = ROOT / "docs" / "pictures"
SPACING = 1.75
EDGE = 64
COLOURS = ("#000000", *(item.color for item in CLASSES))
BACKGROUND = "#b0bec5"
CAVITY, WALL, RIGHT = 1, 2, 3
PRESENT, ABSENT = 1, 0


def heart() -> tuple[np.ndarray, np.ndarray]:
    """A slice with its label map, cut out around the heart; intensities in [0, 1]."""
    patient = make_patient(3, seed=5)
    image, label = (each["ED"] for each in (patient.images, patient.labels))
    place = int(np.argmax(np.count_nonzero(label, axis=(1, 2))))
    middle = np.argwhere(label[place] > 0).mean(axis=0)
    start = np.clip(np.round(middle - EDGE / 2), 0, np.array(label.shape[1:]) - EDGE).astype(int)
    cut = (place, *(slice(first, first + EDGE) for first in start))
    low, high = np.percentile(image[cut], (0.5, 99.5))
    return np.clip((image[cut] - low) / (high - low), 0, 1), label[cut]


def geometry() -> Geometry:
    """The slice's grid, its origin in the middle of the first pixel."""
    return Geometry((EDGE, EDGE), (SPACING, SPACING), (0.0, 0.0), (1.0, 0.0, 0.0, 1.0))


def panels(titles: Sequence[str], width: float = 2.3, rows: int = 1) -> tuple[Figure, list[Axes]]:
    """A figure with one panel per title."""
    columns = -(-len(titles) // rows)
    figure = make_figure(LIGHT, width * columns, (width + 0.3) * rows)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, title in zip(grid, titles, strict=True):
        axes.set_title(title, fontsize=9, color=LIGHT.ink)
    return figure, list(grid)


def show(axes: Axes, image: np.ndarray) -> None:
    """A grey image without axes."""
    axes.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set_axis_off()


def paint(axes: Axes, label: np.ndarray, opacity: float = 0.75, background: bool = False) -> None:
    """Classes in their colours over an image; unlabeled voxels stay clear."""
    colours = np.zeros((256, 4))
    for value, colour in enumerate(COLOURS[1:], start=1):
        colours[value] = to_rgba(colour, opacity)
    if background:
        colours[0] = to_rgba(BACKGROUND, opacity)
    axes.imshow(label, cmap=ListedColormap(colours), vmin=0, vmax=255, interpolation="nearest")


def outline(axes: Axes, box: Box, **style) -> None:
    """A box's edges, in pixels."""
    corners = box.corners()[[0, 1, 3, 2, 0]] / SPACING
    axes.plot(corners[:, 0], corners[:, 1], color=COLOURS[box.class_index], **style)


def voxels_of(label: np.ndarray, value: int) -> np.ndarray:
    return np.argwhere(label == value)


def weak_points() -> Figure:
    """Points, one slice of a volume, extreme points with their box."""
    image, label = heart()
    figure, (dots, slices, extremes) = panels(("points", "a few slices", "extreme points"))
    source = np.random.default_rng(1)
    show(dots, image)
    for value, colour in enumerate(COLOURS):
        places = voxels_of(label, value)
        chosen = places[source.choice(len(places), size=4, replace=False)]
        fill = BACKGROUND if value == 0 else colour
        dots.scatter(chosen[:, 1], chosen[:, 0], s=22, color=fill, edgecolor="white", linewidth=0.5)
    _draw_stack(slices, label)
    show(extremes, image)
    for value in (CAVITY, RIGHT):
        voxels = voxels_of(label, value)
        points = [*extreme_points(voxels, value, geometry())]
        points.append(middle_point(voxels, value, geometry()))
        places = np.array([point.position for point in points]) / SPACING
        style = {"color": COLOURS[value], "edgecolor": "white", "linewidth": 0.5}
        extremes.scatter(places[:, 0], places[:, 1], s=26, zorder=3, **style)
        outline(extremes, box_along_image(voxels, value, geometry()), linewidth=1.2)
    return figure


def _draw_stack(axes: Axes, label: np.ndarray) -> None:
    """Slices of a volume seen from the side: two of them are segmented, the rest is open."""
    for place in range(6):
        shift = 6 * place
        known = place in (0, 3)
        plane = np.where(label > 0, label, 0) if known else np.full_like(label, 255)
        colours = np.zeros((*label.shape, 4))
        colours[...] = to_rgba(BACKGROUND if known else "#eceff1", 0.95)
        for value in (CAVITY, WALL, RIGHT):
            colours[plane == value] = to_rgba(COLOURS[value])
        extent = (shift, shift + EDGE, EDGE - shift, -shift)
        axes.imshow(colours, extent=extent, zorder=10 - place, interpolation="nearest")
        xs, ys = np.array(extent)[[0, 1, 1, 0, 0]], np.array(extent)[[2, 2, 3, 3, 2]]
        axes.plot(xs, ys, color=LIGHT.quiet, linewidth=0.6, zorder=10 - place)
    axes.set_xlim(-2, EDGE + 34)
    axes.set_ylim(EDGE + 2, -34)
    axes.set_axis_off()


def weak_boxes() -> Figure:
    """What a box says: outside, strips, size; straight and along the object."""
    image, label = heart()
    titles = ("outside is known", "something in every strip", "along the object")
    figure, (outside, strips, turned) = panels(titles)
    box = box_along_image(voxels_of(label, RIGHT), RIGHT, geometry())
    show(outside, image)
    rows, columns = np.mgrid[:EDGE, :EDGE]
    within = box.contains(np.stack([columns, rows], axis=-1) * SPACING)
    paint(outside, np.where(within, 255, 0).astype(np.uint8), 0.6, background=True)
    outline(outside, box, linewidth=1.5)
    show(strips, image)
    paint(strips, np.where(label == RIGHT, RIGHT, 255).astype(np.uint8), 0.6)
    outline(strips, box, linewidth=1.5)
    low, high = box.corners().min(axis=0) / SPACING, box.corners().max(axis=0) / SPACING
    for share in np.linspace(0, 1, 11)[1:-1]:
        x = low[0] + share * (high[0] - low[0])
        strips.plot([x, x], [low[1], high[1]], color="white", linewidth=0.6)
    show(turned, image)
    for value in (CAVITY, RIGHT):
        outline(turned, box_along_object(voxels_of(label, value), value, geometry()), linewidth=1.5)
    return figure


def tag_seeds() -> Figure:
    """From evidence to seeds: thresholds, and a saliency that fills the object."""
    image, label = heart()
    titles = ("image, tagged: left ventricle", "evidence", "seeds", "with saliency")
    figure, (plain, heat, seeds, filled) = panels(titles)
    show(plain, image)
    rows, columns = np.mgrid[:EDGE, :EDGE]
    middle = voxels_of(label, CAVITY).mean(axis=0) + 3
    evidence = np.exp(-((rows - middle[0]) ** 2 + (columns - middle[1]) ** 2) / (2 * 9.0**2))
    show(heat, image)
    heat.imshow(evidence, cmap="inferno", alpha=0.6)
    rule = SeedRule(saliency="contrast", object_threshold=0.7)
    saliency = np.clip(1 - 2.5 * np.abs(image - np.median(image[label == CAVITY])), 0, 1)
    for axes, salient in ((seeds, None), (filled, saliency[np.newaxis])):
        show(axes, image)
        found = make_seeds(evidence[np.newaxis], salient, np.array([PRESENT]), rule)
        paint(axes, found, 0.65, background=True)
        axes.contour(label == CAVITY, levels=[0.5], colors="white", linewidths=1)
    return figure


def partial_labels() -> Figure:
    """Two cases that looked for one class each, and what a background voxel of them may be."""
    image, label = heart()
    titles = (
        "this case: left ventricle",
        "grey: background or right v.",
        "that case: right ventricle",
        "grey: background or left v.",
    )
    figure, axes = panels(titles)
    for place, value in ((0, CAVITY), (2, RIGHT)):
        show(axes[place], image)
        paint(axes[place], np.where(label == value, value, 255).astype(np.uint8), 0.8)
        show(axes[place + 1], image)
        known = np.where(label == value, value, 0).astype(np.uint8)
        paint(axes[place + 1], known, 0.6, background=True)
    return figure


def crf_kernel() -> Figure:
    """Which voxels one voxel listens to, for three widths in intensity."""
    image, label = heart()
    # Beside the wall, so that one sees where the kernel minds the edge.
    at = np.round(voxels_of(label, CAVITY).mean(axis=0)).astype(int) + np.array((0, 9))
    widths = (0.05, 0.1, 1.0)
    figure, axes = panels(("image", *(f"σ_I = {width:g}" for width in widths)))
    show(axes[0], image)
    axes[0].plot(at[1], at[0], "+", color="#d55e00", markersize=9, markeredgewidth=2)
    for each, width in zip(axes[1:], widths, strict=True):
        shape = KernelShape(12.0, width)
        found = neighbourhoodOf(
            image[None, None], (0, *at), (8.0, SPACING, SPACING), shape, [(0.0, 1.0)], sliceAxis=0
        )
        weights = np.zeros_like(image)
        part = tuple(
            slice(first, first + size * step, step)
            for first, size, step in zip(
                found.start[1:], found.weights.shape[1:], found.step[1:], strict=True
            )
        )
        weights[part] = found.weights[0]
        show(each, 0.5 * image)
        each.imshow(weights, cmap="inferno", vmin=0, vmax=1, alpha=np.sqrt(weights))
        each.plot(at[1], at[0], "+", color="white", markersize=8, markeredgewidth=1.5)
    return figure


def constraints() -> Figure:
    """What a size, a proportion and an undecided mask cost."""
    titles = ("bounds on a size", "equality with 0.2", "area template of 0.2")
    figure, (bounds, equality, area) = panels(titles, width=3.0)
    for axes in (bounds, equality, area):
        dress(axes, LIGHT)
    sizes = torch.linspace(0.001, 0.45, 200)
    limits = torch.tensor([[[0.1, 0.25]]])
    for place, (name, scale) in enumerate(
        (("proportion", 65.0), ("relative", 1.0), ("log_barrier", 1.0))
    ):
        cost = [scale * float(size_penalty(size.view(1, 1), limits, name)) for size in sizes]
        label = f"{name} × {scale:g}" if scale != 1 else name
        bounds.plot(sizes, cost, color=series_colour(place), label=label)
    bounds.axvspan(0.1, 0.25, color=LIGHT.band, zorder=0)
    bounds.set_ylim(-1.2, 4)
    bounds.set_xlabel("share of the image")
    target = torch.tensor([0.8, 0.2])
    shares = torch.linspace(0.005, 0.8, 200)
    for place, name in enumerate(("l2", "kl", "reverse_kl")):
        rows = torch.stack([1 - shares, shares], dim=1)
        cost = [float(equality_loss(row[np.newaxis], target, name)) for row in rows]
        equality.plot(shares, cost, color=series_colour(place), label=name)
    equality.set_xlabel("predicted proportion")
    edge = 32
    inside = (torch.arange(edge * edge) < 0.2 * edge * edge).float().view(1, 1, edge, edge)
    sharpness = torch.linspace(0, 1, 100)
    exact = torch.tensor([[[0.2, 0.2]]])
    # From 0.2 everywhere to 1 in a fifth of the image: the mean, and so any size penalty, is even.
    masks = [0.2 + each * (inside - 0.2) for each in sharpness]
    area.plot(sharpness, [float(area_loss(mask, exact)) for mask in masks], color=series_colour(0))
    area.plot(
        sharpness,
        [float(size_penalty(mask.mean().view(1, 1), exact, "proportion")) for mask in masks],
        color=series_colour(1),
    )
    area.set_xlabel("how decided the mask is, same size")
    area.legend(["area", "size"], fontsize=8, frameon=False)
    for axes in (bounds, equality):
        axes.legend(fontsize=8, frameon=False)
    return figure


def refinement() -> Figure:
    """Noisy probabilities, and what both kinds of inference make of them."""
    image, label = heart()
    source = torch.Generator().manual_seed(2)
    truth = torch.from_numpy(np.eye(4, dtype=np.float32)[label]).permute(2, 0, 1)[np.newaxis]
    coarse = torch.nn.functional.avg_pool2d(truth, 9, stride=1, padding=4)
    noise = torch.randn((1, 4, EDGE // 4, EDGE // 4), generator=source)
    blobs = torch.nn.functional.interpolate(noise, (EDGE, EDGE), mode="bilinear")
    probabilities = (3.5 * coarse + 0.6 * blobs).softmax(dim=1)
    picture = torch.from_numpy(image.astype(np.float32))[np.newaxis, np.newaxis]
    spacing = torch.tensor([[SPACING, SPACING]])
    cut = graph_cut(probabilities, picture, spacing, 0.1, 3.0)
    field = mean_field(probabilities, picture, spacing, [Kernel(1.0, 9.0, 0.1)], 3.0)
    titles = ("prediction", "graph cut", "mean field", "truth")
    figure, axes = panels(titles)
    labels = (probabilities.argmax(dim=1)[0], cut[0], field.argmax(dim=1)[0], label)
    for each, found in zip(axes, labels, strict=True):
        show(each, image)
        paint(each, np.asarray(found), 0.6)
    return figure


DRAWINGS = (
    weak_points,
    weak_boxes,
    tag_seeds,
    partial_labels,
    crf_kernel,
    constraints,
    refinement,
)


def write(drawings: Sequence[Callable[[], Figure]]) -> None:
    """Draw pictures, each into the file of its function's name."""
    for draw in drawings:
        path = PICTURES / f"{draw.__name__.replace('_', '-')}.png"
        draw().savefig(path, dpi=100, metadata={"Software": None})
        print(f"wrote {path.relative_to(ROOT)}, {path.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    write(DRAWINGS)
