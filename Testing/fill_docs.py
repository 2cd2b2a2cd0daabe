"""Fill in what the documentation takes from the code: `python Testing/fill_docs.py`.

A table stands between ``<!-- table: NAME -->`` and ``<!-- /table -->``. NAME is ``methods``,
``terms``, ``shared`` (settings of every method), ``method NAME``, ``term NAME``, ``inference NAME``
or ``results NAME``, the table NAME.md of ``Testing/benchmarks/results``. A Python block after
``<!-- code: FILE NAME -->`` is the function, class or Class.method NAME of that file.
"""

from __future__ import annotations

import ast
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
MARKED = re.compile(r"<!-- table: (?P<name>[^>]+?) -->\n(?P<body>.*?)<!-- /table -->", re.DOTALL)
QUOTED = re.compile(
    r"<!-- code: (?P<file>\S+) (?P<name>\S+) -->\n```python\n(?P<body>.*?)```", re.DOTALL
)
sys.path.insert(0, str(ROOT))

from SemiWeakSegLib.methods import METHODS, TERMS, SegmentationSettings, Settings  # noqa: E402
from SemiWeakSegLib.methods.inference import INFERENCES  # noqa: E402
from SemiWeakSegLib.methods.menu import REQUIREMENTS, by_family, usual_weight_text  # noqa: E402
from SemiWeakSegLib.methods.segmentation import FAMILIES  # noqa: E402

PAGES = {
    "supervised": "supervised",
    "curriculum_size": "curriculum-size",
    "proposals": "curriculum-size",
    "oracle_size": "curriculum-size",
    "scribble_crf": "scribble-crf",
    "pseudo_label": "pseudo-labels",
    "entropy": "pseudo-labels",
    "cutmix": "pseudo-labels",
    "transformation": "consistency",
    "pi_model": "consistency",
    "ict": "consistency",
    "mixup": "consistency",
    "mean_teacher": "teachers",
    "uncertainty_teacher": "teachers",
    "temporal_ensembling": "teachers",
    "co_training": "co-training",
    "adversarial": "adversarial",
    "adversarial_self_training": "adversarial",
    "boxes": "boxes",
    "tags": "tags",
    "constrained": "constraints",
    "refinement": "refinement",
}
"""The page of each method in docs/methods."""


def documents() -> list[Path]:
    """README.md and every page of docs."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def filled(text: str) -> str:
    """The text with every marked table and quotation made anew."""
    text = MARKED.sub(
        lambda at: f"<!-- table: {at['name']} -->\n{make(at['name'])}<!-- /table -->", text
    )
    return QUOTED.sub(
        lambda at: (
            f"<!-- code: {at['file']} {at['name']} -->\n```python\n"
            f"{quote(ROOT / at['file'], at['name'])}```"
        ),
        text,
    )


def quote(path: Path, name: str) -> str:
    """The source of a definition, decorators included; KeyError where there is none."""
    source = path.read_text(encoding="utf-8")
    node: ast.AST = ast.parse(source)
    for part in name.split("."):
        found = [each for each in ast.iter_child_nodes(node) if getattr(each, "name", "") == part]
        if not found:
            raise KeyError(f"{path} has no {name}")
        node = found[0]
    assert isinstance(node, ast.FunctionDef | ast.ClassDef)
    first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
    return textwrap.dedent("\n".join(source.splitlines()[first - 1 : node.end_lineno]) + "\n")


def make(name: str) -> str:
    """One table; KeyError for a name that is not there."""
    if name == "methods":
        return _methods()
    if name == "terms":
        return _terms()
    shared = {each.name for each in SegmentationSettings.descriptions()}
    if name == "shared":
        return _settings(SegmentationSettings, set())
    kind, _, key = name.partition(" ")
    if kind == "results":
        path = ROOT / "Testing" / "benchmarks" / "results" / f"{key}.md"
        return path.read_text(encoding="utf-8") if path.exists() else "Nothing was run yet.\n"
    if kind == "term":
        return _term(key, shared)
    if kind == "inference":
        return _settings(INFERENCES[key], set())
    return _settings(METHODS[key], shared)


def _methods() -> str:
    rows = []
    for family, methods in by_family(METHODS).items():
        rows.append((f"**{FAMILIES[family]}**", "", ""))
        rows += [
            (
                f"[`{method.name}`](docs/methods/{PAGES[method.name]}.md)",
                method.summary,
                "; ".join(REQUIREMENTS[key] for key in method.needs),
            )
            for method in methods
        ]
    return _table(("method", "what it does", "needs"), rows)


def _terms() -> str:
    rows = []
    for family, terms in by_family(TERMS).items():
        rows.append((f"**{FAMILIES[family]}**", "", ""))
        rows += [(f"`{term.name}`", term.summary, usual_weight_text(term)) for term in terms]
    return _table(("term", "what it does", "weight unless given"), rows)


def _term(name: str, shared: set[str]) -> str:
    """The term's settings, or a sentence where they are those of the method of its name."""
    term, method = TERMS[name], METHODS.get(name)
    if method is None:
        return _settings(term, set())
    of_method = {each.name: each for each in method.descriptions() if each.name not in shared}
    of_method.pop("weight", None)
    own = {each.name: each for each in term.descriptions()}
    other = [each for each in own.values() if each != of_method.get(each.name)]
    if own.keys() != of_method.keys() or len(other) > 1:
        return _settings(term, set())
    text = f"As `--add {name}:{term.default_weight:g}` to any method: the same settings but for "
    text += "`weight`, which stands after the colon"
    if other:
        text += f"; `{other[0].name}` is `{_plain(other[0].default)}` unless given"
    return text + ".\n"


def _settings(settings: type[Settings], left_out: set[str]) -> str:
    rows = [
        (f"`{each.name}`", f"`{_plain(each.default)}`", each.allowed(), each.explained())
        for each in settings.descriptions()
        if each.name not in left_out
    ]
    if not rows:
        return "It has no settings of its own.\n"
    return _table(("setting", "default", "allowed", "meaning"), rows)


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    cells = ([cell.replace("|", "\\|") for cell in line] for line in lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


def main() -> None:
    """Rewrite the documents whose tables are out of date."""
    for path in documents():
        old = path.read_text(encoding="utf-8")
        if (new := filled(old)) != old:
            path.write_text(new, encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
