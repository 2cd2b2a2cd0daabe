"""Images cut into tiles of equal edges, and which of them a block touches."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator

# Most voxels of a tile along each axis, by the number of spatial axes.
TILE_EDGES = {2: 128, 3: 32}

Box = tuple[slice, ...]


@dataclasses.dataclass(frozen=True)
class TouchedTile:
    """A tile that a block touches: its index along each axis, the overlap in tile and block."""

    index: tuple[int, ...]
    in_tile: Box
    in_block: Box


def tile_edges(shape: tuple[int, ...]) -> list[int]:
    """Voxels of a tile along each axis: as few tiles as may be, as equal as may be."""
    most = TILE_EDGES[len(shape)]
    return [math.ceil(n / math.ceil(n / most)) for n in shape]


def box_of_tile(shape: tuple[int, ...], index: tuple[int, ...]) -> Box:
    """The voxels of a tile in an image of that shape."""
    parts = zip(index, tile_edges(shape), shape, strict=True)
    return tuple(slice(i * edge, min((i + 1) * edge, n)) for i, edge, n in parts)


def tiles_of(shape: tuple[int, ...], box: Box) -> Iterator[TouchedTile]:
    """The tiles of an image of that shape that a block of its voxels touches."""
    ranges = [
        range(part.start // edge, (part.stop - 1) // edge + 1)
        for part, edge in zip(box, tile_edges(shape), strict=True)
    ]
    for index in itertools.product(*ranges):
        in_tile, in_block = [], []
        for wanted, tile in zip(box, box_of_tile(shape, index), strict=True):
            low, high = max(wanted.start, tile.start), min(wanted.stop, tile.stop)
            in_tile.append(slice(low - tile.start, high - tile.start))
            in_block.append(slice(low - wanted.start, high - wanted.start))
        yield TouchedTile(index, tuple(in_tile), tuple(in_block))
