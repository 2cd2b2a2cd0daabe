"""Draw the pictures that the extension ships: `python Testing/draw_icon.py`.

The icon is a scribble that becomes a segmentation: a stroke across an outlined organ, which is
filled from the middle on. It is drawn large and made smaller, with few and thick shapes, so that it
can still be read at 16 pixels in a menu, on light and on dark. The sample data's thumbnail is a
slice of a synthetic heart with its segmentation.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from SemiWeakSegLib.cohort import make_phantom, read_image, read_label  # noqa: E402

RESOURCES = ROOT / "SemiWeakSeg" / "Resources" / "Icons"
ICONS = (ROOT / "SemiWeakSeg.png", RESOURCES / "SemiWeakSeg.png")
THUMBNAIL = RESOURCES / "SyntheticHearts.png"
SIZE = 128
THUMBNAIL_SIZE = 256
SCALE = 8

ORGAN = (38, 139, 130)
"""The segmentation: a green that holds on white and on dark grey."""
TISSUE = (176, 190, 197)
"""What is not segmented yet."""
STROKE = (255, 183, 3)
EDGE = (20, 44, 52)


def organ(scale: float = 1.0) -> np.ndarray:
    """Points of an organ's outline in pixels of the large drawing: an oval with a hilum above."""
    angle = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    hilum = 0.2 * np.exp(-(((angle - 1.42 * np.pi) / 0.42) ** 2))
    radius = scale * (1 - hilum)
    x = 64 + 62 * radius * np.cos(angle)
    y = 62 + 57 * radius * np.sin(angle) + 3 * np.cos(angle)
    return np.stack([x, y], axis=1) * SCALE


def stroke() -> np.ndarray:
    """Points of the scribble, from left to right, in pixels of the large drawing."""
    along = np.linspace(0, 1, 200)
    x = 23 + 80 * along
    y = 68 + 21 * np.sin(2.5 * np.pi * along + 0.3) * (1 - 0.15 * along)
    return np.stack([x, y], axis=1) * SCALE


def draw_stroke(draw: ImageDraw.ImageDraw, width: float, color: tuple[int, int, int]) -> None:
    """The scribble with round ends."""
    points = [tuple(point) for point in stroke()]
    draw.line(points, fill=color, width=round(width * SCALE), joint="curve")
    for x, y in points[::4]:
        reach = width * SCALE / 2
        draw.ellipse((x - reach, y - reach, x + reach, y + reach), fill=color)


def icon() -> Image.Image:
    """The drawing, SIZE × SIZE pixels, with a transparent surround."""
    large = Image.new("RGBA", (SIZE * SCALE, SIZE * SCALE), (0, 0, 0, 0))
    draw = ImageDraw.Draw(large)
    outline = [tuple(point) for point in organ()]
    draw.polygon(outline, fill=EDGE)
    inner = [tuple(point) for point in organ(0.9)]
    draw.polygon(inner, fill=TISSUE)

    segmented = Image.new("L", large.size, 0)
    mask = ImageDraw.Draw(segmented)
    mask.polygon(inner, fill=255)
    cut = 60 * SCALE
    slant = 16 * SCALE
    mask.polygon([(0, 0), (cut + slant, 0), (cut - slant, large.height), (0, large.height)], fill=0)
    large.paste(ORGAN, mask=segmented)

    draw_stroke(draw, 21, EDGE)
    draw_stroke(draw, 13, STROKE)
    return large.resize((SIZE, SIZE), Image.Resampling.LANCZOS)


def thumbnail() -> Image.Image:
    """A slice of a synthetic heart, its segmentation laid over it, THUMBNAIL_SIZE pixels square."""
    with tempfile.TemporaryDirectory() as folder:
        cohort = make_phantom(
            folder, patients=2, labeled=1, scribbled=0, validation_patients=1, test_patients=0
        )
        case = next(case for case in cohort.cases if case.label is not None)
        image, _ = read_image(case.images)
        label, _ = read_label(case.label)
    level = int(np.argmax((label > 0).sum(axis=(1, 2))))
    rows, columns = (slice(*square(np.nonzero(label[level])[axis])) for axis in (0, 1))
    grey, classes = image[0, level, rows, columns], label[level, rows, columns]
    low, high = np.percentile(grey, (1, 99))
    grey = np.clip((grey - low) / (high - low), 0, 1)
    picture = Image.fromarray(np.uint8(255 * grey)).convert("RGB")
    picture = picture.resize((THUMBNAIL_SIZE, THUMBNAIL_SIZE), Image.Resampling.BICUBIC)
    for each in cohort.classes:
        mask = Image.fromarray(np.uint8(115 * (classes == each.index)))
        mask = mask.resize(picture.size, Image.Resampling.BICUBIC)
        picture.paste(tuple(round(255 * part) for part in each.color), mask=mask)
    return picture


def square(positions: np.ndarray, side: int = 76) -> tuple[int, int]:
    """First and last + 1 of ``side`` voxels about the middle of what was found along an axis."""
    start = max(0, (int(positions.min()) + int(positions.max()) - side) // 2)
    return start, start + side


def main() -> None:
    pictures = {path: icon() for path in ICONS} | {THUMBNAIL: thumbnail()}
    for path, picture in pictures.items():
        picture.save(path, optimize=True)
        print(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
