"""What the table of cases says about one case: texts, sort keys and words to filter by."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from SemiWeakSegLib.cohort import KINDS, ROLES, Case, Problem, SegmentClass
from SemiWeakSegLib.panels.row_texts import RowTexts

COLUMNS = ("case", "image", "known", "role", "state")

_MOST = 10**15 - 1
_STATE_RANKS = {"error": 0, "warning": 1, "unchecked": 2, "ready": 3}


@dataclass(frozen=True)
class Cell:
    """One cell: the text shown, a text that sorts as people expect, and its tooltip."""

    text: str
    sort: str
    tip: str = ""


@dataclass(frozen=True)
class CaseRow:
    """One row: a cell for each of ``COLUMNS``, the worst finding, and what a filter searches.

    ``kind`` is one of the cohort's KINDS, ``severity`` "error", "warning", "unchecked" or "ready".
    """

    id: str
    kind: str
    cells: tuple[Cell, ...]
    severity: str
    search: str


def caseRow(
    case: Case,
    classes: Sequence[SegmentClass],
    facts: Any | None,
    problems: Sequence[Problem],
    checked: bool,
    texts: RowTexts,
) -> CaseRow:
    """The row of ``case``.

    ``facts`` (a CaseFacts) is what the check found in the files, None while it has not read them;
    ``checked`` says whether the check of this case is complete; ``texts``: made once for many.
    """
    kind = _kindOf(case, facts)
    severity = _severity(problems, checked)
    cells = (
        Cell(case.id, naturalKey(case.id), _caseTip(case, texts)),
        _imageCell(case, facts, texts),
        _knownCell(case, kind, classes, facts, texts),
        Cell(texts.role(case.role), _rank(ROLES, case.role), _groupTip(case, texts)),
        _stateCell(problems, severity, texts),
    )
    words = [f"kind={kind}", f"role={case.role}", f"state={severity}"]
    if problems:
        words.append("state=problem")
    if case.truth is not None:
        words.append("truth")
    search = " ".join([*(cell.text for cell in cells), case.group or "", *words])
    return CaseRow(case.id, kind, cells, severity, search)


def naturalKey(text: str) -> str:
    """A key by which case2 comes before case10."""
    return re.sub(r"\d+", lambda match: match[0].zfill(12), text.casefold())


def problemText(problem: Problem, texts: RowTexts) -> str:
    """One finding in a person's words: what was found, and what would be right."""
    text = texts.problem.format(
        severity=texts.severities.get(problem.severity, problem.severity),
        found=problem.found,
        expected=problem.expected,
    )
    return text if problem.file is None else f"{text}\n{problem.file}"


def _kindOf(case: Case, facts: Any | None) -> str:
    """The kind; before the label map was read, what the other annotations alone would make it."""
    if facts is not None and facts.kind in KINDS:
        return facts.kind
    if case.points:
        return "scribbled"
    if case.boxes:
        return "boxed"
    return "tagged" if case.present or case.absent else "unlabeled"


def _severity(problems: Sequence[Problem], checked: bool) -> str:
    found = {problem.severity for problem in problems}
    if "error" in found:
        return "error"
    if found:
        return "warning"
    return "ready" if checked else "unchecked"


def _rank(order: Sequence[str], value: str) -> str:
    return f"{order.index(value) if value in order else len(order):02d}"


def _caseTip(case: Case, texts: RowTexts) -> str:
    return "\n".join([texts.open, *map(str, case.images)])


def _groupTip(case: Case, texts: RowTexts) -> str:
    return "" if case.group is None else texts.group.format(name=case.group)


def _imageCell(case: Case, facts: Any | None, texts: RowTexts) -> Cell:
    name = case.images[0].name if case.images else texts.noImage
    if len(case.images) > 1:
        name = texts.channelFiles.format(name=name, count=len(case.images) - 1)
    tip = "\n".join(map(str, case.images))
    if facts is not None and facts.size:
        size = " × ".join(str(value) for value in facts.size)
        spacing = " × ".join(f"{value:g}" for value in facts.spacing)
        grid = texts.grid.format(size=size, spacing=spacing)
        if facts.channels and facts.channels > 1:
            grid = texts.channels.format(grid=grid, count=facts.channels)
        tip = f"{tip}\n{grid}"
    return Cell(name, naturalKey(name), tip)


def _knownCell(
    case: Case,
    kind: str,
    classes: Sequence[SegmentClass],
    facts: Any | None,
    texts: RowTexts,
) -> Cell:
    names = {0: texts.background, **{item.index: item.name for item in classes}}
    waiting = case.label is not None and (facts is None or facts.kind is None)
    voxels: Mapping[int, int] = {} if facts is None else facts.voxels or {}
    parts = []
    if kind in ("labeled", "scribbled"):
        # Every voxel of a dense label is known; its background says nothing new.
        shown = {index: n for index, n in voxels.items() if index or kind == "scribbled"}
        counts = [f"{names.get(index, index)} {n:,}" for index, n in sorted(shown.items())]
        name = texts.kinds[kind]
        parts.append(f"{name}: {', '.join(counts)}" if counts else name)
    elif waiting:
        parts.append(texts.notRead)
    for marks, text in ((case.points, texts.points), (case.boxes, texts.boxes)):
        found = Counter(mark.class_index for mark in marks)
        if found:
            counts = [f"{names.get(index, index)} {n}" for index, n in sorted(found.items())]
            parts.append(text.format(counts=", ".join(counts)))
    if case.present:
        parts.append(texts.present.format(names=_joined(case.present, names)))
    if case.absent:
        parts.append(texts.absent.format(names=_joined(case.absent, names)))
    if not parts:
        parts.append(texts.kinds["unlabeled"])
    lines = list(parts)
    if case.sizes:
        lines.append(texts.sizes.format(names=_joined(case.sizes, names)))
    if case.truth is not None:
        parts.append(texts.truthKnown)
        lines.append(texts.truth.format(path=case.truth))
    if case.label is not None:
        lines.append(texts.label.format(path=case.label))
    annotated = sum(voxels.values())
    if facts is not None and facts.total:
        share = 100.0 * annotated / facts.total
        lines.append(texts.share.format(share=share, total=facts.total))
    rank = f"{_rank(KINDS, kind)}.{_MOST - min(annotated, _MOST):015d}"
    return Cell("; ".join(parts), rank, "\n".join(lines))


def _joined(indices: Sequence[int] | Mapping[int, Any], names: Mapping[int, str]) -> str:
    return ", ".join(str(names.get(index, index)) for index in indices)


def _stateCell(problems: Sequence[Problem], severity: str, texts: RowTexts) -> Cell:
    rank = str(_STATE_RANKS[severity])
    if severity == "ready":
        return Cell(texts.ready, rank, texts.readyTip)
    if severity == "unchecked":
        return Cell(texts.unchecked, rank, texts.uncheckedTip)
    worst = next(each for each in problems if each.severity == severity)
    text = worst.found if len(problems) == 1 else f"{worst.found} (+{len(problems) - 1})"
    tip = "\n".join(problemText(problem, texts) for problem in problems)
    return Cell(text, f"{rank}.{naturalKey(text)}", tip)
