"""What is known of a class's size, place and extent before looking at the voxels.

Every source of such knowledge is a `Prior`; `combine` makes `Bounds` of several. Nobody behind
`Bounds` knows where they came from.
"""

from .base import ATTRIBUTES, SIZES_FILE, Prior, axes_of, lowest_of
from .bounds import Bounds, combine, patch_sizes
from .boxes import BoxPrior
from .cohort import CasePrior, TagPrior
from .common import CommonPrior, labeled_cases, measure
from .regressed import RegressedPrior
from .sources import SOURCES, size_priors

__all__ = [
    "ATTRIBUTES",
    "SIZES_FILE",
    "SOURCES",
    "Bounds",
    "BoxPrior",
    "CasePrior",
    "CommonPrior",
    "Prior",
    "RegressedPrior",
    "TagPrior",
    "axes_of",
    "combine",
    "labeled_cases",
    "lowest_of",
    "measure",
    "patch_sizes",
    "size_priors",
]
