"""The penalty on sizes out of bounds: the same settings for all methods that bound sizes."""

from __future__ import annotations

from dataclasses import dataclass

from SemiWeakSegLib.methods.settings import Settings, setting


@dataclass(frozen=True)
class SizePenalty(Settings):
    """Width of the bounds around an estimated size, weight and form of the penalty."""

    gamma: float = setting(
        0.1, "relative slack around a size: (1-gamma) to (1+gamma)", minimum=0.0, maximum=1.0
    )
    size_weight: float | None = setting(
        None,
        "weight of the size penalty; none chooses what was measured to be best: 655 on slices (the "
        "paper's 0.01 at 256 x 256), 65 on volumes, 0.05 for the relative penalty",
        minimum=0.0,
    )
    penalty: str = setting(
        "proportion",
        "relative: measured as a share of the bound; proportion: as a share of the image",
        choices=("relative", "proportion"),
    )

    @property
    def whole_images(self) -> bool:
        return True
