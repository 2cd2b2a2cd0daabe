"""What is asked of the object in a box: the same settings for the method and for the term."""

from __future__ import annotations

from dataclasses import dataclass

from SemiWeakSegLib.methods.settings import Settings, setting

# As full along each axis in volumes as in slices: 0.7 to 0.95 of it.
USUAL_SHARES = {2: (0.5, 0.9), 3: (0.35, 0.85)}


@dataclass(frozen=True)
class BoxBounds(Settings):
    """Tightness of strips across a box, and the share of the box that the object fills."""

    tightness_weight: float = setting(
        1.0, "weight of the penalty on strips across the box with too little object", minimum=0.0
    )
    strip_mm: float = setting(
        0.0, "width of the strips; 0 cuts a box into ten", minimum=0.0, unit="mm"
    )
    strip_share: float = setting(
        0.0,
        "least share of each strip that is object; 0 asks for one voxel across it",
        minimum=0.0,
        maximum=1.0,
    )
    size_weight: float = setting(
        1.0, "weight of the penalty on a size out of the two bounds below", minimum=0.0
    )
    size_low: float | None = setting(
        None,
        "least share of a box that is object; none: 0.5 in slices and 2-D images, 0.35 in volumes. "
        "Slanted, thin or hollow objects fill less: look at a few",
        minimum=0.0,
        maximum=1.0,
    )
    size_high: float | None = setting(
        None,
        "greatest share of a box that is object; none: 0.9 in slices and 2-D images, 0.85 in "
        "volumes",
        minimum=0.0,
        maximum=1.0,
    )
    penalty: str = setting(
        "relative",
        "relative: measured as a share of the bound; proportion: as a share of the box",
        choices=("relative", "proportion"),
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

    def size_shares(self, dimensions: int) -> tuple[float, float]:
        """Least and greatest share of a box that is object, for a plan of 2 or 3 dimensions."""
        low, high = USUAL_SHARES[dimensions]
        if self.size_low is not None:
            low, high = self.size_low, max(high, self.size_low)
        if self.size_high is not None:
            low, high = min(low, self.size_high), self.size_high
        return low, high
