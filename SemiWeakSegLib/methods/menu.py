"""The menu: methods and terms by families, what each needs, and what does not go together."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from SemiWeakSegLib.methods.adversarial import Adversarial, AdversarialSelfTraining
from SemiWeakSegLib.methods.boxes import Boxes
from SemiWeakSegLib.methods.co_training import CoTraining
from SemiWeakSegLib.methods.consistency import PiModel, Transformation
from SemiWeakSegLib.methods.constrained import Constrained
from SemiWeakSegLib.methods.curriculum_size import CurriculumSize
from SemiWeakSegLib.methods.cutmix import CutMix
from SemiWeakSegLib.methods.entropy import Entropy
from SemiWeakSegLib.methods.mixing import ICT, MixUp
from SemiWeakSegLib.methods.oracle_size import OracleSize
from SemiWeakSegLib.methods.proposals import Proposals
from SemiWeakSegLib.methods.pseudo_label import PseudoLabel
from SemiWeakSegLib.methods.refinement import Refinement
from SemiWeakSegLib.methods.scribble_crf import ScribbleCRF
from SemiWeakSegLib.methods.segmentation import FAMILIES, SegmentationSettings
from SemiWeakSegLib.methods.settings import FieldDescription, SettingsError, nearest
from SemiWeakSegLib.methods.supervised import Supervised
from SemiWeakSegLib.methods.tags import Tags
from SemiWeakSegLib.methods.teachers import (
    MeanTeacher,
    TemporalEnsembling,
    UncertaintyTeacher,
)
from SemiWeakSegLib.methods.term import TEACHERS, TermSettings
from SemiWeakSegLib.methods.terms import TERMS, TermRequest

K = TypeVar("K", bound=type)

METHODS: dict[str, type[SegmentationSettings]] = {
    method.name: method
    for method in (
        Supervised,
        CurriculumSize,
        Proposals,
        OracleSize,
        ScribbleCRF,
        PseudoLabel,
        Entropy,
        CutMix,
        Transformation,
        PiModel,
        MeanTeacher,
        UncertaintyTeacher,
        TemporalEnsembling,
        ICT,
        MixUp,
        Tags,
        Boxes,
        Constrained,
        Refinement,
        CoTraining,
        Adversarial,
        AdversarialSelfTraining,
    )
}

REQUIREMENTS = {
    "annotated": "training cases with labels or scribbles",
    "dense": "training cases that are fully labeled",
    "unlabeled": "training cases without labels, scribbles or boxes",
    "truth": "reference segmentations of the unlabeled cases",
    "boxed": "training cases with boxes",
    "tagged": "training cases with image tags",
    "bounded": "bounds of sizes: common ones of a class, or sizes, tags or boxes of cases",
    "supervised": "training cases with labels, scribbles or boxes",
}


def get(name: str) -> type[SegmentationSettings]:
    """The method's settings class; SettingsError with a suggestion where there is none."""
    if name not in METHODS:
        known = ", ".join(METHODS)
        raise SettingsError(
            [f"there is no method '{name}'{nearest(name, METHODS)}; the methods are {known}"]
        )
    return METHODS[name]


def missing_requirements(method: type[SegmentationSettings], summary: Any) -> list[str]:
    """What the cohort lacks for `method`, one sentence each: what was found and what would do.

    `summary` carries the counts of `cohort.CohortSummary`: labeled, scribbled, boxed, tagged and
    unlabeled training cases, with_truth, with_boxes, with_tags and with_sizes.
    """
    annotated = summary.labeled + summary.scribbled
    advice = {
        "annotated": (
            annotated,
            "segment or scribble at least one case",
        ),
        "dense": (
            summary.labeled,
            "segment at least one case fully, or choose a method that takes scribbles",
        ),
        "unlabeled": (
            bare_cases(summary),
            "add images without labels, or choose a method that needs labels only",
        ),
        "truth": (
            summary.with_truth,
            "this method is a comparison: give the true segmentations with --truth",
        ),
        "boxed": (
            summary.with_boxes,
            "draw a box around each object in at least one case",
        ),
        "tagged": (
            summary.with_tags,
            "say of at least one case which classes are present or absent",
        ),
        "bounded": (
            summary.with_sizes + summary.with_tags + summary.with_boxes,
            "give each class the bounds of its size, by hand or from labeled cases by "
            "'cohort sizes COHORT.json --save'",
        ),
        "supervised": (
            annotated + summary.with_boxes,
            "segment, scribble or box at least one case",
        ),
    }
    return [
        f"{method.name} needs {REQUIREMENTS[key]}, the cohort has none: {advice[key][1]}"
        for key in method.needs
        if not advice[key][0]
    ]


def by_family(kinds: Mapping[str, K]) -> dict[str, list[K]]:
    """Methods or terms under the keys of `segmentation.FAMILIES`, in that order; none is empty."""
    grouped = {
        family: [kind for kind in kinds.values() if kind.family == family] for family in FAMILIES
    }
    return {family: members for family, members in grouped.items() if members}


def conflicts(settings: SegmentationSettings | None, terms: Sequence[TermRequest]) -> list[str]:
    """Why a method and extra terms cannot be trained together, one sentence each.

    A run has one teacher; each kind of term is there once, and not beside a method that has it.
    Without ``settings`` (they are not known, or wrong) the terms are compared with each other.
    """
    kinds = [term.settings.kind for term in terms]
    problems = [
        f"the term {kind} is added twice" for kind in dict.fromkeys(kinds) if kinds.count(kind) > 1
    ]
    if settings is not None:
        problems += [
            f"the method {settings.name} has the term {kind} already: change the settings of the "
            "method instead of adding it"
            for kind in dict.fromkeys(kinds)
            if kind in settings.own_terms
        ]
    asked = [(f"the term {term.name}", term.settings.learns_from) for term in terms]
    if settings is not None:
        asked.insert(0, (f"the method {settings.name}", settings.learns_from))
    sides = {
        teacher: ", ".join(dict.fromkeys(who for who, wanted in asked if wanted == teacher))
        for teacher in TEACHERS
    }
    if all(sides.values()):
        wishes = ", ".join(f"{TEACHERS[key]} by {who}" for key, who in sides.items())
        problems.append(
            f"a run has one teacher, but two are asked for: {wishes}; give all of them the same "
            "(setting 'teacher'), or take one away"
        )
    return problems


def idle_terms(terms: Iterable[TermRequest], unlabeled: int) -> list[str]:
    """A sentence for each term that would do nothing, as it acts on unlabeled cases only.

    ``unlabeled``: how many there are.
    """
    if unlabeled:
        return []
    return [
        f"the term '{term.name}' does nothing: it acts on unlabeled cases and there are none; "
        + ("let it act on all (on=all) or take it away" if _has_on(term) else "take it away")
        for term in terms
        if term.settings.needs_unlabeled
    ]


def idle_settings(settings: SegmentationSettings, terms: Iterable[TermRequest]) -> list[str]:
    """A sentence for each setting, of a method or its extra terms, that was changed for nothing."""
    own = [f"the setting {sentence}" for sentence in settings.idle()]
    return own + [
        f"of the term '{term.name}', the setting {sentence}"
        for term in terms
        for sentence in term.settings.idle()
    ]


def _has_on(term: TermRequest) -> bool:
    return hasattr(term.settings, "on")


def bare_cases(summary: Any) -> int:
    """How many training cases count as unlabeled in training: of no voxel is the class known.

    Outside its boxes the voxels of a boxed case are background.
    """
    return summary.unlabeled + summary.tagged


def describe(width: int = 96) -> str:
    """The menu as text: methods, what each needs, its settings; then the terms one may add."""
    lines = ["Methods (--method NAME, settings by --set key=value)", ""]
    shared = {each.name for each in SegmentationSettings.descriptions()}
    for family, methods in by_family(METHODS).items():
        lines += [f"== {FAMILIES[family]} ==", ""]
        for method in methods:
            lines += _heading(method.name, method.title, method.summary, width)
            needs = "needs: " + "; ".join(REQUIREMENTS[key] for key in method.needs)
            lines += textwrap.wrap(needs, width, initial_indent="    ", subsequent_indent="    ")
            own = [each for each in method.descriptions() if each.name not in shared]
            lines += [_row(each, width) for each in own]
            lines.append("")
    lines += ["== Settings of every method ==", ""]
    lines += [_row(each, width) for each in SegmentationSettings.descriptions()]
    lines += ["", "Terms that any method takes (--add name:weight[,key=value ...])", ""]
    for family, terms in by_family(TERMS).items():
        lines += [f"== {FAMILIES[family]} ==", ""]
        for term in terms:
            title = f"{term.title}, weight {usual_weight_text(term)} unless given"
            lines += _heading(term.name, title, term.summary, width)
            lines += [_row(each, width) for each in term.descriptions()]
            lines.append("")
    return "\n".join(lines).rstrip()


def usual_weight_text(term: type[TermSettings]) -> str:
    """The weight where none is given: "65 (655 on slices)"."""
    slices, volumes = _usual_weights(term)
    return f"{volumes:g}" if slices == volumes else f"{volumes:g} ({slices:g} on slices)"


def _usual_weights(term: type[TermSettings]) -> tuple[float, float]:
    return term().usual_weight(2), term().usual_weight(3)


def as_json() -> dict[str, Any]:
    """The menu as plain values: families by key, methods and terms, each with its settings."""
    methods = [
        {
            "name": method.name,
            "title": method.title,
            "family": method.family,
            "summary": method.summary,
            "needs": list(method.needs),
            "source": method.source,
            "settings": [each.to_dict() for each in method.descriptions()],
        }
        for method in METHODS.values()
    ]
    terms = [
        {
            "name": term.name,
            "title": term.title,
            "family": term.family,
            "summary": term.summary,
            "default_weight": dict(zip(("slices", "volumes"), _usual_weights(term), strict=True)),
            "settings": [each.to_dict() for each in term.descriptions()],
        }
        for term in TERMS.values()
    ]
    return {"families": dict(FAMILIES), "methods": methods, "terms": terms}


def _heading(name: str, title: str, summary: str, width: int) -> list[str]:
    return [
        *textwrap.wrap(f"{name}: {title}", width, initial_indent="  ", subsequent_indent="    "),
        *textwrap.wrap(summary, width, initial_indent="    ", subsequent_indent="    "),
    ]


def _row(each: FieldDescription, width: int) -> str:
    text = f"{each.explained()} [{each.default}; {each.allowed()}]"
    first = f"      {each.name:<22}"
    return textwrap.fill(text, width, initial_indent=first, subsequent_indent=" " * len(first))
