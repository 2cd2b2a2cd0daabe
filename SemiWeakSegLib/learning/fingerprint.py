"""What a cohort's images are like: sizes, spacings, orientation, intensities."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ..cohort import Cohort, images
from .frame import OBLIQUE_LIMIT_DEGREES, common_frame
from .layout import alignment_angle, canonical_axes
from .thinning import thin

# Cases whose intensities are read, and voxels of each that are kept.
FINGERPRINT_CASES = 24
FINGERPRINT_VOXELS = 20000


@dataclasses.dataclass
class Fingerprint:
    """Headers of all cases and intensities of some: what the plan is made from.

    ``frame``: the axes that images are turned to if ``orient``, None for the patient's.
    """

    shapes: list[tuple[int, ...]]
    spacings: list[tuple[float, ...]]
    dimension: int
    channels: int
    orient: bool
    frame: list[float] | None
    has_geometry: bool
    intensity: list[dict[str, Any]]


def fingerprint(cohort: Cohort, orient: bool | None = None) -> Fingerprint:
    """Reads every image's header and the intensities of up to 24 cases.

    ``orient``: whether images are turned; None: where there are axes to turn all of them to.
    """
    headers = [images.read_header(case.images[0]) for case in cohort.cases]
    dimension = headers[0].geometry.dimension
    orient, frame = _choose_frame(headers, orient)
    shapes, spacings = [], []
    for header in headers:
        shape, spacing = header.geometry.size[::-1], header.geometry.spacing[::-1]
        if orient:
            axes = canonical_axes(header.geometry.direction, frame).permutation
            shape = tuple(shape[axis] for axis in axes)
            spacing = tuple(spacing[axis] for axis in axes)
        shapes.append(tuple(shape))
        spacings.append(tuple(spacing))
    # Held-out images have no say in how images are normalised.
    known = [case for case in cohort.cases if case.role == "train"] or cohort.cases
    chosen = np.unique(np.linspace(0, len(known) - 1, FINGERPRINT_CASES).astype(int))
    samples: list[list[np.ndarray]] = []
    for index in chosen:
        array, _ = images.read_image(known[index].images)
        thinned = [thin(channel, FINGERPRINT_VOXELS).copy() for channel in array]
        samples.append([values[np.isfinite(values)] for values in thinned])
    channels = len(samples[0])
    intensity = [_intensity_scheme([case[c] for case in samples]) for c in range(channels)]
    has_geometry = all(header.has_geometry for header in headers)
    return Fingerprint(
        shapes, spacings, dimension, channels, orient, frame, has_geometry, intensity
    )


def _choose_frame(
    headers: list[images.ImageHeader], orient: bool | None
) -> tuple[bool, list[float] | None]:
    """Whether images are turned, and to which frame."""
    if orient is False or headers[0].geometry.dimension != 3:
        return False, None
    directions = [header.geometry.direction for header in headers]
    if all(alignment_angle(each) <= OBLIQUE_LIMIT_DEGREES for each in directions):
        return True, None
    frame = common_frame(directions)
    return frame is not None or orient is True, frame


def _intensity_scheme(samples: list[np.ndarray]) -> dict[str, Any]:
    """CT (Hounsfield units) by fixed percentiles over the cohort, all else per volume."""
    known = [each for each in samples if each.size]
    values = np.concatenate(known)
    lows = [float(np.percentile(each, 0.5)) for each in known]
    is_ct = np.median(lows) < -300 and values.min() >= -5000 and np.percentile(values, 99) < 5000
    if not is_ct:
        return {"scheme": "per_volume", "low_percentile": 0.5, "high_percentile": 99.5}
    body = values[values > -500]  # air says nothing about the contrast that is wanted
    body = body if body.size else values
    low, high = (float(value) for value in np.percentile(body, [0.5, 99.5]))
    clipped = np.clip(body, low, high)
    return {
        "scheme": "fixed",
        "low": low,
        "high": high,
        "mean": float(clipped.mean()),
        "std": float(max(clipped.std(), 1e-6)),
    }
