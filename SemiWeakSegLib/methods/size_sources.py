"""Where size bounds come from: the same settings for the method and for the terms."""

from __future__ import annotations

from dataclasses import dataclass

from SemiWeakSegLib.methods.box_bounds import USUAL_HIGH_HELP, USUAL_LOW_HELP
from SemiWeakSegLib.methods.settings import Settings, setting


@dataclass(frozen=True)
class SizeSources(Settings):
    """What is taken for known of the sizes, and how much boxes and labels say of them."""

    sources: str = setting(
        "auto",
        "auto: all that the cohort states and an earlier stage estimated; or one of them only; "
        "labeled: the range of sizes in the labeled cases",
        choices=("auto", "common", "case", "tags", "boxes", "labeled"),
    )
    box_low: float | None = setting(
        None,
        "least share of its boxes that a class fills; " + USUAL_LOW_HELP,
        minimum=0.0,
        maximum=1.0,
        used_if={"sources": ("auto", "boxes")},
    )
    box_high: float | None = setting(
        None,
        "greatest share of its boxes that a class fills; " + USUAL_HIGH_HELP,
        minimum=0.0,
        maximum=1.0,
        used_if={"sources": ("auto", "boxes")},
    )
    least_mm3: float = setting(
        0.0,
        "least size of a class that is tagged as present; 0: one voxel",
        minimum=0.0,
        unit="mm^3",
        used_if={"sources": ("auto", "tags")},
    )
    margin: float = setting(
        0.2,
        "how far bounds reach beyond the sizes seen, as a share of these",
        minimum=0.0,
        maximum=1.0,
        used_if={"sources": ("labeled",)},
    )

    def validate(self) -> list[str]:
        """Field problems, and shares of the box the wrong way round."""
        problems = super().validate()
        low, high = self.box_low, self.box_high
        if not problems and low is not None and high is not None and low > high:
            problems.append(
                f"box_low is {low:g} and box_high {high:g}: the lower share must not be above the "
                "upper one"
            )
        return problems
