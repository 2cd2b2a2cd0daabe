"""From a method's settings to stages: a few lines a method, no loop of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...cohort import Cohort
from ...methods.adversarial import Adversarial, AdversarialSelfTraining
from ...methods.boxes import Boxes
from ...methods.co_training import CoTraining
from ...methods.consistency import PiModel, Transformation
from ...methods.constrained import Constrained
from ...methods.curriculum_size import CurriculumSize
from ...methods.cutmix import CutMix
from ...methods.entropy import Entropy
from ...methods.menu import conflicts, idle_settings, idle_terms
from ...methods.mixing import ICT, MixUp
from ...methods.oracle_size import OracleSize
from ...methods.proposals import Proposals
from ...methods.pseudo_label import PseudoLabel
from ...methods.refinement import Refinement
from ...methods.scribble_crf import ScribbleCRF
from ...methods.segmentation import SegmentationSettings
from ...methods.supervised import Supervised
from ...methods.tags import Tags
from ...methods.teachers import MeanTeacher, TemporalEnsembling, UncertaintyTeacher
from ...methods.terms import TermRequest
from ..plan import Plan, make_plan
from ..stages import Stage, Workshop
from ..terms import Term, make_term
from .boxes import boxes
from .co_training import co_training, describe_members
from .constrained import constrained
from .one_term import one_term
from .refinement import refinement
from .segmenters import first_segmenter
from .sizes import check_regressor, curriculum_size, oracle_size
from .tags import tags
from .voxelwise import proposals, pseudo_label, scribble_crf, supervised

RECIPES: dict[type[SegmentationSettings], Callable[[Any, Workshop], list[Stage]]] = {
    Supervised: supervised,
    ScribbleCRF: scribble_crf,
    PseudoLabel: pseudo_label,
    Entropy: one_term,
    CutMix: one_term,
    Transformation: one_term,
    PiModel: one_term,
    MeanTeacher: one_term,
    UncertaintyTeacher: one_term,
    TemporalEnsembling: one_term,
    ICT: one_term,
    MixUp: one_term,
    Adversarial: one_term,
    AdversarialSelfTraining: one_term,
    Proposals: proposals,
    OracleSize: oracle_size,
    CurriculumSize: curriculum_size,
    Constrained: constrained,
    Tags: tags,
    Boxes: boxes,
    Refinement: refinement,
    CoTraining: co_training,
}


def needs_whole_images(settings: SegmentationSettings, extra: list[TermRequest]) -> bool:
    """True where properties of whole slices or volumes are constrained."""
    return settings.whole_images or any(each.settings.whole_images for each in extra)


def plan_run(
    cohort: Cohort,
    settings: SegmentationSettings,
    extra: list[TermRequest],
    overrides: dict[str, Any],
    device: str,
) -> Plan:
    """The plan of a run: decided from the data, for what its method needs, with its notes.

    Raises PlanError or ValueError where the overrides or the method do not go with the data.
    """
    whole = needs_whole_images(settings, extra)
    plan = make_plan(cohort, whole=whole, overrides=overrides, device=device)
    if isinstance(settings, CoTraining):
        training = [case for case in cohort.cases if case.role == "train"]
        annotated = [case for case in training if case.label or case.points or case.boxes]
        plan.notes.append(describe_members(settings, plan, annotated))
    if isinstance(settings, CurriculumSize):
        check_regressor(settings, plan)
    return plan


def make_stages(
    settings: SegmentationSettings, extra: list[TermRequest], workshop: Workshop
) -> list[Stage]:
    """The stages of a method, with the user's extra terms in the last one.

    Raises ValueError where they do not go together.
    """
    if problems := conflicts(settings, extra):
        raise ValueError("; ".join(problems))
    stages = RECIPES[type(settings)](settings, workshop)
    final = stages[-1]
    own_terms = final.make_terms

    def extra_terms() -> list[Term]:
        return [make_term(request, workshop.plan.dimensions) for request in extra]

    final.make_terms = lambda: own_terms() + extra_terms()
    own, added = own_terms(), extra_terms()
    for sentence in idle_settings(settings, extra) + idle_terms(extra, len(workshop.unlabeled)):
        workshop.emit("warning", message=sentence)
    if any(term.uses_unlabeled for term in added):
        # Seeds or labels of a former stage have made some of them labeled.
        labeled = set(final.labeled)
        final.unlabeled = [index for index in workshop.unlabeled if index not in labeled]
    frozen = "frozen" in {term.teacher for term in [*own, *added]}
    # Networks that each have labeled cases of their own, and terms that show all to all.
    shared = [term.name for term in added if term.reads_labels or term.teacher == "frozen"]
    if shared and any(getattr(term, "subsets", None) for term in own):
        workshop.emit(
            "warning",
            message=(
                f"{' and '.join(shared)}: every network learns from the labels of all cases by "
                "this, so the networks of co-training no longer differ by their labels"
            ),
        )
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
