"""Which method suits a cohort, and why: what it holds decides, then what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from SemiWeakSegLib.methods.boxes import Boxes
from SemiWeakSegLib.methods.evidence import (
    Evidence,
    evidence,
    gain_text,
    row_terms,
)
from SemiWeakSegLib.methods.measured import MEASURED, Measured
from SemiWeakSegLib.methods.menu import bare_cases
from SemiWeakSegLib.methods.pseudo_label import PseudoLabel
from SemiWeakSegLib.methods.scribble_crf import ScribbleCRF
from SemiWeakSegLib.methods.supervised import Supervised
from SemiWeakSegLib.methods.tags import Tags
from SemiWeakSegLib.methods.terms import TermRequest

BEYOND_TEXT = "This cohort has far more labels than were measured: expect less."

# Of full supervision, rows "+ CRF" of docs/benchmarks.md: all 140 cases scribbled, 10 of them.
SCRIBBLES_TEXT = (
    "On hippocampus volumes strokes on at most 1 % of the voxels reached 98.5 % of the Dice of "
    "full labels with all 140 cases scribbled, 96.5 % with 10."
)


@dataclass(frozen=True)
class Recommendation:
    """A method's name and the reason in plain words, with what to set and to add.

    ``settings`` are values that differ from the method's defaults. ``runner_up`` is the name of the
    method to try next, None where no other was measured to help.
    """

    method: str
    reason: str
    settings: dict[str, Any] = field(default_factory=dict)
    terms: tuple[TermRequest, ...] = ()
    runner_up: str | None = None

    def options(self) -> str:
        """The recommendation as options of ``train``: "--method NAME --set key=value"."""
        words = [f"--method {self.method}"]
        if self.settings:
            words.append("--set " + " ".join(f"{k}={v}" for k, v in self.settings.items()))
        words += [f"--add {term.to_text()}" for term in self.terms]
        return " ".join(words)

    def request(self) -> dict[str, Any]:
        """Method, settings and terms as plain values, as a run is asked for."""
        return {
            "method": self.method,
            "settings": dict(self.settings),
            "terms": [term.to_dict() for term in self.terms],
        }

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            **self.request(),
            "reason": self.reason,
            "runner_up": self.runner_up,
        }


def recommend(summary: Any, measured: Sequence[Measured] = MEASURED) -> Recommendation:
    """The method to try first on a cohort with the counts of `cohort.CohortSummary`.

    Only training cases count. Boxes, tags, scribbles and partial labels decide by themselves. With
    labels and at least as many unlabeled cases it is the method with the best mean gain over
    supervision among those whose gain was larger than its spread over the seeds, measured on the
    most similar cohort; supervision where there is none. A method that takes more than twice as
    long as another has to gain half a point of Dice more. Where nothing is annotated yet, the
    reason says what to do.
    """
    bare = bare_cases(summary)
    annotated = summary.labeled + summary.scribbled
    boxed = summary.boxed_partly
    if boxed > summary.labeled and boxed >= summary.scribbled:
        further = annotated - (boxed - summary.boxed)  # some may be scribbled and boxed
        others = f" It takes {_cases(further, 'other annotated')} along." if further > 0 else ""
        return Recommendation(
            Boxes.name,
            f"{_cases(boxed, 'boxed')}: outside the boxes is background, inside them "
            f"the object has to fill them.{others}",
        )
    if summary.with_tags and not annotated:
        return Recommendation(
            Tags.name,
            f"{_cases(summary.with_tags, 'tagged')} and nothing else is known: the weakest of all "
            "annotations. A few scribbles or boxes say far more of where the objects are.",
        )
    if not annotated:
        return Recommendation(
            ScribbleCRF.name,
            "Nothing is annotated yet. Scribble a few cases first, each class and the background: "
            f"that is the quickest start. {SCRIBBLES_TEXT}",
        )
    if summary.scribbled > summary.labeled:
        found = _nearest(summary, measured) if bare >= annotated else None
        if found is not None and found.convincing:
            return _measured(summary, found)
        return Recommendation(
            ScribbleCRF.name,
            f"{_cases(summary.scribbled, 'scribbled')}, {summary.labeled} fully labeled. "
            + SCRIBBLES_TEXT,
        )
    if 2 * summary.partial >= annotated:
        return Recommendation(
            Supervised.name,
            f"In {summary.partial} of {_cases(annotated, 'annotated')} some classes were not "
            "looked for. Supervised lets their background be any of these (marginal loss), so "
            "that one model learns from all.",
        )
    if not bare:
        return Recommendation(
            Supervised.name,
            "Every training case is annotated: there is nothing else to learn from.",
        )
    if bare < annotated:
        return Recommendation(
            Supervised.name,
            f"{_cases(annotated, 'annotated')} and only {bare} without labels. What "
            "these add shrinks as labels grow, and supervised trains fastest.",
        )
    found = _nearest(summary, measured)
    if found is not None:
        return _measured(summary, found)
    return Recommendation(
        PseudoLabel.name,
        f"{_have(summary)} Nothing was measured on a cohort like this. Pseudo-labels are the "
        "simplest way to learn from unlabeled cases, and keep to what the network is sure of.",
    )


def _nearest(summary: Any, measured: Sequence[Measured]) -> Evidence | None:
    """What was measured with annotations like those of the cohort, or nearly like them."""
    if not summary.labeled:
        kinds = ("scribbles", "labels and scribbles")
    elif summary.scribbled > summary.labeled:
        kinds = ("labels and scribbles", "scribbles")
    else:
        kinds = ("labels", "labels and scribbles")
    for kind in kinds:
        found = evidence(summary, kind, measured)
        if found is not None and found.rows:
            return found
    return None


def _measured(summary: Any, found: Evidence) -> Recommendation:
    ranked = found.ranked
    if not ranked:
        return _nothing_helped(summary, found)
    best = ranked[0]
    sentences = [_have(summary), _figures(found, best)]
    others = [row for row in ranked[1:] if row.method != best.method or row.terms != best.terms]
    if others:
        second = others[0]
        gained = gain_text(second)
        if second.gain > best.gain and second.cost is not None:
            gained += f" in {second.cost:.1f} times the time"
        sentences.append(f"Next to try: {found.title(second)} ({gained}).")
    if found.is_beyond:
        sentences.append(BEYOND_TEXT)
    return Recommendation(
        best.method,
        " ".join(sentences),
        settings=found.settings(best),
        terms=tuple(row_terms(best)),
        runner_up=others[0].method if others else None,
    )


def _nothing_helped(summary: Any, found: Evidence) -> Recommendation:
    closest = found.rows[0]
    helped = closest.gain > 0
    figure = (
        f"; closest came {found.title(closest)} with {gain_text(closest)} points of Dice: the next "
        "to try."
    )
    sentences = [
        _have(summary),
        f"On {found.place} none of {len(found.rows)} other ways to learn gained more than "
        f"its spread over the seeds{figure if helped else '.'}",
        "Supervised trains fastest and is the figure to beat.",
    ]
    if found.is_beyond:
        sentences.append(BEYOND_TEXT)
    runner_up = closest.method if helped else None
    return Recommendation(Supervised.name, " ".join(sentences), runner_up=runner_up)


def _figures(found: Evidence, row: Measured) -> str:
    """What a row gained, in one sentence."""
    gain = gain_text(row).lstrip("+")
    text = (
        f"On {found.place} {found.title(row)} gained {gain} points of Dice over supervised "
        f"({100 * (row.dice - row.gain):.1f} to {100 * row.dice:.1f} %)"
    )
    if row.closed is not None and row.closed > 0:
        text += f", {100 * row.closed:.0f} % of the gap to full labels"
    if row.cost is not None:
        text += f", in {row.cost:.1f} times the time"
    return text + "."


def _have(summary: Any) -> str:
    annotated = summary.labeled + summary.scribbled
    return f"{_cases(annotated, 'annotated')}, {bare_cases(summary)} without labels."


def _cases(number: int, what: str) -> str:
    return f"1 {what} case" if number == 1 else f"{number} {what} cases"
