"""The menu of methods: what there is, what each needs, and what a cohort lacks for it."""

from __future__ import annotations

import textwrap
from typing import Any

from SemiWeakSegLib.methods.boxes import Boxes
from SemiWeakSegLib.methods.constrained import Constrained
from SemiWeakSegLib.methods.curriculum_size import CurriculumSize
from SemiWeakSegLib.methods.oracle_size import OracleSize
from SemiWeakSegLib.methods.proposals import Proposals
from SemiWeakSegLib.methods.pseudo_label import PseudoLabel
from SemiWeakSegLib.methods.refinement import Refinement
from SemiWeakSegLib.methods.scribble_crf import ScribbleCRF
from SemiWeakSegLib.methods.segmentation import SegmentationSettings
from SemiWeakSegLib.methods.settings import FieldDescription, SettingsError, nearest
from SemiWeakSegLib.methods.supervised import Supervised
from SemiWeakSegLib.methods.tags import Tags
from SemiWeakSegLib.methods.terms import TERMS

METHODS: dict[str, type[SegmentationSettings]] = {
    method.name: method
    for method in (
        Supervised,
        CurriculumSize,
        Proposals,
        OracleSize,
        ScribbleCRF,
        PseudoLabel,
        Tags,
        Boxes,
        Constrained,
        Refinement,
    )
}

REQUIREMENTS = {
    "annotated": "training cases with labels or scribbles",
    "dense": "training cases that are fully labeled",
    "unlabeled": "training cases without labels or scribbles",
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
    bare = summary.unlabeled + summary.boxed + summary.tagged
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
            bare,
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


def describe(width: int = 96) -> str:
    """The menu as text: methods, what each needs, its settings; then the terms one may add."""
    lines = ["Methods (--method NAME, settings by --set key=value)", ""]
    for method in METHODS.values():
        lines += _heading(method.name, method.title, method.summary, width)
        needs = "needs: " + "; ".join(REQUIREMENTS[key] for key in method.needs)
        lines.append(textwrap.fill(needs, width, initial_indent="    ", subsequent_indent="    "))
        shared = {each.name for each in SegmentationSettings.descriptions()}
        lines += [_row(each, width) for each in method.descriptions() if each.name not in shared]
        lines.append("")
    lines += ["Settings of every method", ""]
    lines += [_row(each, width) for each in SegmentationSettings.descriptions()]
    lines += ["", "Terms that any method takes (--add name:weight[,key=value ...])", ""]
    for term in TERMS.values():
        title = f"{term.title}, weight {term.default_weight:g} unless given"
        lines += _heading(term.name, title, term.summary, width)
        lines += [_row(each, width) for each in term.descriptions()]
        lines.append("")
    return "\n".join(lines).rstrip()


def as_json() -> dict[str, Any]:
    """The menu as plain values: {"methods": [...], "terms": [...]}, each with its settings."""
    methods = [
        {
            "name": method.name,
            "title": method.title,
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
            "summary": term.summary,
            "default_weight": term.default_weight,
            "settings": [each.to_dict() for each in term.descriptions()],
        }
        for term in TERMS.values()
    ]
    return {"methods": methods, "terms": terms}


def _heading(name: str, title: str, summary: str, width: int) -> list[str]:
    return [
        f"  {name}: {title}",
        *textwrap.wrap(summary, width, initial_indent="    ", subsequent_indent="    "),
    ]


def _row(each: FieldDescription, width: int) -> str:
    text = f"{each.help} [{each.default}; {each.allowed()}]"
    first = f"      {each.name:<22}"
    return textwrap.fill(text, width, initial_indent=first, subsequent_indent=" " * len(first))
