"""What the settings of every addable term have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from SemiWeakSegLib.methods.settings import Settings

RAMP_HELP = "share of the stage over which the weight rises to its full value"


@dataclass(frozen=True)
class TermSettings(Settings):
    """Base of the addable terms."""

    name: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    default_weight: ClassVar[float]

    @property
    def whole_images(self) -> bool:
        """Whether it constrains whole slices or volumes, so that patches must hold them whole."""
        return False
