"""What is asked of the object in a box: the same settings for the method and for the term."""

from __future__ import annotations

from dataclasses import dataclass

from SemiWeakSegLib.methods.settings import ABOVE_ZERO, Settings, setting

# A round object fills 0.79 of a flat box and 0.52 of a solid one, a slanted one far less, unless
# the box was turned with it: for solid boxes found on development cases (benchmarks).
USUAL_SHARES = {2: (0.5, 0.9), 3: (0.25, 0.85)}
TURNED_SHARES = {**USUAL_SHARES, 3: (0.35, 0.85)}
USUAL_LOW_HELP = (
    "none: 0.5 of flat boxes (in 2-D images, or one slice thick), 0.25 of solid ones, 0.35 where "
    "they are turned against the image"
)
USUAL_HIGH_HELP = "none: 0.9 of flat boxes, 0.85 of solid ones"


def shares_of_box(
    dimensions: int, low: float | None, high: float | None, turned: bool = False
) -> tuple[float, float]:
    """Least and greatest share of a box that is object, the usual one where none is given.

    ``dimensions``: along how many axes the box extends, 2 or 3. ``turned``: against the image's
    axes. A given share moves a usual one out of its way.
    """
    least, greatest = (TURNED_SHARES if turned else USUAL_SHARES)[dimensions]
    if low is not None:
        least, greatest = low, max(greatest, low)
    if high is not None:
        least, greatest = min(least, high), high
    return least, greatest


@dataclass(frozen=True)
class BoxBounds(Settings):
    """Tightness of strips across a box, and the share of the box that the object fills."""

    tightness_weight: float = setting(
        1.0, "weight of the penalty on strips across the box with too little object", minimum=0.0
    )
    strip_mm: float = setting(
        0.0,
        "width of the strips; 0 cuts a box into ten",
        minimum=0.0,
        unit="mm",
        used_if={"tightness_weight": ABOVE_ZERO},
    )
    strip_share: float = setting(
        0.0,
        "least share of each strip that is object; 0 asks for one voxel across it",
        minimum=0.0,
        maximum=1.0,
        used_if={"tightness_weight": ABOVE_ZERO},
    )
    size_weight: float = setting(
        1.0, "weight of the penalty on a size out of the two bounds below", minimum=0.0
    )
    size_low: float | None = setting(
        None,
        "least share of a box that is object; " + USUAL_LOW_HELP + ". Slanted, thin or hollow "
        "objects fill less: look at a few",
        minimum=0.0,
        maximum=1.0,
        used_if={"size_weight": ABOVE_ZERO},
    )
    size_high: float | None = setting(
        None,
        "greatest share of a box that is object; " + USUAL_HIGH_HELP,
        minimum=0.0,
        maximum=1.0,
        used_if={"size_weight": ABOVE_ZERO},
    )
    penalty: str = setting(
        "relative",
        "how a size out of bounds is measured: relative: as a share of the bound; proportion: as a "
        "share of the box",
        choices=("relative", "proportion"),
        used_if={"size_weight": ABOVE_ZERO},
    )

    def validate(self) -> list[str]:
        """Field problems, and size bounds the wrong way round."""
        problems = super().validate()
        low, high = self.size_low, self.size_high
        if low is not None and high is not None and low > high:
            problems.append(
                f"size_low is {low:g} and size_high {high:g}: the lower bound must not be above "
                "the upper one"
            )
        return problems

    def size_shares(self, dimensions: int, turned: bool = False) -> tuple[float, float]:
        """Least and greatest share of a box of 2 or 3 dimensions that is object."""
        return shares_of_box(dimensions, self.size_low, self.size_high, turned)
