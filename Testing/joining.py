"""Picture files: cut to their content, put together, and made small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

GAP = 8
PAPER = (255, 255, 255)


def crop(path: Path) -> None:
    """Cut away the even margin that a taller window leaves."""
    image = Image.open(path).convert("RGB")
    pixels = np.asarray(image).astype(int)
    differs = (np.abs(pixels - pixels[-1, -1]).sum(axis=2) > 24).nonzero()
    margin = 6
    left, top = (max(0, int(each.min()) - margin) for each in (differs[1], differs[0]))
    right, bottom = (int(each.max()) + margin + 1 for each in (differs[1], differs[0]))
    image.crop((left, top, min(right, image.width), min(bottom, image.height))).save(path)


def row(parts: list[Path], out: Path) -> None:
    """Pictures beside each other, their tops in one line."""
    images = [Image.open(part).convert("RGB") for part in parts]
    width = sum(image.width for image in images) + GAP * (len(images) - 1)
    joined = Image.new("RGB", (width, max(image.height for image in images)), PAPER)
    left = 0
    for image in images:
        joined.paste(image, (left, 0))
        left += image.width + GAP
    joined.save(out)


def column(parts: list[Path], out: Path, width: int) -> None:
    """Pictures below each other, each of this width."""
    images = [Image.open(part).convert("RGB") for part in parts]
    images = [
        image
        if image.width == width
        else image.resize((width, image.height * width // image.width), Image.Resampling.LANCZOS)
        for image in images
    ]
    height = sum(image.height for image in images) + GAP * (len(images) - 1)
    joined = Image.new("RGB", (width, height), PAPER)
    top = 0
    for image in images:
        joined.paste(image, (0, top))
        top += image.height + GAP
    joined.save(out)


def shrink(path: Path) -> None:
    """Save with a palette: few shades suffice for the noise of images, and colours stay."""
    pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
    isGrey = np.ptp(pixels, axis=2, keepdims=True) < 10
    grey = pixels.mean(axis=2, keepdims=True).round()
    rounded = np.where(isGrey, (grey / 6).round() * 6, (pixels / 15).round() * 15).clip(0, 255)
    flat = rounded.reshape(-1, 3).astype(np.uint8)
    colors, places, counts = np.unique(flat, axis=0, return_inverse=True, return_counts=True)
    kept = colors[np.argsort(counts)[::-1][:256]].astype(int)
    # What is rare takes the nearest colour that is not.
    nearest = np.abs(colors[:, None].astype(int) - kept[None]).sum(axis=2).argmin(axis=1)
    image = Image.fromarray(nearest[places].reshape(pixels.shape[:2]).astype(np.uint8), mode="P")
    image.putpalette(kept.astype(np.uint8).tobytes())
    image.save(path, optimize=True)
