"""Strokes on one slice as a hand draws them: smooth paths through a structure or around it.

A path is an ordered array of points (n, 2), row and column; distances are in pixels.
"""

from __future__ import annotations

import numpy as np
import scipy

_EIGHT = np.ones((3, 3), dtype=bool)


def depth_inside(mask: np.ndarray) -> np.ndarray:
    """Distance of each pixel of ``mask`` to the nearest pixel outside; the picture's rim is out."""
    return scipy.ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]


def medial_path(mask: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Along the middle of the largest piece of ``mask``, from end to end, its tips left out."""
    depth = depth_inside(mask)
    core = largest_component(depth >= min(2.0, float(depth.max())))
    graph, pixels = _pixel_graph(core, np.ones(core.shape))
    start = _farthest(graph, int(generator.integers(len(pixels))))
    end = _farthest(graph, start)
    # Off the middle every step costs more, so the path keeps to it.
    centered, _ = _pixel_graph(core, (depth.max() / np.maximum(depth, 1.0)) ** 3)
    path = pixels[_shortest_path(centered, start, end)]
    tips = generator.uniform(0.03, 0.15, size=2) * len(path)
    return path[int(tips[0]) : len(path) - int(tips[1])].astype(float)


def border_path(mask: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Along a part of the border of ``mask``, one or two pixels inside."""
    depth = depth_inside(mask)
    inset = 2.0 if depth.max() >= 4.0 else 1.0
    band = (depth >= inset) & (depth < inset + 1.0)
    return _walk_along(band, generator.uniform(0.25, 0.5), generator)


def ring_paths(
    mask: np.ndarray, available: np.ndarray, generator: np.random.Generator
) -> list[np.ndarray]:
    """Around ``mask`` at a distance of two to four pixels, within ``available``: two half rings."""
    gap = generator.uniform(2.0, 3.5)
    away = scipy.ndimage.distance_transform_edt(~mask)
    band = (away >= gap) & (away < gap + 1.5) & available
    if not band.any():
        band = (away >= 1.0) & available
    if not band.any():
        return []
    band = largest_component(band)
    first = _walk_along(band, 1.0, generator)
    # What the first half passed is taken; the second goes round the other way.
    taken = np.zeros(mask.shape, dtype=bool)
    taken[tuple(np.round(first).astype(int).T)] = True
    rest = band & ~scipy.ndimage.binary_dilation(taken, _EIGHT, iterations=2)
    if np.count_nonzero(rest) < 4:
        return [first]
    return [first, _walk_along(largest_component(rest), 1.0, generator)]


def free_path(
    available: np.ndarray, length: float, generator: np.random.Generator
) -> np.ndarray | None:
    """A gently curved line of at most ``length`` pixels somewhere in ``available``, or None."""
    candidates = np.argwhere(available)
    if len(candidates) == 0:
        return None
    best: list[np.ndarray] = []
    for _ in range(5):
        point = candidates[generator.integers(len(candidates))].astype(float)
        heading = generator.uniform(0, 2 * np.pi)
        curvature = generator.normal(0.0, 0.06)
        points = []
        while len(points) < length and _is_in(available, point):
            points.append(point)
            heading += curvature + generator.normal(0.0, 0.04)
            point = point + np.array([np.sin(heading), np.cos(heading)])
        if len(points) > len(best):
            best = points
    return np.array(best)


def trace(
    path: np.ndarray,
    allowed: np.ndarray,
    generator: np.random.Generator,
    limit: int,
    wide: bool = False,
) -> np.ndarray:
    """The pixels (n, 2), at most ``limit``, that a hand following ``path`` marks in ``allowed``.

    The line is smoothed and wavers by a fraction of a pixel; ``wide`` makes it two pixels broad.
    A line that is too long is shortened to one stretch of it, never thinned out.
    """
    if limit < 1 or len(path) == 0:
        return np.empty((0, 2), dtype=int)
    points = _by_hand(path, generator)
    if wide:
        brush = np.array([(0.0, 0.0), (0.0, 1.0), (1.0, 0.0)])
        points = (points[:, np.newaxis] + brush).reshape(-1, 2)
    pixels = np.round(points).astype(int)
    inside = np.all((pixels >= 0) & (pixels < allowed.shape), axis=1)
    pixels = pixels[inside]
    pixels = pixels[allowed[tuple(pixels.T)]]
    _, first = np.unique(pixels, axis=0, return_index=True)
    pixels = pixels[np.sort(first)]
    if len(pixels) == 0:
        # A structure of a pixel or two, which the wavering line missed.
        pixels = np.round(path).astype(int)
        pixels = pixels[allowed[tuple(pixels.T)]]
    start = int(generator.integers(max(len(pixels) - limit, 0) + 1))
    return pixels[start : start + limit]


def largest_component(mask: np.ndarray) -> np.ndarray:
    """The largest 8-connected piece of a non-empty mask."""
    pieces, count = scipy.ndimage.label(mask, _EIGHT)
    if count <= 1:
        return mask
    return pieces == 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))


def _by_hand(path: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Smooth ``path``, let it waver, and sample it densely enough to leave no gap."""
    if len(path) < 4:
        return path
    smooth = scipy.ndimage.gaussian_filter1d(path, 1.5, axis=0, mode="nearest")
    waver = scipy.ndimage.gaussian_filter1d(generator.standard_normal(path.shape), 4.0, axis=0)
    smooth = smooth + 0.3 * waver / max(float(np.abs(waver).max()), 1e-9)
    steps = np.linspace(0, len(smooth) - 1, 4 * len(smooth))
    return np.stack([np.interp(steps, np.arange(len(smooth)), axis) for axis in smooth.T], axis=1)


def _is_in(mask: np.ndarray, point: np.ndarray) -> bool:
    row, column = np.round(point).astype(int)
    return 0 <= row < mask.shape[0] and 0 <= column < mask.shape[1] and bool(mask[row, column])


def _walk_along(band: np.ndarray, share: float, generator: np.random.Generator) -> np.ndarray:
    """A walk along a thin band from a random pixel over ``share`` of the way to the farthest."""
    graph, pixels = _pixel_graph(band, np.ones(band.shape))
    start = int(generator.integers(len(pixels)))
    ways = scipy.sparse.csgraph.dijkstra(graph, directed=False, indices=start)
    ways[np.isinf(ways)] = -1.0
    end = int(np.argmin(np.where(ways < 0, np.inf, np.abs(ways - share * ways.max()))))
    return pixels[_shortest_path(graph, start, end)].astype(float)


def _pixel_graph(mask: np.ndarray, cost: np.ndarray) -> tuple[scipy.sparse.csr_array, np.ndarray]:
    """Graph of the mask's pixels and their coordinates; a step costs its length times ``cost``."""
    pixels = np.argwhere(mask)
    number = np.full(np.array(mask.shape) + 2, -1)
    number[1:-1, 1:-1][mask] = np.arange(len(pixels))
    rows, columns, weights = [], [], []
    at = number[1:-1, 1:-1][mask]
    price = cost[mask]
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        neighbor = number[pixels[:, 0] + 1 + down, pixels[:, 1] + 1 + right]
        exists = neighbor >= 0
        rows.append(at[exists])
        columns.append(neighbor[exists])
        step = np.hypot(down, right)
        weights.append(step * 0.5 * (price[exists] + price[neighbor[exists]]))
    edges = (np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns)))
    return scipy.sparse.csr_array(edges, shape=(len(pixels), len(pixels))), pixels


def _farthest(graph: scipy.sparse.csr_array, start: int) -> int:
    ways = scipy.sparse.csgraph.dijkstra(graph, directed=False, indices=start)
    return int(np.argmax(np.where(np.isinf(ways), -1.0, ways)))


def _shortest_path(graph: scipy.sparse.csr_array, start: int, end: int) -> list[int]:
    _, previous = scipy.sparse.csgraph.dijkstra(
        graph, directed=False, indices=start, return_predecessors=True
    )
    path = [end]
    while path[-1] != start:
        path.append(int(previous[path[-1]]))
    return path[::-1]
