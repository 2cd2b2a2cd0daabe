"""What a cohort's images are like: sizes, spacings, orientation, intensities."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ..cohort import Cohort, images
from .layout import alignment_angle, canonical_axes
from .thinning import thin

# Beyond this angle from the patient's axes "nearest axis" stops meaning the same in every case.
OBLIQUE_LIMIT_DEGREES = 30.0
# Cases whose intensities are read, and voxels of each that are kept.
FINGERPRINT_CASES = 24
FINGERPRINT_VOXELS = 20000


@dataclasses.dataclass
class Fingerprint:
    """Headers of all cases and intensities of some: what the plan is made from."""

    shapes: list[tuple[int, ...]]
    spacings: list[tuple[float, ...]]
    dimension: int
    channels: int
    orient: bool
    has_geometry: bool
    intensity: list[dict[str, Any]]


def fingerprint(cohort: Cohort) -> Fingerprint:
    """Reads every image's header and the intensities of up to 24 cases."""
    headers = [images.read_header(case.images[0]) for case in cohort.cases]
    dimension = headers[0].geometry.dimension
    orient = dimension == 3 and all(
        alignment_angle(header.geometry.direction) <= OBLIQUE_LIMIT_DEGREES for header in headers
    )
    shapes, spacings = [], []
    for header in headers:
        shape, spacing = header.geometry.size[::-1], header.geometry.spacing[::-1]
        if orient:
            axes = canonical_axes(header.geometry.direction).permutation
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
    return Fingerprint(shapes, spacings, dimension, channels, orient, has_geometry, intensity)


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
