"""From a method's settings to stages: a few lines a method, no loop of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...methods.boxes import Boxes
from ...methods.constrained import Constrained
from ...methods.curriculum_size import CurriculumSize
from ...methods.oracle_size import OracleSize
from ...methods.proposals import Proposals
from ...methods.pseudo_label import PseudoLabel
from ...methods.refinement import Refinement
from ...methods.scribble_crf import ScribbleCRF
from ...methods.segmentation import SegmentationSettings
from ...methods.supervised import Supervised
from ...methods.tags import Tags
from ...methods.terms import TermRequest
from ..stages import Stage, Workshop
from ..terms import make_term
from .boxes import boxes
from .constrained import constrained
from .refinement import refinement
from .segmenters import first_segmenter
from .sizes import curriculum_size, oracle_size
from .tags import tags
from .voxelwise import proposals, pseudo_label, scribble_crf, supervised

RECIPES: dict[type[SegmentationSettings], Callable[[Any, Workshop], list[Stage]]] = {
    Supervised: supervised,
    ScribbleCRF: scribble_crf,
    PseudoLabel: pseudo_label,
    Proposals: proposals,
    OracleSize: oracle_size,
    CurriculumSize: curriculum_size,
    Constrained: constrained,
    Tags: tags,
    Boxes: boxes,
    Refinement: refinement,
}


def needs_whole_images(settings: SegmentationSettings, extra: list[TermRequest]) -> bool:
    """True where properties of whole slices or volumes are constrained."""
    return settings.whole_images or any(each.settings.whole_images for each in extra)


def make_stages(
    settings: SegmentationSettings, extra: list[TermRequest], workshop: Workshop
) -> list[Stage]:
    """The stages of a method, with the user's extra terms in the last one."""
    stages = RECIPES[type(settings)](settings, workshop)
    final = stages[-1]
    own_terms = final.make_terms
    final.make_terms = lambda: own_terms() + [make_term(request) for request in extra]
    added = [make_term(request) for request in extra]
    for request in extra:
        if getattr(request.settings, "on", "") == "unlabeled_cases" and not workshop.unlabeled:
            workshop.emit(
                "warning",
                message=(
                    f"the term '{request.name}' does nothing: it acts on unlabeled cases and there "
                    f"are none; let it act on all (--add {request.name},on=all)"
                ),
            )
    if any(term.uses_unlabeled for term in added):
        final.unlabeled = workshop.unlabeled
    asked = {term.teacher for term in [*own_terms(), *added]}
    if {"frozen", "ema"} <= asked:
        raise ValueError(
            "one term learns from a frozen teacher, another from the moving average: a run has "
            "one teacher, give both terms the same"
        )
    frozen = "frozen" in asked
    if frozen and final.frozen_teacher is None:
        # It learns from what the last stage will learn from: seeds, labels of a round.
        first = first_segmenter(
            settings,
            workshop,
            "teacher",
            share=0.5,
            labeled=final.labeled,
            prepare=final.prepare,
        )
        final.frozen_teacher = first
        stages.insert(len(stages) - 1, first)
    return stages
