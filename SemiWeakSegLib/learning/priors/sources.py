"""Which priors a term that bounds sizes takes its bounds from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...cohort import SegmentClass
from ...methods.size_sources import SizeSources
from ..store import CaseStore
from .base import SIZES_FILE, Prior
from .boxes import BoxPrior
from .cohort import CasePrior, TagPrior
from .common import CommonPrior
from .regressed import RegressedPrior

# In words for an error: what a source wants.
SOURCES = {
    "common": "bounds common to all cases (cohort sizes --save, or size_bounds of a class)",
    "case": "sizes stated for single cases",
    "tags": "image tags: classes present or absent",
    "boxes": "boxes",
    "labeled": "a fully labeled training case",
}


def size_priors(
    settings: SizeSources, store: CaseStore, classes: Sequence[SegmentClass], products: Path
) -> list[Prior]:
    """The priors that ``settings.sources`` names.

    "auto" takes all that the cohort states and what an earlier stage of the run estimated.

    Raises:
        ValueError: the one source that is named says nothing of any case.
    """
    boxes = BoxPrior(settings.box_low, settings.box_high)
    if settings.sources == "auto":
        stated = [CommonPrior.from_classes(classes, store.plan.num_classes), CasePrior()]
        stated += [TagPrior(settings.least_mm3), boxes]
        path = products / SIZES_FILE
        estimated = [RegressedPrior(path)] if path.exists() else []
        return [prior for prior in [*stated, *estimated] if prior is not None]
    prior = {
        "common": lambda: CommonPrior.from_classes(classes, store.plan.num_classes),
        "case": CasePrior,
        "tags": lambda: TagPrior(settings.least_mm3),
        "boxes": lambda: boxes,
        "labeled": lambda: CommonPrior.from_labeled(store, settings.margin),
    }[settings.sources]()
    says = prior is not None and any(
        prior.of_case(index, store) is not None for index in range(len(store.cases))
    )
    if not says:
        raise ValueError(
            f"size bounds from '{settings.sources}' need {SOURCES[settings.sources]}; this cohort "
            "has none"
        )
    return [prior]
