"""What recipes are made of: the segmenter of a stage and its supervision."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from ...methods.segmentation import SegmentationSettings
from ..stages import FINAL_STAGE, Stage, Workshop
from ..terms import SupervisedTerm, Term


def segmenter(
    settings: SegmentationSettings,
    workshop: Workshop,
    terms: Callable[[], list[Term]],
    **kept: Any,
) -> Stage:
    """The stage whose network is the product of the run."""
    return Stage(
        name=kept.pop("name", FINAL_STAGE),
        share=kept.pop("share", 1.0),
        network=copy.deepcopy(workshop.plan.network),
        make_terms=terms,
        labeled=kept.pop("labeled", workshop.labeled),
        augmentation=settings.augmentation,
        average=settings.average_weights,
        **kept,
    )


def supervision(settings: SegmentationSettings, on: str = "annotated_cases") -> SupervisedTerm:
    return SupervisedTerm(settings.cross_entropy_weight, settings.dice_weight, on=on)


def first_segmenter(
    settings: SegmentationSettings, workshop: Workshop, name: str, share: float, **kept: Any
) -> Stage:
    return segmenter(
        settings, workshop, lambda: [supervision(settings)], name=name, share=share, **kept
    )
