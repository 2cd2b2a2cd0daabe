"""Weights and rates as functions of a stage's progress t in [0, 1]."""

from __future__ import annotations

import math


def sigmoid_ramp(progress: float, length: float) -> float:
    """exp(-5 (1 - t/T)²) while t < T, then 1 (Laine & Aila 2017); T = 0 means at once."""
    if progress >= length:
        return 1.0
    return math.exp(-5.0 * (1.0 - progress / length) ** 2)


def cosine_rate(progress: float, warm_up: float = 0.02) -> float:
    """Learning-rate factor: linear warm-up, then half a cosine down to 1 %."""
    if progress < warm_up:
        return max(0.05, progress / warm_up)
    remaining = (min(progress, 1.0) - warm_up) / (1.0 - warm_up)
    return 0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * remaining))


def barrier_sharpness(progress: float, start: float = 5.0, growth: float = 1.1) -> float:
    """t of a log-barrier: 5, and 1.1 times as much with every twentieth of the stage."""
    return start * growth ** (20.0 * min(progress, 1.0))
