"""A synthetic short-axis heart: anatomy by formulas, image by tissue, blur, bias field and noise.

Nothing here comes from a patient. Lengths are millimetres; in-plane coordinates are relative to the
middle of the field of view, ``z`` runs from the base (0) to the apex.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import scipy

from SemiWeakSegLib.cohort.geometry import Geometry

CAVITY, MYOCARDIUM, RIGHT_VENTRICLE = 1, 2, 3


@dataclass(frozen=True)
class Heart:
    """Shape of one heart in one phase of its beat."""

    center: tuple[float, float]
    tilt: tuple[float, float]
    """In-plane drift of the centre per millimetre of depth: the axis is never quite straight."""
    base: float
    """Depth of the basal plane; slices above it show no ventricle."""
    length: float
    cavity_radius: float
    wall: float
    wavy: tuple[tuple[float, float], ...]
    """(amplitude, phase) of the outline's second and third harmonics."""
    right_angle: float
    right_depth: float
    """How far the right ventricle reaches beyond the left one at the base."""
    right_width: float
    """Half its width along the left ventricle, relative to that one's outer radius."""
    papillary: tuple[tuple[float, float, float], ...]
    """(angle, radius, share of the cavity's radius at which it stands) of each papillary muscle."""


@dataclass(frozen=True)
class Scanner:
    """What makes images of the same heart look different."""

    blood: float
    muscle: float
    fat: float
    liver: float
    lung: float
    gain: float
    noise: float
    bias: float


def random_heart(generator: np.random.Generator) -> Heart:
    """A heart at end-diastole."""
    uniform = generator.uniform
    angle = uniform(-math.pi, math.pi)
    return Heart(
        center=(uniform(-14, 14), uniform(-14, 14)),
        tilt=(uniform(-0.12, 0.12), uniform(-0.12, 0.12)),
        base=uniform(-4, 10),
        length=uniform(58, 76),
        cavity_radius=uniform(19, 28),
        wall=uniform(7, 12),
        wavy=tuple((uniform(0, amplitude), uniform(0, 2 * math.pi)) for amplitude in (0.09, 0.05)),
        right_angle=math.pi + uniform(-0.6, 0.6),
        right_depth=uniform(16, 30),
        right_width=uniform(0.95, 1.3),
        papillary=tuple(
            (angle + side * uniform(0.8, 1.3), uniform(3.0, 5.0), uniform(0.55, 0.75))
            for side in (-1, 1)
        ),
    )


def contracted(heart: Heart, generator: np.random.Generator) -> Heart:
    """The same heart at end-systole: smaller cavities, a thicker and shorter wall."""
    shrink = generator.uniform(0.55, 0.8)
    return replace(
        heart,
        base=heart.base + generator.uniform(3, 9),
        length=heart.length * generator.uniform(0.86, 0.95),
        cavity_radius=heart.cavity_radius * shrink,
        wall=heart.wall * (1.0 + 0.75 * (1.0 - shrink)) + 1.0,
        right_depth=heart.right_depth * generator.uniform(0.6, 0.8),
        right_width=heart.right_width * generator.uniform(0.85, 0.97),
    )


def random_scanner(generator: np.random.Generator) -> Scanner:
    uniform = generator.uniform
    return Scanner(
        blood=uniform(0.75, 1.05),
        muscle=uniform(0.28, 0.5),
        fat=uniform(0.6, 1.2),
        liver=uniform(0.35, 0.65),
        lung=uniform(0.04, 0.15),
        gain=float(np.exp(uniform(math.log(80), math.log(1500)))),
        noise=uniform(0.03, 0.075),
        bias=uniform(0.1, 0.4),
    )


@dataclass(frozen=True)
class _Distances:
    """Signed distances (negative inside) to each outline at one depth, arrays (y, x)."""

    cavity: np.ndarray
    outer: np.ndarray
    right: np.ndarray
    papillary: np.ndarray
    radius: np.ndarray


def _distances(heart: Heart, depth: float, x: np.ndarray, y: np.ndarray) -> _Distances:
    below = depth - heart.base
    x = x - heart.center[0] - heart.tilt[0] * depth
    y = y - heart.center[1] - heart.tilt[1] * depth
    radius = np.hypot(x, y)
    angle = np.arctan2(y, x)
    outline = _outline(heart, angle)
    inner = heart.cavity_radius * _taper(below, heart.length - 0.6 * heart.wall)
    outer = (heart.cavity_radius + heart.wall) * _taper(below, heart.length)
    cavity = radius - inner * outline if inner > 0 else np.full_like(radius, np.inf)
    epicardium = radius - outer * outline if outer > 0 else np.full_like(radius, np.inf)
    return _Distances(
        cavity=cavity,
        outer=epicardium,
        right=_right_ventricle(heart, below, outer, x, y, epicardium),
        papillary=_papillary(heart, below, inner, x, y),
        radius=radius,
    )


def _outline(heart: Heart, angle: np.ndarray) -> np.ndarray:
    """Radius of the left ventricle's outline relative to its mean, by angle."""
    waves = enumerate(heart.wavy, start=2)
    return 1.0 + sum(size * np.cos(order * angle - phase) for order, (size, phase) in waves)


def _right_ventricle(
    heart: Heart,
    below: float,
    outer: float,
    x: np.ndarray,
    y: np.ndarray,
    epicardium: np.ndarray,
) -> np.ndarray:
    """A crescent: an ellipse beside the left ventricle without the left ventricle itself."""
    taper = _taper(below, 0.88 * heart.length)
    depth = heart.right_depth * taper
    if depth < 5.0:  # a thinner crescent would fall apart into slivers
        return np.full_like(x, np.inf)
    cosine, sine = math.cos(heart.right_angle), math.sin(heart.right_angle)
    side = x * cosine + y * sine
    offset = 0.62 * outer
    edge = outer * float(_outline(heart, np.asarray(heart.right_angle)))
    reach = edge + depth - offset
    width = (heart.cavity_radius + heart.wall) * heart.right_width * taper
    scaled = np.hypot((side - offset) / reach, (y * cosine - x * sine) / width)
    # Only on its own side: the ellipse may peep out behind a wavy left ventricle.
    beside = np.maximum(-epicardium, -side)
    return np.maximum((scaled - 1.0) * min(reach, width), beside)


def _papillary(
    heart: Heart, below: float, inner: float, x: np.ndarray, y: np.ndarray
) -> np.ndarray:
    nearest = np.full_like(x, np.inf)
    if not 0.2 * heart.length < below < 0.75 * heart.length:
        return nearest
    for angle, radius, share in heart.papillary:
        middle_x = share * inner * math.cos(angle)
        middle_y = share * inner * math.sin(angle)
        nearest = np.minimum(nearest, np.hypot(x - middle_x, y - middle_y) - radius)
    return nearest


def _taper(below: float, length: float) -> float:
    """Radius relative to the base: 1 at the base, 0 at the apex and above the base."""
    if not 0 <= below < length:
        return 0.0
    return math.sqrt(1.0 - (below / length) ** 2.2)


def _in_plane(geometry: Geometry) -> tuple[np.ndarray, np.ndarray]:
    columns, rows, _ = geometry.size
    x = (np.arange(columns) - 0.5 * (columns - 1)) * geometry.spacing[0]
    y = (np.arange(rows) - 0.5 * (rows - 1)) * geometry.spacing[1]
    return np.meshgrid(x, y)


def draw_label(heart: Heart, geometry: Geometry, shifts: np.ndarray) -> np.ndarray:
    """The true label map, uint8 (z, y, x); ``shifts`` (z, 2) moves each slice (breathing), mm."""
    x, y = _in_plane(geometry)
    label = np.zeros(geometry.array_shape, dtype=np.uint8)
    for index in range(geometry.size[2]):
        shift = shifts[index]
        at = _distances(heart, index * geometry.spacing[2], x - shift[0], y - shift[1])
        label[index][at.right < 0] = RIGHT_VENTRICLE
        label[index][at.outer < 0] = MYOCARDIUM
        label[index][at.cavity < 0] = CAVITY
    return label


def draw_image(
    heart: Heart,
    scanner: Scanner,
    geometry: Geometry,
    shifts: np.ndarray,
    anatomy: np.random.Generator,
    noise: np.random.Generator,
) -> np.ndarray:
    """The image of a heart, int16 (z, y, x).

    ``anatomy`` draws what the phases of one patient share (surroundings, texture, bias field),
    ``noise`` what differs from one acquisition to the next.
    """
    x, y = _in_plane(geometry)
    depth, rows, columns = geometry.array_shape
    thickness = geometry.spacing[2]
    surroundings = _surroundings(scanner, x, y, anatomy)
    coarse = scipy.ndimage.zoom(
        anatomy.standard_normal((max(depth // 2, 2), max(rows // 6, 2), max(columns // 6, 2))),
        (depth / max(depth // 2, 2), rows / max(rows // 6, 2), columns / max(columns // 6, 2)),
        order=1,
    )
    signal = np.empty(geometry.array_shape)
    for index in range(depth):
        shift = shifts[index]
        # A slice is thick: it averages what lies above and below its middle.
        signal[index] = 0.5 * sum(
            _tissue(
                heart,
                scanner,
                surroundings,
                (index + part) * thickness,
                x - shift[0],
                y - shift[1],
            )
            for part in (-0.25, 0.25)
        )
    signal *= 1.0 + 0.06 * coarse
    signal *= _bias_field(scanner.bias, geometry.array_shape, anatomy)
    shape = geometry.array_shape
    real = signal + scanner.noise * noise.standard_normal(shape)
    imaginary = scanner.noise * noise.standard_normal(shape)
    return np.round(scanner.gain * np.hypot(real, imaginary)).astype(np.int16)


def _inside(distance: np.ndarray, softness: float = 1.2) -> np.ndarray:
    """Share of a voxel within an outline: partial volume and the scanner's blur, 0..1."""
    return np.clip(0.5 - distance / (2.0 * softness), 0.0, 1.0)


def _blend(image: np.ndarray, value: float | np.ndarray, share: np.ndarray) -> np.ndarray:
    return image + share * (value - image)


def _tissue(
    heart: Heart,
    scanner: Scanner,
    surroundings: np.ndarray,
    depth: float,
    x: np.ndarray,
    y: np.ndarray,
) -> np.ndarray:
    at = _distances(heart, depth, x, y)
    heart_outline = np.minimum(at.outer, at.right - 3.0)  # the right ventricle's wall is thin
    image = _blend(surroundings, scanner.fat, _inside(heart_outline - 3.0) * 0.6)
    image = _blend(image, scanner.muscle, _inside(heart_outline))
    image = _blend(image, 0.95 * scanner.blood, _inside(at.right))
    image = _blend(image, scanner.blood, _inside(at.cavity))
    trabeculae = np.clip(0.5 + 0.5 * np.cos(0.9 * x) * np.cos(0.8 * y + 0.3 * depth), 0.0, 1.0)
    rim = _inside(at.right) * _inside(-at.right - 7.0, 4.0)
    image = _blend(image, scanner.muscle, 0.5 * trabeculae * rim)
    return _blend(image, scanner.muscle, 0.9 * _inside(at.papillary) * _inside(at.cavity))


def _surroundings(
    scanner: Scanner, x: np.ndarray, y: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """Chest wall, lungs, liver, aorta and a few vessels around the heart, (y, x)."""
    uniform = generator.uniform
    body = (np.hypot(x / uniform(78, 92), y / uniform(66, 78)) - 1.0) * 70
    image = np.full_like(x, 0.02)
    image = _blend(image, scanner.fat, _inside(body))
    image = _blend(image, scanner.muscle, _inside(body + uniform(5, 12)))
    image = _blend(image, scanner.lung, _inside(body + uniform(16, 24)))
    slope, level = uniform(-0.35, 0.35), uniform(22, 40)
    image = _blend(image, scanner.liver, _inside(level - y + slope * x) * _inside(body + 14))
    for _ in range(int(generator.integers(3, 7))):
        angle, away = uniform(-math.pi, math.pi), uniform(42, 68)
        radius = uniform(4, 12)
        distance = np.hypot(x - away * math.cos(angle), y - 0.85 * away * math.sin(angle)) - radius
        value = scanner.blood if uniform() < 0.5 else uniform(0.2, 0.9)
        image = _blend(image, value, _inside(distance) * _inside(body + 8))
    return image


def _bias_field(
    strength: float, shape: tuple[int, ...], generator: np.random.Generator
) -> np.ndarray:
    """A smooth positive field around 1: the exponential of a quadratic polynomial."""
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, count) for count in shape), indexing="ij")
    basis = (x, y, 0.5 * z, x * y, x**2 - 1 / 3, y**2 - 1 / 3)
    return np.exp(strength * sum(generator.uniform(-1, 1) * term for term in basis))
