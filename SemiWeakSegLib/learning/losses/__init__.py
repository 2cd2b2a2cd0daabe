"""Losses: tensors in, one scalar out; they know no data, network or schedule."""

from .affinity import Kernel, apply_affinity
from .crf import dense_crf_loss, grid_crf_loss
from .entropy import entropy_loss
from .partial import partial_cross_entropy, partial_dice_loss
from .simplex import UNLABELED
from .size import size_penalty, soft_proportions

__all__ = [
    "UNLABELED",
    "Kernel",
    "apply_affinity",
    "dense_crf_loss",
    "entropy_loss",
    "grid_crf_loss",
    "partial_cross_entropy",
    "partial_dice_loss",
    "size_penalty",
    "soft_proportions",
]
