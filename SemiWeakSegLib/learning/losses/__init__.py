"""Losses: tensors in, one scalar out; they know no data, network or schedule."""

from .affinity import Kernel, apply_affinity
from .area import area_loss
from .bounds import interval_penalty, log_barrier
from .boxes import box_share, strip_shares
from .candidates import candidate_loss
from .consistency import jensen_shannon, kl_divergence, squared_difference
from .crf import dense_crf_loss, grid_crf_loss
from .entropy import entropy_loss
from .equality import dual_ascent, equality_loss, start_dual
from .marginals import class_ratio_loss, mutual_information_loss
from .partial import partial_cross_entropy, partial_dice_loss
from .simplex import UNLABELED
from .size import size_penalty, soft_proportions

__all__ = [
    "UNLABELED",
    "Kernel",
    "apply_affinity",
    "area_loss",
    "box_share",
    "candidate_loss",
    "class_ratio_loss",
    "dense_crf_loss",
    "dual_ascent",
    "entropy_loss",
    "equality_loss",
    "grid_crf_loss",
    "interval_penalty",
    "jensen_shannon",
    "kl_divergence",
    "log_barrier",
    "mutual_information_loss",
    "partial_cross_entropy",
    "partial_dice_loss",
    "size_penalty",
    "soft_proportions",
    "squared_difference",
    "start_dual",
    "strip_shares",
]
