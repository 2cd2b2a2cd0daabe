"""Settings of the terms that learn from boxes and from classes known to be absent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from SemiWeakSegLib.methods.box_bounds import BoxBounds
from SemiWeakSegLib.methods.settings import setting
from SemiWeakSegLib.methods.term import RAMP_HELP, TermSettings


@dataclass(frozen=True)
class BoxTerm(BoxBounds, TermSettings):
    """Penalties on strips across a box with too little object and on a size out of bounds."""

    name: ClassVar[str] = "boxes"
    title: ClassVar[str] = "Tight boxes"
    family: ClassVar[str] = "weak"
    summary: ClassVar[str] = "In each box a tight object: some in every strip, and enough in all."
    default_weight: ClassVar[float] = 1.0

    ramp: float = setting(0.0, RAMP_HELP, minimum=0.0, maximum=1.0)


@dataclass(frozen=True)
class CandidateTerm(TermSettings):
    """Mean of -log sum_k s_k over the classes k that a voxel may have, where some are excluded."""

    name: ClassVar[str] = "candidates"
    title: ClassVar[str] = "Excluded classes"
    family: ClassVar[str] = "weak"
    summary: ClassVar[str] = "No class outside its boxes, none that a tag says is absent."
    default_weight: ClassVar[float] = 0.1

    ramp: float = setting(0.0, RAMP_HELP, minimum=0.0, maximum=1.0)
